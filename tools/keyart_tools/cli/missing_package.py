"""The remedy for a package that a command needs and that is not installed. `pyproject.toml` has the extras."""

from __future__ import annotations

from collections.abc import Mapping

# Packages by the names that they are imported by. Everything else that a command imports is always installed.
EXTRAS: Mapping[str, frozenset[str]] = {
    "server": frozenset({"alembic", "anyio", "argon2", "fastapi", "httpcore", "joserfc", "prometheus_client"})
    | frozenset({"psycopg", "pyotp", "segno", "sqlalchemy", "starlette", "uvicorn"}),
    "tagging": frozenset({"PIL", "av", "c2pa", "cv2", "h5py", "pysubs2", "scenedetect", "tokenizers"}),
}
ENGINE = "onnxruntime"  # required only where it has wheels


def remedy(error: ModuleNotFoundError) -> str | None:
    """Return a sentence with the command that installs the missing package, or None if no extra has it."""
    package = (error.name or "").partition(".")[0]
    if package == ENGINE:
        return f"{ENGINE} is not installed; run pip install {ENGINE}, where it has a wheel."
    for extra, packages in EXTRAS.items():
        if package in packages:
            return f"{package} is not installed; run pip install 'keyart[{extra}]'."
    return None
