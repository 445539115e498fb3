"""Explanations: parts that add up exactly to the lead of an artwork over the runner-up, in numbers and in words.

With value v = σ(s) σ(k), the lead v₁ − v₀ is shared among the parts of the logits s and k: each part's difference is
multiplied by the secant slope of log σ between the two logits, and by the logarithmic mean of the two values. Both
are exact along the line between the two artworks, so that nothing is left over.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import UnknownDecision
from ..types import Bools, Doubles, Floats
from .features.rows import FeatureRows, interaction_features
from .features.spec import MATCHES_PER_KIND, FeatureSpec
from .features.viewer import ViewerFeatures
from .scorer import Logits, logit_parts
from .stated_preferences import tag_weight
from .wording import ENGLISH, MESSAGES, Wording

if TYPE_CHECKING:
    from ..catalog import Artwork, Title
    from ..decision import Decision
    from .loaded_model import LoadedModel
    from .ranker.weights import Weights
    from .stated_preferences import StatedPreferences

MIN_SHOWN = 1e-6
_PEOPLE = ("appeal", "promise", "you", "others")  # parts about what people did, or the viewer


@dataclass(frozen=True, slots=True)
class Factor:
    """A reason for a choice.

    Attributes:
        name: Name of the factor.
        contribution: Its part of the lead over the runner-up, as probability of a quality play.
        text: The reason as a sentence.
    """

    name: str
    contribution: float
    text: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The reasons for a choice.

    Attributes:
        decision_id: The decision.
        title_id: The title.
        artwork_id: The artwork, or None if the decision shows none.
        runner_up: The next best artwork, or None.
        propensity: Probability of the draw.
        lead: Lead in value over the runner-up.
        factors: The reasons, largest first. Their contributions add up to `lead`.
    """

    decision_id: str
    title_id: str
    artwork_id: str | None
    runner_up: str | None
    propensity: float
    lead: float
    factors: tuple[Factor, ...]

    @property
    def text(self) -> str:
        """Return the reasons in favour of the artwork, and notes, as text. Reasons against it are in `factors`."""
        return " ".join(factor.text for factor in self.factors if factor.contribution >= 0)


@dataclass(frozen=True)
class ArtworkPair:
    """The chosen artwork and the runner-up.

    Attributes:
        rows: The ranker's rows, [2, …].
        nobody: Interaction features of a viewer of whom nothing is known, [2, M].
        logits: Their logits, [2].
        wording: The stated preference that tells them apart, in words.
    """

    rows: FeatureRows
    nobody: Floats
    logits: Logits
    wording: str = ""


def explanation(
    decision: Decision,
    title: Title,
    installed: LoadedModel,
    rows: FeatureRows,
    logits: Logits,
    allowed: Bools,
    stated: StatedPreferences | None = None,
    words: Wording = ENGLISH,
) -> Explanation:
    """Explain why a decision shows its artwork.

    Args:
        decision: The decision.
        title: Its title.
        installed: The model.
        rows: Rows of all candidates of the title, in order.
        logits: Their logits.
        allowed: True for those that may be shown.
        stated: Stated preferences of the viewer.
        words: The language.

    Raises:
        UnknownDecision: The artwork has left the catalogue.
    """
    if decision.artwork_id is None:
        none = Factor("age-limit", 0.0, words.say("age-limit"))
        return Explanation(decision.id, title.id, None, None, decision.propensity, 0.0, (none,))
    ids = [artwork.id for artwork in title.artworks]
    if decision.artwork_id not in ids:
        raise UnknownDecision(
            f"Decision {decision.id!r} showed {decision.artwork_id!r}, which title {title.id!r} does not have any "
            "more; open the profile with the catalogue of that time to have it explained."
        )
    chosen = ids.index(decision.artwork_id)
    rivals = np.where(allowed, logits.value, -np.inf)
    rivals[chosen] = -np.inf
    if not np.isfinite(rivals).any():
        only = Factor("only-picture", 0.0, words.say("only-picture"))
        return Explanation(decision.id, title.id, decision.artwork_id, None, decision.propensity, 0.0, (only,))
    two = np.array([chosen, int(rivals.argmax())])
    encoded = installed.encoded
    places = np.array([encoded.place[ids[i]] for i in two], dtype=np.intp)
    pair = ArtworkPair(
        rows=FeatureRows(
            rows.artwork[two], rows.match[two], rows.main[two], rows.appeal[two], rows.viewer, rows.context
        ),
        nobody=interaction_features(encoded, ViewerFeatures.unknown(encoded), places, encoded.title_of[places]),
        logits=logits.at(two),
        wording=_statement(words, stated.tags, *(title.artworks[i] for i in two)) if stated is not None else "",
    )
    lead, factors = attribute(installed.spec, installed.weights, pair, words)
    if decision.exploring:
        note = Factor("exploration", 0.0, words.say("exploration"))
        factors = (note, *factors)
    if installed.base_rate is None:
        note = Factor("no-model", 0.0, words.say("no-model"))
        factors = (note, *factors)
    return Explanation(
        decision.id, title.id, decision.artwork_id, ids[int(two[1])], decision.propensity, lead, factors
    )


