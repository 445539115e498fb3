"""Addresses that people give."""

from __future__ import annotations

import pytest

from keyart.errors import SettingError
from keyart_tools.remote import ServerAddress


@pytest.mark.parametrize(
    ("text", "url", "loopback"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080", True),
        (" http://localhost:8080/ ", "http://localhost:8080", True),
        ("http://[::1]:8080", "http://[::1]:8080", True),
        ("https://keyart.example", "https://keyart.example", False),
        ("HTTPS://Keyart.Example:444/", "https://keyart.example:444", False),
    ],
)
def test_an_address(text: str, url: str, loopback: bool) -> None:
    address = ServerAddress.parse(text)
    assert (address.url, address.is_loopback) == (url, loopback)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "keyart.example",
        "ftp://keyart.example",
        "https://",
        "https://a b",
        "http://x:99999",
        "https://[::1",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(SettingError, match="not an address of a server; it must be like https"):
        ServerAddress.parse(text)


def test_the_address_of_a_page_names_that_of_the_server() -> None:
    with pytest.raises(SettingError, match=r"give the server's address, such as https://keyart\.example:444\."):
        ServerAddress.parse("https://keyart.example:444/campaigns?x=1")


def test_http_to_another_machine_is_asked_for() -> None:
    for text in ("http://keyart.example", "http://192.0.2.1:8080", "http://localhost.example"):
        with pytest.raises(SettingError, match="would send the token unencrypted"):
            ServerAddress.parse(text)
    assert ServerAddress.parse("http://keyart.example", insecure_http=True).url == "http://keyart.example"


def test_a_password_in_the_address_is_not_repeated() -> None:
    with pytest.raises(SettingError) as caught:
        ServerAddress.parse("https://robin:hunter2@keyart.example")
    assert "hunter2" not in str(caught.value)
