"""Files: paths that lead out, links, copies that were tampered with, secrets that others can read, a forged log."""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from attacks.server.wire import CAMPAIGN, Target, attacked
from sqlalchemy import text
from support import bundles as bundle_samples
from support.server import Clock

from keyart.errors import FederatedError, KeyartError, SettingError
from keyart_server import audit_log
from keyart_server.data_folder import DataFolder
from keyart_server.serve import open_service
from keyart_server.settings import ServerSettings
from keyart_server.signing.repository import target_name
from keyart_server.state.backup import back_up, restore

UP = ("..", "%2e%2e", ".%2e", "%2e.", "%252e%252e", "..%00", "%c0%ae%c0%ae", "..;", "%uff0e%uff0e", "...")
SLASH = ("/", "%2f", "%2F", "\\", "%5c", "%252f", "//", "/./", "%c0%af")


def test_paths_that_lead_out(target: Target, tmp_path: Path) -> None:
    """Path traversal below /tuf and /assets: plain, encoded, encoded twice, overlong, with backslashes and NULs."""
    target.service.bundles.publish(bundle_samples.sample_bundle(tmp_path / "bundle", 7))
    secret = target.service.data.admin_token.read_text().strip()
    for base in ("/tuf/metadata", "/tuf/targets", "/tuf/targets/7", "/assets", "/tuf", ""):
        for up in UP:
            for slash in SLASH:
                for file in ("admin.token", "keys/targets.pem", "etc/passwd"):
                    steps = slash.join([*[up] * (6 if file.startswith("etc") else 3), file.replace("/", slash)])
                    answer = target.raw(f"{base}/{steps}")
                    assert answer.status_code in (400, 404), steps
                    assert secret not in answer.text and "PRIVATE" not in answer.text and "root:" not in answer.text


def test_paths_that_start_anew(target: Target, tmp_path: Path) -> None:
    """Absolute paths, drives and NULs where a file's name belongs."""
    target.service.bundles.publish(bundle_samples.sample_bundle(tmp_path / "bundle", 7))
    token = str(target.service.data.admin_token)
    for name in (
        token, f"/{token}", f"file://{token}", "C:/x", "C%3a%5cx", "~root/.bashrc", "%00", "1.root.json%00.css",
        "1.root.json%0a", "1.root.json/", "1.root.json%20", "1.ROOT.JSON", "con", "-", ".",
    ):  # fmt: skip
        for base in ("/tuf/metadata", "/tuf/targets/7", "/tuf/targets", "/assets"):
            assert target.raw(f"{base}/{name}").status_code in (400, 404), name


def test_a_link_that_leads_out(target: Target, tmp_path: Path) -> None:
    """A symbolic link among the published files: to a secret, to a folder, of a file that devices may fetch."""
    target.service.bundles.publish(bundle_samples.sample_bundle(tmp_path / "bundle", 7))
    tuf = target.service.data.tuf
    digested = target_name("manifest.json", b"secret")
    (tuf / "bundles" / "7" / "extra.json").symlink_to(target.service.data.admin_token)
    (tuf / "targets" / "7" / digested).symlink_to(target.service.data.admin_token)
    (tuf / "metadata" / "9.root.json").symlink_to(target.service.data.admin_token)
    (tuf / "bundles" / "9").symlink_to(target.service.data.keys)
    (tuf / "targets" / "9").symlink_to(target.service.data.keys)
    (tuf / "targets" / "9" / "manifest.json").write_text("secret")
    (tuf / "targets" / "9" / digested).write_text("secret")
    for path in ("/tuf/metadata/9.root.json", *(f"/tuf/targets/{name}" for name in (
        "7/extra.json", f"7/{digested}", "9/manifest.json", f"9/{digested}"
    ))):  # fmt: skip
        assert target.raw(path).status_code == 404, path


def test_files_that_are_not_for_devices(target: Target, tmp_path: Path) -> None:
    """Half-written files, locks, folders, and the private halves beside what is published."""
    target.service.bundles.publish(bundle_samples.sample_bundle(tmp_path / "bundle", 7))
    metadata = target.service.data.tuf / "metadata"
    (metadata / ".timestamp.json.partial").write_text("x")
    (metadata / "notes.txt").write_text("x")
    for path in ("/tuf/metadata/.timestamp.json.partial", "/tuf/metadata/notes.txt", "/tuf/.lock", "/tuf/root.json",
                 "/tuf/metadata", "/tuf/metadata/", "/tuf/targets/7/", "/admin.token", "/keys/root.pem", "/keyart.db",
                 "/.env", "/.git/config", "/catalog.json", "/static/x", "/docs", "/redoc"):  # fmt: skip
        assert target.raw(path).status_code == 404, path


