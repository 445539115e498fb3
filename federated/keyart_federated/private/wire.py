"""What the server asks of a node in a private round, and the answers: a noised sum, or a stage of a masked one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, RecordDict

from keyart.errors import RoundFailed
from keyart.outbound.clip import UNITS

from ..apps.wire import ARRAYS, CONFIG

PLAY, NOISED, SUMS = "train.play", "query.noised", "query.sums"
SCALE, BUNDLE = "scale", "bundle"
Kind = Literal["population", "training", "cowatch"]
NOTHING = np.zeros(0)


@dataclass(frozen=True)
class Ask:
    """A question.

    kind, round: of the sum. variance: of each device's noise. cohort_share, seed: which devices take part. units:
    integer steps to a norm of 1. clip, most, scale [size]: of a training vector, as in `learner.Question`; of a
    co-watch vector, the norm that views are shortened to, and the directions [T · D].
    """

    kind: Kind
    round: int
    variance: int
    cohort_share: float
    seed: int
    clip: float = 1.0
    most: float = 1.0
    scale: npt.NDArray[np.float64] = field(default_factory=lambda: NOTHING, repr=False)
    units: int = UNITS

    def to_record(self, bundle: bytes = b"") -> RecordDict:
        """bundle: of `Coordinator.ask`, where the sum is masked."""
        config = {
            "kind": self.kind,
            "round": self.round,
            "variance": self.variance,
            "cohort-share": self.cohort_share,
            "seed": self.seed,
            "clip": self.clip,
            "most": self.most,
            "units": self.units,
            BUNDLE: bundle,
        }
        return RecordDict({CONFIG: ConfigRecord(config), ARRAYS: ArrayRecord({SCALE: Array(self.scale)})})

    @classmethod
    def read(cls, message: Message) -> tuple[Ask, bytes]:
        """And the bundle. Inverse of `to_record`."""
        config = message.content[CONFIG]
        scale = np.asarray(message.content[ARRAYS][SCALE].numpy(), dtype=np.float64)
        ask = cls(
            config["kind"],
            int(config["round"]),
            int(config["variance"]),
            float(config["cohort-share"]),
            int(config["seed"]),
            float(config["clip"]),
            float(config["most"]),
            scale,
            int(config["units"]),
        )
        return ask, bytes(config[BUNDLE])


def bundle_reply(message: Message, bundle: bytes) -> Message:
    """A gateway's part of a stage."""
    return Message(RecordDict({CONFIG: ConfigRecord({BUNDLE: bundle})}), reply_to=message)


def bundle_of(reply: Message) -> bytes:
    """Inverse of `bundle_reply`; raises RoundFailed for a reply without one."""
    try:
        return bytes(reply.content[CONFIG][BUNDLE])
    except (KeyError, TypeError):
        raise RoundFailed("A node's reply holds no part of the masked sum. Update keyart there.") from None
