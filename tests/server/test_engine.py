"""The engine with real devices and rounds that are played at once: from a campaign to models on devices."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, select
from support.engine import Scene, staged

import keyart
from keyart_server import audit_log, budget
from keyart_server.campaigns import campaign_store
from keyart_server.engine import scheduling
from keyart_server.releases import release_store
from keyart_server.rounds import round_store
from keyart_server.state.tables import CatalogRow, EnrolledDeviceRow


@pytest.fixture
def stage(database_url: str, tmp_path: Path) -> Iterator[Scene]:
    with staged(tmp_path, database_url) as made:
        yield made


@pytest.mark.slow
def test_a_campaign_leads_to_a_new_model_on_devices(stage: Scene) -> None:
    campaign = stage.create(settings={"gates": 0.0}, epsilon=500.0, rounds=2)
    stage.step(4)
    assert stage.rounds(campaign) == [(1, "population", "done"), (2, "training", "keys")]
    stage.step(3)
    with stage.service.state.reading() as session:
        first = release_store.offered(session)
        assert first == {"version": 2, "share": 1.0, "before": 1}
    assert stage.rounds(campaign)[1:] == [(2, "training", "done"), (3, "training", "keys")]
    stage.fleet.install(2)
    stage.step(4)
    stage.fleet.install(3)
    assert stage.state_of(campaign) == "done"
    assert [topic for topic, _ in stage.fleet.asked] == ["population", "training", "training"]
    with stage.service.state.reading() as session:
        assert [charge.number for charge in budget.list_charges(session)] == [1, 2, 3]
        assert budget.fleet_budget(session).spent <= 500.0
        actions = [entry.action for entry in audit_log.newest(session, 100)]
        assert actions.count("round.finish") == 3 and "campaign.finish" in actions
    assert stage.service.bundles.newest() == 3


@pytest.mark.slow
def test_a_cowatch_campaign_leads_to_title_latents_on_devices(stage: Scene) -> None:
    """Its candidate is compared with none, since devices replay decisions without latents; the guard watches it.

    So few devices show what goes together only through hardly any noise.
    """
    for number, art in enumerate(stage.fleet.arts):  # two halves, each with titles of its own, which no tag tells
        titles = ("t0", "t1", "t6", "t7", "t8") if number % 2 else ("t2", "t3", "t4", "t5", "t9")
        art.record_many([keyart.View(title, stage.clock(), 5000) for title in titles])
    campaign = stage.create("statistics", {"topic": "co-watch"}, epsilon=45000.0, rounds=2)
    stage.until(lambda: (found := stage.release(2)) and found.standing == "rolling")
    assert [topic for _, topic, _ in stage.rounds(campaign)] == ["together", "together"]
    with stage.service.state.reading() as session:
        assert release_store.offered(session) == {"version": 2, "share": 0.01, "before": 1}
    stage.fleet.install(2)
    assert all(art._session.chooser.installed.latents is not None for art in stage.fleet.arts)
    stage.until(lambda: any(topic.startswith("/guard") for _, topic, _ in stage.rounds(campaign)), hours=3)
    with stage.service.state.reading() as session:
        assert budget.fleet_budget(session).spent <= 45000.0
    assert "Signal to noise" in stage.page(f"/campaigns/{campaign.id}")
    assert re.search(r"\d+ of 26<", stage.page("/budget"))  # 2, and 8 of the guard in each of 3 sub-cohorts


@pytest.mark.slow
def test_held_out_devices_judge_a_candidate_before_anybody_has_it(stage: Scene) -> None:
    """So few of them tell nothing clear: the plan says whether it goes on, or a person does."""
    campaign = stage.create(settings={"unclear": "hold"}, epsilon=500.0, rounds=1)
    stage.until(lambda: (found := stage.release(2)) and found.standing == "waiting")
    topics = [topic for _, topic, _ in stage.rounds(campaign)]
    assert topics[:3] == ["population", "training", "/compare 2"]
    release = stage.release(2)
    assert release is not None and "Decision required" in release.reason
    with stage.service.state.reading() as session:
        assert any(gate.name == "quality all" for gate in release.gates)
        assert release_store.offered(session)["version"] == 1


@pytest.mark.slow
def test_a_round_that_fails_is_tried_again_later_and_not_for_ever(stage: Scene) -> None:
    campaign = stage.create("statistics")
    stage.fleet.silent = set(range(24))
    stage.step(3, seconds=1)
    assert stage.rounds(campaign) == [(1, "rates", "failed")]
    assert "begins" in stage.service.blocked[campaign.id]
    stage.step(40, hours=2)
    rounds = stage.rounds(campaign)
    assert len(rounds) == 10 and {standing for *_, standing in rounds} == {"failed"}
    assert stage.state_of(campaign) == "paused"
    with stage.service.state.reading() as session:
        assert budget.list_charges(session) == []
        pause = next(entry for entry in audit_log.newest(session, 9) if entry.action == "campaign.pause")
        assert "10 rounds in a row" in pause.details
    with stage.service.state.writing() as session:
        campaign_store.move(session, stage.clock(), "person:operator", campaign.id, "resume")
    stage.step(2, seconds=1)  # whoever resumed it knows of the ten: it is tried at once, and counted from there
    assert len(stage.rounds(campaign)) == 11 and stage.state_of(campaign) == "running"
    stage.step(40, hours=2)
    assert len(stage.rounds(campaign)) == 20 and stage.state_of(campaign) == "paused"


def test_one_good_round_after_failed_ones_goes_on(stage: Scene) -> None:
    campaign = stage.create("statistics", rounds=2)
    stage.fleet.silent = set(range(24))
    stage.step(2)
    stage.fleet.silent = set()
    stage.step(8)
    assert [standing for *_, standing in stage.rounds(campaign)] == ["failed", "done", "done"]
    assert stage.state_of(campaign) == "done"


def test_a_stopped_campaign_asks_nobody_any_more(stage: Scene) -> None:
    campaign = stage.create("statistics")
    stage.engine._driver.drive = lambda *_: None  # type: ignore[method-assign]  # its round goes on for a while
    stage.step(2)
    assert stage.rounds(campaign) == [(1, "rates", "keys")]
    with stage.service.state.writing() as session:
        campaign_store.move(session, stage.clock(), "server", campaign.id, "stop")
    stage.step(3)
    assert stage.rounds(campaign) == [(1, "rates", "failed")]


@pytest.mark.slow
def test_a_paused_campaign_begins_no_round(stage: Scene) -> None:
    campaign = stage.create("statistics")
    stage.step(2)
    with stage.service.state.writing() as session:
        campaign_store.move(session, stage.clock(), "server", campaign.id, "pause")
    stage.step(3, hours=30)
    before = stage.rounds(campaign)
    with stage.service.state.writing() as session:
        campaign_store.move(session, stage.clock(), "server", campaign.id, "resume")
    stage.step(3, hours=30)
    assert len(stage.rounds(campaign)) > len(before) and before[-1][2] == "done"


def test_over_budget_a_campaign_is_paused_before_anybody_is_asked(stage: Scene) -> None:
    with stage.service.state.writing() as session:
        budget.configure(session, stage.clock(), 0.5)
    campaign = stage.create("statistics", epsilon=100.0)
    stage.step(2)
    assert stage.state_of(campaign) == "paused" and stage.rounds(campaign) == []
    with stage.service.state.reading() as session:
        pause = audit_log.newest(session, 1)[0]
        assert pause.action == "campaign.pause" and "the budget is 0.5" in pause.details


def test_a_campaign_that_devices_decline_by_default_says_so(stage: Scene) -> None:
    campaign = stage.create("statistics", epsilon=800.0)
    stage.step()
    assert "Devices with the default limits decline this round" in stage.service.blocked[campaign.id]


@pytest.mark.slow
def test_a_stage_that_is_shorter_than_devices_stay_away_says_so(stage: Scene) -> None:
    campaign = stage.create("statistics", {"patience": 1.0, "minimum_devices": 50})
    stage.step()
    assert "devices poll every 5 s" in stage.service.blocked[campaign.id]


def test_a_vector_that_no_gateway_takes_is_not_asked_for(stage: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "MAX_VECTOR_BYTES", 10)
    campaign = stage.create("statistics")
    stage.step()
    assert stage.state_of(campaign) == "paused" and stage.rounds(campaign) == []


def test_devices_that_did_not_come_back_are_forgotten(stage: Scene) -> None:
    with stage.service.state.writing() as session:
        for i, days in enumerate((-40, -20)):
            at = stage.clock()
            until = at + timedelta(days=days)
            session.add(EnrolledDeviceRow(device_key_hash=f"{i}" * 64, by="token:app", at=at, expires=until))
    stage.step(2, hours=2)
    with stage.service.state.reading() as session:
        assert [row.device_key_hash[0] for row in session.scalars(select(EnrolledDeviceRow))] == ["1"]


def test_without_a_catalogue_a_campaign_says_what_it_waits_for(stage: Scene) -> None:
    with stage.service.state.writing() as session:
        session.execute(delete(CatalogRow))
    campaign = stage.create("statistics")
    stage.step(2)
    assert "no catalogue" in stage.service.blocked[campaign.id] and stage.rounds(campaign) == []


@pytest.mark.slow
def test_a_model_is_rolled_out_in_stages_while_its_devices_are_watched(stage: Scene) -> None:
    settings = {"stages": [0.5, 1.0], "stage_hours": 1.0}
    campaign = stage.create(settings=settings, epsilon=500.0, rounds=1)
    stage.until(lambda: (found := stage.release(2)) and found.share)
    with stage.service.state.reading() as session:
        assert release_store.offered(session) == {"version": 2, "share": 0.5, "before": 1}
    for art in stage.fleet.arts[::2]:
        art.install(stage.service.bundles.folder(2))
    stage.step(2, minutes=5)
    assert not [topic for _, topic, _ in stage.rounds(campaign) if topic.startswith("/guard")]
    stage.until(lambda: (found := stage.release(2)) and found.standing == "released", minutes=5)
    guards = [(topic, standing) for _, topic, standing in stage.rounds(campaign) if topic.startswith("/guard")]
    assert guards == [(f"/guard 2 0.5 {look} {which}", "done") for look in (0, 1) for which in ("new", "old")]
    found = stage.release(2)
    assert found is not None and any(gate.name == "take rate all" for gate in found.gates)


@pytest.mark.slow
def test_sub_cohorts_judge_a_model_each_with_devices_of_its_own(stage: Scene) -> None:
    """A tenth of 24 devices is no three cohorts, so that the comparison tells nothing; take rates are of all."""
    settings = {"stages": [0.5, 1.0], "stage_hours": 1.0, "cohorts": 3}
    campaign = stage.create(settings=settings, epsilon=500.0, rounds=1)
    stage.until(lambda: (found := stage.release(2)) and found.share)
    for art in stage.fleet.arts[::2]:
        art.install(stage.service.bundles.folder(2))
    stage.until(lambda: (found := stage.release(2)) and found.standing == "released", minutes=5)
    with stage.service.state.reading() as session:
        rounds = round_store.list_for_campaign(session, campaign.id)
        charges = [charge for charge in budget.list_charges(session) if charge.high - charge.low < 0.5]
    ranges = {one.topic: (one.low, one.high) for one in rounds if one.evaluates_release}
    thirds = [(0.0, 1 / 3), (1 / 3, 2 / 3), (2 / 3, 1.0)]
    for look in (0, 1):
        for which in ("new", "old"):
            assert [ranges[f"/guard 2 0.5 {look} {which} {i}/3"] for i in (1, 2, 3)] == thirds
    assert [ranges[f"/compare 2 {i}/3"][0] for i in (1, 2, 3)] == [0.0, 0.1 / 3, 0.2 / 3]
    assert len({(charge.campaign_id, charge.number) for charge in charges}) == len(charges)


def test_a_bundle_by_hand_is_watched_in_its_own_name(stage: Scene, tmp_path: Path) -> None:
    from support.catalogs import sample_bundle, sample_catalog

    from keyart.bundle.folder import read_files
    from keyart_server.releases import publishing

    second = sample_bundle(tmp_path / "second", sample_catalog(), seed=2, version=2)
    publishing.submit(stage.service, "person:Robin", read_files(second))
    stage.step(2, hours=30)
    with stage.service.state.reading() as session:
        made = [one for one in campaign_store.list_all(session) if one.name == "Roll-out of model 2"]
        assert [one.state for one in made] == ["done"]
        assert round_store.list_for_campaign(session, made[0].id)


@pytest.mark.slow
def test_the_engine_forgets_nothing_between_steps(stage: Scene) -> None:
    """A new engine each time, as after kills: the same rounds, each paid for once."""
    campaign = stage.create(settings={"gates": 0.0}, epsilon=500.0, rounds=1)
    for _ in range(8):
        stage.engine = type(stage.engine)(stage.service, stage.engine._driver)
        stage.step()
    assert [standing for *_, standing in stage.rounds(campaign)] == ["done", "done"]
    assert stage.state_of(campaign) == "done"
    with stage.service.state.reading() as session:
        assert len(budget.list_charges(session)) == 2


@pytest.mark.slow
def test_time_alone_starts_the_next_round_of_rates(stage: Scene) -> None:
    campaign = stage.create("statistics", {"hours": 5.0}, rounds=3)
    stage.step(10, minutes=10)
    assert len(stage.rounds(campaign)) == 1 and "begins on" in stage.service.blocked[campaign.id]
    stage.clock.now += timedelta(hours=5)
    stage.step(3)
    assert len(stage.rounds(campaign)) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("topic", "shown"), [("rates", "all"), ("trending", "Titles above the noise"), ("population", "history")]
)
def test_what_a_campaign_has_told_stands_on_its_page(stage: Scene, topic: str, shown: str) -> None:
    campaign = stage.create("statistics", {"topic": topic}, epsilon=500.0, rounds=1)
    stage.until(lambda: stage.state_of(campaign) == "done", most=12)
    told = stage.page(f"/campaigns/{campaign.id}").partition('id="results"')[2].partition("</section>")[0]
    assert shown in told