def test_secrets_that_others_can_read(target: Target) -> None:
    """Everything secret in the data folder is its owner's alone, and the folder is closed."""
    data = target.service.data
    assert stat.S_IMODE(data.path.stat().st_mode) == 0o700
    for path in (data.admin_token, data.database, *data.keys.iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    for beside in data.path.glob("keyart.db-*"):
        assert stat.S_IMODE(beside.stat().st_mode) == 0o600, beside


def test_a_key_that_others_can_read(tmp_path: Path) -> None:
    """A signing key that was opened to others is not used."""
    with open_service(ServerSettings(tmp_path / "data")):
        pass
    (tmp_path / "data" / "keys" / "offers.pem").chmod(0o640)
    with (
        pytest.raises(SettingError, match="accessible to other users"),
        open_service(ServerSettings(tmp_path / "data")),
    ):
        pass


def test_a_token_file_that_is_a_link(tmp_path: Path) -> None:
    """`admin.token` planted as a link: the secret goes into a new file of the owner's, not where the link leads."""
    (tmp_path / "data").mkdir(mode=0o700)
    public = tmp_path / "public"
    public.write_text("old")
    public.chmod(0o644)
    (tmp_path / "data" / "admin.token").symlink_to(public)
    with attacked(tmp_path) as target:
        token = target.service.data.admin_token
        assert public.read_text() == "old"
        assert not token.is_symlink() and stat.S_IMODE(token.stat().st_mode) == 0o600
        assert target.client.get("/api/v1/tokens", headers=target.admin).status_code == 200


def test_two_servers_by_two_paths(tmp_path: Path) -> None:
    """A data folder by its link while the server runs by its own name: it stays one server's."""
    (tmp_path / "link").symlink_to(tmp_path / "data")
    with (
        attacked(tmp_path),
        pytest.raises(SettingError, match="in use"),
        open_service(ServerSettings(tmp_path / "link")),
    ):
        pass


def sealed(path: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    """A copy with these members beside its own, and right digests."""
    with tarfile.open(path) as tar:
        kept = [(member, tar.extractfile(member).read()) for member in tar if member.isfile()]  # type: ignore[union-attr]
    named = {member.name for member, _ in members}
    kept = [(member, data) for member, data in kept if member.name not in named]
    index = json.loads(next(data for member, data in kept if member.name == "backup.json"))
    kept = [(member, data) for member, data in kept if member.name != "backup.json"] + members
    index["members"] = {member.name: hashlib.sha256(data).hexdigest() for member, data in kept}
    kept.append((tarfile.TarInfo("backup.json"), json.dumps(index).encode()))
    made = path.with_name("forged.tar")
    with tarfile.open(made, "w") as tar:
        for member, data in kept:
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return made


def member(name: str, kind: bytes = tarfile.REGTYPE, leads: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, leads
    return made


MEMBERS: dict[str, tarfile.TarInfo] = {
    "up": member("../escaped"),
    "up below": member("tuf/metadata/../../../escaped"),
    "absolute": member("/tmp/escaped"),
    "link": member("tuf/root.json", tarfile.SYMTYPE, "/etc/passwd"),
    "link up": member("tuf/metadata", tarfile.SYMTYPE, ".."),
    "hard link": member("tuf/root.json", tarfile.LNKTYPE, "keys/timestamp.pem"),
    "device": member("tuf/root.json", tarfile.CHRTYPE),
    "pipe": member("tuf/root.json", tarfile.FIFOTYPE),
    "folder": member("tuf/targets", tarfile.DIRTYPE),
    "token": member("admin.token"),
    "lock": member(".lock"),
    "offline key": member("keys/../admin.token"),
    "line break": member("tuf/root.json\n"),
    "NUL": member("tuf/root.json\0.x"),
}


def test_a_copy_with_a_foreign_member(target: Target, clock: Clock, tmp_path: Path) -> None:
    """A backup in which a member leads out, is a link or device, or is none of a backup's: nothing is written."""
    copy = tmp_path / "copy.tar"
    back_up(target.service.state, target.service.data, copy, clock())
    for name, foreign in MEMBERS.items():
        forged = sealed(copy, [(foreign, b"" if foreign.type != tarfile.REGTYPE else b"x")])
        before = sorted(tmp_path.iterdir())
        with pytest.raises(KeyartError):
            restore(forged, DataFolder(tmp_path / "new"), None, clock())
            pytest.fail(name)
        assert sorted(tmp_path.iterdir()) == before and not Path("/tmp/escaped").exists(), name


def test_a_copy_with_an_administrator_more(target: Target, clock: Clock, tmp_path: Path) -> None:
    """A backup whose audit log was cut to hide a row, with right digests all over: the chain tells."""
    target.client.post("/api/v1/campaigns", json=CAMPAIGN, headers=target.admin)
    copy = tmp_path / "copy.tar"
    back_up(target.service.state, target.service.data, copy, clock())
    with tarfile.open(copy) as tar:
        rows = tar.extractfile("tables/audit.jsonl").read().splitlines(keepends=True)  # type: ignore[union-attr]
    changes: list[Callable[[], list[bytes]]] = [
        lambda: rows[:-1],
        lambda: rows[1:],
        lambda: [*rows[:-1], rows[-1].replace(b"campaign.create", b"campaign.remove")],
        lambda: [rows[1], rows[0], *rows[2:]] if len(rows) > 2 else rows[::-1],
    ]
    for number, change in enumerate(changes):
        changed = change()
        if number == 3:  # the order of lines is not the order of rows: those are numbered
            changed = [line.replace(b'"number": 1,', b'"number": 9,', 1) for line in changed]
        forged = sealed(copy, [(member("tables/audit.jsonl"), b"".join(changed))])
        with pytest.raises(KeyartError):
            restore(forged, DataFolder(tmp_path / "new"), None, clock())
        assert not (tmp_path / "new").exists()


def test_a_forged_audit_log(target: Target) -> None:
    """A row changed, deleted, inserted or cut off behind the server's back, by who can write to the database."""
    for number in range(4):
        target.client.post("/api/v1/campaigns", json={**CAMPAIGN, "name": f"c{number}"}, headers=target.admin)
    state = target.service.state
    again = "SELECT number + 1000, at, actor, action, subject, details, digest FROM audit WHERE number = 2"
    for statement in ("UPDATE audit SET actor = 'nobody'", "DELETE FROM audit WHERE number = 2"):
        with pytest.raises(Exception, match="append-only"), state.writing() as session:
            session.execute(text(statement))
    with state.writing() as session:
        for name in ("UPDATE", "DELETE"):
            session.execute(text(f"DROP TRIGGER audit_is_append_only_{name}"))
    for statement in (
        "UPDATE audit SET actor = 'nobody' WHERE number = 2", "UPDATE audit SET at = '2000-01-01' WHERE number = 2",
        "UPDATE audit SET details = '{}' WHERE number = 3", "DELETE FROM audit WHERE number = 2",
        "DELETE FROM audit WHERE number = (SELECT max(number) FROM audit)", "DELETE FROM audit",
        f"INSERT INTO audit {again}",
        "UPDATE audit_head SET number = number - 1", "UPDATE audit_head SET digest = '" + "0" * 64 + "'",
    ):  # fmt: skip
        with pytest.raises(RuntimeError), state.writing() as session:
            session.execute(text(statement))
            with pytest.raises(FederatedError):
                audit_log.verify(session)
            raise RuntimeError  # and back
    assert target.client.get("/api/v1/audit/check", headers=target.admin).status_code == 200


def test_the_audit_log_by_its_own_address(shared: Target) -> None:
    """No address and no method changes or deletes what the audit log says."""
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for path in ("/api/v1/audit", "/api/v1/audit/1", "/api/v1/audit/check"):
            assert shared.client.request(method, path, headers=shared.admin).status_code in (404, 405)


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")
def test_a_copy_that_others_can_read(target: Target, clock: Clock, tmp_path: Path) -> None:
    """A backup is its owner's alone, whatever the umask, and holds neither offline key nor token."""
    before = os.umask(0)
    try:
        back_up(target.service.state, target.service.data, tmp_path / "copy.tar", clock())
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "copy.tar").stat().st_mode) == 0o600
    content = (tmp_path / "copy.tar").read_bytes()
    assert target.admin["Authorization"].split()[1].encode() not in content
