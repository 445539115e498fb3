"""Hostile bytes: whatever a decoder of the SDK is given, it answers with an error of ours, at once, in little memory.

The table is `fuzz/decoders.py`. The long run is one million inputs: `python -m pytest -m soak -s` and this file.
"""

from __future__ import annotations

import ast
import collections
import functools
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType

import pytest
from attacks.fuzz.decoders import DECODERS, Ready
from attacks.fuzz.mutation import mutated
from attacks.fuzz.probe import ACCEPTED, bounded, judge
from hypothesis import given, settings
from hypothesis import strategies as st

import keyart

INPUTS = 1_000_000  # of the long run, all decoders together
FIRST, SECOND = 10_000, 40_000  # of them, in the first tier and in the second
EXAMPLES = 250  # of a decoder in the short run
BY_NAME = {decoder.name: decoder for decoder in DECODERS}
ReadyFor = Callable[[str], Ready]
SDK = Path(keyart.__file__).parent
# Calls that make values from bytes or text.
PARSING = frozenset(
    {"loads", "unpack", "unpack_from", "iter_unpack", "frombuffer", "fromisoformat", "fromtimestamp", "decode"}
    | {"fromhex", "from_file", "read_text", "decompress"}
)
# Functions with such a call that are given nothing from outside, or nothing that was not read before.
INSIDE = {
    **dict.fromkeys(
        (f"profile/event_log.py:EventLog.{name}" for name in ("_put", "_put_again", "_delete")),
        "the id of a decision that was found",
    ),
    "secagg/shamir.py:interpolate_share": "shares of a length that was checked, and a server's work",
    "client/round_client.py:_join": "a round's id, which is 64 hexadecimal digits by then",
    "client/round_client.py:_answer": "a round's id, which is 64 hexadecimal digits by then",
    "store/migrations.py:_labels_inside": "a record of an older file, behind its seal",
    "catalog/compact_file.py:_text_columns": "texts that are written",
    "intent/concepts.py:_file": "a file of the package itself",
    "sidecar/connections.py:_is_same_user": "what the kernel says of a connection",
    "store/keys.py:KeyringKey._host.<locals>.get": "every error of a keyring is the StoreError of HostKey",
}


@pytest.fixture(scope="module")
def ready_for(tmp_path_factory: pytest.TempPathFactory) -> ReadyFor:
    """A decoder, set up once."""
    place = tmp_path_factory.mktemp("decoders")
    return functools.cache(lambda name: BY_NAME[name].ready(place))


@pytest.mark.parametrize("name", BY_NAME)
def test_good_inputs_are_accepted(ready_for: ReadyFor, name: str) -> None:
    ready = ready_for(name)
    with bounded():
        assert judge(ready, ready.seeds[0]) == ACCEPTED


@pytest.mark.parametrize("name", BY_NAME)
def test_mutated(ready_for: ReadyFor, name: str) -> None:
    """The mutator, with any chance and with the chance of hypothesis, whose failures shrink."""
    ready = ready_for(name)
    chance = st.integers(0, 2**64).map(random.Random) | st.randoms(use_true_random=False)
    examples(name, ready, chance.map(lambda rng: mutated(rng, ready.seeds)))


@pytest.mark.parametrize("name", BY_NAME)
def test_bytes_of_no_shape(ready_for: ReadyFor, name: str) -> None:
    examples(name, ready_for(name), st.binary(max_size=200) | st.text(max_size=60).map(str.encode))


def examples(name: str, ready: Ready, inputs: st.SearchStrategy[bytes]) -> None:
    count = EXAMPLES if BY_NAME[name].share >= 50 else EXAMPLES // 5

    @settings(max_examples=count, deadline=None, derandomize=True, database=None)
    @given(inputs)
    def run(data: bytes) -> None:
        judge(ready, data)

    with bounded():
        run()


@pytest.mark.parametrize(
    "inputs", [FIRST, pytest.param(SECOND, marks=pytest.mark.slow), pytest.param(INPUTS, marks=pytest.mark.soak)]
)
@pytest.mark.parametrize("name", BY_NAME)
def test_a_million_inputs(ready_for: ReadyFor, name: str, inputs: int) -> None:
    """This decoder's share of them, repeatable; says what came of each."""
    ready = ready_for(name)
    count = -(-inputs * BY_NAME[name].share // sum(decoder.share for decoder in DECODERS))
    rng, found, start = random.Random(name), collections.Counter(), time.perf_counter()
    with bounded():
        for _ in range(count):
            found[judge(ready, mutated(rng, ready.seeds))] += 1
    print(f"\n{name}: {count:,} inputs, {dict(found)}, {time.perf_counter() - start:.0f} s")
    assert found.total() == count


def functions_that_parse() -> Iterator[str]:
    """`file:function` of each function of the SDK with one of the calls of PARSING in it."""

    def walk(node: ast.AST, where: str, scope: str) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from walk(child, f"{scope}{child.name}", f"{scope}{child.name}.<locals>.")
            elif isinstance(child, ast.ClassDef):
                yield from walk(child, where, f"{scope}{child.name}.")
            else:
                called = child.func if isinstance(child, ast.Call) else None
                if getattr(called, "attr", getattr(called, "id", None)) in PARSING:
                    yield where
                yield from walk(child, where, scope)

    for path in sorted(SDK.rglob("*.py")):
        file = path.relative_to(SDK).as_posix()
        yield from (f"{file}:{where}" for where in set(walk(ast.parse(path.read_text()), "", "")))


def test_every_function_that_parses_is_reached(ready_for: ReadyFor) -> None:
    """While the decoders read their good inputs; one that is not in the table is found here."""
    entered: set[CodeType] = set()

    def note(frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            entered.add(frame.f_code)

    for name in BY_NAME:
        ready = ready_for(name)
        sys.setprofile(note)
        try:
            with bounded():
                for seed in ready.seeds:
                    judge(ready, seed)
        finally:
            sys.setprofile(None)
    reached = {
        f"{Path(code.co_filename).relative_to(SDK).as_posix()}:{code.co_qualname}"
        for code in entered
        if Path(code.co_filename).is_relative_to(SDK)
    }
    parsing = set(functions_that_parse())
    assert parsing - reached - set(INSIDE) == set(), "add them to tests/attacks/fuzz/decoders.py"
    assert set(INSIDE) <= parsing, "no longer there"
