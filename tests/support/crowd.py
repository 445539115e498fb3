"""A round in a database, and a crowd of devices that answer it as the gateways' doors write their answers down."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Self

import numpy as np
import numpy.typing as npt
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from keyart.secagg import AggregationParameters, Stage
from keyart.secagg.messages import KeysRequest
from keyart_server import budget
from keyart_server.campaigns import campaign_store
from keyart_server.rounds import Round, round_store
from keyart_server.state import ServerState
from keyart_server.state.tables import StageRequestRow, SubmissionRow, WindowRow
from support import rounds as round_samples
from support.rounds import Devices

WAIT_SECONDS = 180.0


def now() -> datetime:
    return datetime.now(UTC)


def begin(state: ServerState, of: AggregationParameters, epsilon: float = 8.0, **changes: object) -> Round:
    """A round of these terms, of a new campaign."""
    with state.writing() as session:
        budget.configure(session, now(), epsilon, 1e-6)
        campaign = campaign_store.create(session, now(), "server", "Spring", "training")
        return round_samples.started(session, now(), campaign.id, of, **changes)


def found(state: ServerState, of: AggregationParameters) -> Round:
    with state.reading() as session:
        made = round_store.find(session, of.round_id.hex())
    assert made is not None
    return made


@dataclass
class Crowd:
    """Devices 0, 1, …, of the gateways in turn; a thread plays them. silent: who does not answer from a stage on.

    held: at this stage only half of them answer, until it is let go. handed: the answers that were taken.
    """

    state: ServerState
    of: AggregationParameters
    vectors: npt.NDArray[np.int64]
    gateways: Collection[str] = ("main",)
    silent: Mapping[Stage, Collection[int]] = field(default_factory=dict)
    held: Stage | None = None
    handed: set[tuple[Stage, int]] = field(default_factory=set)
    clock: Callable[[], datetime] = now

    def __post_init__(self) -> None:
        self.devices = Devices(self.of, self.vectors)
        self._answers: dict[tuple[Stage, int], bytes] = {}
        self._ends, self._turn = threading.Event(), threading.Lock()
        self._thread = threading.Thread(target=self._play)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()

    def step(self) -> None:
        """Every device that is asked, and may, answers: in a transaction that sees its window open."""
        with self._turn, self.state.writing() as session:
            taken = [one for stage in Stage for name in self.gateways for one in self._at(session, stage, name)]
        self.handed.update(taken)

    def wait(self, until: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not until():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def half(self, stage: Stage) -> bool:
        """Whether those have answered that do although the stage is held."""
        return sum(at is stage for at, _ in self.handed) >= len(self.vectors) // 2

    def survivors(self) -> list[int]:
        return sorted(number for stage, number in self.handed if stage is Stage.MASKED)

    def check(self) -> None:
        """The sum is in, and it is exactly that of the vectors that were taken; it is paid for once."""
        made = found(self.state, self.of)
        with self.state.reading() as session:
            opened = round_store.find_open(session, self.of.round_id.hex())
            assert opened is not None and opened.standing == "answered"
            total = round_store.total_of(opened)
            assert [charge.campaign_id for charge in budget.list_charges(session)].count(made.campaign_id) == 1
        assert (total == self.vectors[self.survivors()].sum(axis=0)).all()
        assert made.survivors == len(self.survivors())

    def _play(self) -> None:
        while not self._ends.wait(0.05):
            try:
                self.step()
            except OperationalError:
                continue  # the database is away

    def _at(self, session: Session, stage: Stage, name: str) -> list[tuple[Stage, int]]:
        round_id = self.of.round_id.hex()
        window = session.get(WindowRow, (round_id, int(stage), name), with_for_update={"read": True})
        if window is None or window.closed or self.clock() >= window.closes:
            return []
        names = list(self.gateways)
        members = [i for i in range(len(self.vectors)) if names[i % len(names)] == name]
        if stage is Stage.KEYS:
            asked = dict.fromkeys(members, KeysRequest(self.of).to_bytes())
        else:
            rows = session.execute(
                select(StageRequestRow.number, StageRequestRow.message).where(
                    StageRequestRow.round_id == round_id, StageRequestRow.stage == int(stage)
                )
            )
            asked = {number: message for number, message in rows if number in members}
        here = SubmissionRow.round_id == round_id, SubmissionRow.stage == int(stage)
        done = set(session.scalars(select(SubmissionRow.number).where(*here)))
        quiet = {i for since, who in self.silent.items() if since <= stage for i in who}
        quiet |= {i for i in asked if i % 4 > 1} if stage is self.held else set()
        due = [i for i in sorted(asked) if i not in done and i not in quiet]
        replies = {i: self._answer(stage, i, asked[i]) for i in due}
        round_samples.put(session, self.of, stage, replies, name)
        return [(stage, i) for i in due]

    def _answer(self, stage: Stage, i: int, message: bytes) -> bytes:
        if (stage, i) not in self._answers:
            self._answers[stage, i] = self.devices.answer(i, message)
        return self._answers[stage, i]
