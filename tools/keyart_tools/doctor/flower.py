"""Checks of Flower and its pitfalls.

Pitfalls that no check can detect are handled in `keyart_federated`: rounds without replies, waiting for nodes, error
replies under another id, float32 sums.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from .environment import Environment
from .finding import Finding, ok, problem, warning
from .installed_packages import DISTRIBUTIONS

QUIET = {
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
}
LOOPBACK = ("127.0.0.1", "::1", "localhost")
LOCAL = ":local"  # addresses that make `flwr run` start a SuperLink of its own: `:local:`, `:local-in-memory:`
BUNDLE_BYTES = 10_000_000  # of a Flower App Bundle


def flower(environment: Environment) -> Finding:
    """Check whether Flower is installed."""
    version = environment.installation.versions.get("flwr")
    if version is None:
        return warning("Flower", "not installed: no rounds and no simulations", "pip install 'keyart[tools]'")
    ray = "with ray" if environment.flower.ray else "without ray, which keyart does not need"
    return ok("Flower", f"{version}, {ray}")


def variables(environment: Environment) -> Finding:
    """Check the environment variables that keyart sets for itself.

    `flwr` and `flower-superlink` inherit them when they are started by hand.
    """
    name = "Flower's variables"
    loud = {key: value for key, value in QUIET.items() if environment.variables.get(key) != value}
    if not loud:
        return ok(name, "no telemetry, no update check, nothing installed at run time")
    effects = {
        "FLWR_TELEMETRY_ENABLED": "sends telemetry",
        "FLWR_DISABLE_UPDATE_CHECK": "asks for updates",
        "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "installs an app's dependencies from an index",
    }
    seen = f"started by hand, Flower {', '.join(effects[key] for key in loud)}"
    if overridden := [key for key in loud if key in environment.variables]:
        seen += f"; keyart too, since {', '.join(overridden)} is set"
    return warning(name, seen, "export " + " ".join(f"{key}={value}" for key, value in loud.items()))


def superlinks(environment: Environment) -> Finding:
    """Check the running SuperLinks: whoever reaches a Control API can start a run, and a run is code."""
    name = "Flower's SuperLinks"
    running = environment.flower.superlinks
    if not running:
        return ok(name, "none runs here")
    if open_to := [host for line in running for host in _hosts(line) if host not in LOOPBACK]:
        return problem(
            name,
            f"one listens on {open_to[0]}: whoever reaches it can run code on this machine",
            "Start it with --host 127.0.0.1, and publish /v1/fleet/ alone through a reverse proxy.",
        )
    if any("--database" not in line for line in running):
        return warning(
            name,
            "one keeps its state in memory: when it ends, nodes and runs are forgotten",
            "Start it with --database FILE.",
        )
    return ok(name, f"{len(running)}, on this machine alone")


def _hosts(line: Sequence[str]) -> list[str]:
    """Return the addresses that a SuperLink listens on."""
    words = [part for word in line for part in word.split("=", 1)]
    options = {option: value for option, value in pairwise(words) if option.startswith("--")}
    hosts = [options["--host"]] if "--host" in options else []
    return hosts + [
        value.rpartition(":")[0].strip("[]") for key, value in options.items() if key.endswith("-api-address")
    ]


def connections(environment: Environment) -> Finding:
    """Check the default connection of `flwr run`."""
    name, config = "Flower's connections", environment.flower.config
    addresses = environment.flower.connections
    if addresses is None:
        return problem(name, f"{config} cannot be read as TOML", "Correct or remove it: `flwr` writes a new one.")
    default = environment.flower.default
    if addresses.get(default, "").startswith(LOCAL):
        return warning(
            name,
            f"the default of {config} is {default!r}: `flwr run` starts a SuperLink and leaves it running",
            "Name a connection of your own in each `flwr run`, or end flower-superlink afterwards.",
        )
    return ok(name, f"{', '.join(addresses)} in {config}" if addresses else "none yet")


def app(environment: Environment) -> Finding | None:
    """Check the Flower app of the working folder; None if there is none."""
    seen, name = environment.flower, "Flower app here"
    if seen.app is None:
        return None
    project = seen.app.get("project", {})
    dependencies = [
        re.split(r"[^\w.-]", str(entry).strip(), maxsplit=1)[0].lower() for entry in project.get("dependencies", [])
    ]
    if ours := sorted({entry.replace("_", "-") for entry in dependencies} & set(DISTRIBUTIONS)):
        return problem(
            name,
            f"its dependencies name {ours[0]}: a SuperLink would install whatever an index calls so",
            f"Remove {ours[0]} from the dependencies in pyproject.toml; install it beside Flower.",
        )
    if seen.app_bytes > BUNDLE_BYTES:
        return problem(
            name,
            f"{seen.app_bytes / 1e6:.1f} MB of files; an app's bundle holds {BUNDLE_BYTES / 1e6:.0f} MB",
            "Move data out of the folder.",
        )
    if seen.app["tool"]["flwr"]["app"].get("fab-format-version") == 1 and not seen.app_licence:
        return problem(
            name, "fab-format-version 1 without a licence file", 'Add LICENSE, and license = { file = "LICENSE" }.'
        )
    return ok(name, f"{environment.here.path.name}, {seen.app_bytes / 1e3:.0f} kB")
