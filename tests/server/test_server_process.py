"""The process: kills, stops, who may have the folder, and TLS."""

from __future__ import annotations

import os
import random
import signal
import ssl
import stat
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import httpx
import pytest
from support import bundles as bundle_samples
from support.server import COMMAND, bearer, every_item, join, running

from keyart_federated.flower.tls_keys import write_certificates
from keyart_server import audit_log
from keyart_server.campaigns import campaign_store
from keyart_server.state import ServerState

CAMPAIGN = {"name": "Spring", "kind": "training"}

# Imports once, then serves in a fork for each line that it reads: a start is then quick enough to be killed often.
NURSERY = """
import os, signal, sys
from pathlib import Path
from keyart_server import serve
from keyart_server.settings import ServerSettings
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
def tell(started):
    print(os.getpid(), started.address, flush=True)
for _ in sys.stdin:
    if os.fork() == 0:
        own = {"port": 0, "insecure_issuer": True}
        serve.serve(ServerSettings(Path(sys.argv[1]), database_url=sys.argv[2] or None, **own), tell)
        os._exit(0)
"""


@pytest.mark.parametrize(
    ("database", "kills"),
    [
        ("sqlite", 5),
        pytest.param("sqlite", 20, marks=pytest.mark.slow),
        ("postgres", 5),
        pytest.param("sqlite", 100, marks=pytest.mark.soak),
        pytest.param("postgres", 50, marks=pytest.mark.soak),
    ],
)
def test_what_was_answered_survives_kills_at_any_moment(tmp_path: Path, database: str, kills: int, request) -> None:
    """While campaigns are created, one after the other, the server is killed; each that got its 201 is there.

    The request that got no answer is sent again after the kill, with its Idempotency-Key: no campaign is there twice.
    """
    url = "" if database == "sqlite" else request.getfixturevalue("postgres_url")
    chance, kept, sent = random.Random(7), [], 0
    words = [sys.executable, "-c", NURSERY, str(tmp_path / "data"), url]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as nursery:
        assert nursery.stdin is not None and nursery.stdout is not None
        for _ in range(kills):
            nursery.stdin.write("\n")
            number, address = nursery.stdout.readline().split()
            headers = bearer((tmp_path / "data" / "admin.token").read_text().strip())
            with httpx.Client(base_url=address, headers=headers, trust_env=False, timeout=30) as client:
                listed = {campaign["id"] for campaign in every_item(client, "/api/v1/campaigns")}
                assert listed >= set(kept)
                shot = threading.Timer(chance.uniform(0, 0.05), os.kill, (int(number), signal.SIGKILL))
                with suppress(httpx.TransportError):
                    while True:
                        new = CAMPAIGN | {"name": f"Spring {len(kept)}"}
                        key = {"Idempotency-Key": f"campaign {len(kept)}"}
                        sent = len(kept) + 1
                        answer = client.post("/api/v1/campaigns", json=new, headers=key)
                        assert answer.status_code == 201 and answer.json()["name"] == new["name"]
                        kept.append(answer.json()["id"])
                        if shot.ident is None:
                            shot.start()
                shot.join()
        nursery.stdin.close()
    with closing(ServerState.open(url or tmp_path / "data" / "keyart.db")) as state, state.reading() as session:
        actions = [entry.action for entry in audit_log.newest(session, 100_000)]
        assert audit_log.verify(session)[0] == len(actions)
        assert len(kept) >= kills and len(set(kept)) == len(kept)
        assert actions.count("campaign.create") in (sent, len(kept))
        names = [campaign.name for campaign in campaign_store.list_all(session)]
        assert len(set(names)) == len(names)


