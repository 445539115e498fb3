"""Where a process listens, and how it is reached. A checked value."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from keyart.errors import SettingError

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """port: 0 takes a free one. host: a name or IP address. tls_cert, tls_key: PEM files. public: listen beyond this
    machine without TLS, behind a proxy that brings it. url: by which people and devices know it, if not by `host` and
    `port`. Raises SettingError.
    """

    port: int = 8080
    host: str = "127.0.0.1"
    tls_cert: Path | None = None
    tls_key: Path | None = None
    public: bool = False
    url: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise SettingError(f"--port is {self.port}; it must be between 0 and 65535.")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise SettingError("TLS needs both files: --tls-cert and --tls-key.")
        if not (self.loopback or self.tls or self.public):
            raise SettingError(
                f"{self.host} can be reached from other machines, and there is no TLS: passwords and tokens would "
                "travel in the clear. Give --tls-cert and --tls-key, or --public behind a proxy that brings TLS."
            )
        if self.url is not None:
            parts = urlsplit(self.url)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
                raise SettingError(f"--url is {self.url!r}; it must be like https://keyart.example.")

    @property
    def tls(self) -> bool:
        return self.tls_cert is not None

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def secure(self) -> bool:
        """Whether browsers come by https."""
        return self.tls or (self.url or "").startswith("https:")

    @property
    def allowed_hosts(self) -> frozenset[str] | None:
        """What a request may name as its host, so that no foreign name can be pointed at this server (DNS rebinding);
        None: anything, since TLS or a proxy answers for the name."""
        named = {urlsplit(self.url).hostname or ""} if self.url else set()
        if self.loopback:
            return frozenset({self.host, *LOOPBACK_NAMES, *named})
        return frozenset(named) or None

    def base_url(self, port: int) -> str:
        """Where people find it, without a slash at the end. port: the one that it listens on."""
        if self.url:
            return self.url.rstrip("/")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{port}"

    def check_tls(self) -> None:
        """Raises SettingError for files that are no certificate and its key."""
        if self.tls_cert is None or self.tls_key is None:
            return
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.tls_cert, self.tls_key)
        except (OSError, ssl.SSLError) as error:
            why = error.strerror or error
            raise SettingError(f"{self.tls_cert} and {self.tls_key} are no certificate and its key: {why}.") from None
