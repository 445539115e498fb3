"""A real SuperLink with two real SuperNodes: rounds, state, results, failures, and who is let in."""

import json
import os
import re
import signal
import socket
import ssl
import stat
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import nullcontext
from pathlib import Path

import pytest

from keyart.errors import RoundFailed, SettingError
from keyart_federated import flower as deployment
from keyart_federated.flower import programs, tls_keys
from keyart_federated.flower import supervisor as keeper
from keyart_federated.flower.fleet import free_ports
from keyart_federated.flower.process import Process, tail_of

pytestmark = [pytest.mark.service, pytest.mark.xdist_group("superlink")]

WORD = 'two "words", a \\, and ü'


def test_rounds_keep_each_nodes_state_and_the_result_comes_back(fleet, app_dir):
    result = fleet.run(app_dir, {"word": WORD})

    assert result.status == "finished:completed"
    assert f"probe: sum {WORD}" in result.log
    answer = json.loads(result.result)
    assert (answer["word"], answer["env"]) == (WORD, "of the fleet")
    first, second = ({said["name"]: said for said in each["said"]} for each in answer["rounds"])
    # Node i adds its number to each of 10 and 20; the state of the first round is there in the second, though
    # each message is answered by a process of its own.
    assert {name: said["total"] for name, said in first.items()} == {'node "0"': 10, 'node "1"': 11}
    assert {name: said["total"] for name, said in second.items()} == {'node "0"': 30, 'node "1"': 32}
    assert first['node "0"']["pid"] != second['node "0"']["pid"]
    assert all(each["exact"] for each in answer["rounds"])  # 40,000 float64 there and back
    print("seconds a round:", [round(each["seconds"], 1) for each in answer["rounds"]])


def test_a_serverapp_that_raises_is_reported_with_its_traceback(fleet, app_dir):
    with pytest.raises(RoundFailed, match=r"finished:failed(?s:.*)RuntimeError: the probe was told to fail"):
        fleet.run(app_dir, {"behaviour": "raise"})


def test_a_run_that_takes_too_long_is_stopped(fleet, app_dir):
    with pytest.raises(RoundFailed, match="did not end in time"):
        fleet.run(app_dir, {"behaviour": "sleep"}, timeout=4)
    asked = subprocess.run(
        [programs.program("flwr"), "list", programs.CONNECTION, "--format", "json"],
        env=fleet.environment("flwr"),
        capture_output=True,
        check=True,
    )
    assert "finished:stopped" in {run["status"] for run in json.loads(asked.stdout)["runs"]}


def test_a_setting_that_the_app_does_not_have_is_refused_before_anything_is_sent(fleet, app_dir):
    with pytest.raises(SettingError, match="no setting 'colour'"):
        fleet.run(app_dir, {"colour": "red"})


def test_a_result_that_is_there_already_is_not_taken_for_the_runs(fleet, app_dir, tmp_path):
    old = tmp_path / "old.result"
    old.write_text("{}")
    with pytest.raises(SettingError, match="is there already"):
        fleet.run(app_dir, {"result-path": str(old)})


def test_private_files_are_private(fleet):
    assert stat.S_IMODE(fleet.folder.stat().st_mode) == 0o700
    for name in ("server.key", "node-0", "node-1"):
        assert stat.S_IMODE((fleet.folder / name).stat().st_mode) == 0o600


def test_nothing_listens_beyond_the_loopback_interface(fleet, below):
    if not Path("/proc/net/tcp").exists():
        pytest.skip("only Linux tells in /proc who listens where")
    inodes = set()
    for pid in below(process.pid for process in fleet.processes):
        for handle in Path(f"/proc/{pid}/fd").iterdir():
            target = str(handle.readlink()) if handle.is_symlink() else ""
            if target.startswith("socket:["):
                inodes.add(target[len("socket:[") : -1])
    rows = [
        line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    listening = {row[1] for row in rows if row[3] == "0A" and row[9] in inodes}
    assert len(listening) == 3
    assert {address.partition(":")[0] for address in listening} == {"0100007F"}  # 127.0.0.1, little-endian


def test_the_superlink_shows_a_certificate_of_its_own_authority_only(fleet, tmp_path):
    def handshake(authority, name):
        context = ssl.create_default_context(cafile=authority)
        with (
            socket.create_connection((programs.HOST, fleet.port), 5) as plain,
            context.wrap_socket(plain, server_hostname=name),
        ):
            pass

    handshake(fleet.certificates.authority, "localhost")
    handshake(fleet.certificates.authority, "127.0.0.1")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(fleet.certificates.authority, "elsewhere")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tls_keys.write_certificates(tmp_path).authority, "localhost")


