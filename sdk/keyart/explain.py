"""Why this picture: parts that add up exactly to its lead over the runner-up, in numbers and in words.

With value v = σ(s) σ(k), the lead v₁ − v₀ is shared among the parts of the logits s and k: each part's difference is
multiplied by the secant slope of log σ between the two logits, and by the logarithmic mean of the two values. Both
are exact along the line between the two pictures, so that nothing is left over.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .errors import UnknownDecision
from .features.encode import Floats
from .features.rows import Rows
from .features.spec import MATCHES_PER_KIND, FeatureSpec
from .policy import Doubles

if TYPE_CHECKING:
    from .catalog import Title
    from .choice import Weighed
    from .decision import Decision
    from .head import Head
    from .installed import Installed
    from .ranker.weights import Weights

SMALLEST_SHOWN = 1e-6


@dataclass(frozen=True, slots=True)
class Factor:
    """One reason. contribution: its part of the lead over the runner-up, as probability of a quality play."""

    name: str
    contribution: float
    text: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """factors: largest first; their contributions add up to `lead`. runner_up: the next best picture, if any."""

    decision_id: str
    title_id: str
    artwork_id: str
    runner_up: str | None
    propensity: float
    lead: float
    factors: tuple[Factor, ...]

    @property
    def text(self) -> str:
        """The reasons in words: what spoke for the picture, and notes; what spoke against it is in `factors`."""
        return " ".join(factor.text for factor in self.factors if factor.contribution >= 0)


@dataclass(frozen=True)
class Pair:
    """The picture shown and the runner-up: rows [2, …] of the ranker, the head's offsets [2]."""

    rows: Rows
    offsets: Floats
    play: Floats
    keep: Floats


def explanation(
    decision: Decision,
    title: Title,
    installed: Installed,
    rows: Rows,
    weighed: Weighed,
    allowed: npt.NDArray[np.bool_],
    head: Head | None,
) -> Explanation:
    """Why `decision` shows what it shows. rows, weighed, allowed: of all candidates of the title, in order.

    Raises UnknownDecision if its picture has left the catalogue.
    """
    ids = [artwork.id for artwork in title.artworks]
    if decision.artwork_id not in ids:
        raise UnknownDecision(
            f"Decision {decision.id!r} showed {decision.artwork_id!r}, which title {title.id!r} does not have any "
            "more; open the profile with the catalogue of that time to have it explained."
        )
    chosen = ids.index(decision.artwork_id)
    rivals = np.where(allowed, weighed.value, -np.inf)
    rivals[chosen] = -np.inf
    if not np.isfinite(rivals).any():
        only = Factor("only-picture", 0.0, "It is the only picture of this title that may be shown here.")
        return Explanation(decision.id, title.id, decision.artwork_id, None, decision.propensity, 0.0, (only,))
    pair = [chosen, int(rivals.argmax())]
    two = Rows(rows.artwork[pair], rows.match[pair], rows.main[pair], rows.appeal[pair], rows.viewer, rows.context)
    offsets = head.offsets(two.artwork) if head is not None else np.zeros(2, dtype=np.float32)
    lead, factors = attribute(
        installed.spec, installed.weights, Pair(two, offsets, weighed.play[pair], weighed.keep[pair])
    )
    if decision.exploring:
        note = Factor("exploration", 0.0, "It was drawn to find out how it does; another picture had more value.")
        factors = (note, *factors)
    if installed.base_rate is None:
        note = Factor("no-model", 0.0, "There is no model yet: pictures are drawn, and this device learns alone.")
        factors = (note, *factors)
    return Explanation(decision.id, title.id, decision.artwork_id, ids[pair[1]], decision.propensity, lead, factors)


def attribute(spec: FeatureSpec, weights: Weights, pair: Pair) -> tuple[float, tuple[Factor, ...]]:
    """The lead of the first picture over the second, and its factors, largest in size first."""
    s, k = (np.asarray(x, dtype=np.float64) for x in (pair.play, pair.keep))
    log_value = _log_sigmoid(s) + _log_sigmoid(k)
    values = np.exp(log_value)
    lead = float(values[0] - values[1])
    scale = _logarithmic_mean(values, log_value)
    play_slope, keep_slope = _secant(s), _secant(k)
    factors = [
        Factor(name, float(difference) * slope * scale, text)
        for stage, slope in (("play", play_slope), ("keep", keep_slope))
        for name, difference, text in _parts(spec, weights, pair, stage)
    ]
    # Features are float32 and this sum is not: the last digit goes where it came from, the largest part.
    factors.sort(key=lambda factor: -abs(factor.contribution))
    rest = lead - sum(factor.contribution for factor in factors)
    if factors:
        first = factors[0]
        factors[0] = Factor(first.name, first.contribution + rest, first.text)
    shown = [factor for factor in factors if abs(factor.contribution) > SMALLEST_SHOWN] or factors[:1]
    left = sum(f.contribution for f in factors) - sum(f.contribution for f in shown)
    if left and shown:
        shown[0] = Factor(shown[0].name, shown[0].contribution + left, shown[0].text)
    return lead, tuple(shown)


