"""A gateway that is asked to stop while it writes answers: what is in the database was answered, and nothing else."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import httpx
from gateway_samples import Round
from round_samples import ISSUER
from server_samples import COMMAND
from sqlalchemy import select

from keyart.secagg import Stage
from keyart_server.state import ServerState
from keyart_server.state.tables import SubmissionRow

DEVICES = 40


def test_a_stop_in_the_middle_of_a_batch(tmp_path: Path) -> None:
    url, chance = f"sqlite:///{tmp_path / 'state.db'}", random.Random(7)
    words = [*COMMAND[:-1], "gateway", "--json", "--port", "0", "--database-url", url, "--name", "main"]
    words += ["--issuer", ISSUER.public.hex()]
    with closing(ServerState.open(url)) as state:
        made = Round(state, lambda: datetime.now(UTC), devices=DEVICES, size=20_000)
        with (
            (tmp_path / "log").open("w") as log,
            subprocess.Popen(words, stdout=subprocess.PIPE, stderr=log, text=True) as process,
        ):
            try:
                assert process.stdout is not None
                base = json.loads(process.stdout.readline())["address"]
                with httpx.Client(base_url=base, timeout=30, trust_env=False) as client:
                    made.through(client, Stage.MASKED)
                    replies = {i: made.reply(client, Stage.MASKED, i) for i in range(DEVICES)}
                answered = asyncio.run(_handed_in(base, made, replies, chance, process))
                assert process.wait(timeout=30) == 0
            finally:
                process.kill()
        with state.reading() as session:
            there = set(session.scalars(select(SubmissionRow.number).where(SubmissionRow.stage == Stage.MASKED)))
    assert {int(made.tickets[i].split(".")[0]) for i in answered} == there
    assert 0 < len(answered) < DEVICES
    assert "Traceback" not in (tmp_path / "log").read_text()


async def _handed_in(
    base: str, made: Round, replies: dict[int, bytes], chance: random.Random, process: subprocess.Popen[str]
) -> set[int]:
    """Who has got a 204. The process is asked to stop at the first of them: half come before, others while it stops,
    and the last when it is gone."""
    answered: set[int] = set()
    stopping = asyncio.Event()

    async def one(i: int) -> None:
        await asyncio.sleep(chance.uniform(0, 1))
        if i >= DEVICES // 2:
            await stopping.wait()
        while i == DEVICES - 1 and process.poll() is None:
            await asyncio.sleep(0.05)
        async with httpx.AsyncClient(base_url=base, timeout=30, trust_env=False) as client:
            answer = await client.post(f"{made.path}/masked", content=replies[i], headers=made.bearing(i))
        assert answer.status_code == 204, answer.text
        if not answered:
            process.send_signal(signal.SIGTERM)
            stopping.set()
        answered.add(i)

    async with asyncio.timeout(120):  # nobody comes if nobody before them was answered
        found = await asyncio.gather(*map(one, replies), return_exceptions=True)
    assert not [error for error in found if error is not None and not isinstance(error, httpx.TransportError)]
    return answered
