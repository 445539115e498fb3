"""What `server/deploy` says is what the programs take, and nobody reaches what they should not."""

from __future__ import annotations

import http.server
import re
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import click
import httpx
import numpy as np
import pytest
import yaml
from support import crowd as flower_samples
from support import rounds as round_samples
from support.deployment import COMPOSE, DEPLOY, NGINX, ROOT, proxy, secrets_in

from keyart_federated.flower import programs
from keyart_federated.flower.fleet import free_ports
from keyart_federated.flower.flwr_cli import Control
from keyart_server.flower import supernode
from keyart_server.flower.superlink import FlowerRunner
from keyart_server.state import ServerState
from keyart_tools.cli import main

SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
UNITS = sorted(DEPLOY.glob("*.service"))
VALUES = {"KEYART_URL": "https://keyart.example", "KEYART_ISSUER": "ab" * 32, "KEYART_PORT": "8081",
          "KEYART_SUPERLINK": "superlink.example:9092", "STATE_DIRECTORY": "/var/lib/keyart"}  # fmt: skip
OPTIONS = "--superlink localhost:9092 --superlink-ca /etc/keyart/superlink-ca.pem --gateways 2"  # KEYART_OPTIONS


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYART_DATABASE_URL", SERVICES["server"]["environment"]["KEYART_DATABASE_URL"])


def filled(word: str) -> str:
    """With its variables, as compose and systemd fill them in."""
    return re.sub(r"\$\{(\w+)(?::\?[^}]*)?\}", lambda found: VALUES[found[1]], word).replace("%i", "west")


def flags(words: list[str]) -> list[str]:
    """The names of a command line's options."""
    return [word.partition("=")[0] for word in words if word.startswith("--")]


def check_command(words: list[str]) -> dict[str, Any]:
    """The options of a `keyart` command line, as the program itself reads them."""
    assert words[0].rpartition("/")[2] == "keyart"
    above = click.Context(main, **main.context_settings)
    command = main.get_command(above, words[1])
    assert command is not None
    return dict(command.make_context(words[1], [filled(word) for word in words[2:]], parent=above).params)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_may_do_little(name: str) -> None:
    service = SERVICES[name]
    # Ours is built here; the others are named by a digest, which compose refuses to do without.
    assert service["image"] == "keyart:0.1.0" or re.fullmatch(
        r"\$\{[A-Z]+_IMAGE:\?[^}]*runbook\.md[^}]*\}", service["image"]
    )
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"]) and 0 < service["pids_limit"] <= 256
    assert service["user"].partition(":")[0] not in ("", "0", "root")
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"] and "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"] and "privileged" not in service
    assert service["restart"] == "unless-stopped" and service["healthcheck"]["test"][0] == "CMD"
    assert not {"network_mode", "pid", "ipc", "devices"} & set(service)
    assert not [volume for volume in service.get("volumes", []) if volume.startswith("/") or "docker.sock" in volume]


def test_what_is_named_is_there() -> None:
    for service in SERVICES.values():
        assert set(service["networks"]) <= set(COMPOSE["networks"])
        assert set(service["secrets"]) <= set(COMPOSE["secrets"])
        assert set(service.get("depends_on", {})) <= set(SERVICES)
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert (DEPLOY / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]
        words = " ".join([*service.get("command", []), *map(str, service.get("environment", {}).values())])
        assert set(re.findall(r"/run/secrets/(\w+)", words)) <= set(service["secrets"])
    assert set(COMPOSE["secrets"]) == {secret for service in SERVICES.values() for secret in service["secrets"]}
    assert set(re.findall(r"/run/secrets/(\w+)", NGINX)) == set(SERVICES["proxy"]["secrets"])


def test_secrets_are_files() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            assert not re.search(r"PASSWORD|TOKEN|SECRET", name) or name.endswith("_FILE")
            assert not re.search(r"://[^@/]*:[^@/]*@", str(value)), "a password in an address"
    assert all(set(secret) == {"file"} for secret in COMPOSE["secrets"].values())


def neighbours(name: str) -> set[str]:
    """Services that share a network with this one, which is to reach every port of it."""
    mine = set(SERVICES[name]["networks"])
    return {other for other in SERVICES if other != name and mine & set(SERVICES[other]["networks"])}


def test_only_the_proxy_is_reached_from_outside() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service or "expose" in service] == ["proxy"]
    assert SERVICES["proxy"]["ports"] == ["80:8080", "443:8443"], "and not its port for gateways"
    open_networks = {name for name, network in COMPOSE["networks"].items() if not (network or {}).get("internal")}
    assert open_networks == {"edge"}
    assert [name for name, service in SERVICES.items() if "edge" in service["networks"]] == ["proxy"]


