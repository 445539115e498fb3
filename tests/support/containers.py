"""Containers without a registry: images made of Debian's packages, under the names that compose asks for.

All of it runs in namespaces of its own (network, mounts, processes), so that nothing is left on this machine. keyart
and its Python are mounted into the containers as they are here; the rest of their file system is Debian's.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from .deployment import ROOT
from .services import missing

PROGRAMS = ("podman", "podman-compose", "runc", "mmdebstrap", "unshare", "catatonit", "nft")
PACKAGES = (
    "postgresql", "nginx-light", "openssl", "openssh-client", "ca-certificates", "libssl3t64", "libsqlite3-0",
    "libffi8", "zlib1g", "libbz2-1.0", "liblzma5", "libreadline8t64", "libncursesw6", "libuuid1", "libstdc++6",
    "libgomp1", "libexpat1", "curl",
)  # fmt: skip
RELEASE = "trixie"
FOLDER = ROOT / "build" / "test-containers"
MOUNTED = sorted({sys.prefix, sys.base_prefix, str(ROOT)})
SOURCES = ("sdk", "federated", "server", "tools")
KEYART_SERVICES = ("server", "west", "east", "superlink")

BASE = """
FROM localhost/debian
RUN rm -f /usr/bin/curl && chmod 0755 /root \\
 && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin keyart \\
 && install -d -m 0700 -o keyart -g keyart /var/lib/keyart /var/lib/superlink /var/backups/keyart
