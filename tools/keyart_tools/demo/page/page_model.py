"""What the home-screen page shows, as plain values. Whoever fills them in, the page does not ask.

HomePage
├── Result     one policy's value and capture, with 95 % intervals
└── Viewer     one simulated device with its history
    └── Screen     that viewer's evening on the TV, or morning on the phone
        └── Choice     one title: the picture that keyart chose, and everybody's
            └── Candidate  one artwork with the probability it was shown with
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from keyart.errors import InputError


@dataclass(frozen=True, slots=True)
class Candidate:
    """tags: what the picture shows. probability: its propensity in this context, 0–1.

    misleading: it promises what the film does not hold, so the policy never shows it. photograph: a JPEG to show;
    without one the page draws a picture from the tags.
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
    """chosen, everybody: indices into `candidates` of keyart's picture and of the population's picture."""

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
        return self.candidates[self.chosen]

    @property
    def everybody_artwork(self) -> Candidate:
        return self.candidates[self.everybody]


@dataclass(frozen=True, slots=True)
class Screen:
    """label: e.g. "Tuesday evening, TV". device: "tv" or "phone". daypart: one of keyart's four."""

    label: str
    device: str
    daypart: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class PageViewer:
    """name: a number, never a person's name ("Viewer 196"). watched: names of films seen lately."""

    name: str
    about: str
    watched: tuple[str, ...]
    screens: tuple[Screen, Screen]


@dataclass(frozen=True, slots=True)
class PolicyResult:
    """value: mean reward, 0–1. capture: (value - random) / (oracle - random). Intervals: 95 %, low, high."""

    name: str
    value: float
    interval: tuple[float, float]
    capture: float
    capture_interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class HomePage:
    """world: what was simulated. headline: the result in a sentence. notes: what is real, what simulated."""

    world: str
    headline: str
    results: tuple[PolicyResult, ...]
    viewers: tuple[PageViewer, ...]
    notes: tuple[str, ...]
    licences: tuple[str, ...]
