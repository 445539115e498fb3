"""A gateway killed at any moment of any stage: each answer that it has accepted is there, and the sum is exact."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from gateway_samples import Round
from round_samples import ISSUER
from server_samples import Clock
from sqlalchemy import select

from keyart.secagg import Stage
from keyart_server.state import ServerState
from keyart_server.state.tables import SubmissionRow

DEVICES = 20

# Imports once, then is a gateway in a fork for each line that it reads.
NURSERY = """
import os, signal, sys
from datetime import datetime
import uvicorn
from keyart_server.gateway.gateway_app import create_gateway
from keyart_server.monitoring.metrics import Metrics
from keyart_server.http.web_server import listen
from keyart_server.state import ServerState
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
now = datetime.fromisoformat(sys.argv[3])
for _ in sys.stdin:
    if os.fork() == 0:
        state = ServerState.open(sys.argv[1], upgrade=False)
        app = create_gateway(state, "main", [bytes.fromhex(sys.argv[2])], lambda: now, Metrics("1"))
        with listen("127.0.0.1", 0) as place:
            print(os.getpid(), place.getsockname()[1], flush=True)
            uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, ws="none")).run(sockets=[place])
"""


async def handed_in(
    base: str, made: Round, stage: Stage, replies: dict[int, bytes], chance: random.Random, shot: threading.Timer
) -> set[int]:
    """Who has got a 204, or a ticket, before the connections broke. shot: soon after the first."""
    accepted = set()

    async def one(client: httpx.AsyncClient, i: int) -> None:
        headers = {} if stage is Stage.KEYS else made.bearing(i)
        await asyncio.sleep(chance.uniform(0, 0.1))
        answer = await client.post(f"{made.path}/{stage.name.lower()}", content=replies[i], headers=headers)
        assert answer.status_code in (200, 204), answer.text
        if not accepted:
            shot.start()
        accepted.add(i)
        if stage is Stage.KEYS:
            assert made.tickets.setdefault(i, answer.text) == answer.text

    async with httpx.AsyncClient(base_url=base, timeout=30, trust_env=False) as client:
        found = await asyncio.gather(*(one(client, i) for i in replies), return_exceptions=True)
    others = [error for error in found if error is not None and not isinstance(error, httpx.TransportError)]
    assert not others
    return accepted


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_what_was_accepted_survives_kills_at_any_moment(tmp_path: Path, database: str, request) -> None:
    url = request.getfixturevalue("postgres_url") if database == "postgres" else f"sqlite:///{tmp_path / 'state.db'}"
    clock, chance, kills = Clock(), random.Random(7), 0
    words = [sys.executable, "-c", NURSERY, url, ISSUER.public.hex(), clock().isoformat()]
    with (
        closing(ServerState.open(url)) as state,
        subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as nursery,
    ):
        assert nursery.stdin is not None and nursery.stdout is not None
        made = Round(state, clock, devices=DEVICES)
        for stage in Stage:
            made.opens(stage)
            accepted: set[int] = set()
            replies: dict[int, bytes] = {}
            while len(accepted) < DEVICES:
                nursery.stdin.write("\n")
                number, port = nursery.stdout.readline().split()
                base = f"http://127.0.0.1:{port}"
                with httpx.Client(base_url=base, timeout=30, trust_env=False) as client:
                    for i in set(range(DEVICES)) - set(replies):
                        replies[i] = made.keys(i) if stage is Stage.KEYS else made.reply(client, stage, i)
                shot = threading.Timer(chance.uniform(0, 0.08), os.kill, (int(number), signal.SIGKILL))
                missing = set(range(DEVICES)) - accepted  # and some of the others once more
                group = [*sorted(missing)[:8], *chance.sample(sorted(accepted), min(3, len(accepted)))]
                asked = {i: replies[i] for i in group}
                accepted |= asyncio.run(handed_in(base, made, stage, asked, chance, shot))
                shot.join()
                kills += 1
                with state.reading() as session:
                    answers = select(SubmissionRow.number).where(SubmissionRow.stage == stage)
                    there = set(session.scalars(answers))
                assert {int(made.tickets[i].split(".")[0]) for i in accepted} <= there
            made.closes(stage)
        nursery.stdin.close()
    assert kills >= 3 * len(Stage)
    assert (made.coordinator.result.total == made.vectors.sum(axis=0)).all()
