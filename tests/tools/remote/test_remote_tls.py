"""TLS over real sockets: a CA of one's own, a certificate that is not trusted, and a server without TLS."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.answering import Answer, serving
from support.fake_api import SECRET

from keyart.errors import ServerUnreachable, SettingError
from keyart_federated.flower.tls_keys import write_certificates
from keyart_tools.remote import ApiClient, ApiToken, Login, Network, ServerAddress

FLEET: Answer = (200, {"Content-Type": "application/json"}, b'{"devices": 7}')
Heard = list[tuple[str, str | None]]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_certificates(tmp_path_factory.mktemp("tls")).authority


@pytest.fixture
def heard() -> Heard:
    return []


@pytest.fixture
def https(authority: Path, heard: Heard) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.with_name("server.pem"), authority.with_name("server.key"))
    with serving(lambda _: FLEET, heard, context) as address:
        yield address


def devices(address: str, ca: Path | None = None) -> object:
    login = Login(ServerAddress.parse(address), ApiToken.parse(SECRET, "the.token"), ca)
    with ApiClient(login, Network(sleep=lambda _: None)) as client:
        return client.get("fleet")["devices"]


def test_a_ca_of_ones_own(https: str, authority: Path, heard: Heard) -> None:
    assert devices(https, authority) == 7
    assert heard == [("/api/v1/fleet", f"Bearer {SECRET}")]


def test_an_unknown_ca_gets_no_token(https: str, heard: Heard) -> None:
    with pytest.raises(ServerUnreachable, match=r"cannot be trusted: .*give the CA's certificate with --ca FILE"):
        devices(https)
    assert heard == []


def test_a_server_without_tls() -> None:
    with serving(lambda _: FLEET, []) as address, pytest.raises(ServerUnreachable, match="give its http address"):
        devices(address.replace("http:", "https:"))


def test_a_file_that_is_no_certificate(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("hello")
    with pytest.raises(SettingError, match="is not a CA certificate in PEM form"):
        devices("https://127.0.0.1:1", tmp_path / "ca.pem")
