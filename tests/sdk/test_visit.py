"""Visits: whole rounds through a server's door, over networks that fail and with processes that are killed."""

from __future__ import annotations

import hashlib
import logging
from itertools import count

import numpy as np
import pytest
from support.campaigns import NOW, enrolled, fleet, limits, live, offer, population_layout
from support.catalogs import Clock, run_python, sample_bundle, sample_catalog, sample_keys
from support.visits import DEVICES, EXAMPLE, OPEN, STAGES, Cut, Door, a_door, current, go, on_loopback

import keyart
from keyart.client import ModelOffer, Response, RoundListing, Visit, sampling_bucket, visit
from keyart.errors import StoreClosed


@pytest.fixture(scope="module")
def arts():
    with fleet(DEVICES, limits=limits(**OPEN)) as opened:
        yield opened


def finish(door, arts, sends=None, remember=True, most=8):
    """Visits of all devices in turn, until the round is over; the last ones."""
    found = [Visit() for _ in arts]
    for _ in range(most):
        for i, art in enumerate(arts):
            found[i] = go(art, (sends or {}).get(i, door.send), found[i] if remember else None)
        if door.over:
            return found
    raise AssertionError(f"The round stands at {door.stage.name}.")


def charged_once(arts, door):
    name = next(one.campaign for one in arts[0].federated.sent() if one.round_id == door.id)
    return all([one.campaign for one in art.federated.sent()].count(name) == 1 for art in arts)


# Rounds


def test_a_whole_round(arts, noted):
    door = a_door(arts)
    found = finish(door, arts)
    np.testing.assert_array_equal(door.coordinator.result.total, np.sum(noted, axis=0))
    assert len(noted) == DEVICES and charged_once(arts, door)
    assert [one.handed_in for one in found] == [(door.id,)] * DEVICES
    last = go(arts[0], door.send, found[0])
    assert last.parts == {} and last.again_seconds == door.again


def test_a_visit_makes_every_step_that_needs_no_waiting(arts):
    door = a_door(arts, due=None)
    first = go(arts[0], door.send)
    joining = ["GET /device/rounds/R/offer", "POST /device/rounds/R/keys", "GET /device/rounds/R/share"]
    assert door.asked == ["GET /device/current", *joining]
    assert first.waiting == (door.id,) and first.again_seconds == 2.0  # of Retry-After, and sooner than `again`
    for art in arts[1:]:
        go(art, door.send)
    door.close()
    door.asked.clear()
    go(arts[0], door.send, first)
    a_stage = ["GET /device/rounds/R/share", "POST /device/rounds/R/share", "GET /device/rounds/R/masked"]
    assert door.asked == ["GET /device/current", *a_stage]


@pytest.mark.parametrize("back", [False, True], ids=["on its way there", "on its way back"])
@pytest.mark.parametrize("at", range(1, 14))
def test_the_network_is_cut_at_each_request(arts, noted, at, back):
    door = a_door(arts)
    cut = Cut(door.send, at, back)
    finish(door, arts, {0: cut})
    assert cut.calls >= at
    np.testing.assert_array_equal(door.coordinator.result.total, np.sum(noted, axis=0))
    assert len(noted) == DEVICES and charged_once(arts, door)


@pytest.mark.parametrize("lasting", [False, True])
def test_nothing_need_be_remembered_between_two_visits(arts, noted, lasting):
    door = a_door(arts, lasting=lasting)
    finish(door, arts, remember=False)
    np.testing.assert_array_equal(door.coordinator.result.total, np.sum(noted, axis=0))
    assert len(noted) == DEVICES and charged_once(arts, door)


@pytest.mark.parametrize("remember", [False, True])
@pytest.mark.parametrize("lasting", [False, True])
@pytest.mark.parametrize("stage", STAGES[:2])
def test_an_answer_is_taken_and_the_device_does_not_hear_of_it(arts, stage, lasting, remember):
    """When it comes again the stage is over."""
    door = a_door(arts, lasting=lasting)

    def lost(method, path, body, headers):
        answer = door.send(method, path, body, headers)
        if method == "POST" and path.endswith(stage) and not once:
            once.append(path)
            raise TimeoutError
        return answer

    once = []
    found = finish(door, arts, {DEVICES - 1: lost}, remember)
    assert once and found[-1].handed_in


