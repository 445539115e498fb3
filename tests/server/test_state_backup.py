"""Everything in one file and back, from either database to either."""

from __future__ import annotations

import io
import json
import stat
import tarfile
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from support import bundles as bundle_samples
from support import rounds as round_samples
from support.catalogs import sample_catalog
from support.server import Clock, emptied

from keyart.errors import KeyartError, SettingError
from keyart_server import audit_log
from keyart_server.access import challenges, identities, people, second_factors
from keyart_server.campaigns import campaign_store
from keyart_server.catalogs import catalog_upload
from keyart_server.data_folder import DataFolder
from keyart_server.service import Service
from keyart_server.signing.repository import Repository
from keyart_server.state import ServerState
from keyart_server.state.backup import back_up, restore
from keyart_server.state.tables import IdempotencyKeyRow, TableBase
from keyart_server.webhooks import EVENTS, deliveries, webhook_store


@pytest.fixture
def filled(service: Service, clock: Clock, tmp_path: Path) -> Service:
    """One row at least in every table, and a published bundle."""
    service.bundles.publish(bundle_samples.sample_bundle(tmp_path / "bundle", 7))
    sample_catalog(2).save(tmp_path / "catalog.json")
    catalog_upload.accept(service, "server", (tmp_path / "catalog.json").read_bytes())
    with service.state.writing() as session:
        campaign = campaign_store.create(
            session, clock(), "server", "Frühling \\ ' \" ε🎬", "training", 0.1 + 0.2, 1e-300
        )
        round_samples.fill(session, clock(), campaign.id)
        person = people.join(
            session, clock(), people.invite(session, clock(), "server", "viewer"), "Robin", "$argon2id$"
        )
        people.sign_in(session, clock(), person)
        people.invite(session, clock(), "server", "operator")
        other = identities.person_of(session, clock(), "https://login.example", "subject", "Kim", "viewer")
        identities.use_up(session, clock(), "secret", timedelta(hours=1))
        challenges.begin(session, clock(), other)
        second_factors.begin(session, service.sealer, person.id)
        second_factors.renew_recovery_codes(session, clock(), person)
        url = "https://hooks.example"
        webhook, _ = webhook_store.create(session, clock(), "server", service.sealer, "Chat", url, EVENTS)
        deliveries.create_test(session, clock(), webhook.id)
        deliveries.create_due(session, clock(), "https://keyart.example")
        session.add(IdempotencyKeyRow(key_hash="ab" * 32, request_hash="cd" * 32, answer=b"sealed", at=clock()))
    return service


def rows(state: ServerState) -> dict[str, list[Any]]:
    with state.reading() as session:
        return {
            table.name: [tuple(row) for row in session.execute(select(table).order_by(*table.primary_key.columns))]
            for table in TableBase.metadata.sorted_tables
        }


@pytest.mark.parametrize("to", ["sqlite", "postgres"])
def test_there_and_back(filled: Service, clock: Clock, tmp_path: Path, to: str, request) -> None:
    copy = tmp_path / "copy.tar"
    before = rows(filled.state)
    made = back_up(filled.state, filled.data, copy, clock())
    with filled.state.reading() as session:
        assert audit_log.newest(session, 1)[0].action == "state.backup"  # recorded, and not in the copy
    assert all(before.values()) and made.rows == {name: len(found) for name, found in before.items()}
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600 and not list(tmp_path.glob(".*.partial"))
    filled.state.close()

    new, url = DataFolder(tmp_path / "new"), None
    if to == "postgres":
        url = emptied(request.getfixturevalue("postgres"))
    assert restore(copy, new, url, clock()).rows == made.rows
    with closing(ServerState.open(url or new.database)) as state:
        after = rows(state)
        with state.reading() as session:
            assert audit_log.verify(session)[0] == len(before["audit"]) + 1
    assert after.pop("audit")[:-1] == before.pop("audit")
    after.pop("audit_head"), before.pop("audit_head")
    assert after == before
    assert not list(tmp_path.glob(".*.partial"))

    kept = {path.relative_to(new.path).as_posix() for path in new.path.rglob("*") if path.is_file()}
    assert {"keys/snapshot.pem", "keys/timestamp.pem", "tuf/root.json", "tuf/bundles/7/ranker.bin"} <= kept
    assert sum(name.startswith("tuf/targets/7/") for name in kept) == 6
    assert not {"keys/root.pem", "keys/targets.pem", "admin.token"} & kept
    Repository.open(new.tuf, new.keys).refresh()


