"""Training: better weights, round by round (`keyart_federated.learning.learner`).

The first round asks who there is. Where the budget shows latents through the noise, the next ones find the title
latents (`keyart_federated.learning.title_latents`). Each of the others teaches, and ends in a candidate; the first of
them brings the title latents to the devices. The next round waits until the fleet runs on that candidate. Where the
fleet runs on something else by then (the candidate was refused or taken back, another bundle was published, the
catalogue has changed), learning starts again from what it runs on, with what is known of the population. Device side:
`keyart.campaigns.kinds.training`.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from statistics import NormalDist
from typing import Annotated, Any, Final, Literal

import numpy as np
from pydantic import Field

from keyart.campaigns import COWATCH_TOPIC, SIDE_NORM, LatentBlocks, Offer, SegmentLayout, TrainingLayout
from keyart.dp import UNITS
from keyart.errors import BundleError, FederatedError, RoundFailed
from keyart.model import EncodedCatalog
from keyart_federated.accounting.privacy import (
    COWATCH_SHARE,
    FINE_UNITS,
    NO_CLIP,
    POPULATION_SHARE,
    clip_for,
    cowatch_exchanges,
    shows_artwork_latents,
    unclipped_share,
)
from keyart_federated.learning import checkpoint, learner_state, title_latents
from keyart_federated.learning.learner import RATE_RANGE, Learner
from keyart_federated.learning.learning_request import LearningRequest
from keyart_federated.learning.title_latents import VIEWS_CLIP
from keyart_federated.learning.viewer_population import Population

from ..types import Doubles
from . import cowatch, honest_vectors, population
from .bundle_model import catalog_digest, files_of, model_of
from .campaign import Campaign
from .noise import DELTA, EPSILON, Part, PlannedRounds, planned, resized, total_rounds
from .private_sum import PrivateSum
from .protocol import DeployedModel, Finished, RoundRequest, RoundResult, Wait
from .rollout_plan import DEFAULT_STAGES, RolloutPlan, guard_rounds
from .round_offer import early, request_round, require_own, require_usable, unread
from .settings import HELD_OUT, Cohort, settings_of
from .state_codec import load, pack

PURPOSE: Final = "training"
PLAYS_A_QUALITY_PLAY: Final = 1.5  # before anybody has said
UNCLIPPED_PLACE, QUALITY_PLAYS_PLACE = 1, 4  # in the side entries of a training vector
NORMAL_95: Final = NormalDist().inv_cdf(0.975)


class TrainingSettings(Cohort):
    """Settings of a training campaign."""

    low: Annotated[float, Field(ge=HELD_OUT, le=1)] = Field(
        HELD_OUT, description="Devices with a lower sampling bucket are held out."
    )
    decisions: float = Field(
        20.0, gt=0, le=1e5, description="Decisions that a device makes between two rounds, about."
    )
    clip: float | None = Field(
        None, gt=0, le=1e3, description="Clipping norm over the expected norm; by default set by cohort."
    )
    gates: float = Field(0.25, ge=0, le=0.9, description="Share of ε that is set aside to judge candidates.")
    # A form sends texts.
    stages: tuple[Annotated[float, Field(strict=False)], ...] | None = Field(
        None,
        max_length=10,
        description="Shares of all devices that get a candidate, one after the other. By default 0.01, "
        "0.1 and 1, or fewer and larger ones in a fleet in which 0.01 is too small for the check.",
    )
    stage_hours: float = Field(24.0, ge=0, le=24 * 365, description="Hours that each stage of the roll-out lasts.")
    margin: float = Field(0.02, ge=0, le=1, description="Largest accepted loss of reward per decision.")
    segment_margin: float = Field(
        0.05, ge=0, le=1, description="Largest accepted loss on a device class or in a daypart."
    )
    unclear: Literal["hold", "go on"] = Field(
        "hold", description="What to do if a loss is neither shown nor ruled out."
    )

    def check(self, epsilon: float, delta: float) -> None:
        """Raise a `SettingError` if the campaign cannot be run with this budget."""
        _ = self.rollout

    @property
    def rollout(self) -> RolloutPlan:
        """The way of a candidate to the fleet. Raises SettingError."""
        stages = DEFAULT_STAGES if self.stages is None else self.stages
        return RolloutPlan(stages, self.stage_hours, self.margin, self.segment_margin, self.unclear)


def plan(campaign: Campaign, base: DeployedModel) -> dict[str, PlannedRounds]:
    """See `CampaignKind.plan`. All of it together costs the campaign's ε, whatever is asked of whom."""
    settings, rounds = settings_of(campaign, TrainingSettings), campaign.rounds
    exchanges = _exchanges(campaign, base)
    share = COWATCH_SHARE if exchanges else 0.0
    parts = {population.TOPIC: Part(POPULATION_SHARE, 1, population.layout(base).size)}
    if exchanges:
        parts[COWATCH_TOPIC] = Part(share, exchanges, title_latents.layout_of(len(base.catalog)).size)
    largest = layout(base, _latent_blocks(campaign, base, bool(exchanges) or _has_latents(base)))
    parts[PURPOSE] = Part(1 - POPULATION_SHARE - share - settings.gates, rounds, largest.size)
    if settings.gates:
        size, half = SegmentLayout.of("compare", base.spec).size, settings.gates / 2
        parts["comparison"] = Part(half, rounds, size, settings.sub_cohorts)
        parts["guard"] = Part(half, rounds * guard_rounds(settings.rollout), size, settings.sub_cohorts)
    return planned(campaign, parts)