@pytest.mark.slow
def test_one_time_link_over_the_whole_way(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        first = server.started["join"]
        assert first.startswith(server.started["address"] + "/join/")
    with running(tmp_path / "data") as server:
        second = server.started["join"]
        assert second != first, "nobody has used it, so there is a new one"
        assert join(server.client, second.rpartition("/")[2]).status_code == 303
        assert "Sign out" in server.client.get("/").text
    with running(tmp_path / "data") as server:
        assert server.started["join"] is None
        log = (tmp_path / "data.log").read_text()
        assert second.rpartition("/")[2] not in log and first.rpartition("/")[2] not in log


@pytest.mark.slow
def test_a_stop_is_no_failure_and_ends_what_was_begun(tmp_path: Path) -> None:
    """SIGTERM or Ctrl-C while campaigns are created: each that was accepted is also answered."""
    answers: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        with running(tmp_path / "data") as server:

            def create(server=server) -> None:
                with suppress(httpx.TransportError):  # it has closed the connection
                    while True:
                        answer = server.client.post("/api/v1/campaigns", json=CAMPAIGN, headers=server.bearer)
                        answers.append(answer.status_code)

            thread = threading.Thread(target=create)
            thread.start()
            time.sleep(0.2)
            server.process.send_signal(number)
            assert server.process.wait(timeout=30) == 0
            thread.join()
    assert set(answers) == {201}
    with closing(ServerState.open(tmp_path / "data" / "keyart.db")) as state, state.reading() as session:
        assert len(campaign_store.list_all(session)) == len(answers)
    assert "Traceback" not in (tmp_path / "data.log").read_text()


def told(*arguments: str | Path, code: int = 1) -> str:
    """The sentence of a start that does not succeed."""
    done = subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=25, check=False)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    sentence = done.stderr.rpartition("Error: ")[2]
    assert "Traceback" not in done.stderr and sentence.count("\n") == 1
    return sentence


@pytest.mark.slow
def test_taken(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data) as server:
        port = server.started["address"].rpartition(":")[2]
        assert "Address already in use" in told("--data", tmp_path / "other", "--port", port, "--insecure-issuer")
        assert not (tmp_path / "other").exists()
        assert "is in use by another keyart serve" in told("--data", data, "--port", "0", "--insecure-issuer")
        server.kill()
    with running(data) as server:  # a killed one keeps nothing
        assert server.client.get("/healthz").status_code == 200


@pytest.mark.slow
def test_a_bundle_is_published_once(tmp_path: Path) -> None:
    seven = bundle_samples.sample_bundle(tmp_path / "seven", 7)
    data = tmp_path / "data"
    with running(data, "--bundle", seven) as server:
        assert server.started["published"] == 7
        assert [Path(path).name for path in server.started["offline_keys"]] == ["root.pem", "targets.pem"]
        assert all(stat.S_IMODE(Path(path).stat().st_mode) == 0o600 for path in server.started["offline_keys"])
        root = server.client.get("/tuf/metadata/1.root.json").content
    for path in map(Path, server.started["offline_keys"]):
        path.rename(tmp_path / path.name)
    with running(data, "--bundle", seven) as server:
        assert server.started["published"] is None and server.started["offline_keys"] == []
        assert server.client.get("/tuf/metadata/1.root.json").content == root
        page = server.client.get("/readyz").json()
        assert page["checks"]["bundles"] == "ok"
    eight = bundle_samples.sample_bundle(tmp_path / "eight", 8)
    assert "targets" in told("--data", data, "--port", "0", "--bundle", eight, "--insecure-issuer")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root writes where somebody else serves")
def test_what_root_writes_belongs_to_the_folders_owner(tmp_path: Path) -> None:
    """Root brings the first bundle; the service, which is somebody else, signs with the keys that were made then."""
    data, other = tmp_path / "data", tmp_path / "other"
    data.mkdir()
    os.chown(data, 12345, 12345)
    other.write_text("of root")
    (data / "link").symlink_to(other)
    (data / "second").hardlink_to(other)
    with running(data, "--bundle", bundle_samples.sample_bundle(tmp_path / "seven", 7)) as server:
        assert server.stop() == 0
    left = {path for path in data.rglob("*") if path.lstat().st_uid != 12345 or path.lstat().st_gid != 12345}
    assert left == {data / "second"}
    assert all((data / name).is_file() for name in ("keys/snapshot.pem", "tuf/metadata/1.root.json", "keyart.db"))
    assert other.stat().st_uid == 0


def test_tls(tmp_path: Path) -> None:
    (tmp_path / "tls").mkdir()
    made = write_certificates(tmp_path / "tls")
    files = ("--tls-cert", made.server, "--tls-key", made.server_key)
    with running(tmp_path / "data", *files) as server:
        assert server.started["address"].startswith("https://127.0.0.1:")
        trusted = ssl.create_default_context(cafile=str(made.authority))
        with httpx.Client(base_url=server.started["address"], verify=trusted, trust_env=False) as client:
            joined = join(client, server.started["join"].rpartition("/")[2])
            cookie = joined.headers["set-cookie"]
            assert cookie.startswith("__Host-keyart=") and "Secure" in cookie
            assert joined.headers["strict-transport-security"]
            assert client.get("/api/v1/campaigns").status_code == 200
        with pytest.raises(httpx.HTTPError):
            httpx.get(server.started["address"].replace("https", "http"), trust_env=False)
