"""Main parameters: what decides which artwork a viewer sees, how much each part counts, and what can be changed.

The text is for the viewer (Digital Services Act, articles 27 and 38). The shares are not fixed: they are measured
with the model, the history, the head and the preferences that choose at this moment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ..types import Doubles, Ints
from .eligibility import NO_AGE_LIMIT, AgeLimit, eligible_of_title, nothing_watched
from .explain import tag_phrase
from .features import ViewerFeatures
from .features.rows import FeatureRows, interaction_features, main_effects
from .features.spec import SENSITIVE_KINDS
from .policy import Policy, distribution
from .scorer import LogitAdditions, logit_parts, score, sigmoid
from .stated_preferences import StatedPreferences

if TYPE_CHECKING:
    from ..catalog import Catalog
    from .artwork_bias import ArtworkBias
    from .head import Head
    from .loaded_model import LoadedModel

SAMPLED_CHOICES: Final = 64
NAMED_PREFERENCES: Final = 5


@dataclass(frozen=True, slots=True)
class Parameter:
    """A main parameter of choosing.

    Attributes:
        name: Name of the parameter.
        text: What it is, in plain words.
        importance: Its share of the differences in value between the artworks of a title. The shares add up to 1, or
            are all 0 if nothing tells artworks apart. None for a rule, chance, or the request of a moment.
        editable: True if the viewer can change it, beyond giving and withdrawing consent.
    """

    name: str
    text: str
    importance: float | None
    editable: bool


@dataclass(frozen=True, slots=True)
class Description:
    """The main parameters of choosing.

    Attributes:
        parameters: Weighing parameters, largest share first, then the rules.
        text: All of them, a paragraph each.
    """

    parameters: tuple[Parameter, ...]
    text: str


@dataclass(frozen=True)
class MeasuredImportance:
    """Measured shares.

    Attributes:
        importance: Share by name.
        drawn: Mean probability that a choice shows another than the best artwork.
    """

    importance: Mapping[str, float]
    drawn: float


# What it is, what it goes by, and whether the viewer can change it; by the name of the parameter.
_WEIGHING: Final[Mapping[str, tuple[str, str, bool]]] = {
    "history": (
        "What you watched",
        "It goes by the films and programmes in the record on this device, and by what people with such a record go "
        "for. You can remove single titles from the record.",
        True,
    ),
    "you": (
        "What you did with pictures",
        "It goes by what you played, and what you passed over, on this device. You can remove single titles from it.",
        True,
    ),
    "preference": ("What you say that you like", "You can change this at any time.", True),
    "title": ("The title itself", "It goes by how much a picture tells of the title, and how truly.", False),
    "context": ("The time and the device", "It goes by what people go for at that time, on such a device.", False),
    "everybody": ("What people in general like", "It goes by what a picture shows, whoever looks at it.", False),
    "appeal": ("How this very picture did", "It goes by how often people who saw it pressed play.", False),
    "promise": ("Whether it keeps what it promises", "It goes by how often people broke off what they began.", False),
}
_GROUPS: Final = {
    "content": "title",
    "taste": "history",
    "picture": "you",
    "others": "history",
}  # parts of the score that count under another name
_PERSONAL: Final = ("history", "you", "preference")


def describe(
    catalog: Catalog,
    installed: LoadedModel,
    policy: Policy,
    viewer: ViewerFeatures,
    head: Head | None,
    preferences: Mapping[str, float],
    own: ArtworkBias | None = None,
    has_watched: Callable[[int], bool] = nothing_watched,
    limit: AgeLimit = NO_AGE_LIMIT,
    *,
    profiled: bool,
    mode: str = "personalized",
    age_mode: str = "adult",
) -> Description:
    """Describe what decides on this device.

    Args:
        catalog: The catalogue.
        installed: The model.
        policy: Settings of choosing.
        viewer: Features of the viewer. This and the next four are ignored unless `profiled`.
        head: The personal head.
        preferences: Stated preferences by tag.
        own: Artwork biases.
        has_watched: Returns True if the viewer has watched a title, by its place.
        limit: The age limits of the profile.
        profiled: True if the profile may be used.
        mode: As in `Personalizer.open`; explains why a profile is not used.
        age_mode: As in `Personalizer.open`.
    """
    if not profiled:
        viewer, head, own, preferences = ViewerFeatures.unknown(installed.encoded), None, None, {}
        has_watched = nothing_watched
    measured = measure_importance(
        installed, policy, viewer, head, StatedPreferences.of(catalog, preferences), own, has_watched, limit
    )
    weighing = []
    for name, (what, goes_by, editable) in _WEIGHING.items():
        share = measured.importance[name]
        text = f"{what}: {_counts(share)}. {_listed(preferences) if name == 'preference' else ''}{goes_by}"
        used = profiled or name not in _PERSONAL
        weighing.append(Parameter(name, text if used else f"{what}: not used.", share, editable and used))
    weighing.sort(key=lambda parameter: -(parameter.importance or 0.0))
    if installed.weights.play_match[-1]:
        wish = "while you ask for something, pictures that answer it count for more. The wish is not kept."
    else:
        wish = "makes no difference before there is a model that has learned it."
    ruling = [
        Parameter("intent", f"What you ask for: {wish}", None, True),
        *(Parameter(name, text, None, False) for name, text in _rules(policy, measured.drawn, profiled, limit)),
    ]
    start = ["Which picture of a title you see is worked out on this device."]
    if not profiled:
        start.append(_why_not(mode, age_mode))
    if installed.base_rate is None:
        alone = "only what you say and do here tells pictures apart" if profiled else "pictures are drawn by lot"
        start.append(f"There is no trained model yet: {alone}.")
    return Description(
        (*weighing, *ruling), "\n".join([" ".join(start), *(parameter.text for parameter in (*weighing, *ruling))])
    )


def measure_importance(
    installed: LoadedModel,
    policy: Policy,
    viewer: ViewerFeatures,
    head: Head | None,
    stated: StatedPreferences | None,
    own: ArtworkBias | None = None,
    has_watched: Callable[[int], bool] = nothing_watched,
    limit: AgeLimit = NO_AGE_LIMIT,
) -> MeasuredImportance:
    """Measure what tells the artworks of a title apart, in 64 choices that are the same every time.

    Titles are spread evenly over the catalogue, and each choice is on the next device or at the next time of day.

    The spread of a parameter in a choice is the standard deviation, over the artworks that may be shown, of its part
    of log value = log σ(s) + log σ(k), to first order: (1 − σ(s)) ds and (1 − σ(k)) dk, mean slopes of the title. Its
    importance is its share of all spreads, summed over the choices. Titles that may show no artwork are left out.
    """
    encoded, spec = installed.encoded, installed.spec
    choices = np.arange(SAMPLED_CHOICES)
    titles = choices * (len(encoded.first) - 1) // SAMPLED_CHOICES
    encoded.need(titles.tolist())
    slates = [_shown(installed, policy, title, has_watched, limit) for title in titles.tolist()]
    choices, slates = choices[[len(slate) > 0 for slate in slates]], [slate for slate in slates if len(slate)]
    if not slates:
        return MeasuredImportance(dict.fromkeys(_WEIGHING, 0.0), 0.0)
    sizes = np.array([len(slate) for slate in slates], dtype=np.intp)
    pictures, starts = np.concatenate(slates), np.cumsum(sizes) - sizes
    situations = [
        spec.context_row(device, daypart) for daypart in spec.dayparts for device in (*spec.devices, "another")
    ]
    context = np.repeat(np.array(situations)[choices % len(situations)], sizes, axis=0)
    zeros = np.zeros(len(pictures), dtype=np.float32)
    of_title = encoded.title_of[pictures]
    rows = FeatureRows(
        artwork=encoded.artwork[pictures],
        match=interaction_features(encoded, viewer, pictures, of_title),
        main=main_effects(spec, zeros, zeros, context, encoded.title_shares[of_title]),
        appeal=installed.appeal[pictures],
        viewer=viewer.taste,
        context=context,
    )
    nobody = interaction_features(encoded, ViewerFeatures.unknown(encoded), pictures, of_title)
    additions = LogitAdditions(
        installed.latents,
        viewer.met,
        stated.added if stated is not None else None,
        head,
        own.added if own is not None else None,
    )
    logits = additions.logits(score(installed.weights, rows), rows.artwork, of_title, pictures)
    chance = {"play": sigmoid(logits.play), "keep": sigmoid(logits.completion)}
    slope = {stage: np.repeat(np.add.reduceat(1.0 - p, starts) / sizes, sizes) for stage, p in chance.items()}
    effects = {name: np.zeros(len(pictures)) for name in _WEIGHING}
    for part in logit_parts(spec, installed.weights, rows, nobody, logits):
        reason = part.name.partition(":")[0]
        name = _GROUPS.get(reason, reason)
        if name in effects:
            effects[name] += part.logits * slope[part.stage]
    spread = {name: _spread(effect, starts, sizes) for name, effect in effects.items()}
    total = sum(spread.values()) or 1.0
    gamma = policy.gamma(installed.base_rate)
    values = np.split(chance["play"] * chance["keep"], starts[1:])
    drawn = float(np.mean([_drawn(value, gamma) for value in values]))
    return MeasuredImportance({name: value / total for name, value in spread.items()}, drawn)


def _shown(
    installed: LoadedModel, policy: Policy, title: int, has_watched: Callable[[int], bool], limit: AgeLimit
) -> Ints:
    """Return the places of the title's artworks that may be shown where the context sets no age limit."""
    allowed = eligible_of_title(installed.encoded, policy, title, has_watched, limit)
    return np.asarray(installed.encoded.starts[title] + np.flatnonzero(allowed), dtype=np.intp)


