"""The address at which a process listens and at which it is reached, as a checked value."""

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
    """The listening address of a process.

    Attributes:
        port: TCP port; 0 takes any free one.
        host: name or IP address to listen on.
        tls_cert: certificate chain, a PEM file.
        tls_key: private key of the certificate, a PEM file.
        public: allow listening beyond this machine without TLS, behind a proxy that terminates TLS.
        url: public address, if it differs from `host` and `port`.
        proxy: IP address of the proxy in front, which alone is believed in `X-Forwarded-For`; None believes nobody.

    Raises:
        SettingError: for an address that is invalid or unsafe.
    """

    port: int = 8080
    host: str = "127.0.0.1"
    tls_cert: Path | None = None
    tls_key: Path | None = None
    public: bool = False
    url: str | None = None
    proxy: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise SettingError(f"--port is {self.port}; it must be between 0 and 65535.")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise SettingError("TLS needs both files: --tls-cert and --tls-key.")
        if not (self.loopback or self.tls or self.public):
            raise SettingError(
                f"{self.host} is reachable from other machines, and TLS is off: passwords and tokens would be sent "
                "unencrypted. Set --tls-cert and --tls-key, or --public behind a proxy that terminates TLS."
            )
        if self.url is not None:
            parts = urlsplit(self.url)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
                raise SettingError(f"--url is {self.url!r}; it must be like https://keyart.example.")
        if self.proxy is not None:
            try:
                ipaddress.ip_address(self.proxy)
            except ValueError:
                raise SettingError(
                    f"--proxy is {self.proxy!r}; it must be the IP address of the proxy, like 127.0.0.1."
                ) from None

    @property
    def tls(self) -> bool:
        """Tell whether this process terminates TLS itself."""
        return self.tls_cert is not None

    @property
    def loopback(self) -> bool:
        """Tell whether only this machine can reach the address."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def secure(self) -> bool:
        """Tell whether browsers connect by https."""
        return self.tls or (self.url or "").startswith("https:")

    @property
    def sees_clients(self) -> bool:
        """Tell whether requests show the client's address, rather than that of a proxy."""
        return self.tls or self.proxy is not None or not (self.public or self.url)

    @property
    def allowed_hosts(self) -> frozenset[str] | None:
        """Return the host names that a request may carry, or None if any is allowed.

        The check prevents DNS rebinding, for which the names of this machine itself are of no use: commands that run
        beside the server reach it by them. With TLS or behind a proxy without --url, any name is allowed.
        """
        named = {urlsplit(self.url).hostname or ""} if self.url else set()
        if self.loopback:
            return frozenset({self.host, *LOOPBACK_NAMES, *named})
        return frozenset({*named, *LOOPBACK_NAMES}) if named else None

    def base_url(self, port: int) -> str:
        """Return the public base URL, without a trailing slash, of a server that listens on `port`."""
        if self.url:
            return self.url.rstrip("/")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{port}"

    def public_url(self, requested: object) -> str:
        """Return the public base URL, without a trailing slash: `url`, else the base URL that a request asked for."""
        return (self.url or str(requested)).rstrip("/")

    def check_tls(self) -> None:
        """Raise SettingError if the TLS files are not a certificate and its private key."""
        if self.tls_cert is None or self.tls_key is None:
            return
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.tls_cert, self.tls_key)
        except (OSError, ssl.SSLError) as error:
            why = error.strerror or error
            raise SettingError(
                f"{self.tls_cert} and {self.tls_key} are not a certificate and its private key: {why}."
            ) from None