def _parts(spec: FeatureSpec, weights: Weights, pair: Pair, stage: str) -> list[tuple[str, float, str]]:
    rows = pair.rows
    z = (rows.artwork[0] - rows.artwork[1]).astype(np.float64)
    x = (rows.match[0] - rows.match[1]).astype(np.float64)
    if stage == "keep":
        keep = z @ weights.keep_artwork + x @ weights.keep_match + float(rows.appeal[0, 1] - rows.appeal[1, 1])
        word = "less" if keep > 0 else "more"
        return [("promise", float(keep), f"Plays that start from it are broken off {word} often.")]
    h = rows.viewer.shape[-1]
    w = weights.play_artwork.astype(np.float64)
    parts = []
    for k, kind in enumerate(spec.match_kinds):
        at = MATCHES_PER_KIND * k
        taste = float(x[at : at + 2] @ weights.play_match[at : at + 2])
        promise = float(x[at + 2 : at + 4] @ weights.play_match[at + 2 : at + 4])
        many = "people" if kind == "cast" else f"{kind}s"
        more, near = "more" if taste > 0 else "less", "closer to" if promise > 0 else "further from"
        parts.append((f"history:{kind}", taste, f"It shows {more} of the {many} that you watch."))
        parts.append((f"title:{kind}", promise, f"Its {many} are {near} the title's."))
    parts.append(("intent", float(x[-1] * weights.play_match[-1]), "It answers what you asked for just now."))
    for name, who, directions in (
        ("taste", "People who watch what you watch", w[:, 1 : 1 + h] @ rows.viewer),
        ("context", _situation(spec, rows.context), w[:, 1 + h :] @ rows.context),
        ("everybody", "People in general", w[:, 0]),
    ):
        parts.append((name, float((z * directions).sum()), f"{who} {_tags(spec, z, directions)}."))
    appeal = float(rows.appeal[0, 0] - rows.appeal[1, 0])
    word = "more" if appeal > 0 else "fewer"
    parts.append(("appeal", appeal, f"This very picture made {word} people press play."))
    head = float(pair.offsets[0] - pair.offsets[1])
    word = "played" if head > 0 else "passed over"
    parts.append(("you", head, f"You lately {word} titles that were shown with pictures like it."))
    return parts


def _tags(spec: FeatureSpec, z: Doubles, directions: Floats | Doubles) -> str:
    """Which tag a part is mostly about: one that the picture shows more of, or one that the runner-up does."""
    by_tag = z * directions
    if not by_tag.size or not np.abs(by_tag).max():
        return "see no difference"
    at = int(np.argmax(by_tag * (1 if by_tag.sum() >= 0 else -1)))
    what = f"go {'for' if directions[at] > 0 else 'less for'} {_spoken(spec.artwork_tags[at])}"
    return what if z[at] > 0 else f"{what}, as in the next best picture"


def _spoken(tag: str) -> str:
    """A tag as people say it: "close-up shots", "warm colours", "comedy"."""
    kind, _, value = tag.partition(":")
    phrase = {"genre": "{}", "palette": "{} colours", "mood": "a mood of {}", "shot": "{} shots", "": "{}"}
    return phrase.get(kind if value else "", f"the {kind} {{}}").format(value or kind)


def _situation(spec: FeatureSpec, context: Floats) -> str:
    split = len(spec.devices) + 1
    device = (*spec.devices, "device")[int(context[:split].argmax())]
    daypart = spec.dayparts[int(context[split:].argmax())]
    return f"On a {'TV' if device == 'tv' else device} {'at' if daypart == 'night' else 'in the'} {daypart} people"


def _log_sigmoid(x: Doubles) -> Doubles:
    return np.asarray(-np.logaddexp(0.0, -x), dtype=np.float64)


def _secant(x: Doubles) -> float:
    if abs(x[0] - x[1]) < 1e-9:
        return float(1.0 / (1.0 + math.exp(min(float(x[0]), 700.0))))
    y = _log_sigmoid(x)
    return float((y[0] - y[1]) / (x[0] - x[1]))


def _logarithmic_mean(values: Doubles, logs: Doubles) -> float:
    if abs(logs[0] - logs[1]) < 1e-9:
        return float(values[0])
    return float((values[0] - values[1]) / (logs[0] - logs[1]))
