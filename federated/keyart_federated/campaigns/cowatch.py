"""Co-watch: title latents from which titles are watched together. Device side: `keyart.campaigns.kinds.cowatch`.

Each round sends directions, and its sum gives better ones (`keyart_federated.learning.title_latents`). The last round
ends in a candidate with new title latents. Its artwork latents are 0, since the earlier ones belong to other title
latents; a training campaign learns them again.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

import numpy as np

from keyart.campaigns import COWATCH_TOPIC, SegmentLayout
from keyart.errors import BundleError, FederatedError, RoundFailed
from keyart_federated.learning import title_latents
from keyart_federated.learning.title_latents import VIEWS_CLIP, CowatchSums

from ..types import Doubles
from . import honest_vectors
from .bundle_model import catalog_digest, files_of, model_of
from .campaign import Campaign
from .noise import Part, PlannedRounds, planned
from .private_sum import PrivateSum
from .protocol import DeployedModel, Finished, RoundRequest, RoundResult, Wait
from .rollout_plan import RolloutPlan, guard_rounds
from .round_offer import require_own, require_usable, unread
from .settings import settings_of
from .state_codec import load, pack
from .statistics import StatisticsSettings, ask_again

GUARD_SHARE: Final = 0.25  # of ε, set aside to watch the candidate while it rolls out


def plan(campaign: Campaign, base: DeployedModel) -> dict[str, PlannedRounds]:
    """See `CampaignKind.plan`. Every round costs the same; the rest is for the guard of the candidate."""
    segments, cohorts = SegmentLayout.of("rates", base.spec), settings_of(campaign, StatisticsSettings).sub_cohorts
    return planned(
        campaign,
        {
            COWATCH_TOPIC: Part(1 - GUARD_SHARE, campaign.rounds, title_latents.layout_of(len(base.catalog)).size),
            "guard": Part(GUARD_SHARE, guard_rounds(RolloutPlan()), segments.size, cohorts),
        },
    )


def ask(
    campaign: Campaign, state: bytes | None, number: int, failed: int, base: DeployedModel, at: datetime
) -> RoundRequest | Wait | Finished:
    """See `CampaignKind.ask`. The offer's payload is the directions that the round asks about."""
    known, data = load(state, campaign)
    return ask_again(
        campaign,
        state,
        number,
        failed,
        base,
        at,
        topic=COWATCH_TOPIC,
        plan=plan(campaign, base),
        clip=VIEWS_CLIP,
        payload=payload_of(_directions(campaign, known, data, base)),
        pending={"last": known.get("done", 0) + failed + 1 >= campaign.rounds},
    )


def read(campaign: Campaign, state: bytes | None, summed: PrivateSum, base: DeployedModel) -> RoundResult:
    """See `CampaignKind.read`. The last round's sum ends in a candidate, the others in better directions."""
    known, data = load(state, campaign)
    require_own(campaign, summed, ("statistics", COWATCH_TOPIC))
    known = summed.counted(known)
    try:
        sums, result = sums_of(summed, _directions(campaign, known, data, base), base)
        if summed.about["last"]:
            files = _candidate(campaign, summed, base, title_latents.title_latents(sums, base.encoded))
            return RoundResult(pack(known, data), result | {"version": base.next_version}, files)
        directions = title_latents.next_question(sums, base.encoded)
    except (FederatedError, BundleError) as error:
        return unread(known, data, error)
    kept = known | {"names": catalog_digest(base.catalog)}
    return RoundResult(pack(kept, directions.astype("<f8").tobytes()), result)


def payload_of(directions: Doubles) -> bytes:
    """Return the payload of an offer that asks about directions [T, D]."""
    return title_latents.unit_directions(directions).astype("<f4").tobytes()


def first_directions(campaign: Campaign, base: DeployedModel) -> Doubles:
    """Return the directions that a campaign asks about first, [T, D]."""
    seed = np.frombuffer(sha256(campaign.id.encode()).digest(), "<u4")
    return title_latents.first_question(len(base.catalog), np.random.default_rng(seed))


def sums_of(summed: PrivateSum, asked: Doubles, base: DeployedModel) -> tuple[CowatchSums, dict[str, Any]]:
    """Return what a sum tells about the directions that were asked, [T, D], and the result for people.

    Raises:
        RoundFailed: The sum cannot be used.
    """
    layout, offer = title_latents.layout_of(len(base.catalog)), summed.offer
    require_usable(summed, base, layout, by_title=True)
    summed.check(honest_vectors.cowatch(layout))
    sums = CowatchSums.read(
        summed.total,
        asked,
        units=offer.units,
        clip=offer.clip,
        variance=summed.variance,
        devices=float(summed.survivors),
    )
    return sums, {
        "used": True,
        "devices": summed.survivors,
        "history": float(np.clip(sums.viewers / summed.survivors, 0.0, 1.0)),
        "signal_to_noise": sums.signal_to_noise,
    }


def _directions(campaign: Campaign, known: dict[str, Any], data: bytes, base: DeployedModel) -> Doubles:
    """Return the directions of the state, if they are of this catalogue; else the first ones, [T, D]."""
    first = first_directions(campaign, base)
    if known.get("names") != catalog_digest(base.catalog):
        return first
    if len(data) != first.nbytes:
        raise FederatedError(
            "The state of the campaign cannot be read (its directions are cut short). Restore a copy, or stop it "
            "and start another."
        )
    return np.frombuffer(data, "<f8").reshape(first.shape)


def _candidate(
    campaign: Campaign, summed: PrivateSum, base: DeployedModel, title_latents: Doubles
) -> dict[str, bytes]:
    before = model_of(base.loaded)
    model = replace(
        before,
        title_latents=title_latents,
        artwork_latents=np.zeros_like(before.artwork_latents),
        version=base.next_version,
    )
    if not np.isfinite(title_latents).all() or not title_latents.any():
        raise RoundFailed("The sum shows no titles that are watched together, so no model follows; ask more devices.")
    created = datetime.fromtimestamp(summed.about["at"], UTC)
    about = f"{campaign.name}: {summed.survivors:,} devices, as a noised sum."
    training = {"round": summed.offer.round, "devices": summed.survivors, "campaign": campaign.id}
    return files_of(model, base, created, about, training, campaign)