def _spread(effect: Doubles, starts: Ints, sizes: Ints) -> float:
    """Return the sum over the choices of the standard deviation among their artworks."""
    mean = np.repeat(np.add.reduceat(effect, starts) / sizes, sizes)
    return float(np.sqrt(np.add.reduceat((effect - mean) ** 2, starts) / sizes).sum())


def _drawn(value: Doubles, gamma: float) -> float:
    chance = distribution(value, np.ones(len(value), dtype=np.bool_), gamma)
    return float(chance[value < value.max()].sum())


def _counts(share: float) -> str:
    if share == 0.0:
        return "makes no difference at present"
    return f"{100 * share:.0f} % of what decides" if share >= 0.005 else "less than 1 % of what decides"


def _listed(preferences: Mapping[str, float]) -> str:
    """Return the stated preferences as a sentence followed by a space."""
    statements = []
    for verb, sign in (("like", 1.0), ("do not like", -1.0)):
        tags = [tag for tag, stated in preferences.items() if stated == sign]
        if tags:
            statements.append(f"{verb} {_enumerated(tags)}")
    return (
        f"You say that you {', and that you '.join(statements)}. " if statements else "You have said nothing so far. "
    )


def _enumerated(tags: Sequence[str]) -> str:
    named = [tag_phrase(tag) for tag in tags[:NAMED_PREFERENCES]]
    if len(tags) > len(named):
        named.append(f"{len(tags) - len(named)} more")
    return f"{', '.join(named[:-1])} and {named[-1]}" if len(named) > 1 else named[0]


