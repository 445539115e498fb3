"""Publishing under kill -9 at each of its steps: no model is with devices of which the audit log knows nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support import releases as release_samples
from support.releases import Device, candidate, first, standing

from keyart.bundle.manifest import MANIFEST_NAME, Manifest
from keyart_federated.campaigns.rollout_plan import RolloutPlan
from keyart_server import audit_log
from keyart_server.releases import bundle_archive, publishing, release_store
from keyart_server.serve import open_service
from keyart_server.service import Service
from keyart_server.settings import ServerSettings
from keyart_server.signing.repository import Repository

# Imports once; for each line that it reads a fork does the work and is killed at that step.
KILLER = """
import os, signal, sys
from contextlib import contextmanager
from pathlib import Path
from keyart_server.releases import bundle_archive, publishing
from keyart_server.signing.repository import Repository
from keyart_server.serve import open_service
from keyart_server.settings import ServerSettings
from keyart_server.state import ServerState

deadly = count = 0
def step(name=""):
    global count
    count += 1
    if count == deadly:
        os.kill(os.getpid(), signal.SIGKILL)

make, writing = Repository.__init__, ServerState.writing
def made(self, folder, keys, clock, _=None):
    make(self, folder, keys, clock, step)
@contextmanager
def written(self):
    with writing(self) as session:
        yield session
        step()
    step()

for line in sys.stdin:
    deadly, version = map(int, line.split())
    child = os.fork()
    if child == 0:
        with open_service(ServerSettings(Path(sys.argv[1]), database_url=sys.argv[2])) as service:
            Repository.__init__, ServerState.writing = made, written
            if sys.argv[3] == "decide":
                publishing.decide(service, version, {})
            elif sys.argv[3] == "submit":
                publishing.submit(service, "person:Robin", bundle_archive.unpack(Path(sys.argv[4], str(version)).read_bytes()))
            else:
                publishing.withdraw(service, version, "person:Robin")
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""  # noqa: E501
PLAN = RolloutPlan((0.5, 1.0), hours=0.0, unclear="go on")


def subjects(service: Service) -> set[int]:
    """Versions whose publishing the audit log has."""
    with service.state.reading() as session:
        audit_log.verify(session)
        entries = audit_log.newest(session, 10_000)
        return {int(entry.subject) for entry in entries if entry.action == "release.publish"}


def signed(service: Service) -> set[int]:
    """Versions that devices can fetch."""
    listed = Repository.open(service.data.tuf, service.data.keys)._load().targets.signed.targets
    return {int(path.partition("/")[0]) for path in listed}


def killed_at_each_step(
    folder: Path,
    url: str,
    action: str,
    prepare: Callable[[Service], int],
    check: Callable[[Service, int, bool], None],
    every: int = 1,
) -> int:
    """How many steps there are; it is killed at one of `every` of them. prepare: makes the version that is acted on.
    check: what must be so after a start."""
    with open_service(ServerSettings(folder / "data", database_url=url)) as service:
        first(service)
    words = [sys.executable, "-c", KILLER, str(folder / "data"), url, action, str(folder)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as killer:
        assert killer.stdin is not None and killer.stdout is not None
        for deadly in range(1, 40, every):
            with open_service(ServerSettings(folder / "data", database_url=url)) as service:
                version = prepare(service)
            killer.stdin.write(f"{deadly} {version}\n")
            code = int(killer.stdout.readline())
            assert code in (0, -signal.SIGKILL)
            with open_service(ServerSettings(folder / "data", database_url=url)) as service:
                assert signed(service) <= subjects(service), "with devices, and not in the audit log"
                publishing.resume_interrupted(service)
                check(service, version, code == 0)
                assert max(signed(service)) == max(subjects(service)) and signed(service) <= subjects(service)
            if code == 0:
                killer.stdin.close()
                return deadly - 1
    raise AssertionError("it never ended")


def next_version(service: Service) -> int:
    with service.state.reading() as session:
        return (release_store.newest_version(session) or 0) + 1


@pytest.mark.slow
def test_a_candidate(database_url: str, tmp_path: Path) -> None:
    def prepare(service: Service) -> int:
        with service.state.reading() as session:
            rolling = release_store.list_all(session, "rolling")
        for release in rolling:
            publishing.apply_guard(service, release.version, {})  # all devices have it, and the next one can roll out
        with service.state.reading() as session:
            base = release_store.newest_released(session)
        assert base is not None
        version = next_version(service)
        made = candidate(service, version, base.version, number=version, plan=PLAN)
        return publishing.examine(service, made.version).version

    def check(service: Service, version: int, whole: bool) -> None:
        found = standing(service, version)
        if found.standing == "candidate":  # killed before the intent: the engine decides again
            assert not whole and version not in signed(service)
            found = publishing.decide(service, version, {})
        assert (found.standing, found.share) == ("rolling", 0.5) and version in signed(service)
        device = Device.of(service, tmp_path / str(version), 0.2)
        assert device.visit(service) == version

    assert killed_at_each_step(tmp_path, database_url, "decide", prepare, check) == 9


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_bundle_by_hand(database_url: str, tmp_path: Path) -> None:
    def prepare(service: Service) -> int:
        version = next_version(service)
        packed = bundle_archive.pack(release_samples.files(version, 7, 1))
        (tmp_path / str(version)).write_bytes(packed)
        return version

    def check(service: Service, version: int, whole: bool) -> None:
        with service.state.reading() as session:
            found = release_store.find(session, version)
        if found is None:  # killed before it was recorded: the request got no answer
            assert not whole and version not in signed(service)
            return
        assert (found.standing, found.share) == ("rolling", 0.01)
        publishing.hold(service, version, "person:Robin")

    assert killed_at_each_step(tmp_path, database_url, "submit", prepare, check) == 13


@pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.slow), 3])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_way_back(database_url: str, tmp_path: Path, every: int) -> None:
    def prepare(service: Service) -> int:
        with service.state.reading() as session:
            base = release_store.newest_released(session)
        assert base is not None
        version = next_version(service)
        made = candidate(service, version, base.version, number=version, seed=version, plan=PLAN)
        assert publishing.decide(service, made.version, {}).share == 0.5
        return made.version

    def check(service: Service, version: int, whole: bool) -> None:
        if standing(service, version).standing == "rolling":  # killed before anything was recorded
            assert not whole
            publishing.withdraw(service, version, "person:Robin")
        assert standing(service, version).standing == "withdrawn"
        back = standing(service, version + 1)
        assert (back.standing, back.base) == ("released", version)
        folder = service.bundles.folder(version + 1)
        assert (folder / "ranker.bin").read_bytes() == (service.bundles.folder(7) / "ranker.bin").read_bytes()
        assert Manifest.parse((folder / MANIFEST_NAME).read_bytes()).digest == back.digest

    assert killed_at_each_step(tmp_path, database_url, "withdraw", prepare, check, every) == 12
