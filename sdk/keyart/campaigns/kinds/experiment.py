"""Experiments: the metrics of one device for its arm, as a vector with a norm of at most 1, once in an experiment.

Each metric y is sent as z = (y − centre) / reach − θ x, cut to ±1, with x the same metric before the start, likewise
centred and cut. x does not depend on the arm, so any θ leaves the difference of the arms as it is; the right one
removes what the device's own past explains (Deng, Xu, Kohavi and Walker 2013, "Improving the sensitivity of online
controlled experiments by utilizing pre-experiment data", eq. 4 and 5). Centre and reach keep the noise that covers a
person small beside the differences between devices. Server side: `keyart_federated.experiments`.
"""

from __future__ import annotations

import hmac
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from ...catalog import folded_kind
from ...errors import SettingError
from ...model.features.spec import is_sensitive
from ...types import Doubles, Ints
from ..offer import MAX_ARMS, Offer
from ..vector_layout import VectorLayout
from ..vectors import DeviceKind, VectorSource
from .engagement import METRICS, Engagement

# Squared shares of the norm of 1. Counts, squares and products need be known to a few per cent only.
DEVICES_SHARE: Final = 0.05
GROUPS_SHARE: Final = 0.2  # where groups are asked about; of it, a tenth each for counts and squares
METRIC_SHARES: Final = {"z": 0.82, "zz": 0.06, "xz": 0.06, "xx": 0.06}
MAX_GROUPS: Final = 16
MAX_THETA: Final = 2.0


@dataclass(frozen=True)
class ExperimentLayout(VectorLayout):
    """Layout for A arms, M metrics and G groups.

    Its parts are: arms [A · (1 + 2 M)]: by arm, devices, then z of each metric, then z². past [2 M]: of all arms, x z
    of each metric, then x². groups [G · A · 3]: by group and arm, devices, z and z² of the first metric.
    """

    arms: int
    metrics: int
    groups: int = 0

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        """Return the number of entries of each part, in order."""
        a, m = self.arms, self.metrics
        return {"arms": a * (1 + 2 * m), "past": 2 * m, "groups": self.groups * a * 3}


@dataclass(frozen=True, slots=True)
class MetricRequest:
    """A metric that an experiment asks for.

    Attributes:
        metric: Name of the metric.
        share: Share of the squared norm of all metrics.
        centre: z is ±1 at centre ± reach.
        reach: See `centre`.
        theta: Factor of the past that is subtracted.
        past_centre: Centre of the metric before the start.
    """

    metric: str
    share: float
    centre: float
    reach: float
    theta: float = 0.0
    past_centre: float = 0.0


@dataclass(frozen=True)
class ExperimentRequest:
    """The request in an offer of an experiment. Nothing of it depends on a device.

    Attributes:
        name: Name that draws the arms.
        arms: Number of arms.
        asked: The metrics.
        group: Kind of the groups, "" for none.
        groups: Values of that kind. Devices with none of them are in one more group.
    """

    name: str
    arms: int
    asked: tuple[MetricRequest, ...]
    group: str = ""
    groups: tuple[str, ...] = ()

    @property
    def layout(self) -> ExperimentLayout:
        """Return the layout of the vector."""
        return ExperimentLayout(self.arms, len(self.asked), len(self.groups) + 1 if self.group else 0)

    @property
    def topic(self) -> str:
        """Return the topic of the offer and the receipt: "buttons", or "buttons/device:tv,phone"."""
        return f"{self.name}/{self.group}:{','.join(self.groups)}" if self.group else self.name

    @property
    def payload(self) -> bytes:
        """Return the payload of the offer."""
        rows = [(METRICS.index(a.metric), a.share, a.centre, a.reach, a.theta, a.past_centre) for a in self.asked]
        return np.array(rows, dtype="<f4").tobytes()

    @property
    def weights(self) -> Doubles:
        """Return the factor of each entry, so that the whole has a norm of at most 1, [layout.size]."""
        grouped = GROUPS_SHARE if self.group else 0.0
        shares = np.array([a.share for a in self.asked]) * (1 - DEVICES_SHARE - grouped)
        of = {name: np.sqrt(shares * part) for name, part in METRIC_SHARES.items()}
        arm = np.concatenate([[math.sqrt(DEVICES_SHARE)], of["z"], of["zz"]])
        group = np.sqrt(grouped * np.array([0.1, 0.8, 0.1]))
        layout = self.layout
        return np.concatenate(
            [np.tile(arm, self.arms), of["xz"], of["xx"], np.tile(group, layout.groups * self.arms)]
        )

    def place(self, group: str) -> int:
        """Return the place of a device's group among `groups`; 0 without any."""
        return self.groups.index(group) if group in self.groups else len(self.groups)

    @classmethod
    def read(cls, offer: Offer) -> ExperimentRequest | None:
        """Read a request; None if no device answers it, be it for its numbers or for a sensitive group."""
        name, grouped, rest = offer.topic.partition("/")
        kind, _, values = rest.partition(":")
        groups = tuple(values.split(",")) if grouped else ()
        rows = offer.numbers
        if not name or not 2 <= offer.arms <= MAX_ARMS or not len(rows) or len(rows) % 6:
            return None
        if grouped and (not is_valid_group(kind, groups)):
            return None
        table = rows.reshape(-1, 6)
        codes, shares, reach, theta = table[:, 0], table[:, 1], table[:, 3], table[:, 4]
        valid = np.isin(codes, np.arange(len(METRICS))) & (shares > 0) & (reach > 0) & (np.abs(theta) <= MAX_THETA)
        if not valid.all() or len(set(codes.tolist())) != len(codes) or shares.sum() > 1 + 1e-6:
            return None
        asked = tuple(MetricRequest(METRICS[int(code)], *map(float, row)) for code, *row in table)
        return cls(name, offer.arms, asked, kind, groups)


