"""Settings: what is refused, and what follows from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from keyart.errors import SettingError
from keyart_server.settings import ServerSettings

DATA = Path("data")
TLS = {"tls_cert": Path("a"), "tls_key": Path("b")}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "keyart.example", "192.168.1.2", ""])
def test_a_public_address_needs_tls_or_a_word(host: str) -> None:
    with pytest.raises(SettingError, match="unencrypted"):
        ServerSettings(DATA, host=host)
    assert ServerSettings(DATA, host=host, public=True).allowed_hosts is None
    assert ServerSettings(DATA, host=host, **TLS).secure


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_needs_neither(host: str) -> None:
    settings = ServerSettings(DATA, host=host)
    assert settings.loopback and not settings.secure and host in (settings.allowed_hosts or ())


@pytest.mark.parametrize("url", ["keyart.example", "ftp://x", "https://", "https://x/path", "https://x?y", "", "x"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(SettingError, match="--url"):
        ServerSettings(DATA, url=url)


def test_half_of_tls_and_ports_that_are_none() -> None:
    for wrong in ({"tls_cert": Path("a")}, {"tls_key": Path("a")}, {"port": -1}, {"port": 65536}):
        with pytest.raises(SettingError):
            ServerSettings(DATA, **wrong)


def test_addresses() -> None:
    assert ServerSettings(DATA).base_url(7) == "http://127.0.0.1:7"
    assert ServerSettings(DATA, host="::1").base_url(7) == "http://[::1]:7"
    assert ServerSettings(DATA, **TLS).base_url(7) == "https://127.0.0.1:7"
    behind = ServerSettings(DATA, host="0.0.0.0", public=True, url="https://keyart.example/")
    assert behind.base_url(7) == "https://keyart.example" and behind.secure
    assert behind.allowed_hosts == {"keyart.example", "localhost", "127.0.0.1", "::1"}  # commands beside it use these


def test_files_that_are_no_certificate(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("hello")
    for cert, key in (("a", "a"), ("a", "missing"), ("missing", "a")):
        with pytest.raises(SettingError, match="not a certificate"):
            ServerSettings(DATA, tls_cert=tmp_path / cert, tls_key=tmp_path / key).check_tls()
