"""The gateways of a round as Flower sees them: SuperNodes that come and go, fail, and are retried.

A node reports its gateway's name with its first reply; a restarted SuperNode may come back as another node.
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

RETRY_SECONDS: Final = 45.0  # a silent node is queried again after this time, doubled each time
FAILURE_RETRY_SECONDS: Final = 2.0  # delay before a failed node is queried again
MAX_FAILURES: Final = 3  # then the node is ignored for the rest of the stage


class GatewayNodes:
    """The SuperNodes of the gateways; `names` maps nodes that have replied to their gateways."""

    def __init__(self, grid: Grid, clock: Clock) -> None:
        self.names: dict[int, str] = {}
        self._grid, self._clock = grid, clock

    def connected(self, minimum: int, seconds: float) -> int:
        """Wait for `minimum` nodes, but no longer than `seconds`; return how many are connected.

        Raises:
            FederatedError: if there is none.
        """
        began = self._clock.seconds()
        while True:
            connected = len(list(self._grid.get_node_ids()))
            waited = self._clock.seconds() - began
            if connected and (connected >= minimum or waited > seconds):
                return connected
            if waited > seconds:
                raise FederatedError(
                    f"No gateway connected within {seconds:.0f} s. Start the SuperNodes of the gateways."
                )
            self._clock.pause(waited)

    def answers(
        self,
        question_for: Callable[[str | None], StageRequest | None],
        at_work: Callable[[str | None], bool],
        enough: Callable[[Collection[str], int], bool],
    ) -> dict[str, bytes]:
        """Collect replies by gateway until `enough` says so.

        Args:
            question_for: returns the request for a gateway, or for one whose name is unknown (None); None asks
                nothing.
            at_work: tells whether a gateway has begun; its silence is then no reason to retry.
            enough: decides from the gateways that have replied and the number of nodes that may still reply.

        Raises:
            FederatedError: if every node fails.
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
                raise FederatedError(f"Every gateway failed. The last error: {stage.failure}")
            self._clock.pause(self._clock.seconds() - began)


class _PendingQueries:
    """The messages of one stage; `failure` is the error of the last node that failed."""

    def __init__(self, grid: Grid, clock: Clock) -> None:
        self.failure = ""
        self._grid, self._clock = grid, clock
        self._node_of: dict[str, tuple[int, str]] = {}  # unanswered messages
        self._next: dict[tuple[int, str], tuple[float, float]] = {}  # time of the next query, and the delay after it
        self._failures: Counter[int] = Counter()
        self._answered: set[int] = set()
        self._begun: set[int] = set()  # nodes that returned early from a long stage

    def may_answer(self, node: int) -> bool:
        """Tell whether a reply of the node is still possible."""
        return node not in self._answered and self._failures[node] < MAX_FAILURES

    @property
    def hopeless(self) -> bool:
        """Tell whether every node has failed for good."""
        return bool(self._next) and not any(self.may_answer(node) for node, _ in self._next) and not self._answered

    def is_due(self, node: int, kind: str, at_work: bool) -> bool:
        """Tell whether to query the node: not shortly after a query, while it works, or after too many failures."""
        due, _ = self._next.get((node, kind), (-math.inf, 0.0))
        working = at_work and ((node, kind) in self._node_of.values() or node in self._begun)
        return self._clock.seconds() >= due and not working and self._failures[node] < MAX_FAILURES

    def ask(self, node: int, kind: str, content: RecordDict) -> None:
        _, wait = self._next.get((node, kind), (0.0, RETRY_SECONDS))
        pushed = list(self._grid.push_messages([Message(content, node, f"query.{kind}")]))
        if not pushed or pushed[0] is None:
            raise FederatedError("Flower did not accept a message to a gateway; see the SuperLink's log.")
        self._node_of[pushed[0]] = node, kind
        self._next[node, kind] = self._clock.seconds() + wait, 2 * wait

    def answered(self) -> list[tuple[int, StageReply]]:
        """Return the new replies by node. A failure is logged, and that node is retried."""
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
            log.warning("A gateway failed and is retried: %s", self.failure)
        return replies
