"""A fleet of simulated devices in several processes of this machine, each of which plays a share of them.

Threads do not help a simulation: its arrays are small, so that Python's global lock holds most of a step. Processes
are forked, so that they share the world's memory and nothing need be pickled.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from keyart.errors import RoundFailed

from .local_fleet import Arrays, Contribution, LocalFleet, masked_sum, noised, require_enough

MIN_DEVICES_PER_WORKER: Final = 500  # below it a process costs more than it saves


def worker_count(devices: int, wanted: int | None = None) -> int:
    """Return the number of processes for so many devices: by default one a processor; 1 where none can be forked."""
    if "fork" not in multiprocessing.get_all_start_methods():
        return 1
    if wanted is not None:
        return min(wanted, devices)
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(processors, devices // MIN_DEVICES_PER_WORKER))


class WorkerFleet:
    """See `keyart_federated.simulation.local_fleet.SimulatedFleet`. Use it as a context manager.

    Args:
        makers: one a process: makes the fleet of its devices, there.
        seed: seed of the devices' randomness.
        masked: whether sums go through the whole protocol of secure aggregation.
    """

    def __init__(self, makers: Sequence[Callable[[], LocalFleet]], seed: int, masked: bool) -> None:
        self._seed, self._masked = seed, masked
        fork = multiprocessing.get_context("fork")
        self._pipes: list[Connection] = []
        self._processes = []
        for make in makers:
            ours, theirs = fork.Pipe()
            process = fork.Process(target=_serve, args=(make, theirs, [*self._pipes, ours]), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)

    def __enter__(self) -> WorkerFleet:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pipe in self._pipes:
            pipe.close()  # a process whose pipe closes ends
        for process in self._processes:
            process.join()

    def play(self, bundle: Path, first: int, steps: int) -> None:
        """See `SimulatedFleet`."""
        self._each(LocalFleet.play, bundle, first, steps)

    def contribute(self, message: bytes, at: float) -> Contribution:
        """See `SimulatedFleet`."""
        offer, drawn = self._each(LocalFleet.judge, message, at)[0]  # each judges for all devices
        devices = int(drawn.sum())
        require_enough(offer, devices)
        if self._masked:
            rows = {number: row for some in self._each(LocalFleet.rows, offer, drawn) for number, row in some.items()}
            return masked_sum(offer.terms(message), rows, self._seed)
        return noised(offer, sum(self._each(LocalFleet.sum_of, offer, drawn)), devices, self._seed)

    def collect(self) -> list[Arrays]:
        """See `SimulatedFleet`."""
        return [arrays for some in self._each(LocalFleet.collect) for arrays in some]

    def _each(self, do: Callable[..., Any], *args: Any) -> list[Any]:
        """Run a method of `LocalFleet` in each process, side by side.

        Raises:
            RoundFailed: a process has ended.
            KeyartError: what the method raised.
        """
        replies = []
        try:
            for pipe in self._pipes:
                pipe.send((do, args))
            replies = [pipe.recv() for pipe in self._pipes]
        except (EOFError, BrokenPipeError, ConnectionResetError) as error:
            raise RoundFailed(
                "A process of the simulation has ended, perhaps for want of memory. Start again with fewer devices, "
                "or with workers=1."
            ) from error
        for _, failure in replies:
            if failure is not None:
                raise failure
        return [answer for answer, _ in replies]


def _serve(make: Callable[[], LocalFleet], pipe: Connection, others: Sequence[Connection]) -> None:
    """Run in a process: make its fleet and do what it is asked, until the pipe closes."""
    for other in others:  # copies of the parent's ends, which would keep the pipes of other processes open
        other.close()
    with suppress(EOFError, KeyboardInterrupt, BrokenPipeError):
        fleet: LocalFleet | None = None
        while True:
            do, args = pipe.recv()
            try:
                fleet = fleet or make()
                pipe.send((do(fleet, *args), None))
            except Exception as error:
                pipe.send((None, error))
