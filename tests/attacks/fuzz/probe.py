"""One input against one decoder: an error of ours or a value, at once and in little memory, or `Broken`."""

from __future__ import annotations

import contextlib
import logging
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

from .decoders import Ready

SECONDS = 1.0  # of processor time for one input
MEMORY_BYTES = 512 * 2**20  # beyond what the process holds already
LONGEST_MESSAGE = 1000  # characters: what is hostile must not flood a log through our errors
ACCEPTED = "accepted"


class Broken(AssertionError):
    """A decoder did what it must not."""


class Hang(BaseException):
    """Raised inside what takes too long; nothing of keyart catches it."""


@contextlib.contextmanager
def bounded_memory() -> Iterator[None]:
    """Inside, more memory is a MemoryError."""
    limits = resource.getrlimit(resource.RLIMIT_AS)
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY_BYTES, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


@contextlib.contextmanager
def alarmed(number: signal.Signals) -> Iterator[None]:
    """Inside, that signal is a Hang."""

    def too_long(*_: object) -> None:
        raise Hang

    before = signal.signal(number, too_long)
    try:
        yield
    finally:
        signal.signal(number, before)


@contextlib.contextmanager
def bounded() -> Iterator[None]:
    """What `judge` needs around it; nothing is logged inside."""
    with bounded_memory(), alarmed(signal.SIGPROF):
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)


def judge(ready: Ready, data: bytes) -> str:
    """What came of the input: the class of the error, or `ACCEPTED`. Raises Broken."""
    shown = f"{ready.name} on {len(data)} bytes, {data[:300]!r}"
    try:
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            ready.read(data)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    except ready.errors as error:
        if len(str(error)) > LONGEST_MESSAGE:
            raise Broken(f"{shown}: a message of {len(str(error))} characters") from error
        return type(error).__name__
    except (Exception, Hang) as error:
        raise Broken(f"{shown}: {type(error).__name__}: {str(error)[:300]}") from error
    return ACCEPTED
