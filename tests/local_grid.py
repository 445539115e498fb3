"""LocalGrid: Flower's Grid in this process. The same apps run here and on a SuperLink."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from flwr.app import Context, Error, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.common.constant import SUPERLINK_NODE_ID, ErrorCode
from flwr.serverapp import Grid
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity
from threadpoolctl import threadpool_limits


class LocalGrid(Grid):
    """Runs a ClientApp on nodes whose contexts live here; a message is answered when it is pushed.

    Nodes work side by side, as many as there are processors, each with one thread of BLAS: their matrices are small,
    and threads that wait for each other double the time. An exception in the app becomes an error reply, as a
    SuperNode would send it; `errors` keeps what was raised.
    """

    def __init__(self, app: ClientApp, nodes: Mapping[int, Context], run_id: int = 1) -> None:
        # A message reads these three when it is made; on a SuperLink Flower's own process sets them.
        TaskIdentity.run_id = TaskIdentity.task_id = run_id
        TaskIdentity.node_id = SUPERLINK_NODE_ID
        self._app = app
        self._nodes = dict(nodes)
        self._run = Run.create_empty(run_id)
        self._numbers = itertools.count(1)
        self._replies: dict[str, Message] = {}
        self.errors: list[Exception] = []

    def set_run(self, run: Run) -> None:
        self._run = run

    @property
    def run(self) -> Run:
        return self._run

    def create_message(
        self,
        content: RecordDict,
        message_type: str,
        dst_node_id: int,
        group_id: str,
        ttl: float | None = None,
    ) -> Message:
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)

    def get_node_ids(self) -> Iterable[int]:
        return list(self._nodes)

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        with threadpool_limits(limits=1), ThreadPoolExecutor(os.cpu_count()) as nodes:
            return list(nodes.map(self._answer, messages))

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        return [self._replies.pop(number) for number in message_ids if number in self._replies]

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> Iterable[Message]:
        return self.pull_messages(self.push_messages(messages))

    def _answer(self, message: Message) -> str:
        number = f"message-{next(self._numbers)}"
        # Flower numbers messages on the wire and gives no setter; replies refer to this number.
        message.metadata.__dict__["_message_id"] = number
        try:
            reply = self._app(message, self._nodes[message.metadata.dst_node_id])
        except Exception as error:  # a SuperNode answers the same way
            self.errors.append(error)
            reply = Message(Error(ErrorCode.CLIENT_APP_RAISED_EXCEPTION, repr(error)), reply_to=message)
        reply.metadata.__dict__["_message_id"] = f"reply-{number}"
        self._replies[number] = reply
        return number
