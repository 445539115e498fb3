"""The catalogue of the fleet: uploaded on the page or over the API, checked, versioned, and read by every process."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import httpx
import numpy as np
import pytest
from support import html_pages as page_samples
from support.catalogs import sample_bundle, sample_catalog
from support.server import Clock, join

import keyart
from keyart.bundle import read_files
from keyart.errors import CatalogError
from keyart_server import audit_log
from keyart_server.access import people
from keyart_server.catalogs import catalog_store, catalog_upload
from keyart_server.releases import publishing
from keyart_server.releases.deployed_model import current_base
from keyart_server.serve import open_service
from keyart_server.service import Service
from keyart_server.settings import ServerSettings

pytestmark = pytest.mark.usefixtures("quick_passwords")
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def file_of(folder: Path, titles: int = 6, compact: bool = False) -> bytes:
    path = folder / f"{titles}.catalog"
    (sample_catalog(titles).save_compact if compact else sample_catalog(titles).save)(path)
    return path.read_bytes()


def read(service: Service) -> keyart.Catalog | None:
    with service.state.reading() as session:
        return service.catalogs.read(session)


def send_file(client: httpx.Client, path: str, content: bytes, **fields: str) -> httpx.Response:
    (token,) = set(re.findall(r'name="csrf" value="([^"]+)"', client.get("/budget").text))
    files = {"file": ("any.name", content, "application/octet-stream")}
    return client.post(path, data={"csrf": token, **fields}, files=files, follow_redirects=True)


@pytest.mark.parametrize("compact", [False, True])
def test_an_upload_is_in_use_at_once(
    client: httpx.Client, service: Service, admin: dict[str, str], tmp_path: Path, compact: bool
) -> None:
    assert read(service) is None and client.get("/api/v1/catalog", headers=admin).status_code == 404
    content = file_of(tmp_path, 6, compact)
    for upload in (content, gzip.compress(content)):  # the same file is the same version
        answer = client.post("/api/v1/catalog", content=upload, headers=admin)
        assert answer.status_code == 201, answer.text
        told = answer.json()
        assert (told["number"], told["titles"], told["artworks"]) == (1, 6, 48) and told["actor"] == "token:admin"
    found = read(service)
    assert found is not None and [title.id for title in found] == [title.id for title in sample_catalog(6)]
    assert client.post("/api/v1/catalog", content=file_of(tmp_path, 7), headers=admin).json()["number"] == 2
    assert len(read(service) or ()) == 7
    assert keyart.Catalog.load(service.data.catalog).index("t6") == 6, "the copy in the data folder follows"
    file = client.get("/api/v1/catalog/versions/1/file", headers=admin)
    assert file.content == content and "attachment" in file.headers["content-disposition"]
    first = client.get("/api/v1/catalog/versions", params={"limit": 1}, headers=admin).json()
    rest = client.get("/api/v1/catalog/versions", params={"cursor": first["next"]}, headers=admin).json()
    assert [one["number"] for one in first["items"] + rest["items"]] == [2, 1] and rest["next"] is None
    assert all(one["kept"] for one in first["items"] + rest["items"])
    with service.state.reading() as session:
        log = [entry for entry in audit_log.newest(session, 9) if entry.action == "catalog.upload"]
    assert [entry.subject for entry in log] == ["2", "1"] and json.loads(log[1].details)["titles"] == 6


@on_sqlite
def test_an_upload_that_is_repeated_makes_one_version(client, admin, tmp_path: Path) -> None:
    """A client that lost the answer sends the file again, after somebody else has uploaded another one."""
    headers = admin | {"Idempotency-Key": "nightly"}
    first = client.post("/api/v1/catalog", content=file_of(tmp_path, 6), headers=headers)
    client.post("/api/v1/catalog", content=file_of(tmp_path, 7), headers=admin)
    again = client.post("/api/v1/catalog", content=file_of(tmp_path, 6), headers=headers)
    assert again.json() == first.json() and again.headers["idempotency-replayed"] == "true"
    assert client.get("/api/v1/catalog", headers=admin).json()["number"] == 2
    other = client.post("/api/v1/catalog", content=file_of(tmp_path, 8), headers=headers)
    assert other.status_code == 422 and "another request" in other.json()["detail"]


@on_sqlite
def test_only_the_newest_files_are_kept(service: Service, tmp_path: Path) -> None:
    for titles in range(2, 2 + catalog_store.KEPT_VERSIONS + 2):
        catalog_upload.accept(service, "person:Robin", file_of(tmp_path, titles))
    with service.state.reading() as session:
        versions = catalog_store.list_all(session)
        assert catalog_store.content(session, 1) is None and catalog_store.content(session, 3) is not None
    assert [one.kept for one in versions] == [True] * catalog_store.KEPT_VERSIONS + [False] * 2


@on_sqlite
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"{", "catalog.json"),
        (b"\x1f\x8bnonsense", "gzip"),
        (json.dumps({"format": "keyart-catalog/1", "titles": []}).encode(), "at least one title"),
        (b"KEYARTC1nonsense", "damaged catalogue"),
        (gzip.compress(bytes(catalog_upload.MAX_CATALOG_BYTES + 1)), "128 MB"),
    ],
)
def test_what_is_no_catalogue_changes_nothing(
    client: httpx.Client, service: Service, admin: dict[str, str], tmp_path: Path, content: bytes, said: str
) -> None:
    answer = client.post("/api/v1/catalog", content=content, headers=admin)
    assert answer.status_code == 422 and said in answer.json()["detail"], answer.text
    assert str(tmp_path) not in answer.text and "/tmp" not in answer.text
    assert read(service) is None


@on_sqlite
def test_a_catalogue_that_the_model_cannot_read_is_refused(service: Service, tmp_path: Path) -> None:
    """The model on devices reads embeddings of one length; a catalogue with another would stop all training."""

    def with_embeddings(size: int) -> keyart.Catalog:
        rng = np.random.default_rng(size)
        return keyart.Catalog.from_titles(
            keyart.Title(
                f"t{t}",
                embedding=rng.normal(size=size),
                artworks=[keyart.Artwork(f"t{t}/{n}", embedding=rng.normal(size=size)) for n in range(4)],
            )
            for t in range(6)
        )

    with_embeddings(4).save(tmp_path / "4")
    with_embeddings(5).save(tmp_path / "5")
    catalog_upload.accept(service, "server", (tmp_path / "4").read_bytes())
    bundle = sample_bundle(tmp_path / "bundle", with_embeddings(4))
    publishing.submit(service, "server", read_files(bundle), at_once=True)
    with pytest.raises(CatalogError, match="embeddings have 5 numbers"):
        catalog_upload.accept(service, "server", (tmp_path / "5").read_bytes())
    with service.state.reading() as session:
        assert catalog_store.newest(session).number == 1  # type: ignore[union-attr]


def test_another_process_sees_it_without_a_restart(service: Service, database_url: str, tmp_path: Path) -> None:
    """Two processes with folders of their own share a database: one serves pages, the other runs campaigns."""
    settings = ServerSettings(tmp_path / "other", database_url=database_url, insecure_issuer=True, rounds=False)
    with open_service(settings, Clock()) as other:
        assert read(service) is None
        for titles in (3, 4):
            catalog_upload.accept(other, "person:Robin", file_of(tmp_path, titles))
            assert len(read(service) or ()) == titles
        assert service.data.catalog.read_bytes() == other.data.catalog.read_bytes()
    with service.state.reading() as session:
        assert "No bundle" in str(current_base(service, session)), "the catalogue is no longer missing"


@on_sqlite
def test_a_file_named_at_start_goes_back_to_no_older_version(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "catalog.json").write_bytes(file_of(tmp_path, 3))
    settings = ServerSettings(tmp_path / "data", insecure_issuer=True, catalog=tmp_path / "catalog.json")
    with open_service(settings) as started:
        assert len(read(started) or ()) == 3
        catalog_upload.accept(started, "person:Robin", file_of(tmp_path, 4))
    with open_service(settings) as started:
        assert len(read(started) or ()) == 4
    (tmp_path / "catalog.json").write_bytes(file_of(tmp_path, 5))
    with open_service(settings) as started:
        assert len(read(started) or ()) == 5


@on_sqlite
def test_the_folder_of_an_older_keyart_keeps_its_catalogue(database_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    (folder / "catalog.json").write_bytes(file_of(tmp_path, 3))
    with open_service(ServerSettings(folder, insecure_issuer=True)) as started:
        with started.state.reading() as session:
            version = catalog_store.newest(session)
        assert version is not None and (version.number, version.actor) == (1, "server")
        assert len(read(started) or ()) == 3


def test_the_page(client: httpx.Client, service: Service, code: str, tmp_path: Path) -> None:
    join(client, code)
    assert "No catalogue yet." in client.get("/catalog").text
    wrong = send_file(client, "/catalog", b"{")
    assert wrong.status_code == 422 and page_samples.mistakes(wrong.text) == []
    field = next(
        one.attributes for one in page_samples.read(wrong.text).all("input") if one.attributes["name"] == "file"
    )
    assert field["aria-invalid"] == "true" and "upload-file-error" in field["aria-describedby"]
    done = send_file(client, "/catalog", file_of(tmp_path))
    assert done.status_code == 200 and "Version 1 of the catalogue is in use" in done.text
    assert page_samples.mistakes(done.text) == [] and "Robin" in done.text
    again = send_file(client, "/catalog", file_of(tmp_path))
    assert "which is in use already" in again.text
    with service.state.writing() as session:
        viewer = people.invite(session, service.clock(), "server", "viewer")
    client.cookies.clear()
    join(client, viewer, "Kim")
    assert page_samples.read(client.get("/catalog").text).forms() == ["/logout"]
    assert send_file(client, "/catalog", file_of(tmp_path, 2)).status_code == 403


def test_a_multipart_form_needs_its_token(client: httpx.Client, service: Service, code: str, tmp_path: Path) -> None:
    join(client, code)
    files = {"file": ("c.json", file_of(tmp_path), "application/json")}
    for fields in ({}, {"csrf": "0" * 64}):
        assert client.post("/catalog", data=fields, files=files).status_code == 403
    assert read(service) is None


@on_sqlite
def test_a_bundle_is_uploaded_on_its_page(client: httpx.Client, service: Service, code: str, tmp_path: Path) -> None:
    from keyart_server.releases import bundle_archive

    join(client, code)
    assert "No model yet." in client.get("/releases").text
    for content, said in ((b"", "Choose a zip file"), (b"no zip", "not a complete zip file")):
        wrong = send_file(client, "/releases/new", content, rollout="at-once")
        assert wrong.status_code == 422 and said in wrong.text and page_samples.mistakes(wrong.text) == []
    packed = bundle_archive.pack(read_files(sample_bundle(tmp_path / "bundle", sample_catalog())))
    done = send_file(client, "/releases/new", packed, rollout="at-once")
    assert done.url.path == "/releases/1" and "Model 1 is released to all devices." in done.text
    again = send_file(client, "/releases/new", packed, rollout="stages")
    assert again.status_code == 422 and "Nothing was published." in again.text
