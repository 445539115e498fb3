"""The gateways of a round as Flower sees them: nodes that come and go, fail, and are asked again.

A node that answers tells its gateway's name; a SuperNode that was started again may come back as another node.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable, Collection
from typing import Final

from flwr.app import Message, RecordDict
from flwr.serverapp import Grid

from keyart.errors import FederatedError

from .database_retries import Clock
from .stage_messages import NAME_QUERY, STAGE_QUERY, StageReply, StageRequest

log = logging.getLogger("keyart.server.flower")

RETRY_SECONDS: Final = 45.0  # a node that is silent so long is asked again, then after twice that, and so on
FAILURE_RETRY_SECONDS: Final = 2.0  # after which one that has failed is asked again
MAX_FAILURES: Final = 3  # then a node is left alone for the rest of the stage


class GatewayNodes:
    """names: of the gateways behind the nodes that have answered once."""

    def __init__(self, grid: Grid, clock: Clock) -> None:
        self.names: dict[int, str] = {}
        self._grid, self._clock = grid, clock

    def connected(self, minimum: int, seconds: float) -> int:
        """How many there are, once there are `least` of them or the time is over. Raises FederatedError for none."""
        began = self._clock.seconds()
        while True:
            connected = len(list(self._grid.get_node_ids()))
            waited = self._clock.seconds() - began
            if connected and (connected >= minimum or waited > seconds):
                return connected
            if waited > seconds:
                raise FederatedError(f"No gateway has come within {seconds:.0f} s. Start their SuperNodes.")
            self._clock.pause(waited)

    def answers(
        self,
        question_for: Callable[[str | None], StageRequest | None],
        at_work: Callable[[str | None], bool],
        enough: Callable[[Collection[str], int], bool],
    ) -> dict[str, bytes]:
        """What the gateways answer, by name, until it is enough.

        question_for: of a gateway, by name; of one whose name is not known yet (None); None: it is asked nothing.
        at_work: whether it has been seen to begin: then its silence is no reason to ask again. enough: tells from the
        names so far, and from how many nodes may still answer. Raises FederatedError where every node fails.
        """
        stage, began = _PendingQueries(self._grid, self._clock), self._clock.seconds()
        answers: dict[str, bytes] = {}
        while True:
            nodes = list(self._grid.get_node_ids())
            for node in nodes:
                name = self.names.get(node)
                question = question_for(name)
                if name in answers or (question is None and name is not None):
                    continue
                kind = NAME_QUERY if question is None else STAGE_QUERY
                if stage.is_due(node, kind, at_work(name)):
                    stage.ask(node, kind, RecordDict() if question is None else question.to_record())
            for node, answer in stage.answered():
                self.names[node] = answer.gateway
                if answer.bundle:
                    answers.setdefault(answer.gateway, answer.bundle)
            if enough(answers, sum(stage.may_answer(node) for node in nodes)):
                return answers
            if stage.hopeless:
                raise FederatedError(f"No gateway can answer. The last one said: {stage.failure}")
            self._clock.pause(self._clock.seconds() - began)


class _PendingQueries:
    """Messages of one stage. failure: what the last node to fail said."""

    def __init__(self, grid: Grid, clock: Clock) -> None:
        self.failure = ""
        self._grid, self._clock = grid, clock
        self._node_of: dict[str, tuple[int, str]] = {}  # by message, of those that are not answered
        self._next: dict[tuple[int, str], tuple[float, float]] = {}  # when to ask again, and how long to wait then
        self._failures: Counter[int] = Counter()
        self._answered: set[int] = set()
        self._begun: set[int] = set()  # that have let go of a stage which goes on

    def may_answer(self, node: int) -> bool:
        """Whether its answer is still to come."""
        return node not in self._answered and self._failures[node] < MAX_FAILURES

    @property
    def hopeless(self) -> bool:
        """Whether every node has failed for good."""
        return bool(self._next) and not any(self.may_answer(node) for node, _ in self._next) and not self._answered

    def is_due(self, node: int, kind: str, at_work: bool) -> bool:
        """Whether to ask it: not if it was asked a short while ago, is at work, or fails each time."""
        due, _ = self._next.get((node, kind), (-math.inf, 0.0))
        working = at_work and ((node, kind) in self._node_of.values() or node in self._begun)
        return self._clock.seconds() >= due and not working and self._failures[node] < MAX_FAILURES

    def ask(self, node: int, kind: str, content: RecordDict) -> None:
        _, wait = self._next.get((node, kind), (0.0, RETRY_SECONDS))
        pushed = list(self._grid.push_messages([Message(content, node, f"query.{kind}")]))
        if not pushed or pushed[0] is None:
            raise FederatedError("Flower does not take a gateway's questions; see the SuperLink's log.")
        self._node_of[pushed[0]] = node, kind
        self._next[node, kind] = self._clock.seconds() + wait, 2 * wait

    def answered(self) -> list[tuple[int, StageReply]]:
        """What has come since the last time, by node. A failure is logged, and that node is asked again."""
        replies = []
        for reply in self._grid.pull_messages(list(self._node_of)) if self._node_of else ():
            node, kind = self._node_of.pop(reply.metadata.reply_to_message_id)
            if not reply.has_error():
                answer = StageReply.read(reply)
                replies.append((node, answer))
                if kind == STAGE_QUERY:
                    (self._answered if answer.bundle else self._begun).add(node)
                continue
            self.failure = str(reply.error.reason)
            self._failures[node] += 1
            self._next[node, kind] = self._clock.seconds() + FAILURE_RETRY_SECONDS, RETRY_SECONDS
            log.warning("A gateway failed and is asked again: %s", self.failure)
        return replies
