"""What the server and a node say: a model with the round's settings, or a question; and an integer sum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict

from keyart.errors import FederatedError, RoundFailed

ARRAYS, CONFIG, METRICS = "arrays", "config", "metrics"
MODEL, ASKED, SUM = "model", "asked", "sum"  # one array each: a message with fewer objects travels faster


@dataclass(frozen=True)
class Order:
    """What the server asks of a node for one round. cohort_share: of the node's devices, those that train.

    first, steps: impressions that the round covers, of a simulated device.
    """

    round: int
    first: int
    steps: int
    cohort_share: float
    seed: int

    def to_config(self) -> ConfigRecord:
        return ConfigRecord(
            {
                "round": self.round,
                "first": self.first,
                "steps": self.steps,
                "cohort-share": self.cohort_share,
                "seed": self.seed,
            }
        )

    @classmethod
    def from_config(cls, config: ConfigRecord) -> Order:
        return cls(
            int(config["round"]),
            int(config["first"]),
            int(config["steps"]),
            float(config["cohort-share"]),
            int(config["seed"]),
        )


@dataclass(frozen=True)
class Contribution:
    """A node's answer: the sum of its devices' vectors (int64), and how many devices are in it."""

    sum: npt.NDArray[np.int64]
    devices: int
    round: int


def model_record(flat: npt.NDArray[np.float64]) -> ArrayRecord:
    """The model as one array."""
    return ArrayRecord({MODEL: Array(flat)})


def model_of(record: ArrayRecord) -> npt.NDArray[np.float64]:
    """Inverse of `model_record`."""
    return np.asarray(record[MODEL].numpy(), dtype=np.float64)


def question(asked: npt.NDArray[np.float64]) -> RecordDict:
    """Directions [T, D], of which a node is to tell what is watched together along them."""
    return RecordDict({ARRAYS: ArrayRecord({ASKED: Array(asked)})})


def asked_of(message: Message, titles: int) -> npt.NDArray[np.float64]:
    """Inverse of `question`; raises FederatedError for what asks nothing of so many titles."""
    asked = np.asarray(message.content[ARRAYS][ASKED].numpy(), dtype=np.float64)
    if asked.ndim != 2 or len(asked) != titles or not np.isfinite(asked).all():
        raise FederatedError(
            f"The question has shape {asked.shape}, not finite numbers for {titles} titles. Server and "
            "node need the same catalogue."
        )
    return asked


def answer(message: Message, contribution: Contribution) -> Message:
    """The node's reply."""
    content = RecordDict()
    keep(content, contribution)
    return Message(content, reply_to=message)


def keep(records: RecordDict, contribution: Contribution) -> None:
    """Puts a contribution into a reply, or into what a node remembers between two messages."""
    records[ARRAYS] = ArrayRecord({SUM: Array(contribution.sum)})
    records[METRICS] = MetricRecord({"devices": contribution.devices, "round": contribution.round})


def kept(records: RecordDict, round_number: int) -> Contribution | None:
    """The contribution to that round, if it is the last one that `keep` put there.

    A node that has it is asked again: its answer was lost, and the round must not count twice.
    """
    if METRICS not in records or records[METRICS]["round"] != round_number:
        return None
    return Contribution(records[ARRAYS][SUM].numpy(), int(records[METRICS]["devices"]), round_number)


def read(reply: Message, size: int, round_number: int) -> Contribution:
    """A reply, checked: raises RoundFailed for a wrong shape, a value that is no integer, or another round."""
    where = f"Round {round_number}: the reply to message {reply.metadata.reply_to_message_id}"
    try:
        values = reply.content[ARRAYS][SUM].numpy()
        metrics = reply.content[METRICS]
        devices, answered = int(metrics["devices"]), int(metrics["round"])
    except (KeyError, TypeError, ValueError) as error:
        raise RoundFailed(f"{where} cannot be read ({error!r}). The last good model stays.") from None
    if values.dtype != np.int64:
        what = "holds a NaN or an infinity" if not np.isfinite(values).all() else f"has type {values.dtype}"
        raise RoundFailed(f"{where} {what}; vectors are int64. The last good model stays.")
    if values.shape != (size,):
        raise RoundFailed(f"{where} has shape {values.shape}, not ({size},). The last good model stays.")
    if answered != round_number:
        raise RoundFailed(f"{where} is for round {answered}. The last good model stays.")
    if devices < 0:
        raise RoundFailed(f"{where} counts {devices} devices. The last good model stays.")
    return Contribution(values, devices, answered)
