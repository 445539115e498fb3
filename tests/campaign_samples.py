"""A server with its keys, offers that a device takes part in, enrolled devices, and whole rounds in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import numpy as np
from choosing_samples import EVENING, TV, Clock, sample_catalog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import keyart
from keyart.campaigns.kinds.population import PopulationLayout
from keyart.campaigns.kinds.training import TrainingLayout
from keyart.campaigns.offer import Offer
from keyart.campaigns.vector_layout import VectorLayout
from keyart.secagg import Stage, certify
from keyart_federated.secagg import Coordinator, Gateway, SumResult

SERVER, ISSUER, STRANGER = b"s" * 32, b"i" * 32, b"x" * 32  # private keys
NOW = int(EVENING.timestamp())
HOUR = 3600
BOTH = "personalization federated"


def public(private: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def limits(**changes: Any) -> keyart.Limits:
    """Those of a device that takes part in small rounds of `SERVER`."""
    base = {"servers": [public(SERVER)], "issuers": [public(ISSUER)], "minimum_devices": 2}
    return keyart.Limits(**{**base, **changes})


def training_layout(art: keyart.Personalizer) -> TrainingLayout:
    installed = art._session.chooser.installed
    return TrainingLayout(installed.spec, len(installed.encoded.artwork))


def offer(art: keyart.Personalizer, layout: VectorLayout | None = None, **changes: Any) -> Offer:
    """A training round that `limits()` lets pass; layout: of the vector, where it is another kind."""
    installed = art._session.chooser.installed
    training = training_layout(art)
    scale = np.ones(training.size - training.sizes["side"], dtype="<f4")
    base = {
        "kind": "training",
        "topic": "",
        "campaign": "spring",
        "purpose": "Better pictures for everybody.",
        "round": 1,
        "rounds": 5,
        "model_version": installed.version,
        "feature_spec": installed.spec.sha256,
        "size": (layout or training).size,
        "clip": 2.0,
        "units": 1 << 12,
        "noise_multiplier": 4.0,
        "minimum_devices": 2,
        "threshold_permille": 700,
        "bits": 32,
        "epsilon": 4.0,
        "delta": 1e-6,
        "not_after": NOW + HOUR,
        "most_decisions": 100,
        "payload": scale.tobytes() if layout is None else b"",
    }
    return Offer(**{**base, **changes})


def population_layout(art: keyart.Personalizer) -> PopulationLayout:
    chooser = art._session.chooser
    return PopulationLayout(chooser.installed.spec, len(chooser.catalog))


def enrolled(art: keyart.Personalizer, not_after: int = NOW + 24 * HOUR) -> keyart.Personalizer:
    key = art.federated.device_key()
    assert key is not None
    assert art.federated.enrol(certify(ISSUER, key, not_after))
    return art


@contextmanager
def fleet(size: int, clock: Clock | None = None, **settings: Any) -> Iterator[list[keyart.Personalizer]]:
    """Enrolled devices in memory, each with a little history of its own."""
    clock, catalog = clock or Clock(), sample_catalog()
    base = {"catalog": catalog, "engine": "numpy", "clock": clock, "limits": limits()}
    arts = []
    try:
        for i in range(size):
            art = keyart.Personalizer.open("memory", keys=keyart.EphemeralKey(), **{**base, **settings})
            arts.append(art)
            for purpose in BOTH.split():
                art.consent.grant(purpose)
            live(art, i)
            enrolled(art)
        yield arts
    finally:
        for art in arts:
            art.close()


def live(art: keyart.Personalizer, seed: int = 0) -> None:
    """A view and some decisions with outcomes."""
    art.record(keyart.View(f"t{seed % 6}", EVENING, 5000 + seed))
    for n in range(1 + seed % 4):
        decision = art.choose(f"t{(seed + n) % 6}", TV)
        art.observe(decision.id, keyart.Outcome.played(4000) if (seed + n) % 2 else keyart.Outcome.skipped())


def run(
    arts: Sequence[keyart.Personalizer],
    asked: Offer,
    drop: Mapping[Stage, Collection[int]] | None = None,
    at: datetime = EVENING,
) -> SumResult:
    """A whole round over two gateways. drop: by stage, devices that are silent from there on."""
    message, silent = asked.sign(SERVER), set()
    terms = asked.terms(message)
    coordinator = Coordinator(terms, [public(ISSUER)], int(at.timestamp()))
    gateways = [Gateway(terms), Gateway(terms)]
    for stage in Stage:
        silent |= set((drop or {}).get(stage, ()))
        for g, gateway in enumerate(gateways):
            mine = range(g, len(arts), 2)
            to_ask = dict.fromkeys(mine, message) if stage is Stage.KEYS else gateway.deliver(coordinator.ask(g))
            replies = {i: arts[i].answer(part) for i, part in to_ask.items() if i not in silent}
            coordinator.receive(g, gateway.collect({i: reply for i, reply in replies.items() if reply is not None}))
        coordinator.close()
    assert not coordinator.rejected
    return coordinator.result


def messages_for(
    arts: Sequence[keyart.Personalizer], asked: Offer, of: int = 0, at: datetime = EVENING
) -> Iterator[tuple[Stage, bytes]]:
    """The messages to device `of`, stage by stage. Whoever iterates hands each of them in; the others answer here,
    and the device itself is asked again, so it must be able to say the same twice."""
    message = asked.sign(SERVER)
    terms = asked.terms(message)
    coordinator = Coordinator(terms, [public(ISSUER)], int(at.timestamp()))
    gateway = Gateway(terms)
    for stage in Stage:
        everybody = dict.fromkeys(range(len(arts)), message)
        to_ask = everybody if stage is Stage.KEYS else gateway.deliver(coordinator.ask(0))
        if of in to_ask:
            yield stage, to_ask[of]
        replies = {i: arts[i].answer(part) for i, part in to_ask.items()}
        coordinator.receive(0, gateway.collect({i: reply for i, reply in replies.items() if reply is not None}))
        coordinator.close()