def test_other_places_are_left_alone(filled: Service, clock: Clock, tmp_path: Path) -> None:
    copy = tmp_path / "copy.tar"
    back_up(filled.state, filled.data, copy, clock())
    before = copy.read_bytes()
    with pytest.raises(SettingError, match="already exists"):
        back_up(filled.state, filled.data, copy, clock())
    with pytest.raises(SettingError, match="is not empty"):
        restore(copy, filled.data, None, clock())
    (tmp_path / "file").touch()
    with pytest.raises(SettingError, match="is not empty"):
        restore(copy, DataFolder(tmp_path / "file"), None, clock())
    url = filled.settings.database_url
    with pytest.raises(SettingError, match="database is not empty"):
        restore(copy, DataFolder(tmp_path / "new"), url, clock())
    assert copy.read_bytes() == before and not (tmp_path / "new").exists() and not list(tmp_path.glob(".*.partial"))


Members = dict[str, bytes]


def changed(copy: Path, change: Callable[[Members], Any], seal: bool = True) -> Path:
    """The copy with other members; seal: with their right digests."""
    import hashlib

    with tarfile.open(copy) as tar:
        members = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    change(members)
    if seal:
        index = json.loads(members.pop("backup.json"))
        index["members"] = {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}
        members["backup.json"] = json.dumps(index).encode()
    made = copy.with_name("changed.tar")
    with tarfile.open(made, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return made


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_copies_that_are_not_whole(filled: Service, clock: Clock, tmp_path: Path) -> None:
    copy = tmp_path / "copy.tar"
    back_up(filled.state, filled.data, copy, clock())
    whole = copy.read_bytes()

    def rename(members: Members, name: str) -> None:
        members[name] = members.pop("tuf/root.json")

    def forge(members: Members) -> None:
        members["tables/audit.jsonl"] = members["tables/audit.jsonl"].replace(b"token.issue", b"token.other")

    wrong = {
        "flipped": changed(copy, forge, seal=False).read_bytes(),
        "flipped file": changed(copy, lambda m: m.update({"tuf/root.json": b"{}"}), seal=False).read_bytes(),
        "forged": changed(copy, forge).read_bytes(),
        "out of it": changed(copy, lambda members: rename(members, "../escaped")).read_bytes(),
        "absolute": changed(copy, lambda members: rename(members, "/tmp/escaped")).read_bytes(),
        "elsewhere": changed(copy, lambda members: rename(members, "admin.token")).read_bytes(),
        "no index": changed(copy, lambda members: members.pop("backup.json"), seal=False).read_bytes(),
        "a member less": changed(copy, lambda members: members.pop("tables/people.jsonl")).read_bytes(),
        "cut": whole[: len(whole) // 2],
        "random": b"\x00\xff" * 4000,
        "empty": b"",
    }
    bad = tmp_path / "bad.tar"
    for name, data in wrong.items():
        bad.write_bytes(data)
        with pytest.raises(KeyartError):
            restore(bad, DataFolder(tmp_path / "new"), None, clock())
            pytest.fail(name)
        assert not (tmp_path / "new").exists() and not list(tmp_path.glob(".*.partial")), name
    with pytest.raises(SettingError, match="Cannot read"):
        restore(tmp_path / "nowhere", DataFolder(tmp_path / "new"), None, clock())


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_of_one_moment_beside_a_running_server(filled: Service, clock: Clock, tmp_path: Path) -> None:
    """What is written while the copy is made is in it whole or not at all."""
    import threading

    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            with filled.state.writing() as session:
                campaign_store.create(session, clock() + timedelta(1), "server", "busy", "training")

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for number in range(5):
            copy = tmp_path / f"{number}.tar"
            back_up(filled.state, filled.data, copy, clock())
            restore(copy, DataFolder(tmp_path / f"new{number}"), None, clock())  # checks chain and head
    finally:
        stop.set()
        thread.join()