KILLED = """
    import os, runpy, signal, sys
    from support.campaigns import NOW, limits
    from support.catalogs import Clock, sample_catalog, sample_keys
    import keyart
    from keyart.client import visit
    example, url, profile, at = sys.argv[1:]
    carry, calls = runpy.run_path(example)["transport"](url), []
    def send(*request):
        calls.append(request)
        answer = carry(*request)
        if len(calls) == int(at):
            os.kill(os.getpid(), signal.SIGKILL)
        return answer
    settings = {"catalog": sample_catalog(), "keys": sample_keys(), "engine": "numpy", "clock": Clock()}
    with keyart.Personalizer.open(profile, limits=limits(), **settings) as art:
        visit(art, send, clock=lambda: NOW)
"""


def profile(folder):
    settings = {"catalog": sample_catalog(), "keys": sample_keys(), "engine": "numpy", "clock": Clock()}
    return keyart.Personalizer.open(folder / "p.db", limits=limits(), **settings)


@pytest.mark.parametrize("lasting", [pytest.param(False, marks=pytest.mark.slow), True])
def test_kill_9_after_each_request(arts, tmp_path, lasting):
    """The process is killed when the server has heard it and it has not heard the server: first after one request,
    then after two, until all is answered."""
    with profile(tmp_path) as art:
        for purpose in ("personalization", "federated"):
            art.consent.grant(purpose)
        live(art)
        enrolled(art)
        door = a_door([art], lasting=lasting)
    with on_loopback(door.send) as url:
        for at in range(1, 10 if lasting else 8):
            for other in arts[1:]:
                go(other, door.send)
            assert not door.over
            run_python(KILLED, EXAMPLE, url, tmp_path / "p.db", at, kill=True)
    assert door.over and len(door.coordinator.result.survivors) == DEVICES
    assert np.abs(door.coordinator.result.total).max() <= DEVICES * door.terms.bound  # no mask is left in it
    with profile(tmp_path) as art:
        assert charged_once([art], door)


# Idle


def test_an_idle_device_asks_once_and_gets_nothing(arts):
    door = Door(version=7)
    first = go(arts[0], door.send)
    second = go(arts[0], door.send, first)
    assert door.asked == ["GET /device/current"] * 2
    assert "If-None-Match" not in door.sent[0][1] and door.sent[1][1]["If-None-Match"]
    assert second == first and second.model == ModelOffer(7, 1.0, None) and second.again_seconds == 60.0


@pytest.mark.parametrize("etag", ["", "no quotes", '"a\r\nb"', '"ä"', '"' + "x" * 300 + '"'])
def test_a_strange_etag_is_not_sent_back(arts, etag):
    door = Door()
    door.answers["GET /device/current"] = current({"ETag": etag})
    go(arts[0], door.send, go(arts[0], door.send))
    assert all("If-None-Match" not in headers for _, headers in door.sent)


def test_304_to_who_knows_nothing_is_no_answer(arts):
    door = Door()
    door.answers["GET /device/current"] = Response(304)
    assert go(arts[0], door.send).away == 1


def test_a_server_cannot_make_a_device_ask_without_end(arts):
    door = a_door(arts)
    door.answers["GET /device/rounds/R/share"] = Response(202, {"Retry-After": "0"})
    assert go(arts[0], door.send).again_seconds == 1.0
    door.answers["GET /device/rounds/R/share"] = Response(202)
    assert go(arts[0], door.send).again_seconds == door.again


def test_waits_are_spread(arts):
    door = Door()
    found = [visit(arts[0], door.send, uniform=lambda u=u: u).again_seconds for u in (0.0, 0.5, 0.999)]
    assert found == pytest.approx([60.0, 75.0, 89.97])


def test_a_round_asks_those_between_its_bounds(arts):
    place = sampling_bucket(arts[0].federated.device_key())
    assert (
        place
        == int.from_bytes(hashlib.sha256(b"keyart/draw" + arts[0].federated.device_key()).digest()[:8], "little")
        / 2**64
    )
    for low, high, asks in ((place, 1.0, True), (0.0, place, False), (place + 1e-9, 1.0, False), (0.0, 1.0, True)):
        door = a_door(arts)
        door.low, door.high = low, high
        assert bool(go(arts[0], door.send).parts) is asks is RoundListing("", low, high, 0).asks(place)
        assert len(door.asked) == (4 if asks else 1)


def test_nobody_new_enters_a_round_that_has_closed():
    with fleet(DEVICES, limits=limits(**OPEN)) as arts:
        door, other = a_door(arts), a_door(arts)
        door.closes = other.closes = NOW
        assert go(arts[0], door.send).parts == {}
        before = go(arts[0], door.send, at=NOW - 1)
        assert go(arts[0], door.send, before).waiting
        assert go(arts[0], door.send).waiting  # it is in, though this process does not know
        assert go(arts[0], other.send, before).parts == {}


