"""The ClientApp (relay): one stage of a round at one gateway. It stores the requests in the database and waits.

HTTP gateways accept the submissions, in whatever process devices reach; the relay closes the stage and returns what
has arrived. Asked again, at once or after a kill, it returns the same bytes.
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
from keyart_federated.secagg.stage_messages import StageMessages

from ..rounds import stage_windows
from ..rounds.round import STATUS_OF_STAGE
from ..state.tables import RoundRow
from . import environment
from .database_retries import GRACE_SECONDS, RetryingDatabase
from .environment import GATEWAY
from .stage_messages import NAME_QUERY, STAGE_QUERY, StageReply, StageRequest

HEARTBEAT_SECONDS = 30.0  # heartbeat interval while waiting
# A SuperNode answers one message after the other. A longer stage continues without the relay, so that other rounds
# get their turn, and the server reads it from the database when it is over.
HOLD_SECONDS = 60.0


def run_stage(gateway: str, request: StageRequest, database: RetryingDatabase) -> bytes:
    """Run a stage at a gateway and return the submissions for `Coordinator.receive`.

    The result is b"" if the stage lasts beyond `HOLD_SECONDS`.

    Raises:
        RoundFailed: if the round has left the stage.
        FederatedError: if the database stays away.
    """
    clock, stage = database.clock, request.stage
    parameters = database.writing(_open, clock.now(), gateway, request)
    began = last_heartbeat = clock.seconds()
    while not database.reading(_is_over, clock.now(), gateway, request, parameters):
        if clock.seconds() - began > HOLD_SECONDS:
            return b""
        clock.pause(clock.seconds() - began)
        if clock.seconds() - last_heartbeat > HEARTBEAT_SECONDS:
            last_heartbeat = clock.seconds()
            database.writing(stage_windows.record_heartbeat, clock.now(), gateway)
    database.writing(stage_windows.close_window, parameters, stage, gateway)
    return database.reading(stage_windows.collect, parameters, stage, gateway)


def _open(session: Session, at: datetime, gateway: str, request: StageRequest) -> AggregationParameters:
    """Open the window. The row of the round is locked meanwhile, so no window opens at a stage that is being left."""
    stage = request.stage
    stage_windows.record_heartbeat(session, at, gateway)
    row = session.get(RoundRow, request.round_id, with_for_update={"read": True})
    if row is None:
        raise RoundFailed(f"There is no round {request.round_id}.")
    parameters = AggregationParameters.from_bytes(row.parameters)
    if row.standing != STATUS_OF_STAGE[stage]:
        raise _moved_on(request, row.standing)
    due = request.due
    if stage is not Stage.KEYS:
        parts = StageMessages.from_bytes(request.bundle, stage, parameters.round_id).parts
        stage_windows.store_requests(session, parameters, stage, parts)
        due = len(parts)
    stage_windows.open_window(session, at, parameters, stage, gateway, due, request.patience)
    return parameters


def _is_over(
    session: Session, at: datetime, gateway: str, request: StageRequest, parameters: AggregationParameters
) -> bool:
    """Tell whether the stage is over. Raises RoundFailed if the round has left it."""
    if stage_windows.is_over(session, at, parameters, request.stage, gateway):
        return True
    standing = session.scalar(select(RoundRow.standing).where(RoundRow.id == request.round_id))
    if standing != STATUS_OF_STAGE[request.stage]:
        raise _moved_on(request, standing)
    return False


def _moved_on(request: StageRequest, standing: str | None) -> RoundFailed:
    return RoundFailed(f"The round has left the stage {request.stage.name.lower()}; its status is {standing}.")


def client_app(database_for: Callable[[float], AbstractContextManager[RetryingDatabase]]) -> ClientApp:
    """Create a ClientApp over the database that `database_for` opens, given how many seconds it may be away."""
    client = ClientApp()

    @client.query(NAME_QUERY)  # type: ignore[untyped-decorator]
    def name(message: Message, context: Context) -> Message:
        return StageReply(str(context.node_config[GATEWAY])).to(message)

    @client.query(STAGE_QUERY)  # type: ignore[untyped-decorator]
    def sums(message: Message, context: Context) -> Message:
        request, gateway = StageRequest.read(message), str(context.node_config[GATEWAY])
        with database_for(request.patience + GRACE_SECONDS) as database:
            return StageReply(gateway, run_stage(gateway, request, database)).to(message)

    return client


app = client_app(environment.open_database)