def test_nobody_reaches_the_control_api_but_the_server() -> None:
    """It has no password, and who reaches it runs code. A database asks nobody; what the proxy passes on is below."""
    assert neighbours("superlink") == {"server", "proxy", "postgres"}
    assert check_command(SERVICES["server"]["command"])["superlink"] == "superlink:9092"
    for name in ("west", "east"):
        assert check_command(SERVICES[name]["command"])["superlink"] == "proxy:9092"
    assert re.findall(r"location (\S+) \{[^}]*superlink:", NGINX) == ["/v1/fleet/"]


def test_nobody_reaches_the_database_who_needs_it_not() -> None:
    assert neighbours("postgres") == {"server", "west", "east", "superlink"}


def test_whoever_is_behind_the_proxy_keeps_an_address() -> None:
    """nginx asks for a name once: a server that came back elsewhere would be a 502 for ever, one that is away would
    keep the proxy from starting."""
    told = dict(entry.split(":") for entry in SERVICES["proxy"]["extra_hosts"])
    behind = set(re.findall(r"(?:server |https?://)([a-z]+):\d+", NGINX))
    assert behind == {"server", "west", "east", "superlink"} == set(told)
    for name, address in told.items():
        shared = set(SERVICES[name]["networks"]) & set(SERVICES["proxy"]["networks"])
        (network,) = shared
        assert SERVICES[name]["networks"][network]["ipv4_address"] == address
        (of,) = COMPOSE["networks"][network]["ipam"]["config"]
        assert ip_address(address) in ip_network(of["subnet"])


def test_the_server_believes_the_proxy_about_addresses_and_nobody_else() -> None:
    """Only sign-ins are counted by the client's address, and only the proxy can say which one that is."""
    believed = check_command(SERVICES["server"]["command"])["proxy"]
    assert SERVICES["proxy"]["networks"]["front"]["ipv4_address"] == believed
    others = [service["networks"] for name, service in SERVICES.items() if name != "proxy"]
    assert believed not in str(others)
    assert re.findall(r"location ([^{]+) \{[^}]*X-Forwarded-For \$remote_addr;", NGINX) == ["= /login"]
    assert NGINX.count("X-Forwarded-For") == 2 and 'X-Forwarded-For "";' in NGINX


@pytest.mark.slow
def test_the_commands_of_compose() -> None:
    served = check_command(SERVICES["server"]["command"])
    gateways = [name for name, service in SERVICES.items() if "gateway" in service.get("command", [])]
    assert served["public"] and served["gateways"] == len(gateways) == 2
    for name in gateways:
        assert check_command(SERVICES[name]["command"])["name"] == name
    known = subprocess.run(
        [programs.program("flower-superlink"), "--help"], capture_output=True, text=True, check=True
    ).stdout
    program, *words = SERVICES["superlink"]["command"]
    assert program == "flower-superlink" and all(word.partition("=")[0] in known for word in words)
    assert {"--enable-supernode-auth", "--disable-runtime-dependency-installation"} <= set(words)
    for name, service in SERVICES.items():
        for port in re.findall(r"127\.0\.0\.1[:'\", ]+(\d+)", " ".join(service["healthcheck"]["test"])):
            assert port in " ".join(service.get("command", [])) or name == "proxy"


def test_the_containerfile() -> None:
    text = re.sub(r"\\\n", " ", (DEPLOY / "Containerfile").read_text("utf-8"))
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#")]
    of: dict[str, list[str]] = {}
    for word, rest in lines:
        of.setdefault(word, []).append(rest)
    assert of["FROM"] == ["${PYTHON_IMAGE} AS build", "${PYTHON_IMAGE}"]
    (without,) = of["ARG"]  # what the build says that it cannot find, unless somebody gives a digest
    assert re.fullmatch(r"PYTHON_IMAGE=localhost/give-the-digest\S+", without)
    assert "PYTHON_IMAGE" in SERVICES["server"]["build"]["args"]
    volumes = {volume.partition(":")[2] for volume in SERVICES["server"]["volumes"]}
    assert set(yaml.safe_load(of["VOLUME"][0])) == volumes, "a new volume has the owner of the folder in the image"
    for copied in of["COPY"]:
        if not copied.startswith("--from"):
            assert all((ROOT / source).exists() for source in copied.split()[:-1]), copied
    assert any("--require-hashes -r locks/server.txt" in run and "--no-deps ./sdk ." in run for run in of["RUN"])
    (user,) = of["USER"]
    assert user == SERVICES["server"]["user"] == SERVICES["superlink"]["user"] and lines.index(["USER", user]) > 0
    check_command(yaml.safe_load(of["CMD"][0]))


