"""Backups: the whole state in one file, and its restoration, also between SQLite and Postgres.

A tar file, accessible to its owner only:

    backup.json              format, schema revision, time, and sha256 of every other member
    tables/NAME.jsonl        the rows of a table, one object per line
    tuf/…                    the published bundles, as in the data folder
    keys/….pem               the online keys; offline keys and admin.token are not included
    catalog.json             the catalogue of the fleet

All rows are from one consistent snapshot; the server may keep running.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Column, Table, func, insert, select
from sqlalchemy.orm import Session

from keyart.bundle import locked_file, sync_folder
from keyart.errors import SettingError

from .. import audit_log
from ..data_folder import DataFolder
from .database import ServerState
from .migration import newest_revision
from .tables import AuditHead, TableBase

FORMAT: Final = "keyart-backup/1"
INDEX_NAME: Final = "backup.json"
ONLINE_KEYS: Final = ("snapshot.pem", "timestamp.pem", "offers.pem", "issuer.pem", "sealing.pem")
MEMBER: Final = re.compile(
    r"tables/[a-z_]+\.jsonl|catalog\.json|keys/[a-z]+\.pem|"
    r"tuf/root\.json|tuf/rollback/(?:targets\.json|bundle/[a-z0-9_.]+)|tuf/metadata/[a-z0-9.]+|tuf/(?:targets|bundles)/[0-9]+/[a-z0-9_.]+"
)


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup file and its number of rows by table."""

    path: Path
    at: datetime
    rows: dict[str, int]


def back_up(state: ServerState, data: DataFolder, path: Path, at: datetime) -> Backup:
    """Write `path` completely or not at all. Raises SettingError if it exists."""
    if path.exists():
        raise SettingError(f"{path} already exists; choose a new file.")
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    rows: dict[str, int] = {}
    digests: dict[str, str] = {}
    try:
        with os.fdopen(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            with tarfile.open(fileobj=file, mode="w") as tar:

                def add(name: str, content: bytes) -> None:
                    digests[name] = hashlib.sha256(content).hexdigest()
                    member = tarfile.TarInfo(name)
                    member.size, member.mode, member.mtime = len(content), 0o600, int(at.timestamp())
                    tar.addfile(member, io.BytesIO(content))

                with _publishing_locked(data), state.reading() as session:
                    for table in TableBase.metadata.sorted_tables:
                        lines = [_line(table, row) for row in session.execute(_ordered(table))]
                        rows[table.name] = len(lines)
                        add(f"tables/{table.name}.jsonl", b"".join(lines))
                    for file_path in _files(data):
                        add(file_path.relative_to(data.path).as_posix(), file_path.read_bytes())
                index = {"format": FORMAT, "revision": newest_revision(), "at": at.isoformat(), "members": digests}
                add(INDEX_NAME, json.dumps(index, indent=1).encode())
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        sync_folder(path.parent)
    finally:
        partial.unlink(missing_ok=True)
    with state.writing() as session:  # after the snapshot, which does not contain it
        audit_log.append(session, at, "server", "state.backup", "", rows=sum(rows.values()))
    return Backup(path, at, rows)


def restore(path: Path, data: DataFolder, database_url: str | None, at: datetime) -> Backup:
    """Fill a new data folder and an empty database; digests of all members and the audit log are verified.

    Raises:
        SettingError: if the backup or the target cannot be used; nothing is changed.
    """
    if data.path.exists() and (not data.path.is_dir() or any(data.path.iterdir())):
        raise SettingError(f"{data.path} is not empty; restore into a new --data folder.")
    members = _read(path)
    index = json.loads(members.pop(INDEX_NAME))
    partial = data.path.with_name(f".{data.path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        new_folder = DataFolder(partial)
        new_folder.make()
        for name, content in members.items():
            if not name.startswith("tables/"):
                _write(partial / name, content)
        state = ServerState.open(database_url or new_folder.database)
        try:
            with state.writing() as session:
                rows = {table.name: _load(session, table, members) for table in TableBase.metadata.sorted_tables}
                audit_log.verify(session)
                audit_log.append(session, at, "server", "state.restore", "", of=index["at"])
                if database_url is not None:
                    partial.replace(data.path)  # just before the database commits
        finally:
            state.close()
        if database_url is None:
            partial.replace(data.path)
        sync_folder(data.path.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Backup(path, datetime.fromisoformat(index["at"]), rows)


@contextmanager
def _publishing_locked(data: DataFolder) -> Iterator[None]:
    """Prevent publishing meanwhile."""
    if not data.tuf.is_dir():
        yield
        return
    with locked_file(data.tuf / ".lock"):
        yield


def _files(data: DataFolder) -> Iterator[Path]:
    if data.catalog.is_file():
        yield data.catalog
    for folder in (data.tuf, data.keys):
        for file_path in sorted(folder.rglob("*")):
            name = file_path.relative_to(data.path).as_posix()
            if (
                file_path.is_file()
                and MEMBER.fullmatch(name)
                and (folder == data.tuf or file_path.name in ONLINE_KEYS)
            ):
                yield file_path


def _read(path: Path) -> dict[str, bytes]:
    """Read all members by name and check their digests."""
    wrong = SettingError(f"{path} is not a complete keyart backup; choose another file.")
    try:
        members: dict[str, bytes] = {}
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                content = tar.extractfile(member)
                if content is None or not (member.name == INDEX_NAME or MEMBER.fullmatch(member.name)):
                    raise wrong
                members[member.name] = content.read()
        index = json.loads(members[INDEX_NAME])
        digests = {name: hashlib.sha256(data).hexdigest() for name, data in members.items() if name != INDEX_NAME}
        if index["format"] != FORMAT or index["members"] != digests:
            raise wrong
        if not {f"tables/{name}.jsonl" for name in TableBase.metadata.tables} <= digests.keys():
            raise wrong
        datetime.fromisoformat(index["at"])
    except OSError as error:
        raise SettingError(f"Cannot read {path}: {error.strerror or error}.") from None
    except (tarfile.TarError, KeyError, TypeError, ValueError):
        raise wrong from None
    if index["revision"] != newest_revision():
        raise SettingError(
            f"{path} was created by another version of keyart; restore it with that version, then upgrade."
        )
    return members


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    mode = 0o600 if path.parent.name == "keys" else 0o644
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _load(session: Session, table: Table, members: dict[str, bytes]) -> int:
    if table is AuditHead.__table__:
        session.execute(table.delete())  # the row that the migration created
    if session.scalar(select(func.count()).select_from(table)):
        raise SettingError(f"The database is not empty (table {table.name}); restore into an empty database.")
    lines = members[f"tables/{table.name}.jsonl"].splitlines()
    rows = [_row(table, json.loads(line)) for line in lines]
    if rows:
        session.execute(insert(table), rows)
    return len(rows)


def _ordered(table: Table) -> Any:
    return select(table).order_by(*table.primary_key.columns)


def _line(table: Table, row: Any) -> bytes:
    values = {column.name: _plain(value) for column, value in zip(table.columns, row, strict=True)}
    return json.dumps(values, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _row(table: Table, values: dict[str, Any]) -> dict[str, Any]:
    return {column.name: _stored(column, values[column.name]) for column in table.columns}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _stored(column: Column[Any], value: Any) -> Any:
    kind = column.type.python_type
    if value is None or kind not in (datetime, bytes):
        return value
    return datetime.fromisoformat(value) if kind is datetime else base64.b64decode(value)