def is_valid_group(kind: str, values: Sequence[str]) -> bool:
    """Return True if devices may be grouped so: by no sensitive kind, and with few different values."""
    plain = all(value and not set(value) & set("/:,") for value in (kind, *values))
    return plain and 0 < len(set(values)) == len(values) <= MAX_GROUPS and not is_sensitive(kind)


def arm_of(secret: bytes, experiment: str, arms: int) -> int:
    """Return the arm that a device is in: drawn by its secret, the same every time, unknown to the server."""
    digest = hmac.digest(secret, b"keyart/arm/" + experiment.encode(), "sha256")
    return int.from_bytes(digest[:16], "little") % arms


def experiment_vectors(question: ExperimentRequest, arm: Ints, group: Ints, now: Doubles, past: Doubles) -> Doubles:
    """Return the vectors of d devices, each with a norm of at most 1, [d, layout.size].

    Args:
        question: The request.
        arm: Arm of each device, [d].
        group: Group of each device, [d]; unused without groups.
        now: Metrics since the start, [d, METRICS]. A device without any gets zeros; a single NaN counts as the
            centre.
        past: Metrics before the start, [d, METRICS]; NaN if unknown.
    """
    layout, asked = question.layout, question.asked
    devices, m = len(arm), len(asked)
    codes = [METRICS.index(a.metric) for a in asked]
    centre, reach, theta, before = np.array([[a.centre, a.reach, a.theta, a.past_centre] for a in asked]).T
    shown = np.asarray(~np.isnan(now).all(axis=1), dtype=np.float64)
    x = _within_one((past[:, codes] - before) / reach) * shown[:, None]
    z = _within_one((now[:, codes] - centre) / reach - theta * x) * shown[:, None]
    row = np.arange(devices)
    arms = np.zeros((devices, layout.arms, 1 + 2 * m))
    arms[row, arm] = np.concatenate([shown[:, None], z, z**2], axis=1)
    groups = np.zeros((devices, layout.groups, layout.arms, 3))
    if layout.groups:
        groups[row, group, arm] = np.stack([shown, z[:, 0], z[:, 0] ** 2], axis=1)
    parts = (arms.reshape(devices, -1), x * z, x**2, groups.reshape(devices, -1))
    return np.asarray(np.concatenate(parts, axis=1) * question.weights)


def _within_one(values: Doubles) -> Doubles:
    """Cut values to ±1; NaN becomes 0."""
    return np.asarray(np.nan_to_num(np.clip(values, -1.0, 1.0)))


def _question(offer: Offer, source: VectorSource) -> ExperimentRequest | None:
    question = ExperimentRequest.read(offer)
    if question is None or source.policy is None:
        return question
    return None if folded_kind(question.group) in source.policy.sensitive_kinds else question


def _layout(offer: Offer, source: VectorSource) -> ExperimentLayout | None:
    question = _question(offer, source)
    return question.layout if question is not None else None


def _vector(offer: Offer, source: VectorSource) -> Doubles:
    question = _question(offer, source)
    if question is None:
        raise SettingError("The experiment asks for what no device tells; nothing is sent.")
    arm = arm_of(source.secret, question.name, question.arms)
    lived = Engagement.of(source.profile, source.catalog, source.installed.encoded)
    now = lived.within(offer.since, math.inf, offer.most_decisions)
    past = lived.within(-math.inf, offer.since, offer.most_decisions)
    group = question.place(lived.group(question.group, now, source.labels))
    vectors = experiment_vectors(
        question, np.array([arm]), np.array([group]), lived.measured(now)[None], lived.measured(past)[None]
    )
    return np.asarray(vectors[0])


KIND: Final = DeviceKind("experiment", None, _layout, _vector)
