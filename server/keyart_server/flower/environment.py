"""What Flower's processes are told from outside: by their environment, since an address of a database may hold a
password, which has no place in the settings of a run or a node."""

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
ISSUERS: Final = "KEYART_ISSUERS"  # public keys in hex, with commas between them
GATEWAY: Final = "gateway"  # a gateway's name, among the settings of its SuperNode


def flower_environment(database_url: str, issuers: Iterable[bytes] = ()) -> dict[str, str]:
    """For `os.environ` of Flower's programs. A relative path of SQLite counts from here, not from where they run."""
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
    """The one that this process was told; it may be away for so many seconds. Raises FederatedError, SettingError."""
    url = os.environ.get(DATABASE_URL)
    if not url:
        raise SettingError(f"{DATABASE_URL} is not set: this process must know the server's database.")
    state = retry(lambda: ServerState.open(url, upgrade=False), patience, clock)
    try:
        yield RetryingDatabase(state, patience, clock)
    finally:
        state.close()


def issuer_keys() -> list[bytes]:
    """Public keys [32] that this process was told. Raises SettingError for none."""
    try:
        keys = [bytes.fromhex(key) for key in os.environ.get(ISSUERS, "").split(",") if key]
    except ValueError:
        raise SettingError(f"{ISSUERS} must be public keys in hex, with commas between them.") from None
    if not keys:
        raise SettingError(f"{ISSUERS} is not set: nobody's certificate would count.")
    return keys
