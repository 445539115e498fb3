"""The transport of a round: how the requests of a stage reach the gateways, and how their replies come back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

ResultT_co = TypeVar("ResultT_co", covariant=True)
StageT_co = TypeVar("StageT_co", covariant=True)
StageT_contra = TypeVar("StageT_contra", contravariant=True)


class Transport(Protocol[StageT_contra]):
    """Carries the messages of one round between the coordinator and the gateways. Gateways are known by name."""

    def exchange(self, stage: StageT_contra, invitation: bytes, requests: Mapping[str, bytes]) -> Mapping[str, bytes]:
        """Deliver the requests of a stage and return the gateways' replies, by gateway.

        Args:
            stage: the stage of the aggregation.
            invitation: at the first stage the message for every device; empty at the other stages.
            requests: one bundle a gateway; empty at the first stage, where no gateway is known.

        Raises:
            RoundFailed: the round cannot go on.
            FederatedError: the round cannot go on now; it may be driven again.
        """

    def advance(self, stage: StageT_contra, requests: Mapping[str, bytes], replies: Mapping[str, bytes]) -> None:
        """Note that a stage is over. A transport that survives a kill makes it durable here.

        Args:
            stage: the stage that has ended.
            requests: what the gateways are asked at the next stage.
            replies: what the gateways answered at the stage that has ended.
        """


class Coordinating(Protocol[StageT_co, ResultT_co]):
    """The aggregation interface: the server's half of an aggregation, as the driver needs it.

    `keyart_federated.secagg.Coordinator` implements it (SecAgg+). Campaigns see a `PrivateSum`, whatever made it.
    """

    @property
    def stages(self) -> Sequence[StageT_co]:
        """The stages of a round in their order, two or more."""

    @property
    def invitation(self) -> bytes:
        """The first message, the same for every device."""

    @property
    def result(self) -> ResultT_co:
        """The sum, once the last stage is closed."""

    def due(self, gateway: int) -> int:
        """Return how many of a gateway's devices are asked something at this stage."""

    def ask(self, gateway: int) -> bytes:
        """Return the bundle for a gateway's devices at this stage."""

    def receive(self, gateway: int, message: bytes) -> None:
        """Take a gateway's answer to this stage."""

    def close(self) -> None:
        """End the stage. Raises RoundFailed where too few devices answered."""
