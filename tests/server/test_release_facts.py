"""What a release is called beside the others: superseded, a rollback, withdrawn with its rollback pending."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from support import releases as release_samples
from support.html_pages import mistakes
from support.releases import Device, first, rolled, standing
from support.server import Clock, join

from keyart_federated.campaigns.rollout_plan import RolloutPlan
from keyart_server.access import people, tokens
from keyart_server.releases import publishing, release_store
from keyart_server.releases.release import Release
from keyart_server.releases.release_facts import facts_by_version, offered_shares
from keyart_server.serve import open_service
from keyart_server.service import Service
from keyart_server.settings import ServerSettings
from keyart_server.signing import tuf_keys

pytestmark = pytest.mark.usefixtures("quick_passwords")
AT = datetime(2026, 3, 1, tzinfo=UTC)


def release(version: int, status: str = "released", share: float = 1.0, **changes: object) -> Release:
    made = Release(version, None, 0, version - 1, status, share, "d", RolloutPlan(), (), "", AT, AT, f"w{version}")  # type: ignore[arg-type]
    return replace(made, **{"reached": share, "origin": version - 1, **changes})


def test_what_devices_are_offered() -> None:
    assert offered_shares([]) == {}
    assert offered_shares([release(8), release(7)]) == {8: 1.0}
    assert offered_shares([release(8, "rolling", 0.1), release(7), release(6)]) == {8: 0.1, 7: 0.9}
    assert offered_shares([release(8, "held", 0.1), release(7)]) == {7: 1.0}
    assert offered_shares([release(8, "rolling", 0.0), release(7)]) == {7: 1.0}
    withdrawn = release(8, "withdrawn", 0.0, reached=1.0)
    assert offered_shares([withdrawn, release(7)]) == {7: 1.0}


def test_superseded_releases() -> None:
    facts = facts_by_version([release(9, "rolling", 0.1), release(8), release(7, "withdrawn", 0.0), release(6)])
    assert [(facts[v].status, facts[v].superseded_by) for v in (9, 8, 7, 6)] == [
        ("rolling", None),
        ("released", None),
        ("withdrawn", None),
        ("superseded", 8),
    ]
    assert (facts[6].offered, facts[8].offered, facts[9].offered) == (0.0, 0.9, 0.1)


@pytest.mark.parametrize(
    ("status", "share", "expected"), [("waiting", 0.0, "pending"), ("released", 1.0, "available")]
)
def test_a_rollback(status: str, share: float, expected: str) -> None:
    """Model 9 has the weights of 7, and takes the place of 8."""
    back = release(9, status, share, base=8, weights="w7", origin=7)
    facts = facts_by_version([back, release(8, "withdrawn", 0.0, reached=1.0, replaced_by=9), release(7)])
    assert (facts[8].rollback, facts[8].rollback_version) == (expected, 9)
    assert facts[8].status == ("withdrawn, rollback pending" if expected == "pending" else "withdrawn")
    assert (facts[9].restores, facts[7].restores, facts[7].rollback) == (7, None, "none")


def test_a_later_release_ends_the_wait() -> None:
    back = release(9, "waiting", 0.0, base=8, weights="w7", origin=7)
    withdrawn = release(8, "withdrawn", 0.0, reached=1.0, replaced_by=9)
    assert facts_by_version([release(10), back, withdrawn, release(7)])[8].rollback == "available"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with open_service(ServerSettings(tmp_path / "data", insecure_issuer=True), Clock()) as made:
        tokens.ensure_admin(made.state, made.data, made.clock())
        yield made


def test_withdrawal_is_202_until_devices_can_have_the_rollback(
    service: Service, client: httpx.Client, admin: dict[str, str], tmp_path: Path
) -> None:
    """The targets key is away, and a second withdrawal in a row has no pre-signed rollback."""
    first(service, 6, seed=6)
    publishing.submit(service, "server", release_samples.files(7, 6, 7), at_once=True)
    publishing.submit(service, "server", release_samples.files(8, 6, 8), at_once=True)
    key = tuf_keys.path_of(service.data.keys, "targets")
    away = key.rename(tmp_path / "targets.pem")
    device = Device.of(service, tmp_path / "device")
    assert device.visit(service) == 8
    assert client.post("/api/v1/releases/7/withdraw", headers=admin).status_code == 200, "no device needs a rollback"

    answer = client.post("/api/v1/releases/8/withdraw", headers=admin)
    told = answer.json()
    assert answer.status_code == 202 and (told["rollback"], told["rollback_version"]) == ("pending", 9)
    assert (told["standing"], told["status"], told["share"]) == ("withdrawn", "withdrawn, rollback pending", 0.0)
    assert device.visit(service) == 8, "it keeps the model, as the answer says"
    assert client.post("/api/v1/releases/8/withdraw", headers=admin).status_code == 202, "nothing has changed"

    with service.state.writing() as session:
        code = people.invite(session, service.clock(), "server", "administrator")
    join(client, code)
    page = client.get("/releases/8").text
    assert "The rollback is pending" in page and mistakes(page) == []
    assert "Rollback pending" in client.get("/").text
    listed = client.get("/releases").text
    assert "rollback with the weights of" in listed and "withdrawn, rollback pending" in listed
    assert mistakes(listed) == []

    away.rename(key)
    promoted = client.post("/api/v1/releases/9/promote", json={"reason": "The key is here."}, headers=admin)
    assert promoted.status_code == 200 and promoted.json()["restores"] == 6
    after = client.post("/api/v1/releases/8/withdraw", headers=admin)
    assert after.status_code == 200 and after.json()["rollback"] == "available"
    assert device.visit(service) == 9
    assert "in its place" in client.get("/releases/8").text
    assert "Superseded by" in client.get("/releases/6").text
    restored = client.get("/releases/9").text
    assert "the weights of" in restored and "a withdrawal" in restored and mistakes(restored) == []


def test_withdrawal_with_the_key_is_done_at_once(
    service: Service, client: httpx.Client, admin: dict[str, str]
) -> None:
    first(service)
    rolled(service)
    answer = client.post("/api/v1/releases/8/withdraw", headers=admin)
    told = answer.json()
    assert answer.status_code == 200 and (told["rollback"], told["rollback_version"]) == ("available", 9)
    assert standing(service, 9).standing == "released"
    everything = client.get("/api/v1/releases", headers=admin).json()["items"]
    assert [(one["version"], one["status"], one["offered"], one["superseded_by"]) for one in everything] == [
        (9, "released", 1.0, None),
        (8, "withdrawn", 0.0, None),
        (7, "superseded", 0.0, 9),
    ]


def test_rows_of_an_earlier_version(tmp_path: Path) -> None:
    """The migration gives withdrawn rows a share of 0, and finds the rollback in their place."""
    url = f"sqlite:///{tmp_path / 'state.db'}"
    with open_service(ServerSettings(tmp_path / "data", database_url=url)) as service:
        first(service)
        rolled(service)
        publishing.withdraw(service, 8, "person:Robin")
        migration = importlib.import_module("keyart_server.state.migrations.versions.v0007_withdrawn_releases")
        with service.state.engine.execution_options(keyart_writes=True).begin() as connection:
            connection.exec_driver_sql("UPDATE releases SET share = reached")
            connection.exec_driver_sql("ALTER TABLE releases DROP COLUMN reached")
            connection.exec_driver_sql("ALTER TABLE releases DROP COLUMN replaced_by")
            with Operations.context(MigrationContext.configure(connection)):
                migration.upgrade()
        with service.state.reading() as session:
            releases = release_store.list_all(session)
        facts = facts_by_version(releases)
        assert [(one.version, one.share, one.replaced_by) for one in releases] == [
            (9, 1.0, None),
            (8, 0.0, 9),
            (7, 1.0, None),
        ]
        assert facts[8].rollback == "available" and releases[1].published
