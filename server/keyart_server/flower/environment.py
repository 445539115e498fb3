"""Environment variables of Flower's processes.

A database address may hold a password, which must not be in the settings of a run.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from keyart.errors import SettingError

from ..state import ServerState
from ..state.database import checked_url
from .database_retries import CLOCK, Clock, RetryingDatabase, retry

DATABASE_URL: Final = "KEYART_DATABASE_URL"
ISSUERS: Final = "KEYART_ISSUERS"  # hexadecimal public keys, separated by commas
GATEWAY: Final = "gateway"  # key of the gateway's name in the SuperNode's configuration


def flower_environment(database_url: str, issuers: Iterable[bytes] = ()) -> dict[str, str]:
    """Return the variables for Flower's programs; a relative SQLite path is resolved here."""
    url = checked_url(database_url)
    if url.get_backend_name() == "sqlite":
        url = url.set(database=str(Path(str(url.database)).resolve()))
    return {
        DATABASE_URL: url.render_as_string(hide_password=False),
        ISSUERS: ",".join(issuer.hex() for issuer in issuers),
        "OPENBLAS_NUM_THREADS": "1",
    }


@contextmanager
def open_database(patience: float, clock: Clock = CLOCK) -> Iterator[RetryingDatabase]:
    """Open the database named by the environment, retrying for `patience` seconds.

    Raises:
        FederatedError: if the database stays away.
        SettingError: if the variable is not set.
    """
    url = os.environ.get(DATABASE_URL)
    if not url:
        raise SettingError(f"{DATABASE_URL} is not set; set it to the address of the server's database.")
    state = retry(lambda: ServerState.open(url, upgrade=False), patience, clock)
    try:
        yield RetryingDatabase(state, patience, clock)
    finally:
        state.close()


def issuer_keys() -> list[bytes]:
    """Return the issuer's public keys [32 bytes each] from the environment. Raises SettingError if there is none."""
    try:
        keys = [bytes.fromhex(key) for key in os.environ.get(ISSUERS, "").split(",") if key]
    except ValueError:
        raise SettingError(f"{ISSUERS} must be hexadecimal public keys, separated by commas.") from None
    if not keys:
        raise SettingError(f"{ISSUERS} is not set; without issuer keys no device certificate is valid.")
    return keys
