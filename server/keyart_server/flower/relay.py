"""The ClientApp: one stage of a round at one gateway. It asks the gateway's devices, by the database, and waits.

A gateway's door (`gateway`) takes the answers, in whatever process devices find it; the relay closes the stage and
hands on what came. Asked again, at once or after a kill, it hands on the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime

from flwr.app import Context, Message
from flwr.clientapp import ClientApp
from sqlalchemy import select
from sqlalchemy.orm import Session

from keyart.errors import RoundFailed
from keyart.secagg import AggregationParameters, Stage
from keyart_federated.secagg.bundle import Bundle

from ..rounds import stages
from ..rounds.round import OF_STAGE
from ..state.tables import RoundRow
from . import environment
from .environment import GATEWAY
from .waiting import GRACE_SECONDS, Lasting
from .wire import NAME, SUMS, Answer, Question

HEARD_SECONDS = 30.0  # a gateway that waits says so every so often
# A SuperNode answers one message after the other, and other rounds wait their turn: what takes longer goes on without
# the relay, and the server reads it in the database when it is over.
HOLD_SECONDS = 60.0


def stage_at(gateway: str, question: Question, database: Lasting) -> bytes:
    """A stage of a round at a gateway, from its questions to what came; for `Coordinator.receive`. b"" where it goes
    on after `HOLD_SECONDS`.

    Raises RoundFailed where the round has left the stage, FederatedError where the database stays away.
    """
    clock, stage = database.clock, question.stage
    terms = database.writing(_open, clock.now(), gateway, question)
    began = heard = clock.seconds()
    while not database.reading(_is_over, clock.now(), gateway, question, terms):
        if clock.seconds() - began > HOLD_SECONDS:
            return b""
        clock.pause(clock.seconds() - began)
        if clock.seconds() - heard > HEARD_SECONDS:
            heard = clock.seconds()
            database.writing(stages.hear, clock.now(), gateway)
    database.writing(stages.close_window, terms, stage, gateway)
    return database.reading(stages.collected, terms, stage, gateway)


def _open(session: Session, at: datetime, gateway: str, question: Question) -> AggregationParameters:
    """The row of the round stays as it is until this is done: no window opens at a stage that is being left."""
    stage = question.stage
    stages.hear(session, at, gateway)
    row = session.get(RoundRow, question.round_id, with_for_update={"read": True})
    if row is None:
        raise RoundFailed(f"There is no round {question.round_id}.")
    terms = AggregationParameters.from_bytes(row.terms)
    if row.standing != OF_STAGE[stage]:
        raise _left(question, row.standing)
    due = question.due
    if stage is not Stage.KEYS:
        parts = Bundle.from_bytes(question.bundle, stage, terms.round_id).parts
        stages.ask(session, terms, stage, parts)
        due = len(parts)
    stages.open_window(session, at, terms, stage, gateway, due, question.patience)
    return terms


def _is_over(session: Session, at: datetime, gateway: str, question: Question, terms: AggregationParameters) -> bool:
    """Raises RoundFailed where there is nothing left to wait for."""
    if stages.is_over(session, at, terms, question.stage, gateway):
        return True
    standing = session.scalar(select(RoundRow.standing).where(RoundRow.id == question.round_id))
    if standing != OF_STAGE[question.stage]:
        raise _left(question, standing)
    return False


def _left(question: Question, standing: str | None) -> RoundFailed:
    return RoundFailed(f"The round is past the stage {question.stage.name.lower()}: it stands at {standing}.")


def client_app(database_for: Callable[[float], AbstractContextManager[Lasting]]) -> ClientApp:
    """A relay over the database that `database_for` opens; it may be away for so many seconds."""
    made = ClientApp()

    @made.query(NAME)  # type: ignore[untyped-decorator]
    def name(message: Message, context: Context) -> Message:
        return Answer(str(context.node_config[GATEWAY])).to(message)

    @made.query(SUMS)  # type: ignore[untyped-decorator]
    def sums(message: Message, context: Context) -> Message:
        question, gateway = Question.read(message), str(context.node_config[GATEWAY])
        with database_for(question.patience + GRACE_SECONDS) as database:
            return Answer(gateway, stage_at(gateway, question, database)).to(message)

    return made


app = client_app(environment.database)
