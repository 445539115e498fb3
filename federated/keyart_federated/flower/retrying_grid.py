"""A Grid that asks a node again when no answer comes.

A node's process may end over one broken connection, and Flower sends a message once: without this the whole run
would wait for it until its time is over.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable

from flwr.app import Message, RecordDict
from flwr.serverapp import Grid
from flwr.supercore.run import Run

log = logging.getLogger("keyart.federated")
POLL_SECONDS = 0.5
PATIENCE_SECONDS = 45.0


class RetryingGrid(Grid):
    """A Grid that repeats unanswered requests after `patience` seconds, then after twice that, and so on.

    The first answer counts. A node must therefore answer the same request the same way, however often it is asked
    (`client_app` goes back to where the request begins).
    """

    def __init__(
        self,
        grid: Grid,
        patience: float = PATIENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._grid, self._patience, self._clock, self._sleep = grid, patience, clock, sleep

    def set_run(self, run: Run) -> None:
        """Set the run, as Flower does."""
        self._grid.set_run(run)

    @property
    def run(self) -> Run:
        """Return the run."""
        return self._grid.run

    def create_message(
        self, content: RecordDict, message_type: str, dst_node_id: int, group_id: str, ttl: float | None = None
    ) -> Message:
        """Make a message, as the grid behind does."""
        return self._grid.create_message(content, message_type, dst_node_id, group_id, ttl)

    def get_node_ids(self) -> Iterable[int]:
        """Return the ids of the nodes, asked again after an error."""
        return list(self._grid.get_node_ids())

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Push messages, again after an error."""
        return list(self._grid.push_messages(messages))

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Pull messages, again after an error."""
        return list(self._grid.pull_messages(message_ids))

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> Iterable[Message]:
        """Return one answer to each message, in the order of arrival; fewer if `timeout` seconds are over."""
        asked = list(messages)
        began, patience = self._clock(), self._patience
        question_of = dict(zip(self.push_messages(asked), range(len(asked)), strict=True))
        answers: dict[int, Message] = {}
        again = began + patience
        while True:
            waiting = [number for number, question in question_of.items() if question not in answers]
            for reply in self.pull_messages(waiting):
                answers.setdefault(question_of[reply.metadata.reply_to_message_id], reply)
            now = self._clock()
            if len(answers) == len(asked) or (timeout is not None and now - began > timeout):
                return list(answers.values())
            if now > again:
                left = [question for question in range(len(asked)) if question not in answers]
                log.warning("%d of %d nodes have not answered; they are asked again", len(left), len(asked))
                copies = [_copy(asked[question]) for question in left]
                question_of.update(zip(self.push_messages(copies), left, strict=True))
                patience *= 2
                again = now + patience
            self._sleep(POLL_SECONDS)


def _copy(message: Message) -> Message:
    """Return the same request as a message of its own: Flower numbers a message once."""
    metadata = message.metadata
    return Message(message.content, metadata.dst_node_id, metadata.message_type, group_id=metadata.group_id)
