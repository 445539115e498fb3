"""answer, protected campaigns: who takes part, what is charged and when, and what survives a restart."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from support.campaigns import (
    BOTH,
    HOUR,
    ISSUER,
    NOW,
    SERVER,
    STRANGER,
    enrolled,
    fleet,
    limits,
    live,
    messages_for,
    public,
    run,
)
from support.campaigns import offer as offer_of
from support.catalogs import EVENING, sample_bundle

import keyart
from keyart.campaigns.budget import Charge, epsilon_spent
from keyart.campaigns.receipts import Contribution
from keyart.errors import MessageError
from keyart.secagg import Stage, certify
from keyart.store.database import Table

Settings = Callable[..., keyart.Personalizer]


@pytest.fixture
def others(clock) -> Iterator[list[keyart.Personalizer]]:
    """Two devices in memory, without a bundle, who complete a round."""
    with fleet(2, clock) as arts:
        yield arts


@pytest.fixture
def reopen(open_art, clock) -> Settings:
    """Opens the device on disk, as it was left."""

    def opened(consent: str = BOTH, **settings: object) -> keyart.Personalizer:
        return open_art(consent=consent, **{"clock": clock, "limits": limits(), **settings})

    return opened


@pytest.fixture
def device(reopen) -> keyart.Personalizer:
    art = enrolled(reopen())
    live(art)
    return art


def declined(art: keyart.Personalizer, message: bytes, caplog: pytest.LogCaptureFixture, reason: str) -> None:
    caplog.clear()
    with caplog.at_level(logging.INFO, "keyart"):
        assert art.answer(message) is None
    assert [reason in record.getMessage() for record in caplog.records] == [True], caplog.text


def test_a_round_leaves_a_receipt_and_a_smaller_budget(device, others):
    asked = offer_of(device, noise_multiplier=3.0)
    assert device.federated.budget() == replace(
        device.federated.budget(), epsilon_spent=0.0, epsilon_limit=8.0, contributions=0
    )
    result = run([device, *others], asked)
    assert result.survivors == (0, 1, 2)
    (entry,) = device.federated.sent()
    cost = epsilon_spent([Charge(3.0, asked.l2, asked.size)], 1e-6)
    assert entry.epsilon == pytest.approx(cost) == device.federated.budget().epsilon_spent
    assert (entry.campaign, entry.purpose, entry.round) == ("spring", "Better pictures for everybody.", 1)
    assert (entry.masked, entry.clip, entry.noise_multiplier, entry.delta) == (True, 2.0, 3.0, 1e-6)
    assert entry.at == EVENING.isoformat() and entry.minimum_devices == 2 and len(entry.round_id) == 64
    assert entry.round_id == asked.terms(asked.sign(SERVER)).round_id.hex()
    assert json.loads(json.dumps(device.export()["sent"]))[0]["epsilon"] == entry.epsilon
    run([device, *others], replace(asked, round=2))
    assert device.federated.sent()[1].epsilon > entry.epsilon and device.federated.budget().contributions == 2


def test_only_with_both_consents(reopen, device):
    message = offer_of(device).sign(SERVER)
    for purpose in BOTH.split():
        device.consent.withdraw(purpose)
        assert device.answer(message) is None
        assert (
            device.federated.device_key() is None
            and device.federated.arm("x", 2) is None
            and not device.federated.enrol(b"")
        )
        device.consent.grant(purpose)
        assert device.answer(message) is not None


@pytest.mark.parametrize("mode", [{"mode": "non_profiled"}, {"age_mode": "child", "max_maturity": "6+"}])
def test_nothing_from_a_child_or_unprofiled(reopen, device, mode):
    message = offer_of(device).sign(SERVER)
    device.close()
    art = reopen(**mode)
    assert art.answer(message) is None and art.federated.device_key() is None


def test_servers_that_the_host_does_not_name(reopen, device, caplog):
    asked = offer_of(device)
    declined(device, asked.sign(STRANGER), caplog, "no server")
    device.close()
    declined(reopen(limits=keyart.Limits(minimum_devices=2)), asked.sign(SERVER), caplog, "no server")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"minimum_devices": 49}, "cohort"),
        ({"minimum_devices": 50, "noise_multiplier": 0.2}, "noise"),
        ({"minimum_devices": 50, "model_version": 3}, "another model"),
        ({"minimum_devices": 50, "size": 5}, "another shape"),
        ({"minimum_devices": 50, "not_after": NOW - 1}, "over"),
        ({"minimum_devices": 50, "kind": "gossip"}, "kind"),
        ({"minimum_devices": 50, "kind": "statistics", "topic": "gossip"}, "kind"),
        ({"minimum_devices": 50, "noise_multiplier": 0.4}, "spend more"),
    ],
)
def test_the_default_limits(reopen, device, caplog, changes, reason):
    asked = offer_of(device, **changes)
    device.close()
    usual = keyart.Limits(servers=[public(SERVER)], issuers=[public(ISSUER)])
    declined(reopen(limits=usual), asked.sign(SERVER), caplog, reason)
    assert "spring" not in caplog.text


def test_devices_without_a_certificate_that_holds(reopen, device, clock, caplog, path):
    message = offer_of(device).sign(SERVER)
    unknown = reopen(path=path.with_name("other.db"))
    declined(unknown, message, caplog, "certificate")
    assert unknown.federated.device_key() != device.federated.device_key() == device.federated.device_key()
    declined(unknown, message, caplog, "certificate")  # a key is not enough
    device.close()
    art = reopen(limits=limits(issuers=[public(STRANGER)]))
    declined(art, message, caplog, "certificate")
    art.close()
    art = reopen()
    clock.now += timedelta(days=2)
    declined(art, replace(offer_of(art), not_after=NOW + 60 * HOUR).sign(SERVER), caplog, "certificate")
    assert art.federated.enrol(certify(ISSUER, art.federated.device_key(), NOW + 99 * HOUR))
    assert art.answer(replace(offer_of(art), not_after=NOW + 60 * HOUR).sign(SERVER)) is not None


def test_certificates_that_others_would_not_take(device, path, reopen):
    key, later = device.federated.device_key(), NOW + HOUR
    good = certify(ISSUER, key, later)
    stranger = reopen(path=path.with_name("other.db"))
    for wrong in (
        certify(STRANGER, key, later),
        certify(ISSUER, key, NOW - 1),
        certify(ISSUER, stranger.federated.device_key(), later),
        good[:-1],
        bytes([good[0] ^ 1]) + good[1:],
        good[:-1] + bytes([good[-1] ^ 1]),
        b"",
        "text",
    ):
        with pytest.raises(MessageError):
            device.federated.enrol(wrong)
    with pytest.raises(MessageError):  # before it has a key
        reopen(path=path.with_name("third.db")).federated.enrol(good)
    assert device.answer(offer_of(device).sign(SERVER)) is not None  # the certificate of before still holds


def test_forget_makes_another_device(reopen, path, caplog):
    secrets = {}
    keys = keyart.HostKey(secrets.get, secrets.__setitem__, secrets.__delitem__)
    device = enrolled(reopen(path=path.with_name("forgets.db"), keys=keys))
    key, message = device.federated.device_key(), offer_of(device).sign(SERVER)
    assert device.answer(message) is not None and len(device.federated.campaigns()) == 1
    device.forget()
    assert device.federated.campaigns() == [] == device.federated.sent() and device.export()["device_key"] == ""
    for purpose in BOTH.split():
        device.consent.grant(purpose)
    declined(device, message, caplog, "certificate")
    assert device.federated.device_key() != key


def test_the_same_message_gets_the_same_bytes_and_is_charged_once(device, others):
    for stage, message in messages_for([device, *others], offer_of(device)):
        first = device.answer(message)
        assert first is not None and device.answer(message) == first
        assert len(device.federated.sent()) == (stage >= Stage.MASKED)


def test_a_restart_between_any_two_stages(device, others, reopen):
    art, asked = device, offer_of(device)
    arts = [art, *others]
    said = []
    for stage, message in messages_for(arts, asked):
        said.append((message, art.answer(message)))
        assert [progress.stage for progress in art.federated.campaigns()] == [stage.name.lower()]
        art.close()
        art = arts[0] = reopen()
        assert [art.answer(before) for before, _ in said] == [reply for _, reply in said]
    assert len(art.federated.sent()) == 1


def test_a_second_offer_for_the_same_round(device, others, caplog):
    asked = offer_of(device)
    other = replace(asked, purpose="The same round, asked in other words.")
    assert device.answer(asked.sign(SERVER)) is not None
    declined(device, other.sign(SERVER), caplog, "answered before")
    device._session.custody.drop_rounds()
    run([device, *others], asked)
    declined(device, other.sign(SERVER), caplog, "answered before")
    assert len(device.federated.sent()) == 1


def test_a_day_has_so_many_rounds(device, clock, caplog):
    for n in range(1, 5):
        assert device.answer(offer_of(device, round=n, rounds=9).sign(SERVER)) is not None
    declined(device, offer_of(device, round=5, rounds=9).sign(SERVER), caplog, "a day")
    assert [(progress.round, progress.stage) for progress in device.federated.campaigns()] == [
        (n, "keys") for n in range(1, 5)
    ]


def test_the_budget_holds_whatever_is_asked(device, others, clock, caplog):
    """Across campaigns, kinds of noise and days, until nothing passes any more."""
    refused = n = 0
    while refused < 3:
        n += 1
        clock.now += timedelta(hours=7)
        changes = {"noise_multiplier": (2.0, 5.0, 1.2)[n % 3], "not_after": int(clock.now.timestamp()) + HOUR}
        for art in (device, *others):
            art.federated.enrol(certify(ISSUER, art.federated.device_key(), int(clock.now.timestamp()) + HOUR))
        asked = offer_of(device, campaign=f"campaign {n}", epsilon=0.1, **changes)
        if device.answer(asked.sign(SERVER)) is None:
            refused += 1
            continue
        run([device, *others], asked, at=clock.now)
    budget = device.federated.budget()
    assert budget.contributions == len(device.federated.sent()) >= 5
    assert 5 < budget.epsilon_spent <= 8.0 == budget.epsilon_limit
    declined(
        device,
        offer_of(device, noise_multiplier=1.0, not_after=int(clock.now.timestamp())).sign(SERVER),
        caplog,
        "spend",
    )


def test_rounds_in_progress_count_against_the_budget(device, caplog):
    first = offer_of(device, campaign="one", noise_multiplier=0.9)
    second = replace(first, campaign="two")
    assert device.answer(first.sign(SERVER)) is not None
    declined(device, second.sign(SERVER), caplog, "spend")


def test_a_budget_that_shrinks_under_a_round_ends_it(device, others, reopen, caplog):
    arts = [device, *others]
    for stage, message in messages_for(arts, offer_of(device)):
        if stage is Stage.MASKED:
            arts[0].close()
            arts[0] = reopen(limits=limits(epsilon=0.5))
            declined(arts[0], message, caplog, "cost")
            assert arts[0].federated.sent() == [] == arts[0].federated.campaigns()
            declined(arts[0], message, caplog, "not in progress")
            break
        assert arts[0].answer(message)


@pytest.mark.parametrize("purpose", BOTH.split())
@pytest.mark.parametrize("moment", list(Stage))
def test_consent_withdrawn_in_the_middle(device, others, moment, purpose):
    for stage, message in messages_for([device, *others], offer_of(device)):
        before = device.answer(message)
        assert before is not None
        if stage is moment:
            device.consent.withdraw(purpose)
            assert device.federated.campaigns() == [] and device.answer(message) is None
            device.consent.grant(purpose)
            again = device.answer(message)
            # The first message may begin anew, with other keys, where no vector has left yet.
            assert again is None if stage is not Stage.KEYS else again not in (None, before)
            assert len(device.federated.sent()) == (stage >= Stage.MASKED)
            break


def test_an_expired_consent_ends_rounds_as_a_withdrawn_one(device, clock):
    device.consent.grant("federated", valid=timedelta(minutes=5))
    assert device.answer(offer_of(device).sign(SERVER)) is not None
    clock.now += timedelta(minutes=6)
    device.flush()
    assert device.federated.campaigns() == []


@pytest.mark.parametrize("how", ["answer", "flush"])
def test_a_round_that_is_over_is_dropped(device, clock, how, caplog):
    message = offer_of(device).sign(SERVER)
    assert device.answer(message) is not None
    clock.now += timedelta(hours=1, seconds=1)
    if how == "flush":
        device.flush()
    else:
        declined(device, message, caplog, "over")
    assert device.federated.campaigns() == []


@pytest.mark.parametrize("moment", [Stage.SHARE, Stage.MASKED])
def test_another_model_ends_a_round_before_its_vector(device, others, tmp_path, catalog, moment, caplog):
    bundle = sample_bundle(tmp_path / "bundle", catalog)
    for stage, message in messages_for([device, *others], offer_of(device)):
        if stage is moment:
            device.install(bundle)
            declined(device, message, caplog, "another model")
            assert device.federated.campaigns() == [] == device.federated.sent()
            break
        assert device.answer(message)


def test_another_model_after_the_vector_does_not_leave_the_others_alone(device, others, tmp_path, catalog):
    bundle = sample_bundle(tmp_path / "bundle", catalog)
    for stage, message in messages_for([device, *others], offer_of(device)):
        if stage is Stage.UNMASK:
            device.install(bundle)
        assert device.answer(message)


def test_a_vector_that_is_no_number_is_not_sent(device, others, caplog, monkeypatch):
    for stage, message in messages_for([device, *others], offer_of(device)):
        if stage is Stage.MASKED:
            profile = device._session.custody.profile
            log, artworks = profile.training_log()
            broken = replace(log, offset=log.offset + float("nan")), artworks
            monkeypatch.setattr(profile, "training_log", partial(tuple, broken))
            declined(device, message, caplog, "not finite")
            assert device.federated.sent() == [] == device.federated.campaigns()
            break
        assert device.answer(message)


def test_after_an_unprotected_vector_there_is_no_budget_left(device, caplog):
    """A store may hold a receipt of the first version, which could send such a vector."""
    unprotected = Contribution(EVENING.isoformat(), "training", "p", 1, 800, masked=True, noise_multiplier=9.0)
    device._session.custody.store.put(Table.RECEIPT, b"r" * 16, unprotected.to_bytes())
    assert device.federated.budget().epsilon_spent == float("inf")
    declined(device, offer_of(device).sign(SERVER), caplog, "spend")
    json.dumps(device.export(), allow_nan=False)


def test_arms_are_the_devices_secret(reopen, path):
    secrets = {}
    keys = keyart.HostKey(secrets.get, secrets.__setitem__, secrets.__delitem__)
    device = reopen(path=path.with_name("arms.db"), keys=keys)
    arm = [device.federated.arm(name, 64) for name in "abcdefgh"]
    device.close()
    art = reopen(path=path.with_name("arms.db"), keys=keys)
    assert [art.federated.arm(name, 64) for name in "abcdefgh"] == arm and len(set(arm)) > 1
    art.forget()
    for purpose in BOTH.split():
        art.consent.grant(purpose)
    assert [art.federated.arm(name, 64) for name in "abcdefgh"] != arm
    with pytest.raises(keyart.KeyartError):
        art.federated.arm("buttons", 0)


def test_export_shows_the_key_and_what_is_in_progress(device):
    assert device.answer(offer_of(device).sign(SERVER)) is not None
    document = json.loads(json.dumps(device.export()))
    assert document["device_key"] == device.federated.device_key().hex()
    (entry,) = document["campaigns"]
    assert entry["purpose"] == "Better pictures for everybody." and entry["stage"] == "keys"


def test_a_round_is_left_only_while_nothing_but_keys_was_told(device, others):
    """A server that has no place for it gives the day's place back; shares are not taken back."""
    asked = offer_of(device)
    messages = messages_for([device, *others], asked)
    _, offered = next(messages)
    assert device.answer(offered) is not None
    round_id = asked.terms(offered).round_id
    assert device.federated.leave(round_id) and not device.federated.leave(round_id)
    assert device.federated.campaigns() == [] and device.federated.sent() == []
    assert device.answer(offered) is not None  # with other keys than before
    _, question = next(messages)
    assert device.answer(question) is not None
    assert not device.federated.leave(round_id) and len(device.federated.campaigns()) == 1
