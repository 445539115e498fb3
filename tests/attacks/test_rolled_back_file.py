"""Attacks with an older copy of a profile's file: what had left the device since stays charged."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.campaigns import BOTH, SERVER, enrolled, fleet, limits, live, messages_for, offer, run
from support.catalogs import EVENING, Clock, sample_catalog
from support.stores import Host

import keyart
from keyart.campaigns import spent_counter
from keyart.campaigns.budget import Charge, epsilon_spent
from keyart.errors import StoreError
from keyart.secagg import Stage
from keyart.store.keys import COUNTER_MAGIC


@pytest.fixture
def others() -> Iterator[list[keyart.Personalizer]]:
    with fleet(2, Clock(), limits=limits(epsilon=1e6, contributions_a_day=1000)) as arts:
        yield arts


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "profile.db"


@contextmanager
def device(path: Path, keys: keyart.HostKey) -> Iterator[keyart.Personalizer]:
    """The device whose file is at `path`, with a history and a certificate once it is new."""
    new = not path.exists()
    opened = keyart.Personalizer.open(
        path,
        catalog=sample_catalog(),
        keys=keys,
        engine="numpy",
        clock=Clock(),
        limits=limits(contributions_a_day=100),
    )
    with closing(opened) as art:
        if new:
            for purpose in BOTH.split():
                art.consent.grant(purpose)
            live(art)
            enrolled(art)
        yield art


def copied(path: Path, folder: Path) -> None:
    """A copy of the closed file."""
    folder.mkdir(exist_ok=True)
    for part in path.parent.glob(path.name + "*"):
        shutil.copy(part, folder / part.name)


def rolled_back(path: Path, folder: Path) -> None:
    for part in path.parent.glob(path.name + "*"):
        part.unlink()
    for part in folder.iterdir():
        shutil.copy(part, path.parent / part.name)


def test_the_whole_file_rolled_back(path: Path, tmp_path: Path, others: list[keyart.Personalizer]) -> None:
    """A thief, or the app itself, brings back the file of before two rounds, to spend their budget again."""
    keys, before = Host().keys, tmp_path / "before"
    with device(path, keys) as art:
        run([art, *others], offer(art, campaign="one"))
    copied(path, before)
    with device(path, keys) as art:
        for campaign in ("two", "three"):
            run([art, *others], offer(art, campaign=campaign))
        honest = art.federated.budget()
        views = art.export()["views"]
    for _ in range(3):
        rolled_back(path, before)
        with device(path, keys) as art:
            spent = art.federated.budget()
            assert honest.epsilon_spent * 0.999 <= spent.epsilon_spent <= honest.epsilon_spent * 1.2
            assert [receipt.kind for receipt in art.federated.sent()] == ["training", spent_counter.ROLLED_BACK]
            assert art.export()["views"] == views, "the history opens"
        with device(path, keys) as art:
            assert art.federated.budget() == spent, "and is charged once"


def test_a_budget_that_is_spent_stays_spent(path: Path, tmp_path: Path, others: list[keyart.Personalizer]) -> None:
    """The file is brought back after each round, for as long as the device takes part."""
    keys, before = Host().keys, tmp_path / "before"
    with device(path, keys):
        pass
    copied(path, before)
    charges: list[Charge] = []
    for n in range(20):
        rolled_back(path, before)
        with device(path, keys) as art:
            asked = offer(art, campaign=f"campaign {n}", noise_multiplier=1.5)
            if art.answer(asked.sign(SERVER)) is None:
                break
            run([art, *others], asked)
            charges.append(asked.charge)
    assert 1 <= len(charges) < 20 and epsilon_spent(charges, 1e-6) <= limits().epsilon


def test_a_round_that_has_its_vector_gets_no_other_one(
    path: Path, tmp_path: Path, others: list[keyart.Personalizer]
) -> None:
    """The file of before the masked vector is brought back, for the device to mask another one with the same keys."""
    keys, before = Host().keys, tmp_path / "before"
    with device(path, keys):
        pass
    with device(path, keys) as art:
        arts = [art, *others]
        for stage, message in messages_for(arts, offer(art)):
            if stage is Stage.MASKED:
                art.close()
                copied(path, before)
                with device(path, keys) as again:
                    assert again.answer(message) is not None
                rolled_back(path, before)
                with device(path, keys) as again:
                    assert again.answer(message) is None
                    assert again.federated.campaigns() == [] and again.federated.budget().epsilon_spent > 0
                break


def test_a_death_between_file_and_counter_locks_nobody_out(path: Path, others: list[keyart.Personalizer]) -> None:
    """A key store that fails while the counter is written stands for a kill at that moment: nothing has left, and
    what was charged is charged once."""
    host = Host()
    with device(path, host.keys):
        pass
    with device(path, host.keys) as art:
        for stage, message in messages_for([art, *others], offer(art)):
            if stage is Stage.MASKED:
                host.failing = {"put"}
                with pytest.raises(StoreError, match="failed at put"):
                    art.answer(message)
                art.close()
                host.failing = set()
                assert len(host.secrets) == 1, "there is no counter yet"
                with device(path, host.keys) as again:
                    assert again.answer(message) is not None
                    assert [receipt.kind for receipt in again.federated.sent()] == ["training"]
                    assert len(host.secrets) == 2
                break
    for cut_off in (b"", b"k" * 7, b"x" * 32):  # what a death within put may leave
        name = next(name for name, value in host.secrets.items() if value.startswith(COUNTER_MAGIC))
        kept, host.secrets[name] = host.secrets[name], cut_off
        with device(path, host.keys) as art:
            assert {receipt.kind for receipt in art.federated.sent()} == {"training"}
            run([art, *others], offer(art, campaign=f"after {len(cut_off)}"))
            assert host.secrets[name] > kept


def test_a_key_store_that_knows_one_key_only_serves_as_it_did(path: Path, others: list[keyart.Personalizer]) -> None:
    """A host that gives the same secret for every name keeps no counter."""
    keys = keyart.HostKey(lambda _: b"k" * 32, lambda *_: None, lambda _: None)
    for campaign in ("one", "two"):
        with device(path, keys) as art:
            run([art, *others], offer(art, campaign=campaign))
    with device(path, keys) as art:
        assert [receipt.kind for receipt in art.federated.sent()] == ["training"] * 2


def test_the_counter_moves_with_the_keys_and_ends_with_the_profile(
    path: Path, others: list[keyart.Personalizer]
) -> None:
    """Keys that move to another key store, within one, or to a passphrase, and a profile that is forgotten."""
    first, second = Host(), Host()
    with device(path, first.keys) as art:
        run([art, *others], offer(art))
        for keys, expected in (
            (second.keys, (0, 2)),
            (second.keys, (0, 2)),
            (first.keys, (2, 0)),
            (None, (2, 0)),
            (keyart.PassphraseKey("a passphrase"), (0, 0)),
            (first.keys, (1, 0)),
        ):
            art.rotate_keys(keys)
            assert (len(first.secrets), len(second.secrets)) == expected
        run([art, *others], offer(art, campaign="another"))
        assert len(first.secrets) == 2 and {len(value) for value in first.secrets.values()} == {32}
        art.forget()
        assert not [value for value in first.secrets.values() if value.startswith(COUNTER_MAGIC)]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.3, 20), st.integers(10, 10_000), st.integers(1, 100_000)), min_size=1, max_size=8)
)
def test_what_makes_up_for_missing_receipts_costs_no_less(rounds: list[tuple[float, int, int]]) -> None:
    charges = [Charge(*one) for one in rounds]
    receipt = spent_counter._receipt_of(spent_counter.cost_of(charges), EVENING)
    assert receipt.charge is not None
    assert epsilon_spent([receipt.charge], 1e-6) >= epsilon_spent(charges, 1e-6) * (1 - 1e-9)