def ask(
    campaign: Campaign, state: bytes | None, number: int, failed: int, base: DeployedModel, at: datetime
) -> RoundRequest | Wait | Finished:
    """See `CampaignKind.ask`."""
    settings = settings_of(campaign, TrainingSettings)
    known, _ = load(state, campaign)
    begun, rolling = known.get("done", 0) + failed, _rolling(known, base)
    if rolling is not None:
        return rolling
    exchanges = known.get("exchanges", _exchanges_needed(campaign, base))
    if begun > campaign.rounds + exchanges:
        return Finished({"rounds": known.get("done", 0), "version": known.get("version", base.version)})
    waits = early(known, settings, at)
    if waits is not None:
        return waits
    costs = plan(campaign, base)
    common: dict[str, Any] = {"number": number, "planned": total_rounds(costs), "wanted": settings.wanted}
    if begun == 0:
        event = costs[population.TOPIC].event
        return request_round(campaign, settings, base, at, event, kind="statistics", topic=population.TOPIC, **common)
    if begun <= exchanges:
        return request_round(
            campaign,
            settings,
            base,
            at,
            costs[COWATCH_TOPIC].event,
            kind="statistics",
            topic=COWATCH_TOPIC,
            clip=NO_CLIP if math.isinf(_epsilon(campaign)) else VIEWS_CLIP,
            payload=cowatch.payload_of(_directions(campaign, known, base)),
            pending={"last": begun == exchanges},
            **common,
        )
    _, question = _question(_Asked(campaign, number, state or b"", base.version, str(base.bundle), base))
    return request_round(
        campaign,
        settings,
        base,
        at,
        resized(costs[PURPOSE].event, layout(base, question.latents).size),
        kind="training",
        clip=float(question.clip),
        most_decisions=max(1, math.ceil(question.most)),
        payload=question.scale.astype("<f4").tobytes(),
        **common,
    )


def read(campaign: Campaign, state: bytes | None, summed: PrivateSum, base: DeployedModel) -> RoundResult:
    """See `CampaignKind.read`. A sum that teaches ends in a candidate."""
    settings = settings_of(campaign, TrainingSettings)
    known, data = load(state, campaign)
    topics = population.TOPIC, COWATCH_TOPIC
    require_own(campaign, summed, *(("statistics", topic) for topic in topics), ("training", ""))
    known = summed.counted(known)
    try:
        _require_same_model(summed.offer, base)
        if summed.offer.topic == population.TOPIC:
            return _population(campaign, settings, known, summed, base)
        if summed.offer.topic == COWATCH_TOPIC:
            return _title_latents(campaign, settings, known, data, summed, base)
        return _trained(campaign, state, known, summed, base)
    except (FederatedError, BundleError) as error:
        return unread(known, data, error)


def layout(base: DeployedModel, latents: LatentBlocks) -> TrainingLayout:
    """Return the layout of the vectors that teach."""
    return TrainingLayout(base.spec, len(base.catalog.artwork_places), latents)


def _epsilon(campaign: Campaign) -> float:
    return campaign.epsilon or EPSILON


def _exchanges(campaign: Campaign, base: DeployedModel) -> int:
    """Return the number of rounds that find the title latents: none where noise would hide them."""
    settings, epsilon = settings_of(campaign, TrainingSettings), _epsilon(campaign)
    # The devices that the noise counts on add less than all: as noisy as where this many add the whole.
    devices = settings.minimum_devices * math.sqrt(settings.honest_fraction)
    return cowatch_exchanges(devices, len(base.catalog), epsilon, campaign.delta or DELTA)


def _exchanges_needed(campaign: Campaign, base: DeployedModel) -> int:
    """Return the same, or 0 where devices have title latents already: artwork latents belong to these."""
    return 0 if _has_latents(base) else _exchanges(campaign, base)