def settings_of(unit: Path) -> Mapping[str, list[str]]:
    settings: dict[str, list[str]] = {}
    for line in unit.read_text("utf-8").splitlines():
        if line and line[0] not in "#[":
            name, _, value = line.partition("=")
            settings.setdefault(name, []).append(value)
    return settings


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_may_do_little(unit: Path) -> None:
    settings = settings_of(unit)
    for name, value in {
        "DynamicUser": "yes", "NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes",
        "PrivateTmp": "yes", "PrivateDevices": "yes", "CapabilityBoundingSet": "", "RestrictSUIDSGID": "yes",
        "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX", "SystemCallFilter": "@system-service", "UMask": "0077",
        "Restart": "on-failure", "TasksMax": "256",
    }.items():  # fmt: skip
        assert settings[name] == [value], name
    assert re.fullmatch(r"\dG", settings["MemoryMax"][0])
    assert "pgpass:/etc/keyart/pgpass" in settings["LoadCredential"] and settings["EnvironmentFile"]
    assert not re.search(r"KEYART_DATABASE_URL", "".join(settings["Environment"] + settings["ExecStart"]))
    (before,), (command,) = settings["ExecStartPre"], settings["ExecStart"]
    passwords = before.split()[-1]
    assert f"PGPASSFILE={passwords}" in " ".join(settings["Environment"]).split()
    assert passwords == f"%t/{settings['RuntimeDirectory'][0]}/pgpass", "libpq refuses what a group may read"
    words = shlex.split(command.replace("$KEYART_OPTIONS", OPTIONS))
    if words[0].endswith("/keyart"):
        assert not check_command(words)["public"]
    else:
        assert flags(words) == flags(SERVICES["superlink"]["command"]) and words[2] == "127.0.0.1"
    from keyart_server.http.web_server import GRACE_SECONDS

    assert int(settings["TimeoutStopSec"][0]) > GRACE_SECONDS


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for unit in UNITS:
        text = re.sub(r"/opt/keyart/bin/\S+", sys.executable, unit.read_text("utf-8"))
        copy = tmp_path / unit.name.replace("@", "@west")
        copy.write_text(text)
        done = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout + done.stderr) == (0, "")
        # 15 is an exposure of 1.5 of 10; what is left are sockets, which it is for.
        words = ["systemd-analyze", "security", "--offline=yes", "--threshold=15", "--no-pager", copy]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        rated = subprocess.run(
            ["systemd-analyze", "security", "--offline=true", "--threshold=20", copy],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert rated.returncode == 0, rated.stdout[-400:]


class Echo(http.server.BaseHTTPRequestHandler):
    """Says who it is, and which headers came."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = f"{self.server.server_name} {self.path}\n{self.headers}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def echoing(secrets: Path) -> Iterator[dict[str, int]]:
    """The proxy's neighbours by name; the SuperLink speaks TLS."""
    servers = {}
    for name in ("server", "west", "east", "superlink"):
        server = servers[name] = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
        server.server_name = name
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(secrets / "superlink.pem", secrets / "superlink.key")
    servers["superlink"].socket = context.wrap_socket(servers["superlink"].socket, server_side=True)
    threads = [threading.Thread(target=server.serve_forever, args=(0.02,)) for server in servers.values()]
    for thread in threads:
        thread.start()
    try:
        yield {name: server.server_port for name, server in servers.items()}
    finally:
        for server in servers.values():
            server.shutdown()
            server.server_close()
        for thread in threads:
            thread.join()


@pytest.mark.service
def test_who_is_led_where(nginx: None, tmp_path: Path) -> None:
    secrets = secrets_in(tmp_path)
    context = ssl.create_default_context(cafile=str(secrets / "superlink-ca.pem"))
    with (
        echoing(secrets) as places,
        proxy(tmp_path, secrets, places) as ports,
        httpx.Client(verify=context, trust_env=False) as client,
    ):
        front, fleet = (f"https://127.0.0.1:{ports[port]}" for port in ("8443", "9092"))
        for path in (
            "/",
            "/api/v1/campaigns",
            "/tuf/metadata/timestamp.json",
            "/login",
            "/join/x",
            "/issuer/revoked",
        ):
            assert client.get(front + path).text.startswith(f"server {path}\n")
        led = {client.get(f"{front}/device/current").text.partition(" ")[0] for _ in range(8)}
        assert led == {"west", "east"}
        assert client.get(f"{front}/metrics").status_code == 404
        told = client.get(f"{front}/", headers={"X-Forwarded-For": "10.0.0.1", "Host": "keyart.example"}).text
        assert "127.0.0.1" not in told and "10.0.0.1" not in told and "Host: keyart.example" in told
        signing_in = client.get(f"{front}/login", headers={"X-Forwarded-For": "10.0.0.1"}).text
        assert "X-Forwarded-For: 127.0.0.1\n" in signing_in and "10.0.0.1" not in signing_in
        assert client.post(f"{front}/login", content=b"x" * 17_000).status_code == 413
        plain = client.get(f"http://127.0.0.1:{ports['8080']}/x")
        assert plain.status_code == 308 and plain.headers["location"] == "https://127.0.0.1/x"
        assert client.get(f"{fleet}/v1/fleet/pull-messages").text.startswith("superlink /v1/fleet/pull-messages\n")
        for path in (
            "/v1/control/start-run", "/v1/runtime/x", "/", "/v1/fleet/../control/x", "/v1/fleet/%2e%2e/control/x",
            "//v1/control/x", "/v1/fleet/..%2fcontrol/x", "/v1/fleet/..;/control/x", "/v1/fleet%2f../control/x",
            "/v1/control/../fleet/x", "/v1/fleet/%252e%252e/control/x", "/V1/FLEET/x",
        ):  # fmt: skip
            told = raw(ports["9092"], path, context)
            assert told.startswith(b"HTTP/1.1 404") or b"superlink /v1/fleet/" in told, path
            assert b"/control" not in told.replace(b"%252e%252e/control", b"").replace(b"..;/control", b""), path
        assert "superlink" not in client.get(f"{front}/v1/fleet/pull-messages").text
        assert [client.get(f"{front}/login").status_code for _ in range(20)][-1] == 429
    assert "127.0.0.1" not in (tmp_path / "error.log").read_text().replace("127.0.0.1:", "")


def raw(port: int, path: str, context: ssl.SSLContext) -> bytes:
    """The answer to a path as it is."""
    plain = socket.create_connection(("127.0.0.1", port), 10)
    with context.wrap_socket(plain, server_hostname="127.0.0.1") as link:
        link.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return b"".join(iter(lambda: link.recv(65536), b""))


@pytest.mark.soak
@pytest.mark.service
def test_a_round_through_the_proxy(nginx: None, tmp_path: Path) -> None:
    """SuperLink, gateway and proxy with the command lines of compose: a whole round, and no control API behind it."""
    (port,) = free_ports(1)
    database = tmp_path / "state.db"
    devices, of = 4, round_samples.terms(4)
    places = {"superlink": port, **dict.fromkeys(("server", "west", "east"), 1)}
    secrets = secrets_in(tmp_path)
    with closing(ServerState.open(database)) as state, proxy(tmp_path, secrets, places) as ports:
        replaced = {"/var/lib/superlink": str(tmp_path), "--port=9092": f"--port={port}", "0.0.0.0": "127.0.0.1"}
        replaced |= {f"/run/secrets/{name}": str(secrets / Path(file["file"]).name)
                     for name, file in COMPOSE["secrets"].items()}  # fmt: skip
        words = [programs.program("flower-superlink"), *SERVICES["superlink"]["command"][1:]]
        for old, new in replaced.items():
            words = [word.replace(old, new) for word in words]
        authority = secrets / "superlink-ca.pem"
        env = {"KEYART_DATABASE_URL": f"sqlite:///{database}", "KEYART_ISSUERS": round_samples.ISSUER.public.hex()}
        home = tmp_path / "home"
        home.mkdir()
        (home / "config.toml").write_text(programs.connections(f"127.0.0.1:{port}", authority))
        with (tmp_path / "superlink.log").open("w") as log:
            superlink = subprocess.Popen(words, env=programs.environment(home, env), stdout=log, stderr=log)
        stop = threading.Event()
        try:
            for _ in range(300):
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except ConnectionRefusedError:
                    time.sleep(0.1)
            Control(programs.environment(home)).register(secrets / "node-west.pub")
            arguments = (tmp_path / "node", f"sqlite:///{database}", "west", f"127.0.0.1:{ports['9092']}", authority)
            relay = threading.Thread(target=supernode.supervise, args=(stop, *arguments, secrets / "node-west"))
            relay.start()
            vectors = np.random.default_rng(0).integers(-1000, 1001, (devices, of.size))
            flower_samples.begin(state, of)
            with (
                FlowerRunner.connect(tmp_path / "link", f"127.0.0.1:{port}", authority) as link,
                flower_samples.Crowd(state, of, vectors, ("west",)) as crowd,
            ):
                link.run(of.round_id.hex(), 60.0, threading.Event())
                crowd.check()
        finally:
            stop.set()
            if "relay" in locals():
                relay.join()
            superlink.terminate()
            superlink.wait(30)