def attribute(
    spec: FeatureSpec, weights: Weights, pair: ArtworkPair, words: Wording = ENGLISH
) -> tuple[float, tuple[Factor, ...]]:
    """Return the lead of the first artwork over the second, and its factors, largest in size first."""
    play, completion = (logit.astype(np.float64) for logit in (pair.logits.play, pair.logits.completion))
    log_value = _log_sigmoid(play) + _log_sigmoid(completion)
    values = np.exp(log_value)
    lead = float(values[0] - values[1])
    scale = _logarithmic_mean(values, log_value)
    slope = {"play": _secant(play) * scale, "keep": _secant(completion) * scale}
    logits: dict[str, float] = {}
    contributions: dict[str, float] = {}
    for part in logit_parts(spec, weights, pair.rows, pair.nobody, pair.logits):
        difference = float(part.logits[0] - part.logits[1])
        logits[part.name] = logits.get(part.name, 0.0) + difference
        contributions[part.name] = contributions.get(part.name, 0.0) + difference * slope[part.stage]
    names = sorted(contributions, key=lambda name: -abs(contributions[name]))
    shown = [name for name in names if abs(contributions[name]) > MIN_SHOWN]
    # The engine's logits are float32 and this sum is not: the last digit goes where it came from, the largest part,
    # and what is too small to be shown, too. Where that is as much as the part itself, no part says anything.
    largest = lead - sum(contributions[name] for name in shown[1:])
    if not shown or largest * np.sign(contributions[shown[0]]) <= MIN_SHOWN:
        return lead, (Factor("no-difference", lead, words.say("no-difference")),)
    contributions[shown[0]] = largest
    sentences = _sentences(words, spec, weights, pair, logits)
    return lead, tuple(Factor(name, contributions[name], sentences[name]) for name in shown)


def tag_phrase(tag: str) -> str:
    """Return a tag as people say it in English: "close-up shots", "warm colours", "comedy"."""
    return ENGLISH.tag(tag)


def _sentences(
    words: Wording, spec: FeatureSpec, weights: Weights, pair: ArtworkPair, logits: dict[str, float]
) -> dict[str, str]:
    """Return a sentence for each part: differences of content from the rows, behaviour of people from the logits."""
    rows = pair.rows
    z = (rows.artwork[0] - rows.artwork[1]).astype(np.float64)
    x = (rows.match[0] - rows.match[1]).astype(np.float64)
    w, h = weights.play_artwork.astype(np.float64), rows.viewer.shape[-1]
    sentences = {
        "intent": words.say(f"intent.{_direction(x[-1])}"),
        **{name: words.say(f"{name}.{_direction(logits.get(name, 0.0))}") for name in _PEOPLE},
        "picture": _met(words, pair.logits.artwork_bias),
        "preference": pair.wording,
    }
    for k, kind in enumerate(spec.match_kinds):
        at = MATCHES_PER_KIND * k
        even = float(pair.nobody[0, at] - pair.nobody[1, at])
        nearer = x[at + 2] or x[at + 3]
        for name, difference in (("history", x[at] - even), ("content", even), ("title", nearer)):
            sentences[f"{name}:{kind}"] = words.say_of_kind(name, _direction(difference), kind)
    situation = _situation(words, spec, rows.context)
    for name, directions in (
        ("taste", w[:, 1 : 1 + h] @ rows.viewer),
        ("context", w[:, 1 + h :] @ rows.context),
        ("everybody", w[:, 0]),
    ):
        what, values = _tags(words, spec, z, directions)
        sentences[name] = words.say(f"{name}.{what}", **(situation if name == "context" else {}), **values)
    return sentences


def _met(words: Wording, own: Floats | None) -> str:
    """Return a sentence about what the viewer did with the artwork of the two that matters more."""
    if own is None:
        return ""
    this = abs(own[0]) >= abs(own[1])
    return words.say(f"picture.{_direction(own[0])}" if this else f"picture.rival.{_direction(own[1])}")


def _direction(difference: float) -> str:
    return "more" if difference > 0 else "less"


def _tags(words: Wording, spec: FeatureSpec, z: Doubles, directions: Floats | Doubles) -> tuple[str, dict[str, str]]:
    """Return what a part is mostly about, and its tag.

    The tag is one that the artwork shows more of, or that the runner-up does.
    """
    by_tag = z * directions
    if not by_tag.size or not np.abs(by_tag).max():
        return "same", {}
    at = int(np.argmax(by_tag * (1 if by_tag.sum() >= 0 else -1)))
    rival = "" if z[at] > 0 else ".rival"
    return f"{_direction(directions[at])}{rival}", {"tag": words.tag(spec.artwork_tags[at])}


def _statement(words: Wording, stated: Mapping[str, float], chosen: Artwork, rival: Artwork) -> str:
    """Return a sentence about the stated preference that separates the two artworks most."""
    more = {tag: tag_weight(chosen, tag) - tag_weight(rival, tag) for tag in stated}
    towards = 1 if sum(stated[tag] * more[tag] for tag in stated) >= 0 else -1
    tag = max(stated, key=lambda tag: stated[tag] * more[tag] * towards)
    message = f"statement.{'like' if stated[tag] > 0 else 'dislike'}{'' if more[tag] > 0 else '.rival'}"
    return words.say(message, tag=words.tag(tag))


def _situation(words: Wording, spec: FeatureSpec, context: Floats) -> dict[str, str]:
    """Return device and time of day in words, by placeholder."""
    split = len(spec.devices) + 1
    device = (*spec.devices, "other")[int(context[:split].argmax())]
    daypart = spec.dayparts[int(context[split:].argmax())]
    message = f"device.{device}"
    return {
        "device": words.say(message if message in MESSAGES else "device.other"),
        "time": words.say(f"time.{daypart}"),
    }


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
