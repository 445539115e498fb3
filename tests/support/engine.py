"""An engine whose rounds are played at once, by real devices in memory; time goes by when the test says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any, cast

import keyart
from keyart import client as visit
from keyart.errors import MessageError, RoundFailed
from keyart.secagg import Stage, certify
from keyart_federated.campaigns import checked
from keyart_federated.secagg import Coordinator, Gateway
from keyart_server import budget
from keyart_server.access import tokens
from keyart_server.app import create_app
from keyart_server.campaigns import Campaign, Kind, campaign_store
from keyart_server.engine import CampaignEngine, RoundDriver
from keyart_server.releases import Release, publishing, release_store
from keyart_server.rounds import round_store
from keyart_server.serve import open_service
from keyart_server.service import Service
from keyart_server.settings import ServerSettings
from support.campaigns import BOTH, live
from support.catalogs import EVENING, sample_bundle, sample_catalog
from support.server import Clock, bearer, listening

SMALL = {"minimum_devices": 2, "patience": 1.0, "hours": 0.0}
COHORT = {"wanted": 1000}
OF_KIND: dict[Kind, dict[str, Any]] = {
    "training": COHORT | {"stages": [1.0], "unclear": "go on", "cohorts": 1},  # a tenth of 24 is no three
    "statistics": COHORT,
    "evaluation": COHORT,
    "experiment": {},
}


@dataclass
class Fleet:
    """Real devices in memory, and rounds that they play in no time. silent: devices that say nothing."""

    service: Service
    arts: list[keyart.Personalizer]
    silent: set[int] = field(default_factory=set)
    asked: list[tuple[str, int]] = field(default_factory=list)

    def drive(self, round_id: str, _: float) -> None:
        """In place of `Driver.drive`."""
        service = self.service
        with service.state.reading() as session:
            opened, one = round_store.find_open(session, round_id), round_store.find(session, round_id)
        assert opened is not None and one is not None
        terms, gateway = opened.parameters, Gateway(opened.parameters)
        coordinator = Coordinator(terms, [service.keys.issuer_public], int(service.clock().timestamp()))
        asks = [i for i, art in enumerate(self.arts) if opened.low <= visit.sampling_bucket(_key(art)) < opened.high]
        try:
            for stage in Stage:
                told = (
                    dict.fromkeys(asks, opened.offer) if stage is Stage.KEYS else gateway.deliver(coordinator.ask(0))
                )
                said = {i: self._answer(i, message) for i, message in told.items() if i not in self.silent}
                replies = {i: reply for i, reply in said.items() if reply is not None}
                coordinator.receive(0, gateway.collect(replies))
                coordinator.close()
                with service.state.writing() as session:
                    round_store.advance(session, service.clock(), round_id, stage, len(replies))
            with service.state.writing() as session:
                round_store.store_sum(session, service.clock(), round_id, coordinator.result.total, len(replies))
            self.asked.append((one.topic, len(coordinator.result.survivors)))
        except (RoundFailed, keyart.KeyartError) as error:
            with service.state.writing() as session:
                round_store.fail(session, service.clock(), round_id, str(error))

    def _answer(self, device: int, message: bytes) -> bytes | None:
        """Return a device's reply.

        A device that refuses leaves the round, as in `keyart.client`. In a round of 58 or more, one device in 10,000
        doubts the number of devices by chance (`keyart.secagg.graph.DOUBT`).
        """
        try:
            return self.arts[device].answer(message)
        except MessageError:
            return None

    def close(self) -> None:
        """In place of `Driver.close`."""

    def install(self, version: int) -> None:
        """All devices have it."""
        for art in self.arts:
            art.install(self.service.bundles.folder(version))


@dataclass
class Scene:
    """What a test of the engine has at hand."""

    service: Service
    fleet: Fleet
    engine: CampaignEngine
    clock: Clock

    def create(self, kind: Kind = "training", settings: Mapping[str, Any] | None = None, **changes: Any) -> Campaign:
        """A campaign that runs."""
        base: dict[str, Any] = {"epsilon": 8.0, "delta": 1e-6, "rounds": 2, **changes}
        some = {**SMALL, **OF_KIND[kind], **(settings or {})}
        told = checked(kind, some, base["epsilon"], base["delta"])
        with self.service.state.writing() as session:
            made = campaign_store.create(session, self.clock(), "server", "Spring", kind, settings=told, **base)
            campaign_store.move(session, self.clock(), "server", made.id, "start")
        return made

    def step(self, times: int = 1, **span: float) -> None:
        """The engine steps; between two steps so much time passes."""
        for _ in range(times):
            self.engine.step()
            self.clock.pass_by(**(span or {"seconds": 10}))

    def until(self, reached: Callable[[], object], most: int = 60, **span: float) -> None:
        """Steps until that is so."""
        for _ in range(most):
            if reached():
                return
            self.step(**span)
        raise AssertionError("It has not come to that.")

    def release(self, version: int) -> Release | None:
        with self.service.state.reading() as session:
            return release_store.find(session, version)

    def state_of(self, campaign: Campaign) -> str:
        with self.service.state.reading() as session:
            found = campaign_store.find(session, campaign.id)
        assert found is not None
        return found.state

    def page(self, path: str) -> str:
        """As an administrator's browser gets it."""
        with listening(create_app(self.service)) as client:
            answer = client.get(path, headers=bearer(self.service.data.admin_token.read_text().strip()))
        assert answer.status_code == 200
        return answer.text

    def rounds(self, campaign: Campaign) -> list[tuple[int, str, str]]:
        """Number, topic and standing, oldest first."""
        with self.service.state.reading() as session:
            found = round_store.list_for_campaign(session, campaign.id)
        return [(one.number, one.topic, one.standing) for one in reversed(found)]


