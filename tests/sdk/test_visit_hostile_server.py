"""A server that lies to a visiting device: nothing is answered that it should not get."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from campaign_samples import NOW, SERVER, fleet, limits, offer
from visit_samples import DEVICES, OPEN, STAGES, Door, a_door, current, go, names

from keyart.client import MAX_RESPONSE_BYTES, Response, Visit
from keyart.secagg import Stage
from keyart.secagg.messages import ShareRequest, message_header


@pytest.fixture(scope="module")
def arts():
    with fleet(DEVICES, limits=limits(**OPEN)) as opened:
        yield opened


def listed(**changes):
    return current(rounds=[{"id": "a" * 64, "low": 0.0, "high": 1.0, "closes": NOW + 60, **changes}])


@pytest.mark.parametrize(
    "answer",
    [
        Response(200),
        Response(200, {}, b"<html>"),
        Response(200, {}, b"\xff{}"),
        Response(200, {}, b"[]"),
        Response(200, {}, b"7"),
        Response(200, {}, b"[" * 60_000),
        Response(200, {}, b'{"again": 1, "model": {}, "rounds": []}'),
        Response(200, {}, b" " * 100_000 + current().body),
        Response(200, {}, bytes(MAX_RESPONSE_BYTES + 1)),
        current(again="soon"),
        current(again=float("nan")),
        current(again=-1),
        current(again=True),
        current(again=10**400),
        current(model=None),
        current(model={"version": -1, "share": 1.0, "before": None}),
        current(model={"version": 1.5, "share": 1.0, "before": None}),
        current(model={"version": True, "share": 1.0, "before": None}),
        current(model={"version": 2**60, "share": 1.0, "before": None}),
        current(model={"version": 1, "share": 1.1, "before": None}),
        current(model={"version": 1, "share": 1.0, "before": "0"}),
        current(rounds=7),
        current(rounds=["a" * 64]),
        listed(id="../../etc/passwd"),
        listed(id="A" * 64),
        listed(id="a" * 64 + "\n"),
        listed(id=7),
        listed(low=-0.1),
        listed(high=2),
        listed(closes=None),
        current(rounds=[json.loads(listed().body)["rounds"][0]] * 2),
        current(rounds=[{"id": f"{n:064x}", "low": 0, "high": 1, "closes": NOW} for n in range(65)]),
    ],
    ids=lambda answer: repr(answer.body[:60]),
)
def test_what_cannot_be_going_on_is_not_believed(arts, answer):
    door = Door()
    door.answers["GET /device/current"] = answer
    found = go(arts[0], door.send)
    assert found.away == 1 and found.current is None and door.asked == ["GET /device/current"]


def test_what_a_newer_server_adds_is_passed_over(arts):
    door = Door()
    told = json.loads(current(new="field").body)
    door.answers["GET /device/current"] = Response(200, {}, json.dumps(told).encode())
    assert go(arts[0], door.send).away == 0


@pytest.mark.parametrize("again", [0, 0.001])
def test_no_server_makes_a_device_run_hot(arts, again):
    door = Door()
    door.again = again
    assert go(arts[0], door.send).again_seconds == 1.0


def hostile_offers(arts):
    signed = offer(arts[0], campaign=next(names)).sign(SERVER)
    return {
        "garbage": b"\x00\xff" * 100,
        "nothing": b"",
        "html": b"<html>Sign in</html>",
        "huge": bytes(MAX_RESPONSE_BYTES + 1),
        "another round": signed,
        "cut short": signed[:-1],
        "a question": message_header(Stage.SHARE, bytes(32)) + b"x",
        "another protocol": json.dumps({"keyart": 1, "kind": "training"}).encode(),
    }


@pytest.mark.parametrize(
    "what", ["garbage", "nothing", "html", "huge", "another round", "cut short", "a question", "another protocol"]
)
def test_an_offer_that_no_honest_server_sends(arts, what):
    door = a_door(arts)
    door.answers["GET /device/rounds/R/offer"] = Response(200, {}, hostile_offers(arts)[what])
    found = go(arts[0], door.send)
    assert found.refused == (door.id,) and not found.away
    assert go(arts[0], door.send, found).refused == (door.id,)
    assert not [line for line in door.asked if line.startswith("POST")] and door.asked.count(door.asked[1]) == 1


@pytest.mark.parametrize("body", [b"", b"a b", b"a\r\nX: y", b"\xff", b"x" * 201], ids=repr)
def test_a_ticket_that_is_none(arts, body):
    door = a_door(arts)
    door.answers["POST /device/rounds/R/keys"] = Response(200, {}, body)
    assert go(arts[0], door.send).refused == (door.id,)
    assert door.asked[-1] == "POST /device/rounds/R/keys"


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("what", ["garbage", "huge", "another round", "an offer", "another stage", "cut short"])
def test_a_question_that_no_honest_server_asks(arts, stage, what):
    door, here = a_door(arts, due=None), Stage[stage.upper()]
    found = Visit()
    while door.stage < here:
        for art in arts[1:]:
            go(art, door.send)
        found = go(arts[0], door.send, found)
        door.close()
    assert found.parts[door.id].stage is here
    question = door.questions[here][door.numbers[arts[0].federated.device_key()]]
    other = message_header(here, bytes(32))
    planted = {
        "garbage": b"\x00\xff" * 100,
        "huge": question + bytes(MAX_RESPONSE_BYTES),
        "another round": other + question[len(other) :],
        "an offer": door.message,
        "another stage": message_header(Stage(here % 4 + 1), door.terms.round_id) + question[len(other) :],
        "cut short": question[: len(other)],
    }[what]
    door.answers[f"GET /device/rounds/R/{stage}"] = Response(200, {}, planted)
    door.asked.clear()
    found = go(arts[0], door.send, found)
    assert found.refused == (door.id,)
    door.answers.clear()
    assert go(arts[0], door.send, found).refused == (door.id,)
    assert not [line for line in door.asked if line.startswith("POST")]


def test_a_server_that_asks_twice(arts):
    """The same question gets the same bytes. Another one for a stage that was answered gets none, and nothing else
    does in that round."""
    door = a_door(arts, due=None)
    found = [go(art, door.send) for art in arts]
    door.close()
    found[0] = go(arts[0], door.send, found[0])
    again = replace(found[0], parts={door.id: replace(found[0].parts[door.id], stage=Stage.SHARE)})
    door.sent.clear()
    assert go(arts[0], door.send, again).waiting
    number = door.numbers[arts[0].federated.device_key()]
    said = [body for body, _ in door.sent if body]
    assert said == [door.taken[Stage.SHARE][number]]
    records = ShareRequest.from_bytes(door.questions[Stage.SHARE][number], door.terms.round_id).records
    door.questions[Stage.SHARE][number] = ShareRequest(2, records[:1]).to_bytes(door.terms.round_id)
    door.sent.clear()
    found[0] = go(arts[0], door.send, again)
    assert found[0].refused == (door.id,)
    assert go(arts[0], door.send, found[0]).refused and not [body for body, _ in door.sent if body]
