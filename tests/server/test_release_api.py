"""`/api/v1/releases` and `/api/v1/bundles` over HTTP: what they answer, who may, and what is refused."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Iterator

import httpx
import pytest
from support import releases as release_samples
from support.releases import BAD, UNCLEAR, candidate, first, rolled
from support.server import bearer, join

from keyart_server.access import people
from keyart_server.releases import bundle_archive, publishing
from keyart_server.service import Service
from keyart_server.signing import tuf_keys

VERBS = ("promote", "hold", "withdraw")


def issued(client: httpx.Client, admin: dict[str, str], *scopes: str) -> dict[str, str]:
    answer = client.post("/api/v1/tokens", json={"name": "ci", "scopes": scopes}, headers=admin)
    return bearer(answer.json()["secret"])


def post(client: httpx.Client, body: bytes, headers: dict[str, str], **query: str) -> httpx.Response:
    return client.post(
        "/api/v1/bundles", content=body, headers={**headers, "Content-Type": "application/octet-stream"}, params=query
    )


def zipped(version: int, **changes: object) -> bytes:
    return bundle_archive.pack(release_samples.files(version, **changes))  # type: ignore[arg-type]


def test_the_way_of_a_bundle(client: httpx.Client, service: Service, admin: dict[str, str]) -> None:
    posted = post(client, zipped(7), admin, at_once="true")
    assert posted.status_code == 201 and posted.headers["location"] == "/api/v1/releases/7"
    assert (posted.json()["standing"], posted.json()["share"]) == ("released", 1.0)
    assert client.get("/tuf/targets/7/manifest.json").content == release_samples.files(7)["manifest.json"]
    staged = post(client, zipped(8, parent=7, seed=1), admin)
    assert (staged.json()["standing"], staged.json()["share"], staged.json()["base"]) == ("rolling", 0.01, 7)
    assert client.post("/api/v1/releases/8/hold", headers=admin).json()["standing"] == "held"
    assert client.post("/api/v1/releases/8/promote", headers=admin).json()["share"] == 0.1
    assert client.post("/api/v1/releases/8/withdraw", headers=admin).json()["standing"] == "withdrawn"
    listed = client.get("/api/v1/releases", headers=admin).json()["items"]
    assert [(one["version"], one["standing"]) for one in listed] == [
        (9, "released"), (8, "withdrawn"), (7, "released"),
    ]  # fmt: skip
    shown = client.get("/api/v1/releases/9", headers=admin).json()
    assert shown == listed[0] and shown["plan"]["stages"] == [1.0] and "files" not in shown
    assert {gate["verdict"] for gate in shown["gates"]} == {"passed"}
    only = client.get("/api/v1/releases", params={"standing": "withdrawn"}, headers=admin).json()["items"]
    assert [one["version"] for one in only] == [8]
    entries = client.get("/api/v1/audit", headers=admin).json()["items"]
    assert {entry["actor"] for entry in entries if entry["action"].startswith("release.")} == {"token:admin"}


@pytest.mark.parametrize("verb", ["hold", "withdraw"])
def test_a_reason_stands_in_the_audit_log(
    client: httpx.Client, service: Service, admin: dict[str, str], verb
) -> None:
    first(service)
    rolled(service)
    sent = {"reason": "Televisions  show no artwork."}
    moved = client.post(f"/api/v1/releases/8/{verb}", json=sent, headers=admin)
    assert "Televisions show no artwork." in moved.json()["reason"]
    entries = client.get("/api/v1/audit", headers=admin).json()["items"]
    (entry,) = [entry for entry in entries if entry["action"] == f"release.{verb}"]
    assert "Televisions show no artwork." in str(entry["details"])
    long = client.post(f"/api/v1/releases/8/{verb}", json={"reason": "x" * 301}, headers=admin)
    assert long.status_code == 422


def test_who_may(client: httpx.Client, service: Service, admin: dict[str, str]) -> None:
    first(service)
    rolled(service)
    reads, operates = (issued(client, admin, scope) for scope in ("read", "operate"))
    before = client.get("/api/v1/releases", headers=reads).json()["items"]
    for headers, status in (({}, 401), (reads, 403)):
        assert [client.post(f"/api/v1/releases/8/{verb}", headers=headers).status_code for verb in VERBS] == [
            status
        ] * 3
        assert post(client, zipped(9), headers).status_code == status
    assert client.get("/api/v1/releases").status_code == client.get("/api/v1/releases/8").status_code == 401
    assert client.get("/api/v1/releases", headers=operates).status_code == 403
    assert client.get("/api/v1/releases", headers=reads).json()["items"] == before
    assert client.post("/api/v1/releases/8/hold", headers=operates).status_code == 200


def test_a_viewer_looks_and_an_operator_brings_a_token_of_the_form(client: httpx.Client, service: Service) -> None:
    first(service)
    rolled(service)
    with service.state.writing() as session:
        codes = [people.invite(session, service.clock(), "server", role) for role in ("viewer", "operator")]
    join(client, codes[0], "Vera")
    assert client.get("/api/v1/releases/8").status_code == 200
    assert client.post("/api/v1/releases/8/hold").status_code == 403
    client.cookies.clear()
    join(client, codes[1], "Otto")
    assert client.post("/api/v1/releases/8/hold").status_code == 403, "no token of the form"
    assert client.get("/api/v1/releases/8").json()["standing"] == "rolling"


def test_where_the_standing_does_not_allow_it(client: httpx.Client, service: Service, admin: dict[str, str]) -> None:
    first(service)
    assert [client.post(f"/api/v1/releases/99/{verb}", headers=admin).status_code for verb in VERBS] == [404] * 3
    assert client.get("/api/v1/releases/99", headers=admin).status_code == 404
    for verb in VERBS:  # nothing older to go back to
        refused = client.post(f"/api/v1/releases/7/{verb}", headers=admin)
        assert refused.status_code == 409 and "7" in refused.json()["detail"]
    candidate(service, 8)
    assert client.post("/api/v1/releases/8/promote", headers=admin).status_code == 409, "it is not judged yet"
    publishing.decide(service, 8, BAD)
    assert [client.post(f"/api/v1/releases/8/{verb}", headers=admin).status_code for verb in VERBS] == [409] * 3
    candidate(service, 9, number=2)
    assert publishing.decide(service, 9, UNCLEAR).standing == "waiting"
    assert client.post("/api/v1/releases/9/hold", headers=admin).status_code == 409
    assert client.post("/api/v1/releases/9/withdraw", headers=admin).json()["share"] == 0.0
    taken = post(client, zipped(8, seed=2), admin)
    assert taken.status_code == 409 and "not newer than 9" in taken.json()["detail"]
    assert rolled(service, 10, seed=2).standing == "rolling", "other weights than those withdrawn as 9"
    assert post(client, zipped(11), admin).status_code == 409


def test_a_key_that_is_not_here(client: httpx.Client, service: Service, admin: dict[str, str], tmp_path) -> None:
    first(service)
    key = tuf_keys.path_of(service.data.keys, "targets")
    away = key.rename(tmp_path / "targets.pem")
    waiting = post(client, zipped(8, parent=7), admin)
    assert waiting.status_code == 201 and waiting.json()["standing"] == "waiting"
    refused = client.post("/api/v1/releases/8/promote", headers=admin)
    assert refused.status_code == 409 and "targets.pem" in refused.json()["detail"]
    away.rename(key)
    assert client.post("/api/v1/releases/8/promote", headers=admin).json()["standing"] == "rolling"


def hostile() -> Iterator[tuple[str, bytes]]:
    """Bodies that are no bundle."""
    whole = zipped(8)
    files = release_samples.files(8)
    yield from {"empty": b"", "no zip": b"\x00\xff" * 500, "cut": whole[: len(whole) // 2]}.items()
    middle = bytearray(whole)
    middle[len(middle) // 3] ^= 0x55
    yield "a flipped byte", bytes(middle)
    for name in (
        "../manifest.json",
        "/manifest.json",
        "a/manifest.json",
        "MANIFEST.JSON",
        "x\x00.json",
        "extra.json",
    ):
        yield name, bundle_archive.pack({**files, name: b"{}"})
    yield "a file less", bundle_archive.pack({name: data for name, data in files.items() if name != "train.onnx"})
    yield (
        "no manifest",
        bundle_archive.pack({name: data for name, data in files.items() if name != "manifest.json"}),
    )
    yield "other weights", bundle_archive.pack({**files, "ranker.bin": files["ranker.bin"][:-1] + b"\x7e"})
    yield "a bomb", bundle_archive.pack({**files, "ranker.bin": bytes(60_000_000)})
    yield (
        "a sensitive feature",
        bundle_archive.pack(
            release_samples.files(
                8, feature_spec={**release_samples.bundle_samples.FEATURE_SPEC, "artwork_tags": ["race:x"]}
            )
        ),
    )
    spec = {"feature_spec": {"artwork_tags": 5}}
    yield "a feature spec that is none", bundle_archive.pack(release_samples.files(8, **spec))
    for method in (zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2):
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", method) as other:
            for name, data in files.items():
                other.writestr(name, data)
        yield f"method {method}", made.getvalue()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_bodies_that_are_no_bundle(client: httpx.Client, service: Service, admin: dict[str, str]) -> None:
    first(service)
    for name, body in hostile():
        answer = post(client, body, admin)
        assert answer.status_code == 422 and answer.json()["detail"], (name, answer.text)
    assert post(client, bytes(8_000_001), admin).status_code == 413
    listed = client.get("/api/v1/releases", headers=admin).json()["items"]
    assert [one["version"] for one in listed] == [7], "nothing of it is recorded"
    assert post(client, zipped(8, parent=7), admin).status_code == 201


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_two_at_once_publish_one(client: httpx.Client, service: Service, admin: dict[str, str]) -> None:
    first(service)
    answers: list[int] = []

    def send(body: bytes) -> None:
        answers.append(post(client, body, admin).status_code)

    bodies = [zipped(version, parent=7, seed=1) for version in (8, 9, 10, 11)]
    threads = [threading.Thread(target=send, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [201, 409, 409, 409]
    listed = client.get("/api/v1/releases", headers=admin).json()["items"]
    assert [one["standing"] for one in listed] == ["rolling", "released"]
