"""The first page: what it shows, to whom, and that it is all there is to load."""

from __future__ import annotations

import re
from pathlib import Path

import bundle_samples
import httpx
import pytest
from server_samples import join

from keyart_server.service import Service


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'state.db'}"


@pytest.fixture
def page(client: httpx.Client, code: str):
    join(client, code, "<b>Robin</b>", "a long password 7")
    return lambda: client.get("/").text


def test_before_anything_happened(page) -> None:
    text = page()
    assert "No campaign yet." in text and "No model has been published." in text
    assert "&lt;b&gt;Robin" in text and "<b>Robin" not in text


def test_campaigns_and_models(page, client: httpx.Client, admin, service: Service, tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script> \" ' {{ 7 * 7 }}"
    client.post("/api/campaigns", json={"name": hostile, "kind": "training", "epsilon": 4}, headers=admin)
    service.shelf.publish(bundle_samples.sample_bundle(tmp_path / "b7", 7))
    service.shelf.publish(bundle_samples.sample_bundle(tmp_path / "b8", 8))
    text = page()
    assert "<script" not in text and "&lt;script&gt;" in text and "{{ 7 * 7 }}" in text
    assert re.findall(r'<th scope="row">(\d)', text) == ["8", "7"] and text.count(">offered<") == 1


def test_nothing_comes_from_elsewhere(page, client: httpx.Client) -> None:
    """And nothing is inline, which the content policy would refuse."""
    text = page()
    addresses = re.findall(r'(?:src|href|action)="([^"]*)"', text)
    assert addresses and all(address.startswith(("/", "#")) for address in addresses)
    assert not re.search(r"<style|<script|style=|\son\w+=", text)
    (style,) = re.findall(r'<link rel="stylesheet" href="([^"]+)"', text)
    answer = client.get(style)
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/css")
    assert "immutable" in answer.headers["cache-control"] and "url(" not in answer.text


def test_every_page_has_a_title_a_language_and_a_heading(page, client: httpx.Client, admin) -> None:
    path = client.post("/api/invitations", json={"role": "viewer"}, headers=admin).json()["path"]
    browser = {"Accept": "text/html"}
    texts = [page(), client.get(path).text, client.get("/nowhere", headers=browser).text]
    client.cookies.clear()
    texts.append(client.get("/").text)
    for text in texts:
        assert re.search(r"<title>[^<]+ · keyart</title>", text) and '<html lang="en">' in text
        assert text.count("<h1") == 1 and 'name="viewport"' in text
        for field in re.findall(r"<input[^>]*>", text):
            assert 'type="hidden"' in field or re.search(r"<label>[^<]+ " + re.escape(field), text)


def test_a_damaged_repository_is_told(page, client: httpx.Client, service: Service, tmp_path: Path) -> None:
    service.shelf.publish(bundle_samples.sample_bundle(tmp_path / "b7", 7))
    (service.data.tuf / "metadata" / "timestamp.json").write_bytes(b"{")
    assert "is not what was signed" in page()
    assert client.get("/readyz").json()["checks"]["bundles"] == "timestamp.json cannot be read"
    assert "keyart_bundle_version -1.0" in client.get("/metrics").text
