"""Checks of Python, packages, extras and SQLite."""

from __future__ import annotations

from .environment import Environment
from .finding import Finding, ok, problem, warning

SQLITE_NEEDED = (3, 24)  # `ON CONFLICT … DO UPDATE`, which the store writes its ledger with
OPTIONAL = {
    "server": "keyart serve, gateway, issuer and keys cannot run",
    "tagging": "films and pictures cannot be tagged or composed",
    "keyring": "a profile's key cannot lie in the OS keyring",
}


def python(environment: Environment) -> Finding:
    """Check the version of Python."""
    from packaging.specifiers import SpecifierSet

    installation = environment.installation
    version = ".".join(map(str, installation.python))
    if version in SpecifierSet(installation.python_range):
        return ok("Python", f"{version}, within {installation.python_range}")
    return problem("Python", f"{version}, not {installation.python_range}", "Install keyart under a newer Python.")


def packages(environment: Environment) -> Finding:
    """Check the requirements of keyart and its packages."""
    installation = environment.installation
    if absent := [name for name in installation.missing.get("", ()) if name != "onnxruntime"]:  # `engines` says it
        names = ", ".join(absent)
        return problem("packages", f"{names} not installed", f"pip install {' '.join(absent)}")
    if installation.misfits:
        return problem(
            "packages", "; ".join(installation.misfits), "pip install --upgrade 'keyart[all]', in a fresh environment"
        )
    return ok("packages", ", ".join(f"{name} {version}" for name, version in installation.versions.items()))


def extras(environment: Environment) -> Finding:
    """Check the extras; a missing or incomplete extra is a warning, since the rest of keyart does not need it."""
    missing = {extra: names for extra, names in environment.installation.missing.items() if extra and names}
    if not missing:
        return ok("extras", "all installed")
    sentences = [
        f"{extra}: {', '.join(names)} not installed" + (f" ({OPTIONAL[extra]})" if extra in OPTIONAL else "")
        for extra, names in missing.items()
    ]
    return warning("extras", "; ".join(sentences), f"pip install 'keyart[{','.join(missing)}]'")


def database(environment: Environment) -> Finding:
    """Check the version of SQLite."""
    version = environment.installation.sqlite
    seen = f"SQLite {'.'.join(map(str, version))}; no PostgreSQL is needed"
    if version < SQLITE_NEEDED:
        needed = ".".join(map(str, SQLITE_NEEDED))
        return problem("database", seen, f"Use a Python with SQLite {needed} or newer.")
    return ok("database", seen)