def _has_latents(base: DeployedModel) -> bool:
    """Return whether the model that devices have has title latents."""
    return base.loaded.latents is not None


def _latent_blocks(campaign: Campaign, base: DeployedModel, has_latents: bool) -> LatentBlocks:
    """Return what devices send of latents if their model has some: by artwork only where noise does not hide it."""
    if not has_latents:
        return "none"
    epsilon, delta = _epsilon(campaign), campaign.delta or DELTA
    settings, artworks = settings_of(campaign, TrainingSettings), len(base.catalog.artwork_places)
    devices = settings.minimum_devices * settings.honest_fraction
    return "artworks" if shows_artwork_latents(devices, artworks, campaign.rounds, epsilon, delta) else "tags"


def _directions(campaign: Campaign, known: Mapping[str, Any], base: DeployedModel) -> Doubles:
    """Directions of the next co-watch round, [T, D]."""
    first = cowatch.first_directions(campaign, base)
    data = base64.b64decode(known.get("directions", ""))
    same = known.get("names") == catalog_digest(base.catalog) and len(data) == first.nbytes
    return np.frombuffer(data, "<f8").reshape(first.shape) if same else first


def _rolling(known: Mapping[str, Any], base: DeployedModel) -> Wait | None:
    """The last candidate may still be on its way."""
    version = known.get("version", base.version)
    if version <= base.version or version in base.refused:
        return None
    return Wait(f"Version {version}, which the last round made, is not on every device yet.")


def _require_same_model(offer: Offer, base: DeployedModel) -> None:
    """Raises RoundFailed for a sum about what the fleet does not run on any more."""
    if (offer.model_version, offer.feature_spec) != (base.version, base.spec.sha256):
        raise RoundFailed(
            f"The sum is about model {offer.model_version}, and devices have had model {base.version} since. It is "
            "not used; the next round goes on from there."
        )


def _learner(
    settings: TrainingSettings, known: Mapping[str, Any], data: bytes, base: DeployedModel, places: EncodedCatalog
) -> Learner:
    """Return the learner as it was, if the fleet runs on its model; else a new one on what the fleet runs on."""
    before = checkpoint.from_bytes(data, places)[0] if known.get("spec") == base.spec.sha256 else None
    same_titles = known.get("names") == catalog_digest(base.catalog)
    if before is not None and same_titles and before.state.model.version == base.version:
        return before
    people, devices = Population.unknown(places), float(settings.wanted)
    if before is not None:
        share = before.population.title_share if same_titles else people.title_share
        people, devices = replace(before.population, title_share=share), before.devices
    model = model_of(base.loaded)
    if before is not None and same_titles and not model.title_latents.any():
        model = replace(model, title_latents=before.state.model.title_latents)  # no device has had them yet
    new = Learner.start(learner_state.init(model, places), people, devices, places)
    if before is not None:
        return replace(new, rates=before.rates, reach=before.reach)
    rate = float(np.clip(model.base_rate, *RATE_RANGE))
    return replace(new, rates=(min(PLAYS_A_QUALITY_PLAY * rate, RATE_RANGE[1]), rate))


@dataclass(frozen=True)
class _Asked:
    """The inputs of a learning request. Bases are compared by their version and bundle."""

    campaign: Campaign
    number: int
    state: bytes
    version: int
    bundle: str
    base: DeployedModel = field(compare=False)


@lru_cache(maxsize=2)  # for `read`, which needs it again a round later
def _question(asked: _Asked) -> tuple[Learner, LearningRequest]:
    """The same whenever it is worked out, so that nothing of it need be kept while devices answer."""
    campaign, base = asked.campaign, asked.base
    settings, places = settings_of(campaign, TrainingSettings), base.encoded
    known, data = load(asked.state, campaign)
    learner = _learner(settings, known, data, base, places)
    # Noise is that of the fewest devices, so a cohort learns like one of their geometric mean that had its own noise.
    alike = math.sqrt(settings.minimum_devices * settings.wanted)
    epsilon = _epsilon(campaign)
    exact = math.isinf(epsilon)
    clip = settings.clip or (NO_CLIP if exact else clip_for(alike, epsilon))
    unclipped = unclipped_share(alike, epsilon)
    seed = hashlib.sha256(f"{campaign.id} {asked.number}".encode()).digest()
    rng = np.random.default_rng(np.frombuffer(seed, "<u4"))
    decisions = known.get("decisions", 0.0) + settings.decisions
    blocks = _latent_blocks(campaign, base, _has_latents(base))
    return learner.ask(decisions, clip, places, base.policy, rng, FINE_UNITS if exact else UNITS, blocks, unclipped)


