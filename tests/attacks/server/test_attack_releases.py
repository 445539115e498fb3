"""Withdrawn weights never come back: by promotion, rollback, upload, candidate, training or a signature elsewhere."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import bundles as bundle_samples
from support import releases as release_samples
from support.releases import GOOD, Device, standing

from keyart.errors import InputError
from keyart_federated.campaigns.rollout_plan import RolloutPlan
from keyart_server.releases import publishing, release_store
from keyart_server.serve import open_service
from keyart_server.service import Service
from keyart_server.settings import ServerSettings
from keyart_server.signing import tuf_keys


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with open_service(ServerSettings(tmp_path / "data")) as opened:
        yield opened


@pytest.fixture
def fleet(service: Service) -> Service:
    """Models 50, 51 and 55 have been released to all devices, each trained from the one before."""
    for version, parent in ((50, None), (51, 50), (55, 51)):
        released(service, version, parent, seed=version - 49)
    return service


def released(service: Service, version: int, parent: int | None, seed: int) -> None:
    files = release_samples.files(version, parent, seed)
    assert publishing.submit(service, "person:Robin", files, at_once=True).standing == "released"


def weights(seed: int) -> bytes:
    return bundle_samples.weights_bytes(bundle_samples.weights(seed))


def offered_weights(service: Service) -> bytes:
    with service.state.reading() as session:
        version = release_store.offered(session)["version"]
    assert version is not None
    return (service.bundles.folder(version) / "ranker.bin").read_bytes()


def key_away(service: Service, tmp_path: Path) -> tuple[Path, Path]:
    """Take the targets key away, and the rollback that it has signed: then a withdrawal has to wait for it."""
    shutil.rmtree(service.data.tuf / "rollback")
    key = tuf_keys.path_of(service.data.keys, "targets")
    return key.rename(tmp_path / "targets.pem"), key


def test_attack_10_a_rollback_that_is_out_to_weights_that_are_withdrawn_then(fleet: Service, tmp_path: Path) -> None:
    """The same with the rollback that was signed in advance: the second withdrawal finds nothing clean to publish."""
    key = tuf_keys.path_of(fleet.data.keys, "targets")
    away = key.rename(tmp_path / "targets.pem")
    publishing.withdraw(fleet, 55, "person:Robin")
    assert standing(fleet, 155).standing == "released" and offered_weights(fleet) == weights(2)
    publishing.withdraw(fleet, 51, "person:Robin")
    assert standing(fleet, 155).standing == standing(fleet, 51).standing == "withdrawn"
    assert standing(fleet, 156).standing == "waiting" and offered_weights(fleet) == weights(1)
    away.rename(key)
    assert publishing.promote(fleet, 156, "person:Robin", "It was checked.").standing == "released"
    assert offered_weights(fleet) == weights(1)


def test_attack_10_a_waiting_rollback_to_weights_that_are_withdrawn_meanwhile(fleet: Service, tmp_path: Path) -> None:
    """Withdraw 55, then 51, then promote 56, which has the weights of 51."""
    away, key = key_away(fleet, tmp_path)
    publishing.withdraw(fleet, 55, "person:Robin")
    publishing.withdraw(fleet, 51, "person:Robin")
    away.rename(key)
    with pytest.raises(InputError, match="is withdrawn"):
        publishing.promote(fleet, 56, "person:Robin")
    assert standing(fleet, 56).standing == "withdrawn" and "51" in standing(fleet, 56).reason
    assert publishing.promote(fleet, 57, "person:Robin", "It was checked.").standing == "released"
    assert offered_weights(fleet) == weights(1), "the weights of 50"


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("parent", [None, 50])
def test_the_same_weights_under_another_version(fleet: Service, parent: int | None, at_once: bool) -> None:
    publishing.withdraw(fleet, 55, "person:Robin")
    with pytest.raises(InputError, match="weights of model 55, which was withdrawn"):
        publishing.submit(fleet, "person:Robin", release_samples.files(60, parent, 6), at_once=at_once)
    with pytest.raises(InputError, match="weights of model 55, which was withdrawn"):
        publishing.publish_at_start(fleet, bundle_samples.sample_bundle(fleet.data.path / "again", 61, seed=6))


def test_a_model_trained_from_withdrawn_weights(fleet: Service) -> None:
    publishing.withdraw(fleet, 55, "person:Robin")
    with pytest.raises(InputError, match="made from model 55, which was withdrawn"):
        publishing.submit(fleet, "person:Robin", release_samples.files(60, 55, 8))
    made = release_samples.candidate(fleet, 60, 55, seed=8)
    assert publishing.decide(fleet, made.version, GOOD).standing == "refused"


@pytest.mark.parametrize("seed", [6, 9])
def test_a_candidate_of_the_engine(fleet: Service, seed: int) -> None:
    """Of a round that reads its sum after its base was withdrawn: with those weights, or trained from them."""
    publishing.withdraw(fleet, 55, "person:Robin")
    made = release_samples.candidate(fleet, 60, 56 if seed == 6 else 55, seed=seed)
    refused = publishing.decide(fleet, made.version, GOOD)
    assert refused.standing == "refused" and "lineage" in refused.reason and "55" in refused.reason
    with pytest.raises(InputError, match="is refused"):
        publishing.promote(fleet, made.version, "person:Robin")


def test_a_candidate_that_waits_while_its_base_is_withdrawn(fleet: Service) -> None:
    waiting = release_samples.candidate(fleet, 60, 55, seed=8)
    assert publishing.decide(fleet, waiting.version, release_samples.UNCLEAR).standing == "waiting"
    publishing.withdraw(fleet, 55, "person:Robin")
    assert standing(fleet, 60).standing == "withdrawn"
    with pytest.raises(InputError, match=r"is withdrawn|published after 60"):
        publishing.promote(fleet, 60, "person:Robin")


@pytest.mark.parametrize("held", [True, False])
def test_what_was_trained_from_it_is_withdrawn_with_it(fleet: Service, tmp_path: Path, held: bool) -> None:
    """A descendant that is on devices: they get the newest weights that are clean."""
    plan = RolloutPlan((0.6, 1.0))
    rolling = publishing.decide(fleet, release_samples.candidate(fleet, 60, 55, seed=8, plan=plan).version, GOOD)
    assert rolling.standing == "rolling"
    device = Device.of(fleet, tmp_path / "device")
    assert device.visit(fleet) == 60
    if held:
        publishing.hold(fleet, 60, "person:Robin")
    publishing.withdraw(fleet, 55, "person:Robin")
    assert standing(fleet, 60).standing == "withdrawn" and "trained from" in standing(fleet, 60).reason
    assert device.visit(fleet) == 61 and device.weights == weights(2)
    with pytest.raises(InputError, match=r"is withdrawn|published after 60"):
        publishing.promote(fleet, 60, "person:Robin")


def test_rollbacks_of_rollbacks(fleet: Service) -> None:
    """Each one goes to older weights, and no device is offered what was withdrawn, as the version before either."""
    publishing.withdraw(fleet, 55, "person:Robin")
    assert offered_weights(fleet) == weights(2)
    publishing.withdraw(fleet, 56, "person:Robin")
    assert offered_weights(fleet) == weights(1) and standing(fleet, 51).standing == "withdrawn"
    with fleet.state.reading() as session:
        assert release_store.offered(session) == {"version": 57, "share": 1.0, "before": 50}
    with pytest.raises(InputError, match="no released model before 57"):
        publishing.withdraw(fleet, 57, "person:Robin")
    assert standing(fleet, 57).standing == "released" and standing(fleet, 50).standing == "released"


def test_a_bundle_that_was_signed_elsewhere(fleet: Service, tmp_path: Path) -> None:
    """Its files are on the way to devices already: they get clean weights under a newer version."""
    publishing.withdraw(fleet, 55, "person:Robin")
    fleet.bundles.publish(bundle_samples.sample_bundle(tmp_path / "60", 60, seed=6))
    publishing.resume_interrupted(fleet)
    assert standing(fleet, 60).standing == "withdrawn" and "55" in standing(fleet, 60).reason
    assert standing(fleet, 61).standing == "released" and offered_weights(fleet) == weights(2)


def test_models_of_before_are_known_by_their_weights(fleet: Service, tmp_path: Path) -> None:
    """Rows of an older keyart do not say what their weights are; a start reads it from the published bundles."""
    with fleet.state.writing() as session:
        for release in release_store.list_all(session):
            row = session.get(release_store.ReleaseRow, release.version)
            assert row is not None
            row.weights = row.origin = None
    away, key = key_away(fleet, tmp_path)
    publishing.resume_interrupted(fleet)
    publishing.withdraw(fleet, 55, "person:Robin")
    publishing.withdraw(fleet, 51, "person:Robin")
    away.rename(key)
    assert standing(fleet, 56).standing == "withdrawn"


def test_an_older_model_with_the_same_weights_was_not_withdrawn(service: Service) -> None:
    """Model 8 is model 7 under another version: withdrawing 8 restores 7, and withdrawing that rollback ends 7."""
    released(service, 6, None, seed=3)
    released(service, 7, 6, seed=4)
    released(service, 8, 7, seed=4)
    assert "Model 9 restores the weights of model 7" in publishing.withdraw(service, 8, "person:Robin").reason
    assert standing(service, 9).standing == standing(service, 7).standing == "released"
    with pytest.raises(InputError, match="weights of model 8, which was withdrawn"):
        released(service, 10, 7, seed=4)
    publishing.withdraw(service, 9, "person:Robin")
    assert standing(service, 7).standing == "withdrawn" and offered_weights(service) == weights(3)


def test_an_independent_model_stays(fleet: Service) -> None:
    """Only the lineage is withdrawn: a model that was made from another stays what it is."""
    released(fleet, 60, 50, seed=8)
    assert "60 was published later and stays" in publishing.withdraw(fleet, 55, "person:Robin").reason
    assert standing(fleet, 60).standing == standing(fleet, 51).standing == "released"
    assert offered_weights(fleet) == weights(8)
