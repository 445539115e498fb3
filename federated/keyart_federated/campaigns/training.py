"""Training: better weights, round by round (`keyart_federated.learning.learner`).

The first round asks who there is; each of the others teaches, and ends in a candidate. The next waits until the fleet
runs on that one. Where the fleet runs on something else by then (the candidate was refused or taken back, another
bundle was published, the catalogue has changed), learning starts again from what it runs on, with what is known of
the population.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from keyart.campaigns.kinds.training import SIDE
from keyart.campaigns.offer import Offer
from keyart.dp.clip import UNITS
from keyart.errors import BundleError, FederatedError, RoundFailed
from keyart.model.features import EncodedCatalog
from keyart_federated.campaigns.privacy import clip_for
from keyart_federated.learning import checkpoint, optimiser
from keyart_federated.learning.learner import RATE_RANGE, Learner, Question
from keyart_federated.learning.population import Population

from .bundle_model import encoded, files_of, installed, model_of, names
from .campaign import Campaign
from .costs import costs_of, population_layout, training_layout
from .noise import DELTA, EPSILON
from .private_sum import Sum
from .protocol import Asked, Base, Finished, Read, Wait
from .round_offer import asked, early, fits, unread
from .settings import TrainingSettings, settings_of
from .state_codec import pack, unpack

PLAYS_A_QUALITY_PLAY: Final = 1.5  # before anybody has told


class Training:
    """See `Work`."""

    def ask(
        self, campaign: Campaign, memory: bytes | None, number: int, failed: int, base: Base, at: datetime
    ) -> Asked | Wait | Finished:
        settings = settings_of(campaign, TrainingSettings)
        known, data = unpack(memory)
        begun, rolling = known.get("done", 0) + failed, _rolling(known, base)
        if rolling is not None:
            return rolling
        if begun > campaign.rounds:
            return Finished({"rounds": known.get("done", 0), "version": known.get("version", base.version)})
        waits = early(known, settings, at)
        if waits is not None:
            return waits
        costs = costs_of(campaign, settings, base)
        common: dict[str, Any] = {"number": number, "planned": costs.rounds, "wanted": settings.wanted}
        if begun == 0:
            return asked(
                campaign, settings, base, at, costs.population, kind="statistics", topic="population", **common
            )
        _, question = _question(campaign, settings, known, data, number, base, encoded(base))
        return asked(
            campaign,
            settings,
            base,
            at,
            costs.training,
            kind="training",
            clip=float(question.clip),
            most_decisions=max(1, math.ceil(question.most)),
            payload=question.scale.astype("<f4").tobytes(),
            **common,
        )

    def read(self, campaign: Campaign, memory: bytes | None, summed: Sum, base: Base) -> Read:
        settings = settings_of(campaign, TrainingSettings)
        known, data = unpack(memory)
        known = summed.counted(known)
        try:
            _same(summed.offer, base)
            if summed.offer.kind == "statistics":
                return _population(settings, known, summed, base)
            return _trained(campaign, settings, known, data, summed, base)
        except (FederatedError, BundleError) as error:
            return unread(known, data, error)


def _rolling(known: Mapping[str, Any], base: Base) -> Wait | None:
    """The last candidate may still be on its way."""
    version = known.get("version", base.version)
    if version <= base.version or version in base.refused:
        return None
    return Wait(f"Version {version}, which the last round made, is not on every device yet.")


def _same(offer: Offer, base: Base) -> None:
    """Raises RoundFailed for a sum about what the fleet does not run on any more."""
    if (offer.model_version, offer.feature_spec) != (base.version, base.spec.sha256):
        raise RoundFailed(
            f"The sum is about model {offer.model_version}, and devices have had model {base.version} since. It is "
            "not used; the next round goes on from there."
        )


def _learner(
    settings: TrainingSettings, known: Mapping[str, Any], data: bytes, base: Base, places: EncodedCatalog
) -> Learner:
    """As it was, if the fleet runs on its model; else a new one on what the fleet runs on."""
    before = checkpoint.from_bytes(data, places)[0] if known.get("spec") == base.spec.sha256 else None
    same_titles = known.get("names") == names(base.catalog)
    if before is not None and same_titles and before.state.model.version == base.version:
        return before
    population, devices = Population.unknown(places), float(settings.wanted)
    if before is not None:
        share = before.population.title_share if same_titles else population.title_share
        population, devices = replace(before.population, title_share=share), before.devices
    model = model_of(installed(base.bundle, base.catalog))
    new = Learner.start(optimiser.init(model, places), population, devices, places)
    if before is not None:
        return replace(new, rates=before.rates, reach=before.reach)
    rate = float(np.clip(model.base_rate, *RATE_RANGE))
    return replace(new, rates=(min(PLAYS_A_QUALITY_PLAY * rate, RATE_RANGE[1]), rate))


def _question(
    campaign: Campaign,
    settings: TrainingSettings,
    known: Mapping[str, Any],
    data: bytes,
    number: int,
    base: Base,
    places: EncodedCatalog,
) -> tuple[Learner, Question]:
    """The same whenever it is worked out, so that nothing of it need be kept while devices answer."""
    learner = _learner(settings, known, data, base, places)
    # Noise is that of the fewest devices, so a cohort learns like one of their geometric mean that had its own noise.
    alike = math.sqrt(settings.minimum_devices * settings.wanted)
    clip = settings.clip or clip_for(alike, campaign.epsilon or EPSILON)
    seed = hashlib.sha256(f"{campaign.id} {number}".encode()).digest()
    rng = np.random.default_rng(np.frombuffer(seed, "<u4"))
    return learner.ask(known.get("decisions", 0.0) + settings.decisions, clip, places, base.policy, rng)


def _population(settings: TrainingSettings, known: dict[str, Any], summed: Sum, base: Base) -> Read:
    layout, survivors = population_layout(base), summed.survivors
    fits(summed.offer, layout.size)
    summed.check(layout)
    population = Population.read(layout, summed.total, UNITS, survivors, summed.variance)
    new = _learner(settings, known, b"", base, encoded(base))
    learner = replace(new, population=population, devices=float(survivors))
    told = {"used": True, "devices": survivors, "history": float(np.clip(population.parts["taste"][-1], 0.0, 1.0))}
    return Read(_kept(known, learner, base), told)


def _trained(
    campaign: Campaign,
    settings: TrainingSettings,
    known: dict[str, Any],
    data: bytes,
    summed: Sum,
    base: Base,
) -> Read:
    places, layout = encoded(base), training_layout(base)
    offer, total, survivors, variance = summed.offer, summed.total, summed.survivors, summed.variance
    fits(offer, layout.size)
    before = known.get("signal") if known.get("version") == base.version else None
    signal = summed.check(layout, before)
    learner, question = _question(campaign, settings, known, data, offer.round, base, places)
    sent = replace(question, scale=offer.numbers, clip=offer.clip, most=float(offer.most_decisions))
    learner, sent = learner.counted(sent, total, float(survivors), variance, places)
    new = learner.answered(sent, total, variance, places)
    model = replace(new.state.model, version=base.next_version)
    if not np.isfinite(model.to_array()).all():
        raise RoundFailed("The step leads to a model that is not finite. It is not used; the last good model stays.")
    new = replace(new, state=replace(new.state, model=model))
    created = datetime.fromtimestamp(known["at"], UTC)
    epsilon = {"epsilon": campaign.epsilon or EPSILON, "delta": campaign.delta or DELTA}
    about = f"{campaign.name}: {survivors:,} devices, as a noised sum."
    training = {"round": new.state.rounds, "devices": survivors, "campaign": campaign.id}
    files = files_of(model, base, created, about, training, epsilon)
    told = {
        "used": True,
        "devices": survivors,
        "version": model.version,
        "plays": new.rates[0],
        "quality_plays": new.rates[1],
        "decisions": new.decisions,
        "unclipped": float(np.clip(layout.parts(total)["side"][1] / (SIDE * UNITS * survivors), 0.0, 1.0)),
        "step": float(np.linalg.norm(model.theta - learner.state.model.theta)),
        "signal": signal,
    }
    return Read(_kept(known | {"signal": signal, "decisions": new.decisions}, new, base), told, files)


def _kept(known: Mapping[str, Any], learner: Learner, base: Base) -> bytes:
    about = {"spec": base.spec.sha256, "names": names(base.catalog), "version": learner.state.model.version}
    return pack({**known, **about}, checkpoint.to_bytes(learner, learner.state.rounds, base.spec))
