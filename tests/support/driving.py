"""Rounds driven in this process: time that passes while somebody sleeps, and the relays of gateways on a grid."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from itertools import count

from flwr.app import Context, Message, RecordDict

from keyart.secagg import Stage
from keyart_server.flower import client_app
from keyart_server.flower.database_retries import Clock, RetryingDatabase
from keyart_server.flower.stage_messages import STAGE_QUERY, StageRequest
from support.local_grid import LocalGrid


class Time:
    """Passes while somebody sleeps, and only then, 2 s at least; meanwhile the world goes on."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC)
        self.meanwhile: list[Callable[[], None]] = []

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=max(seconds, 2.0))
        for each in self.meanwhile:
            each()

    @property
    def clock(self) -> Clock:
        return Clock(self.now, lambda: float(self.at.timestamp()), self.sleep)


class Nodes:
    """A grid over the relays of gateways. before: sees each message and its gateway, and may raise; an answer is lost
    where it says so. numbers: of the nodes, which are others after a restart."""

    numbers = count(1)

    def __init__(self, lasting: Callable[[float], RetryingDatabase], names: Iterable[str]) -> None:
        self.names = {next(self.numbers): name for name in names}
        nodes = {node: Context(1, node, {"gateway": name}, RecordDict(), {}) for node, name in self.names.items()}
        self.local = LocalGrid(client_app.client_app(lambda patience: nullcontext(lasting(patience))), nodes)
        self.before: Callable[[Message, str], bool] = lambda message, name: False
        self.after: Callable[[Message, str], bool] = lambda message, name: False
        self.asked: list[tuple[str, Stage | None]] = []
        self._pushed: list[str] = []

    def get_node_ids(self) -> list[int]:
        return list(self.names)

    def push_messages(self, messages: list[Message]) -> list[str]:
        (message,) = messages
        name = self.names[message.metadata.dst_node_id]
        self.asked.append((name, stage_of(message)))
        if self.before(message, name):
            return ["lost"]
        (number,) = self.local.push_messages(messages)
        return ["lost" if self.after(message, name) else number]

    def pull_messages(self, numbers: list[str]) -> list[Message]:
        return list(self.local.pull_messages(numbers))


def stage_of(message: Message) -> Stage | None:
    return StageRequest.read(message).stage if message.metadata.message_type == f"query.{STAGE_QUERY}" else None
