"""The audit log: chained, append-only, in the change's own transaction."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import sqlalchemy.exc
from sqlalchemy import text

from keyart.errors import FederatedError
from keyart_server import audit_log
from keyart_server.service import Service

AT = datetime(2026, 5, 1, 12, 0, 0, 7, tzinfo=UTC)


def written(service: Service, count: int) -> list[audit_log.AuditEntry]:
    with service.state.writing() as session:
        for number in range(count):
            audit_log.append(session, AT, "server", "test.write", str(number), ε=number)
    with service.state.reading() as session:
        return audit_log.newest(session, 1000)[::-1]


def test_rows_follow_from_each_other(service: Service) -> None:
    entries = written(service, 5)
    assert [entry.number for entry in entries] == list(range(1, len(entries) + 1))
    assert json.loads(entries[-1].details) == {"ε": 4}
    with service.state.reading() as session:
        assert audit_log.verify(session) == (len(entries), entries[-1].digest)
        assert [entry.number for entry in audit_log.newest(session, 2, before=4)] == [3, 2]


def test_a_digest_is_what_the_docstring_says() -> None:
    """Worked out by hand, so that somebody else's program can follow the chain."""
    import hashlib

    row = '[1, "2026-05-01T12:00:00.000007+00:00", "server", "a.b", "s", "{}"]'
    entry = audit_log.AuditEntry(
        1, AT, "server", "a.b", "s", "{}", hashlib.sha256(bytes(32) + row.encode()).hexdigest()
    )
    assert audit_log.check_chain([entry]) == (1, entry.digest)


def test_a_changed_row_is_found(service: Service) -> None:
    entries = written(service, 4)
    for field in ("at", "actor", "action", "subject", "details", "digest"):
        value = AT.replace(microsecond=8) if field == "at" else "0" * 64
        wrong = [*entries[:2], replace(entries[2], **{field: value}), *entries[3:]]
        with pytest.raises(FederatedError, match=r"row [34] does not match"):
            audit_log.check_chain(wrong)


def test_a_row_that_is_missing_or_moved_is_found(service: Service) -> None:
    entries = written(service, 4)
    for wrong in (entries[1:], [*entries[:2], *entries[3:]], [entries[1], entries[0], *entries[2:]]):
        with pytest.raises(FederatedError, match="does not match"):
            audit_log.check_chain(wrong)


def test_the_database_refuses(service: Service) -> None:
    before = written(service, 2)
    for statement in ("UPDATE audit SET actor = 'x'", "DELETE FROM audit", "DELETE FROM audit WHERE number = 1"):
        with pytest.raises(sqlalchemy.exc.DBAPIError, match="append-only"), service.state.writing() as session:
            session.execute(text(statement))
    with service.state.reading() as session:
        assert audit_log.verify(session) == (len(before), before[-1].digest)


def test_a_cut_end_is_found(service: Service) -> None:
    written(service, 3)
    drop = "DROP TRIGGER audit_is_append_only" + (
        "_DELETE" if service.state.engine.dialect.name == "sqlite" else " ON audit"
    )
    with service.state.writing() as session:
        session.execute(text(drop))
        session.execute(text("DELETE FROM audit WHERE number > 2"))
    with service.state.reading() as session, pytest.raises(FederatedError, match="ends at row 2"):
        audit_log.verify(session)


def test_no_row_without_its_change_and_no_change_without_its_row(service: Service) -> None:
    before = written(service, 1)
    with pytest.raises(ZeroDivisionError), service.state.writing() as session:
        audit_log.append(session, AT, "server", "test.write", "")
        raise ZeroDivisionError
    with service.state.reading() as session:
        assert audit_log.verify(session)[0] == len(before)


def test_writers_at_once(service: Service) -> None:
    before = len(written(service, 1))

    def write(number: int) -> None:
        with service.state.writing() as session:
            audit_log.append(session, AT, "server", "test.write", str(number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(40)))
    with service.state.reading() as session:
        assert audit_log.verify(session)[0] == before + 40