# Over


@pytest.mark.parametrize("status", [400, 403, 404, 409, 410, 413])
@pytest.mark.parametrize("request_", ["GET /device/rounds/R/offer", "POST /device/rounds/R/keys"])
def test_a_round_that_takes_no_more_devices(arts, caplog, status, request_):
    caplog.set_level(logging.INFO, "keyart")
    door = a_door(arts)
    door.answers[request_] = Response(status)
    before = arts[0].federated.campaigns()  # of other tests
    found = go(arts[0], door.send)
    assert found.over == (door.id,) and not found.away
    assert [f"{status}" in line for line in caplog.messages].count(True) == 1
    asked = len(door.asked)
    assert go(arts[0], door.send, found).over == (door.id,)
    assert len(door.asked) == asked + 1  # only what is going on
    assert arts[0].federated.campaigns() == before  # and it takes no place of another round


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("status", [400, 409])
def test_an_answer_that_is_not_taken_ends_the_round(arts, method, stage, status):
    door = a_door(arts)
    door.answers[f"{method} /device/rounds/R/{stage}"] = Response(status)
    with pytest.raises(AssertionError, match="stands at"):
        finish(door, arts, most=5)
    assert go(arts[0], door.send).over == (door.id,)
    rest = STAGES[STAGES.index(stage) + 1 :]
    assert not [line for line in door.asked for name in rest if line.endswith(f"/{name}")]


@pytest.mark.parametrize("stage", STAGES)
def test_410_at_every_stage_is_the_end(arts, stage):
    door = a_door(arts)
    for later in STAGES[STAGES.index(stage) :]:
        door.answers[f"GET /device/rounds/R/{later}"] = Response(410)
    with pytest.raises(AssertionError, match="stands at"):
        finish(door, arts, most=5)
    assert go(arts[0], door.send).over == (door.id,)


# Later


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (Response(429, {"retry-after": "120"}), 120.0),
        (Response(503, {"Retry-After": "5"}), 5.0),
        (Response(503, {"Retry-After": "0"}), 15.0),
        (Response(503, {"Retry-After": "999999999"}), 86_400.0),
        (Response(503, {"Retry-After": "Mon, 02 Mar 2026 20:15:00 GMT"}), 15.0),
        (Response(503, {"Retry-After": "-1"}), 15.0),
        (Response(503, {"Retry-After": "nan"}), 15.0),
        (Response(408), 15.0),
        (Response(500), 15.0),
        (Response(302), 15.0),
        (Response(206), 15.0),
        (ConnectionRefusedError(), 15.0),
        (TimeoutError(), 15.0),
    ],
    ids=repr,
)
@pytest.mark.parametrize("request_", ["current", "rounds/R/offer", "rounds/R/share"])
def test_a_server_that_is_busy_is_left_alone(arts, answer, seconds, request_):
    door = a_door(arts)
    door.answers[f"GET /device/{request_}"] = answer
    found = go(arts[0], door.send)
    assert (found.away, found.again_seconds) == (1, seconds)
    assert door.asked[-1] == f"GET /device/{request_}"
    door.answers.clear()
    later = go(arts[0], door.send, found)
    assert later.away == 0 and later.waiting == (door.id,)
    assert door.asked.count("POST /device/rounds/R/keys") == 1


def test_a_server_that_stays_away_is_asked_less_and_less(arts):
    door, found, waits = Door(version=3), Visit(), []
    found = go(arts[0], door.send)
    door.answers["GET /device/current"] = OSError()
    for _ in range(40):
        found = go(arts[0], door.send, found)
        waits.append(found.again_seconds)
    assert waits[:4] == [15.0, 30.0, 60.0, 120.0] and waits[-1] == 3600.0 and found.away == 40
    assert found.model == ModelOffer(3, 1.0, None)  # as it was heard last
    door.answers.clear()
    assert go(arts[0], door.send, found).away == 0


def test_a_busy_round_does_not_undo_what_was_done_before(arts):
    """The ticket is known, and the rounds after the busy one are not forgotten."""
    door = a_door(arts)
    first = go(arts[0], door.send)
    door.answers["GET /device/rounds/R/share"] = Response(503)
    second = go(arts[0], door.send, first)
    assert second.parts[door.id].ticket == first.parts[door.id].ticket != ""


# The person


