"""Releases over a clock, with real bundles and devices that install them: staged, held, withdrawn, without a key."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support import bundles as bundle_samples
from support import releases as release_samples
from support.releases import BAD, GOOD, UNCLEAR, Device, candidate, first, rolled, standing, told
from support.server import Clock

from keyart.bundle.folder import read_files
from keyart.errors import BundleError, BundleRefused, InputError, SettingError
from keyart_federated.campaigns.rollout_plan import RolloutPlan
from keyart_server import audit_log
from keyart_server.releases import Gate, bundle_archive, publishing, release_store
from keyart_server.service import Service
from keyart_server.signing import tuf_keys


def offered(service: Service) -> tuple[int | None, float, int | None]:
    with service.state.reading() as session:
        model = release_store.offered(session)
    return model["version"], model["share"], model["before"]


def actions(service: Service, version: int) -> list[str]:
    """What the audit log has of it, oldest first."""
    with service.state.reading() as session:
        audit_log.verify(session)
        entries = [entry for entry in reversed(audit_log.newest(session, 1000)) if entry.subject == str(version)]
    return [entry.action for entry in entries if entry.action.startswith("release.")]


def weights(seed: int) -> bytes:
    return bundle_samples.weights_bytes(bundle_samples.weights(seed))


def test_a_staged_roll_out(service: Service, clock: Clock, tmp_path: Path) -> None:
    assert offered(service) == (None, 0.0, None)
    first(service)
    fleet = [Device.of(service, tmp_path / str(draw), draw) for draw in (0.005, 0.05, 0.5)]
    assert [device.visit(service) for device in fleet] == [7, 7, 7]
    assert rolled(service).standing == "rolling"
    for share, installed in ((0.01, [8, 7, 7]), (0.1, [8, 8, 7])):
        assert offered(service) == (8, share, 7)
        assert [device.visit(service) for device in fleet] == installed
        clock.pass_by(hours=23.9)
        assert publishing.apply_guard(service, 8, GOOD).share == share, "its hours are not over"
        clock.pass_by(hours=0.1)
        assert publishing.apply_guard(service, 8, None).share == share, "nobody has asked its devices"
        publishing.apply_guard(service, 8, GOOD)
    assert offered(service) == (8, 1.0, 7) and standing(service, 8).standing == "released"
    assert [device.visit(service) for device in fleet] == [8, 8, 8]
    widened = ["release.widen"] * 3
    assert actions(service, 8) == ["release.propose", "release.examine", "release.publish", *widened]
    names = [gate.name for gate in standing(service, 8).gates]
    assert {"integrity", "canary", "features", "size", "quality all", "quality tv", "take rate all"} < set(names)
    assert len(names) == len(set(names)), "what a gate says later takes the place of what it said"


def test_a_planted_regression_is_held_and_a_person_lets_it_go_on(service: Service, clock: Clock, tmp_path) -> None:
    first(service)
    rolled(service)
    device, other = (Device.of(service, tmp_path / str(draw), draw) for draw in (0.005, 0.05))
    assert device.visit(service) == 8
    held = publishing.apply_guard(service, 8, BAD)
    assert held.standing == "held" and "take rate all" in held.reason and "a drop of more than" in held.reason
    assert offered(service) == (7, 1.0, None)
    assert (device.visit(service), other.visit(service)) == (8, 7), "nobody new gets it, and nobody goes back"
    clock.pass_by(days=30)
    assert publishing.apply_guard(service, 8, GOOD) == held, "only a person lets it go on"
    assert publishing.promote(service, 8, "person:Robin").share == 0.1
    assert other.visit(service) == 8
    clock.pass_by(hours=24)
    assert publishing.apply_guard(service, 8, UNCLEAR).standing == "held"
    assert publishing.promote(service, 8, "person:Robin", "It was checked.").standing == "released"


def test_an_unclear_guard_goes_on_where_the_plan_says_so(service: Service, clock: Clock) -> None:
    first(service)
    plan = RolloutPlan((0.2, 1.0), hours=1.0, unclear="go on")
    made = candidate(service, 8, plan=plan)
    assert publishing.decide(service, made.version, UNCLEAR).share == 0.2
    clock.pass_by(hours=1)
    assert publishing.apply_guard(service, 8, {}).standing == "released"


@pytest.mark.parametrize(
    ("said", "ends"), [(BAD, "refused"), (UNCLEAR, "waiting"), ({}, "waiting"), ({"all": told(0.1)}, "rolling")]
)
def test_held_out_devices_decide(service: Service, said, ends: str) -> None:
    first(service)
    made = candidate(service, 8)
    examined = publishing.examine(service, 8)
    assert examined.standing == "candidate" and {gate.verdict for gate in examined.gates} == {"passed"}
    decided = publishing.decide(service, made.version, said)
    assert decided.standing == ends and publishing.decide(service, 8, BAD) == decided, "decided once"
    assert service.bundles.newest() == (8 if ends == "rolling" else 7)
    if ends == "waiting":
        assert "quality" in decided.reason
        assert publishing.promote(service, 8, "person:Robin").share == 0.01
    if ends == "refused":
        with pytest.raises(InputError, match="is refused"):
            publishing.promote(service, 8, "person:Robin")


def test_a_candidate_that_breaks_a_rule_is_refused_before_any_device_is_asked(service: Service) -> None:
    first(service)
    bad = candidate(service, 8)
    with service.state.writing() as session:
        wrong = {**release_store.files(session, 8), "ranker.bin": b"\x00" * 10}
        row = session.get(release_store.ReleaseRow, bad.version)
        assert row is not None
        row.files = bundle_archive.pack(wrong)
    refused = publishing.examine(service, 8)
    assert refused.standing == "refused" and "ranker.bin" in refused.reason
    assert publishing.decide(service, 8, GOOD) == refused and service.bundles.newest() == 7


def test_a_round_proposes_once_and_its_number_moves_on(service: Service) -> None:
    """After a kill the engine proposes again; after a refusal the next candidate has the same number in its files."""
    first(service)
    made = candidate(service, 8, number=1)
    assert candidate(service, 8, number=1) == made
    publishing.decide(service, 8, BAD)
    again = candidate(service, 8, number=2, seed=2)
    assert again.version == 9 and again.digest != made.digest
    assert publishing.decide(service, 9, GOOD).standing == "rolling"
    folder = service.bundles.folder(9)
    assert service.bundles.manifest(9).model_version == 9 and (folder / "ranker.bin").read_bytes() == weights(2)


def test_files_are_packed_the_same_each_time() -> None:
    made = release_samples.files(8)
    assert bundle_archive.pack(made) == bundle_archive.pack(dict(reversed(made.items())))
    assert bundle_archive.unpack(bundle_archive.pack(made)) == made


def test_a_candidate_from_an_older_model_is_refused(service: Service) -> None:
    first(service)
    late = candidate(service, 9, 7, number=9, seed=3)
    publishing.submit(service, "person:Robin", release_samples.files(10, 7, 2), at_once=True)
    refused = publishing.decide(service, late.version, GOOD)
    assert refused.standing == "refused" and "devices run model 10" in refused.reason


def test_one_rolls_out_at_a_time(service: Service, clock: Clock) -> None:
    first(service)
    rolled(service, plan=RolloutPlan((0.5, 1.0)))
    second = candidate(service, 9, number=2, seed=2)
    assert publishing.decide(service, second.version, GOOD).standing == "candidate"
    with pytest.raises(InputError, match="8 is rolling out"):
        publishing.submit(service, "person:Robin", release_samples.files(10, 7, 3))
    assert publishing.decide(service, second.version, UNCLEAR).standing == "waiting"
    with pytest.raises(InputError, match="8 is rolling out"):
        publishing.promote(service, 9, "person:Robin")
    publishing.hold(service, 8, "person:Robin")
    fix = publishing.submit(service, "person:Robin", release_samples.files(10, 7, 3), at_once=True)
    assert fix.standing == "released"
    with pytest.raises(InputError, match="10 was published after 8"):
        publishing.promote(service, 8, "person:Robin")
    assert publishing.withdraw(service, 8, "person:Robin").standing == "withdrawn"
    assert offered(service) == (10, 1.0, 7), "nothing is brought back where something newer is out"


@pytest.mark.parametrize("where", ["rolling", "held", "released"])
def test_withdrawn_means_the_old_weights_under_a_new_number(service: Service, clock: Clock, tmp_path, where) -> None:
    first(service)
    never = Device.of(service, tmp_path / "never")
    assert never.visit(service) == 7
    rolled(service, plan=RolloutPlan((0.2, 1.0), hours=0.0))
    device = Device.of(service, tmp_path / "device", 0.1)
    assert device.visit(service) == 8 and device.weights == weights(1)
    if where != "rolling":
        publishing.apply_guard(service, 8, {"held": BAD, "released": GOOD}[where])
    assert standing(service, 8).standing == where
    clock.pass_by(minutes=5)
    withdrawn = publishing.withdraw(service, 8, "person:Robin")
    assert withdrawn.standing == "withdrawn" and "Model 9 restores the weights of model 7" in withdrawn.reason
    back = standing(service, 9)
    assert (back.standing, back.share, back.base) == ("released", 1.0, 8)
    assert {gate.name for gate in back.gates} == {"integrity", "features", "size", "canary"}
    assert device.visit(service) == never.visit(service) == 9
    assert device.weights == never.weights == weights(0)
    manifest = service.bundles.manifest(9)
    assert (manifest.parent, bundle_archive.weights_version(manifest)) == (8, 7)
    assert actions(service, 8)[-1] == "release.withdraw"
    with pytest.raises(InputError, match="is withdrawn"):
        publishing.withdraw(service, 8, "person:Robin")


def test_back_and_back_again(service: Service) -> None:
    """Withdrawing a way back goes to what was before its weights, never to what was withdrawn."""
    first(service, 5, seed=5)
    publishing.submit(service, "person:Robin", release_samples.files(6, 5, 6), at_once=True)
    publishing.submit(service, "person:Robin", release_samples.files(7, 6, 7), at_once=True)
    for version, seed in ((7, 6), (8, 5)):
        publishing.withdraw(service, version, "person:Robin")
        assert (service.bundles.folder(version + 1) / "ranker.bin").read_bytes() == weights(seed)
    with pytest.raises(InputError, match="no released model before 9"):
        publishing.withdraw(service, 9, "person:Robin")
    assert standing(service, 9).standing == "released" and offered(service) == (9, 1.0, 5)
    assert standing(service, 6).standing == "withdrawn", "its weights were withdrawn as model 8"


def test_an_older_one_that_was_withdrawn_is_not_gone_back_to(service: Service) -> None:
    for version in (5, 6, 7):
        publishing.submit(service, "person:Robin", release_samples.files(version, None, version), at_once=True)
    assert "Model 7 was published later and stays published" in publishing.withdraw(service, 6, "person:Robin").reason
    publishing.withdraw(service, 7, "person:Robin")
    assert (service.bundles.folder(8) / "ranker.bin").read_bytes() == weights(5)


def test_without_the_key_of_targets(service: Service, tmp_path: Path) -> None:
    """It waits, and says for what; nothing is published until a person has brought the key."""
    first(service)
    key = tuf_keys.path_of(service.data.keys, "targets")
    away = key.rename(tmp_path / "targets.pem")
    waiting = rolled(service)
    assert waiting.standing == "waiting" and "targets.pem" in waiting.reason and "/8/promote" in waiting.reason
    with pytest.raises(InputError, match=r"targets\.pem"):
        publishing.promote(service, 8, "person:Robin")
    assert standing(service, 8).standing == "waiting"
    assert offered(service) == (7, 1.0, None) and service.bundles.newest() == 7
    away.rename(key)
    assert publishing.promote(service, 8, "person:Robin").share == 0.01
    key.rename(away)
    shutil.rmtree(service.data.tuf / "rollback")  # as where model 8 was published by keyart 0.1
    assert publishing.withdraw(service, 8, "person:Robin").standing == "withdrawn"
    assert offered(service) == (7, 1.0, None), "nobody new gets it, with or without the key"
    assert standing(service, 9).standing == "waiting"
    away.rename(key)
    assert publishing.promote(service, 9, "person:Robin", "It was checked.").standing == "released"


def test_the_bundle_of_a_start(service: Service, tmp_path: Path) -> None:
    folder = bundle_samples.sample_bundle(tmp_path / "7", 7)
    assert publishing.publish_at_start(service, folder) == 7
    assert standing(service, 7).standing == "released" and offered(service) == (7, 1.0, None)
    assert publishing.publish_at_start(service, folder) is None
    rolled(service, plan=RolloutPlan((0.5, 1.0)))
    assert publishing.publish_at_start(service, folder) is None, (
        "a start names the first bundle for as long as it likes"
    )
    publishing.hold(service, 8, "server")
    with pytest.raises(InputError, match="not newer than 8"):
        publishing.publish_at_start(service, bundle_samples.sample_bundle(tmp_path / "other", 7, seed=4))
    newer = bundle_samples.sample_bundle(tmp_path / "9", 9, seed=4)
    key = tuf_keys.path_of(service.data.keys, "targets")
    away = key.rename(tmp_path / "targets.pem")
    with pytest.raises(SettingError, match="targets key"):
        publishing.publish_at_start(service, newer)
    away.rename(key)
    assert publishing.publish_at_start(service, newer) == 9
    (newer / "ranker.bin").write_bytes(b"")
    with pytest.raises(BundleError):
        publishing.submit(service, "server", read_files(newer))


def test_what_was_signed_elsewhere_is_known_after_a_start(service: Service, tmp_path: Path) -> None:
    service.bundles.publish(bundle_samples.sample_bundle(tmp_path / "7", 7))
    assert offered(service) == (None, 0.0, None)
    for _ in range(2):
        publishing.resume_interrupted(service)
    assert offered(service) == (7, 1.0, None) and actions(service, 7) == ["release.adopt"]


def test_a_damaged_repository_stops_no_start(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    first(service)
    (service.data.tuf / "metadata" / "timestamp.json").write_bytes(b"{}")
    publishing.resume_interrupted(service)
    assert "interrupted releases could not be resumed" in caplog.text


def test_a_burned_number_is_refused(service: Service, tmp_path: Path) -> None:
    """Other bytes lie under the number already, of a publish that was killed before this server knew of releases."""
    first(service)
    bundle_samples.sample_bundle(service.data.tuf / "bundles" / "8", 8, seed=9)
    refused = rolled(service)
    assert refused.standing == "refused" and "partly published" in refused.reason and service.bundles.newest() == 7
    with pytest.raises(BundleRefused):
        bundle_archive.unpack(bundle_archive.pack({"../out": b""}))


def test_a_number_beyond_32_bits(service: Service) -> None:
    assert first(service, 2**53 - 2).version == 2**53 - 2
    assert publishing.submit(service, "server", release_samples.files(2**53 - 1, 2**53 - 2)).share == 0.01


def test_one_that_waited_too_long_does_not_undo_what_came_meanwhile(service: Service) -> None:
    release_samples.first(service)
    made = release_samples.candidate(service, 8)
    assert publishing.decide(service, made.version, release_samples.UNCLEAR).standing == "waiting"
    publishing.submit(service, "person:Robin", release_samples.files(9, seed=3), at_once=True)
    with pytest.raises(InputError, match="was trained from 7, but devices run 9"):
        publishing.promote(service, 8, "person:Robin")
    assert release_samples.standing(service, 8).standing == "waiting"


def test_a_folder_that_was_never_signed_is_not_adopted(service: Service) -> None:
    release_samples.first(service)
    killed = service.bundles.folder(6)
    shutil.copytree(service.bundles.folder(7), killed)
    publishing.resume_interrupted(service)
    with service.state.reading() as session:
        assert [release.version for release in release_store.list_all(session)] == [7]


def test_a_person_who_names_a_bundle_has_decided(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would make a campaign's candidate wait for a person does not make a person wait for one."""
    first(service)
    doubt = Gate("feature spec", "unclear", "It has another feature spec.", {})
    monkeypatch.setattr(publishing.bundle_gates, "check_bundle_gates", lambda *_: (doubt,))
    staged = publishing.submit(service, "person:Robin", release_samples.files(8, seed=2))
    assert staged.standing == "waiting"
    publishing.withdraw(service, 8, "person:Robin")
    at_once = publishing.submit(service, "person:Robin", release_samples.files(9, seed=3), at_once=True)
    assert at_once.standing == "released"
