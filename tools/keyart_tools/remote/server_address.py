"""The address of a coordinating server. Pure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from keyart.errors import SettingError

HOST = re.compile(r"[\w.:-]{1,253}")
EXAMPLE = "https://keyart.example or http://127.0.0.1:8080"


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Scheme, host and port of a server; `keyart serve` answers at the root of its address.

    Attributes:
        url: the address, without a trailing slash.
        host: the host name or IP address in it.
    """

    url: str
    host: str

    @classmethod
    def parse(cls, text: str, insecure_http: bool = False) -> Self:
        """Parse an address.

        Args:
            text: the address as a person gives it.
            insecure_http: whether `http` is accepted for another machine; the token then travels unencrypted.

        Raises:
            SettingError: if it is not the address of a server, or would expose the token.
        """
        try:
            parts = urlsplit(text.strip())
            port, hostname = parts.port, parts.hostname or ""
        except ValueError:
            raise SettingError(f"{text!r} is not an address of a server; it must be like {EXAMPLE}.") from None
        if parts.scheme not in ("http", "https") or HOST.fullmatch(hostname) is None:
            raise SettingError(f"{text!r} is not an address of a server; it must be like {EXAMPLE}.")
        if parts.username is not None or parts.password is not None:
            raise SettingError(
                "The server's address holds a user name or a password; give the token by --token-file."
            )
        host = f"[{hostname}]" if ":" in hostname else hostname
        url = f"{parts.scheme}://{host}" + (f":{port}" if port is not None else "")
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise SettingError(f"{text!r} is the address of a page; give the server's address, such as {url}.")
        address = cls(url, hostname)
        if parts.scheme == "http" and not address.is_loopback and not insecure_http:
            raise SettingError(
                f"{url} is another machine, to which http would send the token unencrypted. Give an https address, "
                "or --insecure-http on a network that you trust."
            )
        return address

    @property
    def is_loopback(self) -> bool:
        """Tell whether the server runs on this machine."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"