@pytest.mark.parametrize("purpose", ["personalization", "federated"])
def test_consent_is_withdrawn_in_the_middle_of_a_round(purpose):
    with fleet(DEVICES, limits=limits(**OPEN)) as arts:
        door = a_door(arts)
        found = [go(art, door.send) for art in arts]
        arts[0].consent.withdraw(purpose)
        door.asked.clear()
        found[0] = go(arts[0], door.send, found[0])
        assert door.asked == ["GET /device/current"] and found[0].parts == {} and not found[0].away
        assert arts[0].federated.sent() == []
        # Granted anew: other keys would be handed in now, which the server does not take.
        arts[0].consent.grant(purpose)
        assert go(arts[0], door.send, found[0]).over == (door.id,)
        assert arts[0].federated.sent() == []


def test_consent_is_withdrawn_between_question_and_answer():
    with fleet(DEVICES, limits=limits(**OPEN)) as arts:
        door = a_door(arts)
        found = [go(art, door.send) for art in arts]

        def send(method, path, body, headers):
            if path.endswith("/share"):
                arts[0].consent.withdraw("federated")
            return door.send(method, path, body, headers)

        found[0] = go(arts[0], send, found[0])
        assert found[0].declined == (door.id,)
        assert door.asked[-1] == "GET /device/rounds/R/share"


def test_a_budget_that_is_spent_declines():
    with fleet(DEVICES, limits=limits(contributions_a_day=100, epsilon=4.0)) as arts:
        for n in count(1):
            door = Door(offer(arts[0], campaign="spring", round=n, rounds=1000), due=DEVICES)
            found = [go(art, door.send) for art in arts]
            if found[0].declined:
                break
            finish(door, arts)
        assert n > 1 and arts[0].federated.budget().epsilon_spent <= 4.0
        assert [one.declined for one in found] == [(door.id,)] * DEVICES
        assert not [line for line in door.asked if line.startswith("POST")]
        door.asked.clear()
        assert go(arts[0], door.send, found[0]).declined == (door.id,)
        assert door.asked == ["GET /device/current"]


def test_a_round_for_the_next_model_is_entered_once_that_is_installed(tmp_path):
    with fleet(1, limits=limits(**OPEN)) as (art,):
        door = Door(offer(art, population_layout(art), kind="statistics", topic="population", model_version=5))
        found = go(art, door.send)
        assert found.declined == (door.id,) == go(art, door.send, found).declined
        assert door.asked.count("GET /device/rounds/R/offer") == 1
        art.install(sample_bundle(tmp_path / "bundle", sample_catalog(), version=5))
        assert go(art, door.send, found).waiting == (door.id,)


def test_after_forget_nothing_of_the_old_device_is_used():
    with fleet(DEVICES, limits=limits(**OPEN)) as arts:
        door = a_door(arts)
        before = go(arts[0], door.send)
        arts[0].forget()
        for purpose in ("personalization", "federated"):
            arts[0].consent.grant(purpose)
        door.sent.clear()
        found = go(arts[0], door.send, before)
        assert found.declined == (door.id,)  # it has no certificate
        assert not [headers for _, headers in door.sent if "Authorization" in headers]


def test_a_device_that_nobody_has_asked_for_consent_visits_all_the_same():
    with keyart.Personalizer.open("memory", catalog=sample_catalog(), keys=keyart.EphemeralKey()) as art:
        door = a_door([art], version=4)
        found = go(art, door.send)
        assert found.parts == {} and found.model.version == 4 and door.asked == ["GET /device/current"]


def test_a_closed_profile_is_the_hosts_to_open():
    with fleet(1, limits=limits(**OPEN)) as (art,):
        door = a_door([art])
        art.close()
        with pytest.raises(StoreClosed):
            go(art, door.send)


def test_the_log_names_nobody(arts, caplog):
    caplog.set_level(logging.DEBUG, "keyart")
    door = a_door(arts)
    finish(door, arts)
    door = a_door(arts)
    door.answers["POST /device/rounds/R/share"] = Response(400)
    for _ in range(4):
        found = [go(art, door.send) for art in arts]
    assert found[0].over and caplog.messages
    secrets = [arts[0].federated.device_key().hex(), door.id, found[0].parts[door.id].ticket, "t0"]
    text = caplog.text + repr(found) + repr(Response(200, {}, b"secret"))
    assert found[0].parts[door.id].ticket and not [s for s in secrets[:1] + secrets[2:] if s in text]
    assert door.id not in caplog.text


# Around it


def test_visits_bring_no_network():
    text = """
        import sys
        import keyart.client
        print([m for m in ("socket", "ssl", "urllib.request", "http.client", "asyncio", "tuf") if m in sys.modules])
    """
    assert run_python(text).strip() == "[]"
