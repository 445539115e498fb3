"""Rounds in the database: each step can be done twice and counts once; what is closed can be collected again."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import numpy as np
import pytest
from sqlalchemy import func, select
from support import rounds as round_samples
from support.rounds import GATEWAY, ISSUER
from support.server import Clock

from keyart.errors import BudgetSpent, InputError, SettingError
from keyart.secagg import Stage
from keyart_federated.accounting import Skellam, composed, to_epsilon
from keyart_federated.secagg import Coordinator, Gateway
from keyart_server import audit_log, budget
from keyart_server.campaigns import campaign_store
from keyart_server.rounds import Round, exclusions, round_store, stage_windows
from keyart_server.service import Service
from keyart_server.state.tables import MemberRow, PartialSumRow, StageRequestRow, SubmissionRow, WindowRow


@pytest.fixture
def campaign_id(service: Service, clock: Clock) -> str:
    with service.state.writing() as session:
        budget.configure(session, clock(), 8.0, 1e-6)
        return campaign_store.create(session, clock(), "server", "Spring", "training").id


def test_a_round_of_two_gateways_from_the_database_alone(service: Service, clock: Clock, campaign_id: str) -> None:
    """Each stage by a new coordinator that replays all before it, as after a kill."""
    of = round_samples.terms(7, size=12, least=4)
    vectors = np.random.default_rng(0).integers(-1000, 1001, (7, 12))
    devices = round_samples.Devices(of, vectors)
    at = {i: ("main", "west")[i % 2] for i in range(7)}
    with service.state.writing() as session:
        round_samples.started(session, clock(), campaign_id, of)

    for now in Stage:
        coordinator = Coordinator(of, [ISSUER.public], 0)
        for stage in Stage:
            for gateway_number, gateway in enumerate(("main", "west")):
                with service.state.writing() as session:
                    relay = Gateway(of)
                    if stage is Stage.KEYS:
                        asked = {i: coordinator.invitation for i in range(7) if at[i] == gateway}
                    else:
                        relay.stage = Stage(stage - 1)
                        asked = relay.deliver(coordinator.ask(gateway_number))
                        stage_windows.store_requests(session, of, stage, asked)
                    stage_windows.open_window(session, clock(), of, stage, gateway, len(asked), 60.0)
                    if stage is now:
                        if now >= Stage.MASKED:
                            asked = {i: message for i, message in asked.items() if i != 3}  # falls silent
                        replies = {i: devices.answer(i, message) for i, message in asked.items()}
                        round_samples.put(session, of, stage, replies, gateway)
                        clock.pass_by(seconds=61)
                        assert stage_windows.is_over(session, clock(), of, stage, gateway)
                        stage_windows.close_window(session, of, stage, gateway)
                    coordinator.receive(gateway_number, stage_windows.collect(session, of, stage, gateway))
            coordinator.close()
            with service.state.writing() as session:
                round_store.advance(session, clock(), of.round_id.hex(), stage, 6)
            if stage is now:
                break
    result = coordinator.result
    assert result.survivors == (0, 1, 2, 4, 5, 6)
    assert (result.total == vectors[list(result.survivors)].sum(axis=0)).all()


def test_each_step_counts_once(service: Service, clock: Clock, campaign_id: str) -> None:
    of = round_samples.terms()
    with service.state.writing() as session:
        found = round_samples.started(session, clock(), campaign_id, of)
        assert round_store.list_active(session) == [found] and found.standing == "keys"
        for stage in (Stage.KEYS, Stage.SHARE):
            for _ in range(2):
                round_store.advance(session, clock(), found.id, stage, 5 + stage)
        now = round_store.find(session, found.id)
        assert now is not None and now.standing == "masked"
        assert (now.answered[Stage.KEYS], now.answered[Stage.SHARE], now.survivors) == (6, 7, 0)
        assert len(budget.list_charges(session)) == 1
        with pytest.raises(InputError, match="has status masked"):
            round_store.advance(session, clock(), found.id, Stage.UNMASK, 1)
        with pytest.raises(InputError, match="has status masked"):
            round_store.store_sum(session, clock(), found.id, np.zeros(8, dtype=np.int64), 5)
        round_store.advance(session, clock(), found.id, Stage.MASKED, 6)
        for _ in range(2):
            round_store.store_sum(session, clock(), found.id, np.arange(8) - 4, 5)
        opened = round_store.find_open(session, found.id)
        assert (
            opened is not None
            and opened.parameters == of
            and (round_store.total_of(opened) == np.arange(8) - 4).all()
        )
        for _ in range(2):
            round_store.finish(session, clock(), found.id, {"devices": 6})
        now = round_store.find(session, found.id)
        assert now is not None and now.standing == "done" and now.result == {"devices": 6} and not now.is_active
        round_store.fail(session, clock(), found.id, "too late")
        assert round_store.find(session, found.id) == now


def test_an_ended_round_keeps_no_answer(service: Service, clock: Clock, campaign_id: str) -> None:
    with service.state.writing() as session:
        round_samples.fill(session, clock(), campaign_id)
        (found,) = round_store.list_active(session)
        round_store.fail(session, clock(), found.id, "nobody came" * 100)
        for table in (SubmissionRow, StageRequestRow, MemberRow, PartialSumRow, WindowRow):
            assert session.scalar(select(func.count()).select_from(table)) == 0
        opened, failed = round_store.find_open(session, found.id), round_store.find(session, found.id)
        assert opened is not None and opened.offer == opened.waiting == b"" and opened.total is None
        assert failed is not None and failed.standing == "failed" and failed.failure.startswith("nobody came")


def test_before_the_stage_of_masked_vectors_nothing_is_paid(service: Service, clock: Clock, campaign_id: str) -> None:
    with service.state.writing() as session:
        found = round_samples.started(session, clock(), campaign_id, round_samples.terms())
        round_store.advance(session, clock(), found.id, Stage.KEYS, 3)
        assert budget.fleet_budget(session).spent == 0
        round_store.fail(session, clock(), found.id, "too few")
        assert budget.list_charges(session) == []


def test_a_sum_that_was_never_opened_costs_nothing_and_its_dealer_is_excluded(
    service: Service, clock: Clock, campaign_id: str
) -> None:
    """Three rounds are charged; the second one fails through a dealer of noise. The third is charged as if it had not
    been, in one transaction with the failure, and once."""
    of, excluded = [round_samples.terms() for _ in range(3)], ["d" * 64]
    with service.state.writing() as session:
        other = campaign_store.create(session, clock(), "server", "Autumn", "training").id
        for number, terms in enumerate(of, start=1):
            found = round_samples.started(session, clock(), campaign_id, terms, number)
            round_store.advance(session, clock(), found.id, Stage.KEYS, 6)
            round_store.advance(session, clock(), found.id, Stage.SHARE, 6)
        spent = [charge.spent for charge in budget.list_charges(session)]
        for _ in range(2):
            clock.pass_by(seconds=1)
            round_store.fail_unopened(session, clock(), of[1].round_id.hex(), "noise", excluded)
        assert [(charge.number, charge.spent) for charge in budget.list_charges(session)] == [
            (1, spent[0]),
            (3, spent[1]),
        ]
        assert budget.fleet_budget(session).spent == spent[1] and round_store.count_lost(session, campaign_id) == 0
        assert exclusions.excluded_among(session, campaign_id, [*excluded, "e" * 64]) == set(excluded)
        assert exclusions.excluded_before(session, campaign_id, clock()) == set(excluded)
        assert exclusions.excluded_before(session, campaign_id, clock() - timedelta(minutes=1)) == set()
        assert exclusions.excluded_among(session, other, excluded) == set(), "of one campaign"
        actions = [entry.action for entry in audit_log.newest(session, 9)]
        assert actions.count("budget.return") == actions.count("round.fail") == 1
        failed = round_store.find(session, of[1].round_id.hex())
        assert failed is not None and (failed.standing, failed.failure) == ("failed", "noise")
        round_store.fail(session, clock(), of[2].round_id.hex(), "for another reason")
        assert [charge.number for charge in budget.list_charges(session)] == [1, 3], "what was opened stays charged"


def test_a_budget_is_kept(service: Service, clock: Clock, campaign_id: str) -> None:
    """And composes as one accountant over all rounds of all campaigns."""
    event = Skellam(2.0, 64.0, 8)

    def shared(number: int) -> Round:
        with service.state.writing() as session:
            of = round_samples.terms()
            found = round_store.start(
                session, clock(), campaign_id, number, "", b"", of, event, b"", wanted=9, patience=1.0
            )
            round_store.advance(session, clock(), found.id, Stage.KEYS, 3)
        with service.state.writing() as session:
            return round_store.advance(session, clock(), found.id, Stage.SHARE, 3)

    with pytest.raises(BudgetSpent, match="the budget is 8"):
        for number in range(1, 100):
            last = number
            shared(number)
    with service.state.reading() as session:
        charges, left = budget.list_charges(session), budget.fleet_budget(session)
        assert [charge.number for charge in charges] == list(range(1, last)) and last > 2
        assert left.spent == pytest.approx(to_epsilon((last - 1) * event.divergences(), 1e-6)) and left.spent <= 8
        assert budget.projected_epsilon(session, event) > 8
        (refused,) = round_store.list_active(session)[-1:]
        assert (refused.number, refused.standing) == (last, "share")
    with service.state.writing() as session:
        with pytest.raises(SettingError, match="is already spent"):
            budget.configure(session, clock(), 1.0)
        with pytest.raises(SettingError, match="stays"):
            budget.configure(session, clock(), 8.0, 1e-7)
        assert budget.configure(session, clock(), 9.0).epsilon == 9.0


def test_rounds_of_different_draws_do_not_add_up(service: Service, clock: Clock, campaign_id: str) -> None:
    """Looks of an experiment ask devices of their own; a round of everybody counts on top of each of them."""
    event, third = Skellam(2.0, 64.0, 8), 1 / 3
    asked = [(0.0, third), (third, 2 * third), (2 * third, 1.0), (0.0, 1.0), (0.0, third)]
    spent = []
    for number, (low, high) in enumerate(asked, start=1):
        of = round_samples.terms()
        with service.state.writing() as session:
            start = partial(round_store.start, session, clock(), campaign_id, number, "", b"", of, event, b"")
            found = start(wanted=9, patience=1.0, low=low, high=high)
            round_store.advance(session, clock(), found.id, Stage.KEYS, 3)
            round_store.advance(session, clock(), found.id, Stage.SHARE, 3)
            spent.append(budget.fleet_budget(session).spent)
            clock.pass_by(seconds=1)
    once, twice, thrice = (composed([(event, n)], 1e-6) for n in (1, 2, 3))
    assert spent == [once, once, once, twice, thrice]
    with service.state.reading() as session:
        assert [(one.low, one.high) for one in budget.list_charges(session)] == asked


def test_a_window_closes_when_all_have_answered_or_time_is_over(
    service: Service, clock: Clock, campaign_id: str
) -> None:
    of = round_samples.terms()
    with service.state.writing() as session:
        round_samples.started(session, clock(), campaign_id, of)
        assert not stage_windows.is_over(session, clock(), of, Stage.KEYS, GATEWAY)
        for due in (2, 1):  # the second one changes nothing
            stage_windows.open_window(session, clock(), of, Stage.KEYS, GATEWAY, due, 60.0)
        round_samples.put(session, of, Stage.KEYS, {1: b"one"})
        assert not stage_windows.is_over(session, clock(), of, Stage.KEYS, GATEWAY)
        assert stage_windows.is_over(session, clock() + timedelta(seconds=60), of, Stage.KEYS, GATEWAY)
        round_samples.put(session, of, Stage.KEYS, {2: b"two"})
        assert stage_windows.is_over(session, clock(), of, Stage.KEYS, GATEWAY)
        assert stage_windows.count_submissions(session, of, Stage.KEYS, GATEWAY) == 2


def test_gateways_are_known_while_they_are_heard(service: Service, clock: Clock) -> None:
    with service.state.writing() as session:
        stage_windows.record_heartbeat(session, clock(), "west")
        stage_windows.record_heartbeat(session, clock() + timedelta(seconds=60), "main")
        silent = clock() + stage_windows.SILENT_AFTER
        assert stage_windows.list_gateways(session, silent) == ["main", "west"]
        assert stage_windows.list_gateways(session, silent + timedelta(seconds=1)) == ["main"]
