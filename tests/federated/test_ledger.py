"""The server's ledger: charges first, loses nothing, charges nothing twice, and refuses what exceeds the budget."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from keyart.errors import BudgetSpent, LedgerError, SettingError
from keyart_federated.accounting import Gaussian, Skellam, epsilon, noise_for, skellam_epsilon
from keyart_federated.accounting import ledger as ledger_file
from keyart_federated.accounting.banded import Banded
from keyart_federated.accounting.ledger import Ledger

EVENT = Gaussian(5.0)
BIG = (1000.0, 1e-6)

# Imports once, then a child for each line read: it opens the ledger, resumes the last round, charges until killed.
CHARGES = """
import os, sys
from keyart_federated.accounting import Gaussian, epsilon
from keyart_federated.accounting.ledger import Ledger
epsilon(500.0, 1.0, 1, 1e-6)  # the accountant's library is imported once, and not by each child
for _ in sys.stdin:
    child = os.fork()
    if child == 0:
        with Ledger.open(sys.argv[1], 1000.0, 1e-6) as ledger:
            print("open", os.getpid(), flush=True)
            first = max(0, len(ledger.charges) - 1)
            for round in range(first, first + 100_000):
                print("acknowledged", round, ledger.charge("c", round, Gaussian(500.0)).repeated, flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    print("\\ndead", flush=True)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


def filled(path: Path, rounds: int = 3) -> bytes:
    with Ledger.open(path, *BIG) as ledger:
        for round in range(rounds):
            ledger.charge("training", round, EVENT)
    return path.read_bytes()


def test_rounds_compose_and_survive_reopening(path) -> None:
    with Ledger.open(path, 8.0, 1e-6) as ledger:
        assert ledger.spent() == 0
        receipts = [ledger.charge("training", round, EVENT) for round in range(10)]
        assert [receipt.repeated for receipt in receipts] == [False] * 10
        assert receipts[-1].spent == ledger.spent() == epsilon(5.0, 1.0, 10, 1e-6)
        assert ledger.spent() < 10 * epsilon(5.0, 1.0, 1, 1e-6) / 2
    with Ledger.open(path, 8.0, 1e-6) as ledger:
        assert ledger.spent() == epsilon(5.0, 1.0, 10, 1e-6)
        assert ledger.charges == {("training", round): EVENT for round in range(10)}


def test_all_campaigns_share_the_budget_whatever_their_noise(path) -> None:
    skellam, banded = Skellam(4.0, np.float64(300.0), np.int64(1200), 0.5), Banded(9.0, 20, 5, 4)
    with Ledger.open(path, 8.0, 1e-6) as ledger:
        alone = [ledger.charge(name, np.int64(0), event).spent for name, event in (("a", skellam), ("b", banded))]
        assert alone[0] == skellam_epsilon(4.0, 300.0, 1200, 1, 1e-6, 0.5) < alone[1]
        assert alone[1] > banded.epsilon(1e-6)
    with Ledger.open(path, 8.0, 1e-6) as ledger:
        assert ledger.spent() == alone[1]
        assert ledger.charges["b", 0] == banded


def test_the_noise_of_a_plan_fits_its_rounds_exactly(path) -> None:
    for rounds in (1, 3, 7, 30):
        event = Gaussian(noise_for(2.0, 1e-6, rounds))
        with Ledger.open(path.with_name(str(rounds)), 2.0, 1e-6) as ledger:
            for round in range(rounds):
                ledger.charge("c", round, event)
            with pytest.raises(BudgetSpent, match="End the campaign"):
                ledger.charge("c", rounds, event)


def test_what_is_refused_leaves_no_trace(path) -> None:
    with Ledger.open(path, 2.0, 1e-6) as ledger:
        ledger.charge("c", 0, EVENT)
        before = path.read_bytes()
        for event in (Gaussian(0.0), Gaussian(1.0)):
            with pytest.raises(BudgetSpent):
                ledger.charge("c", 1, event)
        with pytest.raises(LedgerError, match="was charged for"):
            ledger.charge("c", 0, Gaussian(6.0))
        for wrong in (("", 0, EVENT), ("c", -1, EVENT), ("c", 2, "a gaussian")):
            with pytest.raises((SettingError, AttributeError)):
                ledger.charge(*wrong)
        assert path.read_bytes() == before
        ledger.charge("c", 1, EVENT)


def test_a_resumed_round_is_not_charged_twice(path) -> None:
    first = filled(path)
    with Ledger.open(path, *BIG) as ledger:
        again = ledger.charge("training", 1, Gaussian(5.0))
        assert again.repeated and again.spent == ledger.spent() == epsilon(5.0, 1.0, 3, 1e-6)
    assert path.read_bytes() == first


def test_a_paid_round_can_be_resumed_when_the_budget_is_spent(path) -> None:
    event = Gaussian(noise_for(1.0, 1e-6, 1))
    with Ledger.open(path, 1.0, 1e-6) as ledger:
        ledger.charge("c", 0, event)
        assert ledger.charge("c", 0, event).repeated


def test_every_torn_last_line_is_dropped_and_a_whole_one_counts(path) -> None:
    whole = filled(path, rounds=2)
    start = whole[:-1].rindex(b"\n") + 1
    for end in range(start, len(whole)):
        path.write_bytes(whole[:end])
        with Ledger.open(path, *BIG) as ledger:
            assert len(ledger.charges) == (2 if end == len(whole) - 1 else 1), end
            ledger.charge("training", 1, EVENT)
        assert path.read_bytes() == whole
    path.write_bytes(whole[: start + 9] + bytes(40))  # a power cut may leave noughts
    with Ledger.open(path, *BIG) as ledger:
        assert len(ledger.charges) == 1


def test_a_torn_first_line_starts_anew(path) -> None:
    header = filled(path, rounds=0)
    for end in range(len(header)):
        path.write_bytes(header[:end])
        Ledger.open(path, *BIG).close()
        assert path.read_bytes() == header


def test_every_flipped_bit_of_what_was_acknowledged_is_seen(path) -> None:
    whole = filled(path)
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        with pytest.raises(LedgerError):
            Ledger.open(path, *BIG).close()
        assert path.read_bytes() == damaged


def test_lines_dropped_moved_doubled_or_forged(path) -> None:
    a, b, c, d = filled(path).splitlines(keepends=True)
    forged = json.loads(c)
    forged["noise_multiplier"] = 50.0
    for lines in ([a, c, d], [a, b, d, c], [a, b, b, c], [b, c, d], [a, b, json.dumps(forged).encode() + b"\n", d]):
        path.write_bytes(b"".join(lines))
        with pytest.raises(LedgerError, match="damaged"):
            Ledger.open(path, *BIG)


@pytest.mark.parametrize(
    "content", [b"not ours", b"{", b"\xff" * 9, b"[]\n", b"[" * 5000 + b"\n", b"{}", b"\n", b"1"]
)
def test_a_file_of_somebody_else_is_left_alone(path, content) -> None:
    path.write_bytes(content)
    if content == b"{":  # the beginning of our own first line
        return
    with pytest.raises(LedgerError):
        Ledger.open(path, *BIG)
    assert path.read_bytes() == content


def test_another_budget_is_another_ledger(path) -> None:
    filled(path)
    for budget in ((999.0, 1e-6), (1000.0, 1e-5)):
        with pytest.raises(LedgerError, match="not of"):
            Ledger.open(path, *budget)
    for budget in ((0.0, 1e-6), (float("inf"), 1e-6), (1.0, 0.0), (1.0, 1.0)):
        with pytest.raises(SettingError):
            Ledger.open(path, *budget)


def test_two_cannot_write(path) -> None:
    with Ledger.open(path, *BIG):
        with pytest.raises(LedgerError, match="another process"):
            Ledger.open(path, *BIG)
        program = (
            "import sys; from keyart_federated.accounting.ledger import Ledger; "
            "Ledger.open(sys.argv[1], 1000.0, 1e-6)"
        )
        done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=False)
        assert done.returncode == 1 and "another process" in done.stderr
    Ledger.open(path, *BIG).close()