def _why_not(mode: str, age_mode: str) -> str:
    unused = "nothing is added to a record of you, and no record of you is used"
    if age_mode == "child":
        return f"This is a child's profile: {unused}."
    if mode == "non_profiled":
        return f"Choosing by what you do is switched off: {unused}."
    return f"You have not agreed that this app chooses pictures for you, or your consent has ended: {unused}."


def _rules(policy: Policy, drawn: float, profiled: bool, limit: AgeLimit) -> list[tuple[str, str]]:
    """Return name and sentence of chance and of each rule."""
    chance = "pictures of the same value are drawn by lot"
    if policy.exploration:
        often = f"about {100 * drawn:.0f}" if drawn >= 0.005 else "less than 1"
        chance += f", and in {often} of 100 choices one of less value, to find out how it does"
    hours = policy.stickiness.total_seconds() / 3600
    rest = f"a title keeps its picture for up to {hours:.4g} hours within the same part of the day"
    variety = "pictures like those that the page shows already count for less"
    seen = "after you have watched it, or " if profiled else ""
    honesty = "a picture with other genres or people than its title is shown only where there is no other"
    if policy.misleading == "allow":
        honesty = "pictures with other genres or people than their title may be shown; this app allows it"
    if limit.maturities:
        age = f"{' and '.join(limit.maturities)} in this profile; no picture above it is shown"
    else:
        age = "none in this profile; where the app sets one, no picture above it is shown"
    if limit.rated_only:
        age += ", nor one without an age rating"
    return [
        ("exploration", f"Chance: {chance}."),
        ("stickiness", f"Rest: {rest if hours else 'none; a picture is chosen each time'}."),
        ("page", f"Variety: {variety if policy.diversity else 'none; each picture is chosen by itself'}."),
        ("maturity", f"Age limit: {age}, even if a title then has no picture."),
        ("spoilers", f"Spoilers: a picture that gives a title away is shown only {seen}where there is no other."),
        ("misleading", f"Honesty: {honesty}."),
        ("sensitive", f"Never used: {', '.join(sorted(SENSITIVE_KINDS | policy.sensitive_kinds))}."),
    ]
