"""The command lines of Flower's programs, and the environment that they run in."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from keyart.errors import FederatedError

from .tls_keys import Certificates

# Never another: Flower's Control API has no authentication, and whoever reaches it runs code.
HOST = "127.0.0.1"
CONNECTION = "fleet"
PROGRAMS = (
    "flwr",
    "flower-superlink",
    "flower-supernode",
    "flower-superexec",
    "flwr-serverapp",
    "flwr-clientapp",
)
POLLING_NODE = Path(__file__).with_name("polling_supernode.py")
EXECUTOR_POLL_SECONDS = 0.1  # Flower's default is 1 s: the wait between "a task is there" and its process


def program(name: str) -> str:
    """Return the path of a Flower program beside this Python. Raises FederatedError if it is not there."""
    path = Path(sys.executable).parent / name
    if not path.is_file():
        raise FederatedError(
            f"Flower's program {name!r} is not beside {sys.executable}. Install it with the extra: "
            "pip install 'keyart[tools]'."
        )
    return str(path)


def environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment, with Flower kept quiet, offline and inside `home`, plus `extra`."""
    programs = str(Path(sys.executable).parent)
    local = f"{HOST},localhost"
    return {
        **os.environ,
        # Flower starts its helpers by bare name, so this Python's folder comes first.
        "PATH": os.pathsep.join(filter(None, [programs, os.environ.get("PATH", os.defpath)])),
        "NO_PROXY": local,
        "no_proxy": local,
        "PYTHONUNBUFFERED": "1",
        "ORT_DISABLE_TELEMETRY": "1",
        "FLWR_HOME": str(home),
        "FLWR_TELEMETRY_ENABLED": "0",
        "FLWR_DISABLE_UPDATE_CHECK": "1",
        "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
        "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": str(EXECUTOR_POLL_SECONDS),
        **(extra or {}),
    }


def superlink(port: int, certificates: Certificates, database: Path) -> list[str]:
    """Return the command of a SuperLink on the loopback interface.

    It uses TLS, admits only registered nodes, and installs nothing at run time.
    """
    return [
        program("flower-superlink"),
        *("--host", HOST, "--port", str(port)),
        *_tls(certificates),
        *("--database", str(database)),
        "--enable-supernode-auth",
        "--disable-runtime-dependency-installation",
    ]


def supernode(
    port: int,
    superlink: int | str,
    certificates: Certificates,
    key: Path,
    config: Path,
    *extra: str,
    authority: Path | None = None,
) -> list[str]:
    """Return the command of a SuperNode, which serves its ClientApps on `port`.

    Args:
        port: Port of the SuperNode.
        superlink: Port of the SuperLink on this machine, or HOST:PORT elsewhere.
        certificates: Certificates of this machine.
        key: Private key of the SuperNode.
        config: Settings of the SuperNode, a TOML file.
        extra: More arguments.
        authority: Certificate of the SuperLink's authority. None for that of this machine.
    """
    program("flower-supernode")
    return [
        *(sys.executable, "-P", str(POLLING_NODE)),  # -P: not the modules beside it
        *("--superlink", f"{HOST}:{superlink}" if isinstance(superlink, int) else superlink),
        *("--root-certificates", str(authority or certificates.authority)),
        *("--auth-supernode-private-key", str(key)),
        *("--host", HOST, "--port", str(port)),
        *_tls(certificates),
        *("--node-config", str(config)),
        *extra,
    ]


def connections(address: str, authority: Path) -> str:
    """Return the text of `$FLWR_HOME/config.toml` for a SuperLink's HOST:PORT and its authority's certificate."""
    return (
        f'[superlink]\ndefault = "{CONNECTION}"\n\n[superlink.{CONNECTION}]\naddress = "{address}"\n'
        f"root-certificates = '{authority}'\n"
    )


def _tls(certificates: Certificates) -> list[str]:
    return [
        *("--ssl-ca-certfile", str(certificates.authority)),
        *("--ssl-certfile", str(certificates.server)),
        *("--ssl-keyfile", str(certificates.server_key)),
    ]
