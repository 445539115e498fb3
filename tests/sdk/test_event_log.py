"""The event log: buffered decisions, their order, removal and expiry."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta

import pytest
from support.catalogs import EVENING

from keyart import Decision, EphemeralKey, Outcome, View
from keyart.profile import event_log as journal_module
from keyart.profile.event_codec import Entry, day_of
from keyart.profile.event_log import PACK_AFTER_DAYS, PACK_DECISIONS, EventLog
from keyart.store.database import Store, Table

DAY = day_of(EVENING)


class Calendar:
    def __init__(self) -> None:
        self.day = DAY

    def __call__(self) -> int:
        return self.day


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.open("j", EphemeralKey()) as opened:
        yield opened


@pytest.fixture
def today() -> Calendar:
    return Calendar()


@pytest.fixture
def journal(store: Store, today: Calendar) -> EventLog:
    return EventLog(store, today)


def entry(number: int, title: str = "t", **more: object) -> Entry:
    return Entry(Decision(f"{number:032x}", title, f"{title}/a", 0.5, False, 1), EVENING, "tv", 0, **more)


def ids(journal: EventLog) -> list[int]:
    return [int(e.decision.id, 16) for e in journal.entries()]


def test_what_is_buffered_is_there_and_not_in_the_store(store, journal):
    journal.remember(entry(1))
    assert ids(journal) == [1] and journal.pending == 1 and store.count(Table.DECISION) == 0
    assert journal.find(f"{1:032x}") == entry(1) and journal.find(f"{2:032x}") is None
    assert journal.find("no id at all") is None and journal.find(None) is None
    assert journal.write_batch() == 1 and journal.write_batch() == 0
    assert ids(journal) == [1] and journal.pending == 0 and store.count(Table.DECISION) == 1
    assert journal.find(f"{1:032x}").day == DAY


def test_batches(journal, monkeypatch):
    monkeypatch.setattr(journal_module, "BATCH_DECISIONS", 3)
    for number in range(7):
        journal.remember(entry(number))
    assert [journal.write_batch() for _ in range(4)] == [3, 3, 1, 0]
    assert ids(journal) == list(range(7))


def test_the_buffer_is_bounded_and_says_so(journal, monkeypatch, caplog):
    monkeypatch.setattr(journal_module, "MAX_BUFFERED", 3)
    for number in range(5):
        journal.remember(entry(number))
    assert ids(journal) == [2, 3, 4]
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]


def test_a_decision_that_changes_while_a_batch_is_written_stays_pending(store, journal, monkeypatch):
    journal.remember(entry(1))
    put = store.put

    def put_and_change(*arguments: object, **more: object) -> None:
        put(*arguments, **more)
        journal.remember(entry(1, seen=True))

    monkeypatch.setattr(store, "put", put_and_change)
    journal.write_batch()
    monkeypatch.undo()
    assert journal.pending == 1 and journal.find(f"{1:032x}").seen
    journal.write_batch()
    assert [e.seen for e in journal.entries()] == [True]


def test_answers_stand_in_the_order_of_learning(journal):
    for number in (1, 2, 3):
        journal.remember(entry(number))
    journal.write_batch()
    journal.remember(entry(4))
    for number in (2, 4, 1):
        journal.answer(journal.find(f"{number:032x}"), Outcome.opened())
    assert ids(journal) == [3, 2, 4, 1] and journal.pending == 0
    journal.answer(journal.find(f"{2:032x}"), Outcome.played(900))  # more of the same: it keeps its place
    assert ids(journal) == [3, 2, 4, 1]
    assert journal.find(f"{2:032x}").outcome == Outcome.played(900)


def test_newest_first(journal, today):
    for number in (1, 2, 3):
        today.day = DAY + number
        journal.remember(entry(number))
        journal.write_batch()
    assert [int(e.decision.id, 16) for e in journal.written_since(DAY + 2)] == [3, 2]
    assert list(journal.written_since(DAY + 9)) == []


def test_expiry_by_the_day_of_writing(journal, today):
    journal.record([View("t1", EVENING, 60)])
    journal.remember(entry(1))
    journal.write_batch()
    journal.remember(entry(2))
    journal.write_batch()
    today.day = DAY + 5
    journal.answer(journal.find(f"{1:032x}"), Outcome.opened())
    journal.record([View("t2", EVENING + timedelta(days=5), 60)])
    assert not journal.holds_older(5) and journal.expire(5) == 0
    assert journal.holds_older(4) and journal.expire(4) == 2
    assert ids(journal) == [1] and [view.title_id for view in journal.views()] == ["t2"]
    today.day = DAY + 9
    journal.answer(journal.find(f"{1:032x}"), Outcome.played(60))  # does not make it younger
    assert journal.expire(3) == 2 and ids(journal) == []


def held(journal):
    return [view.title_id for view in journal.views()]


def test_a_history_of_years_ends_little_by_little(journal, today):
    """Each view is kept for 90 days after it was watched or longer, and for 90 days after its import at most."""
    years, retention = 5, 90
    ages = range(0, years * 365, 7)
    journal.record([View(f"{age}", EVENING - timedelta(days=age), 60) for age in reversed(ages)])
    assert not journal.holds_older(retention) and journal.expire(retention) == 0
    gone = []
    for day in range(1, retention + 2):
        today.day = DAY + day
        older = journal.holds_older(retention)
        gone.append(journal.expire(retention))
        assert older == (gone[-1] > 0)
        present = [int(age) for age in held(journal)]
        assert present == [age for age in reversed(ages) if age <= max(present, default=-1)]  # the oldest go first
        assert all(age in present for age in ages if age + day <= retention)
    assert sum(gone) == len(ages) and max(gone) <= len(ages) / 5 and gone[-1] == 1  # what was watched that day


def test_a_view_of_the_past_that_comes_after_others_goes_in_its_time(journal, today):
    journal.record([View("new", EVENING, 60)])
    journal.record([View("old", EVENING - timedelta(days=900), 60)])
    assert not journal.holds_older(90)
    today.day = DAY + 20
    assert journal.holds_older(90) and journal.expire(90) == 1 and held(journal) == ["new"]
    assert not journal.holds_older(90)


def decide(journal, number):
    journal.remember(entry(number))
    journal.write_batch()


def test_a_clock_that_was_ahead(journal, today):
    """What was written then goes with the first later entry whose time is over, and holds up nothing."""
    for number, day in enumerate((DAY + 4000, DAY, DAY + 1, DAY + 60), start=1):
        today.day = day
        decide(journal, number)
    assert not journal.holds_older(90)
    today.day = DAY + 91
    assert journal.holds_older(90) and journal.expire(90) == 2 and ids(journal) == [3, 4]


def test_a_clock_that_is_behind_deletes_nothing(journal, today):
    """A TV begins in 1970, until it has asked a server for the time."""
    decide(journal, 1)
    journal.record([View("t", EVENING, 60)])
    today.day = 0
    assert not journal.holds_older(90) and journal.expire(90) == 0
    decide(journal, 2)
    today.day = DAY + 1
    assert not journal.holds_older(90) and journal.expire(90) == 0  # 2 was written after 1, so it is no older
    assert ids(journal) == [1, 2] and held(journal) == ["t"]


def test_removal(store, journal):
    journal.record([View("t", EVENING, 60), View("t", EVENING + timedelta(hours=1), 60), View("u", EVENING, 60)])
    for number, title in enumerate("ttu"):
        journal.remember(entry(number, title))
    journal.write_batch()
    journal.remember(entry(1, "t", seen=True))  # written, and changed since: one decision, not two
    journal.remember(entry(3, "t"))
    assert journal.remove_view("t", EVENING) == 1 and journal.remove_view("t", EVENING) == 0
    assert journal.remove_decision(f"{0:032x}") == 1 and journal.remove_decision(f"{0:032x}") == 0
    assert journal.remove_title("t") == 3 and journal.pending == 0
    assert ids(journal) == [2] and [view.title_id for view in journal.views()] == ["u"]
    assert (store.count(Table.VIEW), store.count(Table.DECISION)) == (1, 1)


def written(journal: EventLog, numbers: range) -> None:
    for number in numbers:
        journal.remember(entry(number, f"t{number % 3}"))
    while journal.write_batch():
        pass


def test_decisions_of_past_days_are_packed(store, journal, today):
    written(journal, range(20))
    journal.pack()
    assert store.count(Table.PACK) == 0
    today.day += PACK_AFTER_DAYS + 1
    written(journal, range(20, 25))
    before = list(journal.entries())
    journal.pack()
    assert (store.count(Table.PACK), store.count(Table.DECISION)) == (-(-20 // PACK_DECISIONS), 5)
    assert list(journal.entries()) == before and list(journal.written_since(0)) == before[::-1]
    assert [journal.find(f"{number:032x}") for number in range(25)] == before


@pytest.mark.parametrize("seed", range(8))
def test_packs_change_nothing_but_where_decisions_lie(seed):
    """The same calls, with and without packs between them, have the same answers and leave the same log."""
    draw, today = random.Random(seed), Calendar()
    with Store.open("p", EphemeralKey()) as one, Store.open("q", EphemeralKey()) as other:
        plain, packed = journals = EventLog(one, today), EventLog(other, today)
        made = 0
        for _ in range(120):
            number, kind = draw.randrange(made + 1), draw.randrange(12)
            if kind < 5:
                for log in journals:
                    written(log, range(made, made + 3))
                made += 3
            elif kind == 5:
                outcome = Outcome.played(float(number))
                found = [log.find(f"{number:032x}") for log in journals]
                assert found[0] == found[1]
                if found[0] is not None:
                    assert plain.answer(found[0], outcome) == packed.answer(found[0], outcome)
            elif kind == 6:
                for log in journals:
                    if (there := log.find(f"{number:032x}")) is not None:
                        log.remember(there._replace(seen=True))
            elif kind == 7:
                assert plain.remove_decision(f"{number:032x}") == packed.remove_decision(f"{number:032x}")
            elif kind == 8 and not draw.randrange(3):
                title = f"t{draw.randrange(3)}"
                assert plain.remove_title(title) == packed.remove_title(title)
            elif kind == 9:
                assert plain.holds_older(15) == packed.holds_older(15)
                assert plain.expire(15) == packed.expire(15)
            else:
                today.day += draw.randrange(4)
                packed.pack()
            assert list(plain.entries()) == list(packed.entries())
            since = today.day - draw.randrange(6)
            assert list(plain.written_since(since)) == list(packed.written_since(since))
            assert plain.empty == packed.empty
        assert other.count(Table.PACK) and not one.count(Table.PACK)


def test_the_digest_tells_of_packs(store, journal, today):
    written(journal, range(3))
    today.day += PACK_AFTER_DAYS + 1
    before = journal.digest()
    journal.pack()
    packed = journal.digest()
    assert journal.remove_decision(f"{1:032x}") == 1
    assert len({before, packed, journal.digest()}) == 3
