"""The ServerApp: drives a round over the gateways, stage by stage, on from where it was left.

What counts is in the database: a stage that the round has passed is read again there, from its closed windows, so a
new process comes to the very same questions. A gateway that does not answer is read there, too: what its devices have
handed in is not lost, and the others count as silent.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Concatenate, Final, ParamSpec

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp
from sqlalchemy import select
from sqlalchemy.orm import Session

from keyart.errors import BudgetSpent, FederatedError, InputError, RoundFailed
from keyart.secagg import Stage
from keyart.secagg.messages import REPLY_FLAG
from keyart_federated.rounds import run_round
from keyart_federated.secagg import Coordinator
from keyart_federated.secagg.bundle import Bundle

from ..rounds import records, stages
from ..rounds.round import GOING_ON, OF_STAGE, Open
from ..state.tables import RoundRow, WindowRow
from . import environment
from .gateways import Gateways
from .waiting import GRACE_SECONDS, Lasting
from .wire import Question

log = logging.getLogger("keyart.server.flower")

NODE_SECONDS: Final = 60.0  # for gateways to come
COLLECT_SECONDS: Final = 10.0  # what a relay may take from the end of its window to its answer
P = ParamSpec("P")

app = ServerApp()


@app.main()  # type: ignore[untyped-decorator]
def main(grid: Grid, context: Context) -> None:
    """One round. Its outcome is in the database; what is raised here is a failure of Flower's, or the database's."""
    run = context.run_config
    issuers = environment.issuers()
    patience = float(run["patience"])
    with environment.database(patience + GRACE_SECONDS) as database:
        drive(str(run["round"]), Gateways(grid, database.clock), database, issuers, int(run["nodes"]), patience)


def drive(
    round_id: str, gateways: Gateways, database: Lasting, issuers: Iterable[bytes], nodes: int, patience: float
) -> None:
    """A round to its end: answered, or failed with a sentence. One that has ended is left as it is.

    nodes: gateways to wait for, for a while. patience: seconds that a stage may take. Raises FederatedError where the
    round cannot go on now; it goes on when it is driven again.
    """
    try:
        transport = _DatabaseTransport(round_id, gateways, database, nodes, patience)
        if transport.open.standing not in GOING_ON:
            raise _Left
        # Certificates are judged as of the round's beginning: who was in it stays in it, whenever it is resumed.
        coordinator = Coordinator(transport.terms, issuers, transport.opened_seconds)
        result = run_round(coordinator, transport)
        transport.write(records.answer, database.clock.now(), round_id, result.total, transport.answered)
    except (RoundFailed, BudgetSpent) as error:
        reason = str(error)
        log.warning("The round has failed: %s", reason, extra={"round": round_id})
        database.writing(records.fail, database.clock.now(), round_id, reason)
    except _Left:
        log.info("Somebody else has taken the round on, or ended it", extra={"round": round_id})


class _Left(Exception):
    """The round is not at the stage where it was."""


class _DatabaseTransport:
    """Carries a round's messages by the database, from which a new process goes on. gateways: as Flower sees them."""

    def __init__(self, round_id: str, gateways: Gateways, database: Lasting, nodes: int, patience: float) -> None:
        self.id, self.gateways, self.database, self.clock = round_id, gateways, database, database.clock
        self.nodes, self.patience = nodes, patience
        self.open, self.opened_seconds = database.reading(self._found)
        self.terms = self.open.terms
        self.answered = 0  # devices, at the last stage

    def exchange(self, stage: Stage, invitation: bytes, requests: Mapping[str, bytes]) -> Mapping[str, bytes]:
        """See `Transport`. A stage that the round has passed is read again from the database."""
        passed = self._has_passed(stage)
        replies = self._collected(stage) if passed else self._answers(stage, invitation, requests)
        if stage is Stage.UNMASK:
            self.answered = sum(self._devices(reply, stage | REPLY_FLAG) for reply in replies.values())
        return replies

    def advance(self, stage: Stage, requests: Mapping[str, bytes], replies: Mapping[str, bytes]) -> None:
        """See `Transport`. What a new process would read is what was read here, or nothing is changed."""
        if not self._has_passed(stage):
            self.write(self._pass, stage, requests, replies)

    def write(self, do: Callable[Concatenate[Session, P], None], *said: P.args, **named: P.kwargs) -> None:
        """Write in a transaction. Raises _Left where the round does not stand where it stood."""
        try:
            self.database.writing(do, *said, **named)
        except InputError as error:
            raise _Left from error

    def _has_passed(self, stage: Stage) -> bool:
        return GOING_ON.index(OF_STAGE[stage]) < GOING_ON.index(self.open.standing)

    def _answers(self, stage: Stage, invitation: bytes, requests: Mapping[str, bytes]) -> dict[str, bytes]:
        """What the gateways answer at a stage, and what is in the database of those that do not."""
        invited = stage is Stage.KEYS
        there = self.gateways.connected(self.nodes if invited else 1, min(self.patience, NODE_SECONDS))
        due = math.ceil(self.open.wanted / there)
        began = self.clock.seconds()
        windows: dict[str, bool] = {}
        over: dict[str, float] = {}  # at whom nothing more comes in, since when

        def question_for(name: str | None) -> Question | None:
            bundle = invitation if invited else requests.get(name or "")
            return None if bundle is None else Question(self.id, stage, bundle, due, self.patience)

        def at_work(name: str | None) -> bool:
            return len(windows) >= there if name is None else name in windows

        def enough(answers: Collection[str], silent: int) -> bool:
            now = self.clock.seconds()
            windows.update(self.database.reading(self._look, stage))
            for name, closed in windows.items():
                if closed:
                    over.setdefault(name, now)
            settled = {*answers, *(name for name, since in over.items() if now - since > COLLECT_SECONDS)}
            if now - began > self.patience + GRACE_SECONDS:
                return True
            if invited:
                return bool(settled) and silent <= len(settled) - len(answers)
            return settled >= requests.keys()

        answers = self.gateways.answers(question_for, at_work, enough)
        if not windows:
            raise FederatedError(
                f"No gateway has taken the stage {stage.name.lower()}. See the logs of their SuperNodes."
            )
        return answers | self._collected(stage, answers)

    def _collected(self, stage: Stage, but: Collection[str] = ()) -> dict[str, bytes]:
        """What came in at a stage, of all gateways but these. Nothing more can come in there."""
        names = self.database.writing(self._close, stage, but)
        return {name: self.database.reading(stages.collected, self.terms, stage, name) for name in names}

    def _close(self, session: Session, stage: Stage, but: Collection[str]) -> list[str]:
        names = [name for name in self._windows(session, stage) if name not in but]
        for name in names:
            stages.close_window(session, self.terms, stage, name)
        return names

    def _pass(self, session: Session, stage: Stage, requests: Mapping[str, bytes], replies: Collection[str]) -> None:
        heard = sum(self._devices(bundle, stage + 1) for bundle in requests.values())
        records.passed(session, self.clock.now(), self.id, stage, heard)
        if set(self._windows(session, stage)) != set(replies):
            raise FederatedError("A gateway came in while its stage was closed. Run the round again: it goes on.")

    def _windows(self, session: Session, stage: Stage) -> list[str]:
        """The gateways that have opened this stage."""
        where = WindowRow.round_id == self.id, WindowRow.stage == int(stage)
        return list(session.scalars(select(WindowRow.gateway).where(*where)))

    def _look(self, session: Session, stage: Stage) -> dict[str, bool]:
        """Of each gateway that has opened this stage, whether nothing more comes in there. Raises _Left."""
        if session.scalar(select(RoundRow.standing).where(RoundRow.id == self.id)) != OF_STAGE[stage]:
            raise _Left
        now, names = self.clock.now(), self._windows(session, stage)
        return {name: stages.is_over(session, now, self.terms, stage, name) for name in names}

    def _found(self, session: Session) -> tuple[Open, int]:
        """And when it began, in Unix seconds."""
        found, opened = records.find(session, self.id), records.opened(session, self.id)
        if found is None or opened is None:
            raise FederatedError(f"There is no round {self.id}.")
        return opened, int(found.opened.timestamp())

    def _devices(self, bundle: bytes, kind: int) -> int:
        return len(Bundle.from_bytes(bundle, kind, self.terms.round_id).parts)
