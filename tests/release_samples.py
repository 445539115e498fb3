"""Candidates for a release, what devices tell about them, and devices that follow what is offered."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import bundle_samples
import repository_samples

from keyart.bundle import Manifest
from keyart.bundle.folder import read_files
from keyart.bundle.update import install_update
from keyart_federated.campaigns.rollout_plan import Plan
from keyart_federated.campaigns.segments import Estimate
from keyart_server.campaigns import campaign_store
from keyart_server.releases import Release, publishing, release_store
from keyart_server.service import Service


def told(mean: float, standard_error: float = 0.001, devices: float = 1000.0) -> Estimate:
    """What a sum says of a segment."""
    return Estimate(mean, standard_error, devices)


GOOD = {"all": told(0.004), "tv": told(0.003), "evening": told(0.0)}
BAD = {**GOOD, "all": told(-0.2)}
UNCLEAR = {**GOOD, "tv": told(0.0, 0.5)}


def files(version: int, parent: int | None = None, seed: int = 0, **manifest: object) -> dict[str, bytes]:
    """Of a whole bundle; manifest: fields that it has besides, its digest right again."""
    with TemporaryDirectory() as folder:
        made = read_files(bundle_samples.sample_bundle(Path(folder) / "bundle", version, parent, seed=seed))
    return {**made, "manifest.json": bundle_samples.resealed(made["manifest.json"], **manifest)}


def first(service: Service, version: int = 7, seed: int = 0) -> Release:
    """A model that all devices have."""
    release = publishing.submit(service, "server", files(version, seed=seed), at_once=True)
    assert release.standing == "released"
    return release


def candidate(
    service: Service, version: int, base: int | None = 7, *, number: int = 1, seed: int = 1, plan: Plan | None = None
) -> Release:
    """One that a round of a campaign has trained."""
    with service.state.writing() as session:
        known = campaign_store.list_all(session)
        campaign = (
            known[0] if known else campaign_store.create(session, service.clock(), "server", "Spring", "training")
        )
        return release_store.propose(
            session, service.clock(), "server", files(version, base, seed),
            campaign_id=campaign.id, number=number, base=base, plan=plan,
        )  # fmt: skip


def rolled(service: Service, version: int = 8, base: int = 7, seed: int = 1, plan: Plan | None = None) -> Release:
    """A candidate that has passed its gates."""
    made = candidate(service, version, base, number=version, seed=seed, plan=plan)
    return publishing.decide(service, made.version, GOOD)


def standing(service: Service, version: int) -> Release:
    with service.state.reading() as session:
        release = release_store.find(session, version)
    assert release is not None
    return release


class Device(repository_samples.Device):
    """A device that takes what it is offered. draw: in 0–1, its place in a staged roll-out."""

    draw: float = 0.5

    @classmethod
    def of(cls, service: Service, home: Path, draw: float = 0.5) -> Device:
        made = cls(home, service.data.tuf, (service.data.tuf / "root.json").read_bytes())
        made.draw = draw
        return made

    def visit(self, service: Service) -> int | None:
        """Asks and updates; the version that serves then."""
        with service.state.reading() as session:
            model = release_store.offered(session)
        wanted = model["version"] if self.draw < model["share"] else model["before"]
        if wanted is not None:
            root = self.root
            install_update(self.slots, self.home / "tuf", self.fetch, root=root, canary=self.canary, newest=wanted)
        return self.version

    @property
    def weights(self) -> bytes:
        slot = self.slots.current()
        assert slot is not None and Manifest.read(slot)
        return (slot / "ranker.bin").read_bytes()
