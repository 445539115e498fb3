"""Findings about a campaign and a fleet, as values. `feasibility` makes them. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from keyart_federated.accounting import Mechanism, composed_by_draw

Severity = Literal["fine", "warning", "blocking"]
Subject = Literal[
    "cohort", "privacy budget", "precision", "limits of devices", "gateways", "roll-out", "settings", "server"
]
ChargeKey = tuple[Mechanism, float, float]


@dataclass(frozen=True, slots=True)
class KnownFleet:
    """The fleet as the server knows it.

    Attributes:
        devices: Devices with a valid certificate that the server knows. 0: it knows none yet.
        at_least: Whether there are certainly more, since rounds have filled their target cohorts.
        answer_share: Share of the sampled devices that answer a round, as measured; 1 before the first round.
        gateways: Gateways with a recent heartbeat; None if that is not known.
        epsilon: Privacy budget of the fleet.
        delta: δ of that budget.
        charged: Number of charges so far, by event and sampling bucket range.
        own: Charges of the campaign that is judged, among them.
    """

    devices: int
    at_least: bool = False
    answer_share: float = 1.0
    gateways: int | None = None
    epsilon: float = math.inf
    delta: float = 1e-6
    charged: tuple[tuple[ChargeKey, int], ...] = ()
    own: tuple[tuple[ChargeKey, int], ...] = ()

    @property
    def known(self) -> bool:
        """Return whether the size of the fleet is known at all."""
        return self.devices > 0

    @property
    def spent(self) -> float:
        """ε that the fleet has spent."""
        return composed_by_draw(dict(self.charged), self.delta)


@dataclass(frozen=True, slots=True)
class CampaignFinding:
    """A finding about a campaign.

    Attributes:
        subject: What it is about.
        severity: "blocking" if the campaign cannot finish because of it.
        sentence: What is the case.
        advice: What to do; "" where nothing needs to be done.
        numbers: Values behind the sentence.
    """

    subject: Subject
    severity: Severity
    sentence: str
    advice: str = ""
    numbers: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Feasibility:
    """The judgement about a campaign.

    Attributes:
        devices: Size of the fleet that was assumed; 0 if it is not known.
        findings: Findings, the most severe ones first.
    """

    devices: int
    findings: tuple[CampaignFinding, ...]

    @property
    def blocking(self) -> tuple[CampaignFinding, ...]:
        """The findings because of which the campaign cannot finish."""
        return tuple(finding for finding in self.findings if finding.severity == "blocking")

    @property
    def warnings(self) -> tuple[CampaignFinding, ...]:
        """The findings that do not stop the campaign."""
        return tuple(finding for finding in self.findings if finding.severity == "warning")

    @property
    def can_finish(self) -> bool:
        """Return whether nothing is known that keeps the campaign from finishing."""
        return not self.blocking

    @property
    def verdict(self) -> Literal["feasible", "doubtful", "cannot finish"]:
        """The judgement in a word or two."""
        return "cannot finish" if self.blocking else "doubtful" if self.warnings else "feasible"
