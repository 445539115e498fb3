"""The floors of the house: who may import whom, lazily too."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = {
    "sdk/keyart": {"numpy", "onnxruntime", "cryptography", "tuf", "securesystemslib", "keyring", "keyart"},
    "federated/keyart_federated": {
        "keyart",
        "keyart_federated",
        "numpy",
        "cryptography",
        "flwr",
        "onnx",
        "pydantic",
        "threadpoolctl",
        "dp_accounting",
    }
    | {"matplotlib", "pyarrow"},  # where they are installed
    "server/keyart_server": {"keyart", "keyart_federated", "keyart_server", "numpy", "flwr", "tuf"}
    | {"securesystemslib", "cryptography", "fastapi", "starlette", "uvicorn", "pydantic", "sqlalchemy", "alembic"}
    | {"argon2", "jinja2", "markupsafe", "prometheus_client", "anyio", "httpcore", "joserfc", "pyotp", "segno"}
    | {"opentelemetry"},  # the extra `otel`
}
NETWORK = {
    *("socket", "socketserver", "ssl", "select", "selectors", "asyncio", "http", "urllib", "ftplib", "smtplib"),
    *("poplib", "imaplib", "telnetlib", "xmlrpc", "wsgiref", "webbrowser", "multiprocessing", "nntplib"),
}

# The sidecar's Unix socket; no module of the SDK imports it, and it makes no other kind (test_light_import).
LOCAL_SOCKETS = {"connections.py": {"socket"}}


def imports(source: str) -> Iterator[tuple[int, str]]:
    """Line and full name of each absolute import, of statements anywhere and of calls with a literal name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.lineno, node.module or ""
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = ast.unparse(node.func).rpartition(".")[2]
            value = node.args[0].value
            if name in ("import_module", "__import__") and isinstance(value, str) and not value.startswith("."):
                yield node.lineno, value


def breaches(source: str, allowed: set[str], forbidden: set[str]) -> list[str]:
    found = []
    for line, module in imports(source):
        top = module.partition(".")[0]
        if top in forbidden or not (top in allowed or top in sys.stdlib_module_names):
            found.append(f"line {line}: {module}")
    return found


@pytest.mark.parametrize("floor", FLOORS)
def test_floor_imports_nothing_from_above(floor):
    forbidden = NETWORK if floor.startswith("sdk") else set()
    files = sorted((ROOT / floor).rglob("*.py"))
    assert files
    found = {
        str(f): breaches(f.read_text(encoding="utf-8"), FLOORS[floor], forbidden - LOCAL_SOCKETS.get(f.name, set()))
        for f in files
    }
    assert not {name: lines for name, lines in found.items() if lines}


@pytest.mark.parametrize(
    "line",
    [
        "import flwr",
        "def f():\n import socket",
        "from urllib.request import urlopen",
        "import keyart_server.gateway",
        "importlib.import_module('requests')",
        "__import__('http.client')",
        "if TYPE_CHECKING:\n import onnx",
    ],
)
def test_the_search_finds_a_breach(line):
    assert breaches(line, FLOORS["sdk/keyart"], NETWORK)


def test_the_sidecar_s_sockets_are_unix_sockets_and_nobody_s_else():
    sdk = ROOT / "sdk/keyart"
    text = (sdk / "sidecar/connections.py").read_text(encoding="utf-8")
    calls = [ast.unparse(node) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    made = {call for call in calls if call.startswith("socket.") and "(" in call}
    assert {call for call in made if call.startswith("socket.socket(")} == {
        "socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)"
    }
    assert not [call for call in made if "create_connection" in call or "AF_INET" in call]
    outside = [file for file in sdk.rglob("*.py") if file.parent.name != "sidecar" and "sidecar" in file.read_text()]
    assert not outside


def test_only_one_module_imports_onnxruntime():
    sdk = ROOT / "sdk/keyart"
    users = [
        file.relative_to(sdk).as_posix()
        for file in sdk.rglob("*.py")
        if any(name.partition(".")[0] == "onnxruntime" for _, name in imports(file.read_text(encoding="utf-8")))
    ]
    assert users == ["model/ranker/onnx_engine.py"]