@pytest.mark.parametrize(
    ("attack", "said"),
    [
        ("unregistered key", "Failed to activate SuperNode"),
        ("no key", "SuperNode could not establish a connection"),
        ("untrusted authority", "CERTIFICATE_VERIFY_FAILED"),
        ("no TLS", "SuperNode could not establish a connection|[Dd]isconnected"),
    ],
)
def test_a_node_that_must_not_join_does_not(fleet, tmp_path, attack, said):
    key = tls_keys.write_node_key(tmp_path, "stranger").private
    certificates = fleet.certificates
    if attack == "untrusted authority":  # the node must not talk to a SuperLink that it cannot verify
        certificates = tls_keys.write_certificates(tmp_path)
        key = fleet.folder / "node-0"
    settings = tmp_path / "settings.toml"
    settings.write_text("partition-id = 9\n")
    (port,) = free_ports(1)
    command = programs.supernode(port, fleet.port, certificates, key, settings, "--max-retries", "0")
    if attack == "no key":
        place = command.index("--auth-supernode-private-key")
        del command[place : place + 2]
    if attack == "no TLS":
        command = [programs.program("flower-supernode"), "--insecure", "--superlink"]
        command += [f"{programs.HOST}:{fleet.port}", "--port", str(port), "--max-retries", "0"]
    stranger = Process.start("stranger", command, tmp_path, fleet.environment("stranger"))
    try:
        deadline = time.monotonic() + 20
        while stranger.running:
            assert time.monotonic() < deadline, f"the stranger is still there:\n{stranger.tail()}"
            time.sleep(0.1)
    finally:
        stranger.end()

    assert re.search(said, stranger.tail()), stranger.tail()
    assert (fleet.folder / "superlink.log").read_text().count("Activated node_id") == 2
    assert fleet.online() == 2


def program_of(process):
    """Process id of the program itself, without its keeper."""
    (pid,) = (pid for pid, parent in keeper.parents().items() if parent == process.pid)
    return pid


def test_a_node_that_dies_fails_the_run_and_the_fleet_still_ends(flower, app_dir, tmp_path, below, wait_until_gone):
    settings = {"partition-id": 0, "name": "only"}
    with deployment.Fleet.start(tmp_path / "fleet", 1, lambda i: settings, env={"PROBE": "x"}) as fleet:
        link, node = fleet.processes
        tree = below([link.pid, node.pid])
        killer = threading.Timer(3.0, os.kill, [program_of(node), signal.SIGKILL])
        killer.start()
        with pytest.raises(RoundFailed, match="node-0 has ended") as failure:
            fleet.run(app_dir, {"behaviour": "sleep"})
        killer.join()
        # Whatever is last in the log: the node's own words, or a traceback of its executor, which ends with it.
        _, _, told = str(failure.value).partition("ends:\n")
        assert len(told) > 50
        assert told in tail_of(node.log, 10_000)
        with pytest.raises(RoundFailed, match="node-0 has ended"):
            fleet.run(app_dir)
        tree |= below([link.pid])
    wait_until_gone(tree, 0)


def test_a_fleet_whose_owner_is_killed_ends_too(flower, tmp_path, below, wait_until_gone):
    script = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        from keyart_federated.flower import Fleet
        with Fleet.start(Path(sys.argv[1]), 1):
            print("up", flush=True)
            time.sleep(600)
        """
    )
    command = [sys.executable, "-c", script, str(tmp_path / "fleet")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout.readline() == "up\n"
        tree = below([owner.pid])
        assert len(tree) >= 7  # the owner; a keeper, a program and an executor for each of two
        owner.kill()
    wait_until_gone(tree, 15)


def test_the_example_of_the_docs_page_runs(fleet, tmp_path, monkeypatch):
    monkeypatch.setattr(deployment.Fleet, "start", lambda folder, nodes: nullcontext(fleet))  # 6 s less
    page = Path(__file__).parents[3] / "docs" / "how-to" / "deployment.md"
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in re.findall(r"^```(?:python|py)\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S):
        exec(compile(block, str(page), "exec"), names)
    assert (names["outcome"].status, names["outcome"].result) == ("finished:completed", b"6")
