"""Attacks through webhooks: addresses inside the network, names that change, receivers that misbehave."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from attacks.server.wire import CAMPAIGN, attacked, csrf_of
from support.receiver import Receiver, receiving

from keyart.errors import InputError, SettingError
from keyart_server.access.identity_settings import IdentitySettings, networks
from keyart_server.http.outgoing import OutgoingClient, OutgoingFailed
from keyart_server.webhooks.webhook import address_check, checked_url

NOWHERE = address_check(())


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def send(url: str, allowed=NOWHERE, **limits: float) -> int:
    client = OutgoingClient(None, allowed, limits.get("seconds", 5.0), 1000)
    return client.send("POST", url, {}, b"{}").status


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254",
        "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1",
        "::1", "::", "fe80::1", "fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1",
        "::7f00:1", "fec0::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "2002:a9fe:a9fe::",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe", "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)  # fmt: skip
def test_no_such_address_is_reached(address: str) -> None:
    assert not NOWHERE(ipaddress.ip_address(address))
    literal = f"[{address}]" if ":" in address else address
    with pytest.raises(OutgoingFailed, match="may not reach"):
        send(f"http://{literal}:9/")


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700:4700::1111", "2002:0808:0808::1", "64:ff9b::808:808"])
def test_public_addresses_are(address: str) -> None:
    assert NOWHERE(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "host", ["localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.1.", "LOCALHOST", "0"]
)
def test_other_spellings_of_this_machine(host: str, receiver: Receiver) -> None:
    port = receiver.url.rpartition(":")[2]
    with pytest.raises(OutgoingFailed):
        send(f"http://{host}:{port}/")
    assert receiver.received == []


def test_a_network_is_allowed_by_name(receiver: Receiver) -> None:
    allowed = address_check(networks(("10.1.0.0/16", "127.0.0.0/8", "fd00::/8")))
    assert send(receiver.url, allowed) == 204
    for address, reached in (("10.1.2.3", True), ("10.2.0.1", False), ("::ffff:10.1.2.3", True), ("fd00::1", True),
                             ("169.254.169.254", False), ("64:ff9b::a01:203", True)):  # fmt: skip
        assert allowed(ipaddress.ip_address(address)) is reached, address
    with pytest.raises(SettingError, match="--webhook-network"):
        networks(("10.1.0.1/16",))


def test_a_name_that_changes_its_address(monkeypatch, receiver: Receiver) -> None:
    """DNS rebinding: the connection goes to the address that was checked; nothing is resolved again."""
    port = int(receiver.url.rpartition(":")[2])
    asked: list[str] = []

    def rebinding(host: str, port: int, *_: object, **__: object) -> list[object]:
        asked.append(host)
        address = "198.51.100.7" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    connected: list[str] = []

    def connect(address: tuple[str, int], *_: object, **__: object) -> socket.socket:
        connected.append(address[0])
        raise OSError("no route")

    monkeypatch.setattr(socket, "create_connection", connect)
    everywhere = address_check(networks(("198.51.100.0/24",)))
    with pytest.raises(OutgoingFailed):
        send(f"http://hooks.example:{port}/", everywhere)
    assert connected == ["198.51.100.7"] and asked == ["hooks.example"]
    assert receiver.received == []


def test_one_forbidden_address_of_a_name_is_enough(monkeypatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in ("1.1.1.1", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(OutgoingFailed, match=r"127\.0\.0\.1"):
        send("http://hooks.example/")


@pytest.mark.parametrize(
    ("status", "sentence"),
    [("slow", "no complete answer within 1 seconds"), ("huge", "more than 1000 bytes")],
)
def test_a_receiver_that_misbehaves(receiver: Receiver, status: str, sentence: str) -> None:
    """It sends a byte at a time, or more than anybody wants."""
    receiver.status = status
    with pytest.raises(OutgoingFailed, match=sentence):
        send(receiver.url, lambda _: True, seconds=1.0)


def test_no_redirect_is_followed(receiver: Receiver) -> None:
    receiver.status = "redirect"
    assert send(receiver.url, lambda _: True) == 307 and [got.path for got in receiver.received] == ["/"]


def test_the_proxy_gets_the_request(receiver: Receiver) -> None:
    """And what this machine knows to be a forbidden address is refused before it."""
    client = OutgoingClient(receiver.url.replace("//", "//user:pass%40word@"), NOWHERE, 5.0, 1000)
    assert client.send("POST", "http://hooks.invalid/x", {}, b"{}").status == 204
    (got,) = receiver.received
    assert got.path == "http://hooks.invalid/x" and got.headers["proxy-authorization"].startswith("Basic ")
    with pytest.raises(OutgoingFailed, match="may not reach"):
        client.send("POST", "http://127.0.0.1:9/", {}, b"{}")
    assert len(receiver.received) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example", "ftp://hooks.example", "file:///etc/passwd", "https://", "https:///x",
        "hooks.example",
        "https://user:pass@hooks.example", "https://hooks.example#x", "https://hooks.example:99999", "https://[::1",
        "https://hooks.example/\r\nX: 1", "https://hooks.example/a b", "https://hööks.example", "javascript:1",
        "https://hooks.example/" + "x" * 500, "http://127.0.0.1.hooks.example", "http://127.1",
    ],
)  # fmt: skip
def test_no_such_url_is_registered(url: str) -> None:
    with pytest.raises(InputError, match="The address of a webhook"):
        checked_url(url)


def test_good_urls() -> None:
    for url in ("https://hooks.example", "https://hooks.example:8443/a?b=c", "http://127.0.0.1:8000/x"):
        assert checked_url(f" {url} ") == url


def test_a_test_message_does_not_reach_inside(tmp_path: Path, receiver: Receiver) -> None:
    """Loopback is refused, too, unless the server allows it."""
    from keyart_server.webhooks.delivery_worker import DeliveryWorker

    for number, (allowed, count) in enumerate((((), 0), (("127.0.0.0/8",), 1))):
        identity = IdentitySettings(webhook_networks=networks(allowed))
        with attacked(tmp_path / str(number), identity=identity) as target:
            new = {"name": "x", "url": receiver.url, "events": ["round.failed"]}
            made = target.client.post("/api/v1/webhooks", json=new, headers=target.admin).json()["webhook"]
            target.client.post(f"/api/v1/webhooks/{made['id']}/test", headers=target.admin)
            DeliveryWorker(target.service, "https://keyart.example").step()
            page = target.client.get(f"/api/v1/webhooks/{made['id']}/deliveries", headers=target.admin).json()
            assert len(receiver.received) == count and (page["items"][0]["status"] == "delivered") is bool(count)


def test_webhooks_are_for_administrators(tmp_path: Path) -> None:
    with attacked(tmp_path) as target:
        new = {"name": "x", "url": "https://hooks.example", "events": ["round.failed"]}
        operator, operating = target.person("Kim", "operator"), target.token("read", "operate")
        assert target.client.post("/api/v1/webhooks", json=new).status_code == 401
        assert target.client.post("/api/v1/webhooks", json=new, headers=operating).status_code == 403
        assert target.client.get("/api/v1/webhooks", headers=operating).status_code == 403
        assert operator.get("/webhooks").status_code == 403
        assert operator.post("/webhooks", data={"csrf": csrf_of(operator), **new}).status_code == 403
        administrator = target.person("Lou")
        assert administrator.post("/webhooks", data=new).status_code == 403, "without CSRF token"
        assert target.client.post("/api/v1/campaigns", json=CAMPAIGN, headers=target.admin).status_code == 201
        assert target.client.get("/api/v1/webhooks", headers=target.admin).json()["items"] == []


def test_a_server_has_a_bounded_number(tmp_path: Path) -> None:
    with attacked(tmp_path) as target:
        new = {"name": "x", "url": "https://hooks.example", "events": ["round.failed"]}
        tries = [
            target.client.post("/api/v1/webhooks", json=new, headers=target.admin).status_code for _ in range(21)
        ]
        assert tries == [201] * 20 + [422]
