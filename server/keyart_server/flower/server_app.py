"""The ServerApp: runs a round over the gateways, stage by stage, resuming where it was left.

The database is authoritative. A stage that the round has passed is read again from its closed windows, so a new
process computes the same requests. The submissions at a gateway that does not answer are read from there too; its
other devices count as dropped out.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Concatenate, Final, ParamSpec

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp
from sqlalchemy import select
from sqlalchemy.orm import Session

from keyart.errors import BudgetSpent, FederatedError, InputError, RoundFailed, SumUnopened
from keyart.secagg import REPLY_FLAG, Stage
from keyart_federated.rounds import run_round
from keyart_federated.secagg import Coordinator
from keyart_federated.secagg.stage_messages import StageMessages

from ..rounds import exclusions, round_store, stage_windows
from ..rounds.round import ACTIVE, STATUS_OF_STAGE, OpenRound
from ..state.tables import RoundRow, WindowRow
from . import environment
from .database_retries import GRACE_SECONDS, RetryingDatabase
from .gateways import GatewayNodes
from .stage_messages import StageRequest

log = logging.getLogger("keyart.server.flower")

NODE_SECONDS: Final = 60.0  # to wait for gateways
COLLECT_SECONDS: Final = 10.0  # from the end of a window to the relay's reply
P = ParamSpec("P")

app = ServerApp()


@app.main()  # type: ignore[untyped-decorator]
def main(grid: Grid, context: Context) -> None:
    """Run one round. Its outcome is in the database; exceptions here are failures of Flower or of the database."""
    run = context.run_config
    issuers = environment.issuer_keys()
    patience = float(run["patience"])
    with environment.open_database(patience + GRACE_SECONDS) as database:
        drive(str(run["round"]), GatewayNodes(grid, database.clock), database, issuers, int(run["nodes"]), patience)


def drive(
    round_id: str,
    gateways: GatewayNodes,
    database: RetryingDatabase,
    issuers: Iterable[bytes],
    nodes: int,
    patience: float,
) -> None:
    """Run a round to its end: answered, or failed with a reason. A round that has ended is left as it is.

    Args:
        round_id: id of the round, in hex.
        gateways: the SuperNodes of the gateways.
        database: the server's database.
        issuers: public keys that certify devices.
        nodes: number of gateways to wait for.
        patience: stage timeout in seconds.

    Raises:
        FederatedError: if the round cannot continue now; running it again resumes it.
    """
    try:
        transport = _DatabaseTransport(round_id, gateways, database, nodes, patience)
        if transport.open.standing not in ACTIVE:
            raise _RoundMovedOn
        # Certificates and exclusions are those of the round's beginning, so that resuming it loses no member.
        opened = int(transport.opened.timestamp())
        coordinator = Coordinator(transport.parameters, issuers, opened, transport.excluded)
        result = run_round(coordinator, transport)
        transport.write(round_store.store_sum, database.clock.now(), round_id, result.total, transport.answered)
    except SumUnopened as error:
        reason = str(error)
        log.warning("The sum of the round cannot be opened: %s", reason, extra={"round": round_id})
        database.writing(round_store.fail_unopened, database.clock.now(), round_id, reason, error.excluded)
    except (RoundFailed, BudgetSpent) as error:
        reason = str(error)
        log.warning("The round has failed: %s", reason, extra={"round": round_id})
        database.writing(round_store.fail, database.clock.now(), round_id, reason)
    except _RoundMovedOn:
        log.info("Another process has taken over the round or ended it", extra={"round": round_id})


class _RoundMovedOn(Exception):
    """The round is no longer at the expected stage."""


class _DatabaseTransport:
    """Carries the messages of a round through the database, from which a new process can resume."""

    def __init__(
        self, round_id: str, gateways: GatewayNodes, database: RetryingDatabase, nodes: int, patience: float
    ) -> None:
        self.id, self.gateways, self.database, self.clock = round_id, gateways, database, database.clock
        self.nodes, self.patience = nodes, patience
        self.open, self.opened, self.excluded = database.reading(self._read)
        self.parameters = self.open.parameters
        self.answered = 0  # devices, at the last stage

    def exchange(self, stage: Stage, invitation: bytes, requests: Mapping[str, bytes]) -> Mapping[str, bytes]:
        """Implement `Transport.exchange`. A stage that the round has passed is read from the database."""
        passed = self._has_passed(stage)
        replies = self._collected(stage) if passed else self._answers(stage, invitation, requests)
        if stage is Stage.UNMASK:
            self.answered = sum(self._devices(reply, stage | REPLY_FLAG) for reply in replies.values())
        return replies

    def advance(self, stage: Stage, requests: Mapping[str, bytes], replies: Mapping[str, bytes]) -> None:
        """Implement `Transport.advance`. Nothing changes unless the database holds what was read here."""
        if not self._has_passed(stage):
            self.write(self._pass, stage, requests, replies)

    def write(self, operation: Callable[Concatenate[Session, P], None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Write in a transaction. Raises _RoundMovedOn if the round's status has changed."""
        try:
            self.database.writing(operation, *args, **kwargs)
        except InputError as error:
            raise _RoundMovedOn from error

    def _has_passed(self, stage: Stage) -> bool:
        return ACTIVE.index(STATUS_OF_STAGE[stage]) < ACTIVE.index(self.open.standing)

    def _answers(self, stage: Stage, invitation: bytes, requests: Mapping[str, bytes]) -> dict[str, bytes]:
        """Return the replies of the gateways; those of silent gateways are read from the database."""
        invited = stage is Stage.KEYS
        connected = self.gateways.connected(self.nodes if invited else 1, min(self.patience, NODE_SECONDS))
        due_per_gateway = math.ceil(self.open.wanted / connected)
        began = self.clock.seconds()
        windows: dict[str, bool] = {}
        finished_since: dict[str, float] = {}  # gateways whose window is over, and since when

        def question_for(name: str | None) -> StageRequest | None:
            bundle = invitation if invited else requests.get(name or "")
            return None if bundle is None else StageRequest(self.id, stage, bundle, due_per_gateway, self.patience)

        def at_work(name: str | None) -> bool:
            return len(windows) >= connected if name is None else name in windows

        def enough(answers: Collection[str], silent: int) -> bool:
            now = self.clock.seconds()
            windows.update(self.database.reading(self._look, stage))
            for name, closed in windows.items():
                if closed:
                    finished_since.setdefault(name, now)
            settled = {*answers, *(name for name, since in finished_since.items() if now - since > COLLECT_SECONDS)}
            if now - began > self.patience + GRACE_SECONDS:
                return True
            if invited:
                return bool(settled) and silent <= len(settled) - len(answers)
            return settled >= requests.keys()

        answers = self.gateways.answers(question_for, at_work, enough)
        if not windows:
            raise FederatedError(
                f"No gateway started the stage {stage.name.lower()}. See the logs of the SuperNodes."
            )
        return answers | self._collected(stage, answers)

    def _collected(self, stage: Stage, but: Collection[str] = ()) -> dict[str, bytes]:
        """Close the windows of all gateways except `but` and return their submissions."""
        names = self.database.writing(self._close, stage, but)
        return {name: self.database.reading(stage_windows.collect, self.parameters, stage, name) for name in names}

    def _close(self, session: Session, stage: Stage, but: Collection[str]) -> list[str]:
        names = [name for name in self._windows(session, stage) if name not in but]
        for name in names:
            stage_windows.close_window(session, self.parameters, stage, name)
        return names

    def _pass(self, session: Session, stage: Stage, requests: Mapping[str, bytes], replies: Collection[str]) -> None:
        submitted = sum(self._devices(bundle, stage + 1) for bundle in requests.values())
        round_store.advance(session, self.clock.now(), self.id, stage, submitted)
        if set(self._windows(session, stage)) != set(replies):
            raise FederatedError(
                "A gateway joined while the stage was being closed. Run the round again; it resumes."
            )

    def _windows(self, session: Session, stage: Stage) -> list[str]:
        """Return the gateways that have opened this stage."""
        conditions = WindowRow.round_id == self.id, WindowRow.stage == int(stage)
        return list(session.scalars(select(WindowRow.gateway).where(*conditions)))

    def _look(self, session: Session, stage: Stage) -> dict[str, bool]:
        """Return, for each gateway that has opened this stage, whether it is over. Raises _RoundMovedOn."""
        if session.scalar(select(RoundRow.standing).where(RoundRow.id == self.id)) != STATUS_OF_STAGE[stage]:
            raise _RoundMovedOn
        now, names = self.clock.now(), self._windows(session, stage)
        return {name: stage_windows.is_over(session, now, self.parameters, stage, name) for name in names}

    def _read(self, session: Session) -> tuple[OpenRound, datetime, frozenset[str]]:
        """Return the round, the time at which it began, and the devices that were excluded by then."""
        round_, open_round = round_store.find(session, self.id), round_store.find_open(session, self.id)
        if round_ is None or open_round is None:
            raise FederatedError(f"There is no round {self.id}.")
        excluded = exclusions.excluded_before(session, round_.campaign_id, round_.opened)
        return open_round, round_.opened, excluded

    def _devices(self, bundle: bytes, kind: int) -> int:
        return len(StageMessages.from_bytes(bundle, kind, self.parameters.round_id).parts)
