"""An app is killed while somebody uses it: what it was told is kept, and the profile is what its journal says."""

from __future__ import annotations

import itertools
import json
import os
import random
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from choosing_samples import EVENING, OFF, TV, sample_catalog, sample_keys
from store_samples import start_fork

import keyart
from keyart.profile import session as session_module
from keyart.store.database import Table

KILLS = 60
CATALOG = sample_catalog()
PLAYED, SKIPPED = keyart.Outcome.played(3000), keyart.Outcome.skipped()

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked here")


def open_it(path: Path, bundle: Path) -> keyart.Personalizer:
    return keyart.Personalizer.open(
        path, catalog=CATALOG, keys=sample_keys(), bundle=bundle, engine="numpy", policy=keyart.Policy(stickiness=OFF)
    )


def live(path: Path, bundle: Path, pipe: int) -> None:
    """An evening without end; each thing that was acknowledged goes through the pipe."""
    session_module.WRITE_BEHIND_SECONDS, session_module.HOUSEKEEPING_SECONDS = 0.003, 0.006
    art = open_it(path, bundle)
    if not art.consent.allows("personalization"):
        art.consent.grant("personalization")
    for n in itertools.count():
        page = art.choose_page(["t0", "t1", "t2"], TV)
        art.seen(page[2].id)
        art.observe(page[0].id, SKIPPED)
        art.observe(page[1].id, SKIPPED if n % 3 else PLAYED)
        if not n % 4:
            art.observe(page[0].id, PLAYED)  # after all
        at = EVENING + timedelta(seconds=int.from_bytes(os.urandom(3)))
        art.record(keyart.View(f"elsewhere {n % 6}", at, 4000))  # a known title would change what outcomes teach
        kinds = ["skipped" if n % 4 else "played", "skipped" if n % 3 else "played"]
        said = {page[0].id: kinds[0], page[1].id: kinds[1], "view": at.isoformat()}
        os.write(pipe, json.dumps(said).encode() + b"\n")
        if not n % 5:
            art.close()
            art = open_it(path, bundle)
        if not n % 9:
            (art.preferences.like if n % 2 else art.preferences.dislike)("style:a")


def test_kill_at_random_moments(path, bundle):
    draw = random.Random(time.time_ns())
    outcomes: dict[str, str] = {}
    views: list[str] = []
    summaries = 0
    for _ in range(KILLS):
        out, into = os.pipe()
        pid = start_fork(lambda: live(path, bundle, into))  # noqa: B023
        os.close(into)
        with os.fdopen(out) as pipe:
            lines = [pipe.readline()]  # it is at work
            time.sleep(draw.uniform(0, 0.06))
            os.kill(pid, 9)
            lines += pipe.read().splitlines()
        os.waitpid(pid, 0)
        for line in lines:
            if line.endswith("}\n") or line.endswith("}"):  # the last one may be cut off
                said = json.loads(line)
                views.append(said.pop("view"))
                outcomes.update(said)
        with open_it(path, bundle) as art:
            document = art.export()
            found = {o["decision_id"]: o["kind"] for o in document["outcomes"]}
            assert {id_: found.get(id_) for id_ in outcomes} == outcomes
            assert set(views) <= {view["at"] for view in document["views"]}
            profile = art._session.custody.profile
            summaries += profile._summary_basis is not None
            learned, viewer, outcomes_learned = profile.learner, profile.viewer(), profile.learner.outcomes
            art._session.custody.store.delete(Table.HEAD, b"summary")
            again = art._session.custody.read(art._session.chooser.installed)
            np.testing.assert_allclose(learned.head.mean, again.learner.head.mean, atol=2e-5)
            np.testing.assert_allclose(learned.own.added, again.learner.own.added, atol=2e-5)
            np.testing.assert_allclose(viewer.affinity, again.viewer().affinity, atol=1e-5)
            assert outcomes_learned == again.learner.outcomes == len(found)
    assert len(outcomes) > KILLS and summaries  # with a summary, and without