def test_closed_is_closed(path) -> None:
    ledger = Ledger.open(path, *BIG)
    ledger.close()
    ledger.close()
    with pytest.raises(LedgerError, match="closed"):
        ledger.charge("c", 0, EVENT)


@pytest.mark.parametrize("step", range(4))
def test_a_failing_disk_acknowledges_nothing(path, monkeypatch, step) -> None:
    whole = filled(path, rounds=1)
    ledger = Ledger.open(path, *BIG)
    steps = 0

    def failing(name: str):
        real = getattr(os, name)

        def call(*arguments):
            nonlocal steps
            steps += 1
            if steps == step + 1:
                if name == "write":
                    real(arguments[0], arguments[1][: len(arguments[1]) // 2])
                raise OSError(28, "No space left on device")
            return real(*arguments)

        return call

    with monkeypatch.context() as patch:
        for name in ("write", "fsync"):
            patch.setattr(ledger_file.os, name, failing(name))
        with pytest.raises(LedgerError, match="Release nothing"):
            ledger.charge("training", 1, EVENT)
    with pytest.raises(LedgerError, match="closed"):
        ledger.charge("training", 1, EVENT)
    with Ledger.open(path, *BIG) as again:
        assert set(again.charges) >= {("training", 0)}
        assert again.charge("training", 1, EVENT).spent == epsilon(5.0, 1.0, 2, 1e-6)
    assert path.read_bytes().startswith(whole)


def test_durable_before_it_returns(path, monkeypatch) -> None:
    order = []
    for name in ("write", "fsync"):
        real = getattr(os, name)
        monkeypatch.setattr(
            ledger_file.os, name, lambda *a, name=name, real=real: (order.append((name, a[1:])), real(*a))[1]
        )
    with Ledger.open(path, *BIG) as ledger:
        order.clear()
        ledger.charge("c", 0, EVENT)
    assert [name for name, _ in order] == ["write", "fsync", "write", "fsync"]
    assert order[2] == ("write", (b"\n",))


@pytest.mark.parametrize(("kills", "resumptions"), [(20, 5), pytest.param(100, 50, marks=pytest.mark.slow)])
def test_killed_at_random_moments(path, kills: int, resumptions: int) -> None:
    rng, known, resumed = random.Random(2), -1, 0
    command = [sys.executable, "-c", CHARGES, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as parent:
        assert parent.stdin is not None and parent.stdout is not None
        for _ in range(kills):
            parent.stdin.write("go\n")
            opened, pid = parent.stdout.readline().split()
            assert opened == "open"
            time.sleep(rng.uniform(0, 0.02))
            os.kill(int(pid), signal.SIGKILL)
            said = list(iter(parent.stdout.readline, "dead\n"))
            acknowledged = [line.split() for line in said if line.endswith(("True\n", "False\n"))]
            rounds = [int(words[1]) for words in acknowledged]
            if known >= 0 and acknowledged:
                assert acknowledged[0] == ["acknowledged", str(known), "True"]
                resumed += 1
            with Ledger.open(path, *BIG) as ledger:
                charged = [round for _, round in ledger.charges]
            assert charged == list(range(len(charged)))  # each once, in order
            assert len(charged) > max([known, *rounds])  # nothing acknowledged is lost
            assert len(charged) <= max([known, *rounds]) + 2  # at most one more, which was on its way
            known = len(charged) - 1
    assert resumed > resumptions and known > 2 * resumptions