"""
POSTGRES = """
FROM localhost/debian
COPY postgres-entrypoint /usr/local/bin/postgres-entrypoint
RUN usermod -u 999 postgres && ln -s /usr/lib/postgresql/*/bin/* /usr/local/bin/ \\
 && install -d -m 0700 -o 999 /var/lib/postgresql/data
CMD ["/usr/local/bin/postgres-entrypoint"]
"""
# What the entry point of the official image does with the same variables.
POSTGRES_ENTRYPOINT = """#!/bin/sh
set -eu
data=/var/lib/postgresql/data
if [ ! -s $data/PG_VERSION ]; then
  initdb -D $data -U "$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" --auth-local=trust \\
    --encoding=UTF8 --locale=C.UTF-8 $POSTGRES_INITDB_ARGS > /dev/null
  echo "host all all all scram-sha-256" >> $data/pg_hba.conf
  pg_ctl -D $data -o "-c listen_addresses= -k /tmp" -w start > /dev/null
  createdb -h /tmp -U "$POSTGRES_USER" "$POSTGRES_DB"
  pg_ctl -D $data -w stop > /dev/null
fi
exec postgres -D $data -c "listen_addresses=*" -k /run/postgresql
"""
NGINX = """
FROM localhost/debian
RUN rm -f /etc/nginx/modules-enabled/*
CMD ["nginx", "-g", "daemon off;"]
"""
IMAGES = {"Base": "localhost/keyart-base", "Postgres": "docker.io/library/postgres:17.5-bookworm",
          "Nginx": "docker.io/nginxinc/nginx-unprivileged:1.28.0"}  # fmt: skip
# `docker` as the runbook calls it. The build would download packages; healthchecks wait for timers of systemd.
DOCKER = """#!/bin/bash
words=() last=
for word in "$@"; do  # docker takes a variable by its name alone
  [ "$last" = -e ] && [ "${word/=/}" = "$word" ] && word="$word=${!word}"
  words+=("$word") last=$word
done
set -- "${words[@]}"
case "$1 $2" in
"compose build") exec podman image exists keyart:0.1.0 ;;
"pull "*) exec podman image exists "${@: -1}" ;;
compose\\ *) shift; exec podman-compose -f compose.yaml -f {folder}/override.yaml "$@" ;;
*) exec podman "$@" ;;
esac
"""
PODMAN = """#!/bin/sh
exec /usr/bin/podman --root {folder}/storage --runroot {folder}/run --tmpdir {folder}/tmp \\
  --network-config-dir {folder}/networks --runtime runc --cgroup-manager cgroupfs --log-level error "$@"
"""
# Locks and the state of networks are in /dev/shm and /run, so they are private. What a killed run has left is gone
# with `run` and `tmp`, as after a start of the machine.
ISOLATED = """
set -euo pipefail
ip link set lo up
mount -t tmpfs tmpfs /dev/shm && mount -t tmpfs tmpfs /run
rm -rf {folder}/run {folder}/tmp && mkdir {folder}/run {folder}/tmp
(podman pod rm -fa; podman rm -fa -t 0; podman volume prune -f; podman network prune -f) > /dev/null
"""
BEFORE = """
check_health() { while sleep 2; do for id in $(podman ps -q); do podman healthcheck run $id || true; done; done; }
check_health > /dev/null 2>&1 &
clean() { set +e; kill %1; docker compose down -v -t 1; podman rm -fa -t 1; podman volume prune -f; }
trap 'clean > /dev/null 2>&1' EXIT
"""


def require() -> None:
    """Skip, or fail where all services are required, unless containers can be run here."""
    if absent := [name for name in PROGRAMS if shutil.which(name) is None]:
        missing(f"containers need {', '.join(absent)} (Debian packages; nft is in nftables)")
    if os.geteuid() != 0:
        missing("containers are run by root here")


def prepare() -> None:
    """Make the images once; they stay in the folder `build`."""
    for name in ("bin", "storage", "run", "tmp", "networks"):
        (FOLDER / name).mkdir(parents=True, exist_ok=True)
    for name, text in (("podman", PODMAN), ("docker", DOCKER)):
        script = FOLDER / "bin" / name
        script.write_text(text.replace("{folder}", str(FOLDER)))
        script.chmod(0o755)
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    _, processes = resource.getrlimit(resource.RLIMIT_NPROC)
    most = 65_536 if processes == resource.RLIM_INFINITY else processes
    limits = f'default_ulimits = ["nofile={files}:{files}", "nproc={most}:{most}"]'
    (FOLDER / "containers.conf").write_text(f"[containers]\n{limits}\n")
    ours = {
        "volumes": [f"{path}:{path}:ro" for path in MOUNTED],
        "environment": {
            "PATH": f"{sys.prefix}/bin:/usr/bin:/bin",
            "PYTHONPATH": ":".join(str(ROOT / name) for name in SOURCES),
            "PYTHONDONTWRITEBYTECODE": "1", "ORT_DISABLE_TELEMETRY": "1",
            "FLWR_TELEMETRY_ENABLED": "0", "FLWR_DISABLE_UPDATE_CHECK": "1",
        },
    }  # fmt: skip
    override = {"services": dict.fromkeys(KEYART_SERVICES, ours)}
    (FOLDER / "override.yaml").write_text(yaml.safe_dump(override))
    if (FOLDER / "made").exists():
        return
    root = FOLDER / "root.tar"
    if not root.exists():
        words = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}", RELEASE]
        subprocess.run([*words, FOLDER / "partial.tar"], check=True)
        (FOLDER / "partial.tar").replace(root)
    for name, text in (("Base", BASE), ("Postgres", POSTGRES), ("Nginx", NGINX)):
        (FOLDER / name).write_text(text)
    entrypoint = FOLDER / "postgres-entrypoint"
    entrypoint.write_text(POSTGRES_ENTRYPOINT)
    entrypoint.chmod(0o755)
    builds = [f"podman build -q --network none -t {image} -f {name} {FOLDER}" for name, image in IMAGES.items()]
    tags = "podman tag localhost/keyart-base docker.io/library/python:3.11.13-slim-bookworm localhost/keyart:0.1.0"
    script = "\n".join([f"podman import -q {root} localhost/debian", f"cd {FOLDER}", *builds, tags])
    done = _isolated(script, FOLDER, 600)
    assert done.returncode == 0, done.stdout
    root.unlink()
    (FOLDER / "made").touch()


def on_one_line(compose: str) -> str:
    """Return compose.yaml with its health checks as shell lines: podman-compose splits quoted words of a list."""

    def line(found: re.Match[str]) -> str:
        return f"test: {json.dumps(shlex.join(yaml.safe_load(found[1])[1:]))}"

    return re.sub(r"test: (\[CMD,.*\])", line, compose)


def run(script: str, folder: Path, seconds: float) -> str:
    """Run a script in which `docker` works, in a folder; return what it prints. It must succeed."""
    log = folder / "transcript.txt"  # to look at while it runs
    done = _isolated(f"exec > {log} 2>&1\n{BEFORE}{script}", folder, seconds)
    said = log.read_text("utf-8", errors="replace")
    assert done.returncode == 0, f"exit code {done.returncode}\n{said[-20_000:]}"
    return said


def _isolated(script: str, folder: Path, seconds: float) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ, "PATH": f"{FOLDER}/bin:{os.environ['PATH']}", "PODMAN_IGNORE_CGROUPSV1_WARNING": "1",
        "CONTAINERS_CONF_OVERRIDE": str(FOLDER / "containers.conf"),
    }  # fmt: skip
    script = ISOLATED.format(folder=FOLDER) + script
    words = ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
    return subprocess.run(
        [*words, "timeout", "--kill-after=30", str(seconds), "bash", "-c", script], cwd=folder, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
