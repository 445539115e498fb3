"""The content of the demo's page as plain values.

HomePage
├── PolicyResult   one policy's value and capture, with 95 % intervals
└── PageViewer     one simulated device with its history
    └── Screen         that viewer's evening on the TV, or morning on the phone
        └── Choice         one title: the artwork that keyart chose, and the population's
            └── Candidate      one artwork with its propensity
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from keyart.errors import InputError


@dataclass(frozen=True, slots=True)
class Candidate:
    """An artwork of a title.

    Attributes:
        tags: tags of the artwork.
        probability: propensity in this context, 0–1.
        misleading: whether it promises what the film does not hold, so that the policy never shows it.
        photograph: JPEG to show; without one, the page draws a poster from the tags.
    """

    artwork_id: str
    tags: Mapping[str, float]
    probability: float
    misleading: bool = False
    photograph: bytes = b""

    def __post_init__(self) -> None:
        if not 0.0 <= self.probability <= 1.0:
            raise InputError(
                f"Candidate {self.artwork_id!r} has the probability {self.probability!r}; give a number from 0 to 1."
            )


@dataclass(frozen=True, slots=True)
class Choice:
    """The choice for one title; `chosen` and `everybody` are indices of keyart's and the population's artwork."""

    title_id: str
    title_name: str
    year: str
    title_tags: Mapping[str, float]
    candidates: tuple[Candidate, ...]
    chosen: int
    everybody: int
    reasons: tuple[str, ...]

    def __post_init__(self) -> None:
        for what, index in (("chosen", self.chosen), ("everybody", self.everybody)):
            if not 0 <= index < len(self.candidates):
                raise InputError(
                    f"Choice for title {self.title_id!r}: {what} is {index}, but there are "
                    f"{len(self.candidates)} candidates; give an index from 0."
                )

    @property
    def chosen_artwork(self) -> Candidate:
        """Return the artwork that keyart chose."""
        return self.candidates[self.chosen]

    @property
    def everybody_artwork(self) -> Candidate:
        """Return the artwork that the population would see."""
        return self.candidates[self.everybody]


@dataclass(frozen=True, slots=True)
class Screen:
    """A screen.

    Attributes:
        label: such as "Tuesday evening, TV".
        device: "tv" or "phone".
        daypart: one of keyart's four dayparts.
    """

    label: str
    device: str
    daypart: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class PageViewer:
    """A viewer; `name` is a number and never a person's name, `watched` lists films seen lately."""

    name: str
    about: str
    watched: tuple[str, ...]
    screens: tuple[Screen, Screen]


@dataclass(frozen=True, slots=True)
class PolicyResult:
    """A policy: mean reward (0–1) and capture, (value − random) / (oracle − random), with 95 % intervals."""

    name: str
    value: float
    interval: tuple[float, float]
    capture: float
    capture_interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class HomePage:
    """The whole page.

    Attributes:
        world: what was simulated.
        headline: the result in one sentence.
        notes: what is real and what is simulated.
    """

    world: str
    headline: str
    results: tuple[PolicyResult, ...]
    viewers: tuple[PageViewer, ...]
    notes: tuple[str, ...]
    licences: tuple[str, ...]
