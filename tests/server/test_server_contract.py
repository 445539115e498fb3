"""What other people's code relies on: the real command, over real HTTP. Kills: `test_server_process.py`."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest
from support import bundles as bundle_samples
from support.server import running

from keyart.bundle import Slots, verify
from keyart.bundle.update import install_update
from keyart_server.bundles.published_bundles import lazy_ranker

CAMPAIGN = {"name": "Spring", "kind": "training"}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle_samples.sample_bundle(tmp_path_factory.mktemp("bundle") / "seven", 7)


def test_first_start(tmp_path: Path, bundle: Path) -> None:
    data = tmp_path / "missing" / "data"
    with running(data, "--bundle", bundle, log=tmp_path / "log") as server:
        client = server.client
        assert client.get("/healthz").status_code == 200
        page = client.get("/")
        assert page.status_code == 200 and "keyart" in re.findall(r"<title>(.*?)</title>", page.text)[0]

        token = data / "admin.token"
        assert stat.S_IMODE(token.stat().st_mode) == 0o600
        assert client.post("/api/v1/campaigns", json=CAMPAIGN).status_code in (401, 403)
        assert client.get("/api/v1/campaigns").status_code in (401, 403)
        created = client.post("/api/v1/campaigns", json=CAMPAIGN, headers=server.bearer)
        assert created.status_code == 201 and created.json()["id"]
        listed = client.get("/api/v1/campaigns", headers=server.bearer).json()["items"]
        assert [campaign["id"] for campaign in listed] == [created.json()["id"]]

        assert client.get("/tuf/metadata/1.root.json").content == (data / "tuf" / "root.json").read_bytes()
        for path in bundle.iterdir():
            assert client.get(f"/tuf/targets/7/{path.name}").content == path.read_bytes()
    assert stat.S_IMODE((data / "keyart.db").stat().st_mode) == 0o600


def test_a_device_updates_over_http(tmp_path: Path, bundle: Path) -> None:
    data = tmp_path / "data"
    with running(data, "--bundle", bundle) as server:

        def fetch(path: str) -> bytes:
            answer = server.client.get(f"/tuf/{path}")
            if answer.status_code in (403, 404):
                raise FileNotFoundError(path)
            return answer.raise_for_status().content

        slots, root = Slots(tmp_path / "slots"), (data / "tuf" / "root.json").read_bytes()
        canary = lambda folder, _: lazy_ranker(folder)  # noqa: E731
        news = install_update(slots, tmp_path / "trust", fetch, root=root, canary=canary)
        assert news is not None and news.model_version == 7
        current = slots.current()
        assert current is not None and verify(current).digest == news.digest
        assert install_update(slots, tmp_path / "trust", fetch, root=root, canary=canary) is None