def _key(art: keyart.Personalizer) -> bytes:
    key = art.federated.device_key()
    assert key is not None
    return key


@contextmanager
def staged(folder: Path, database_url: str | None = None, devices: int = 24, **settings: Any) -> Iterator[Scene]:
    """A server with a catalogue, a bundle that all devices have, and so many of them."""
    clock, catalog = Clock(EVENING.astimezone(UTC)), sample_catalog(10)
    catalog.save(folder / "told.json")
    first = sample_bundle(folder / "first", catalog, seed=1, version=1)
    chosen = ServerSettings(
        folder / "data",
        database_url,
        catalog=folder / "told.json",
        epsilon=100_000.0,
        insecure_issuer=True,
        **settings,
    )
    with ExitStack() as stack:
        service = stack.enter_context(open_service(chosen, clock))
        tokens.ensure_admin(service.state, service.data, clock())
        with service.state.writing() as session:
            budget.configure(session, clock(), chosen.epsilon, chosen.delta)
        publishing.publish_at_start(service, first)
        limits = keyart.Limits(
            servers=[service.keys.offers_public], issuers=[service.keys.issuer_public], epsilon=1e6, delta=1e-6,
            minimum_devices=2, least_noise=1e-6, contributions_a_day=1000,
        )  # fmt: skip
        arts = []
        for i in range(devices):
            art = keyart.Personalizer.open(
                "memory", catalog=catalog, bundle=first, engine="numpy", keys=keyart.EphemeralKey(),
                clock=cast(Callable[[], Any], clock), limits=limits,
            )  # fmt: skip
            stack.callback(art.close)
            for purpose in BOTH.split():
                art.consent.grant(purpose)
            live(art, i)
            until = clock() + timedelta(days=365)
            assert art.federated.enrol(certify(service.keys.issuer, _key(art), int(until.timestamp())))
            arts.append(art)
        fleet = Fleet(service, arts)
        yield Scene(service, fleet, CampaignEngine(service, cast(RoundDriver, fleet)), clock)
