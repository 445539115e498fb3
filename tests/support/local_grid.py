"""LocalGrid: Flower's Grid in this process. The same apps run here and on a SuperLink."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

from flwr.app import Context, Error, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.common.constant import SUPERLINK_NODE_ID, ErrorCode
from flwr.serverapp import Grid
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity
from threadpoolctl import threadpool_limits


class LocalGrid(Grid):
    """A grid that runs a ClientApp on nodes whose contexts live here; a message is answered when it is pushed.

    Nodes answer one after another. On a SuperLink each has a process of its own, and threads of one process are no
    substitute: reading the header of an array parses it with `ast`, and CPython before 3.11.8 and 3.12.1 shares the
    count of that recursion between threads and raises SystemError when two of them parse at once (gh-106905).
    An exception in the app becomes an error reply, as a SuperNode would send it; `errors` keeps what was raised.
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
        with threadpool_limits(limits=1):
            return [self._answer(message) for message in messages]

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