def _population(
    campaign: Campaign, settings: TrainingSettings, known: dict[str, Any], summed: PrivateSum, base: DeployedModel
) -> RoundResult:
    places, survivors = population.layout(base), summed.survivors
    require_usable(summed, base, places, by_title=True)
    summed.check(honest_vectors.population(places))
    found = Population.read(places, summed.total, summed.offer.units, survivors, summed.variance)
    new = _learner(settings, known, b"", base, base.encoded)
    learner = replace(new, population=found, devices=float(survivors))
    result = {"used": True, "devices": survivors, "history": float(np.clip(found.parts["taste"][-1], 0.0, 1.0))}
    return RoundResult(_kept(campaign, known, learner, base), result)


def _title_latents(
    campaign: Campaign,
    settings: TrainingSettings,
    known: dict[str, Any],
    data: bytes,
    summed: PrivateSum,
    base: DeployedModel,
) -> RoundResult:
    """Better directions, and after the last co-watch round title latents, which the next candidate brings."""
    places = base.encoded
    sums, result = cowatch.sums_of(summed, _directions(campaign, known, base), base)
    learner = _learner(settings, known, data, base, places)
    if not summed.about["last"]:
        directions = title_latents.next_question(sums, places).astype("<f8").tobytes()
        return RoundResult(
            _kept(campaign, known | {"directions": base64.b64encode(directions).decode()}, learner, base), result
        )
    known.pop("directions", None)
    model = replace(learner.state.model, title_latents=title_latents.title_latents(sums, places))
    learner = replace(learner, state=replace(learner.state, model=model))
    return RoundResult(_kept(campaign, known, learner, base), result)


def _trained(
    campaign: Campaign, state: bytes | None, known: dict[str, Any], summed: PrivateSum, base: DeployedModel
) -> RoundResult:
    places = base.encoded
    offer, total, survivors, variance = summed.offer, summed.total, summed.survivors, summed.variance
    parts = layout(base, _latent_blocks(campaign, base, _has_latents(base)))
    require_usable(summed, base, parts, by_title=True)
    before = known.get("signal") if known.get("version") == base.version else None
    signal = summed.check(honest_vectors.training(parts), before)
    side = parts.parts(total)["side"] / (SIDE_NORM * offer.units * survivors)
    learner, question = _question(_Asked(campaign, offer.round, state or b"", base.version, str(base.bundle), base))
    sent = replace(question, scale=offer.numbers, clip=offer.clip, most=float(offer.most_decisions))
    learner, sent = learner.counted(sent, total, float(survivors), variance, places)
    new = learner.answered(sent, total, variance, places)
    model = replace(new.state.model, version=base.next_version)
    if not np.isfinite(model.to_array()).all():
        raise RoundFailed("The step leads to a model that is not finite. It is not used; the last good model stays.")
    new = replace(new, state=replace(new.state, model=model))
    created = datetime.fromtimestamp(known["at"], UTC)
    about = f"{campaign.name}: {survivors:,} devices, as a noised sum."
    training = {"round": new.state.rounds, "devices": survivors, "campaign": campaign.id}
    files = files_of(model, base, created, about, training, campaign)
    result = {
        "used": True,
        "devices": survivors,
        "version": model.version,
        "plays": new.rates[0],
        "quality_plays": new.rates[1],
        "decisions": new.decisions,
        "reward": _reward(
            float(side[QUALITY_PLAYS_PLACE]), variance / (SIDE_NORM * offer.units * survivors) ** 2, survivors
        ),
        "unclipped": float(np.clip(side[UNCLIPPED_PLACE], 0.0, 1.0)),
        "step": float(np.linalg.norm(model.theta - learner.state.model.theta)),
        "signal": signal,
    }
    known = known | {"signal": signal, "decisions": new.decisions}
    return RoundResult(_kept(campaign, known, new, base), result, files)


def _reward(observed: float, noise_variance: float, devices: int) -> dict[str, float]:
    """Return the mean reward a decision over the cohort's devices with its 95 % interval, from this sum alone.

    A device's mean lies between 0 and 1, so that its variance over devices is at most p (1 − p).
    """
    mean = min(max(observed, 0.0), 1.0)
    half = NORMAL_95 * math.sqrt(noise_variance + mean * (1 - mean) / devices)
    return {"mean": mean, "low": max(observed - half, 0.0), "high": min(observed + half, 1.0)}


def _kept(campaign: Campaign, known: Mapping[str, Any], learner: Learner, base: DeployedModel) -> bytes:
    known = {"exchanges": _exchanges_needed(campaign, base), **known}
    about = {"spec": base.spec.sha256, "names": catalog_digest(base.catalog), "version": learner.state.model.version}
    return pack({**known, **about}, checkpoint.to_bytes(learner, learner.state.rounds, base.spec))
