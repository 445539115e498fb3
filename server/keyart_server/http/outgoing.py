"""Outgoing requests, to an OpenID provider and to webhooks: bounded in time and size, without redirects.

A host name is resolved once, every address is checked, and the connection goes to the checked address, so that a name
whose address changes in between gains nothing (DNS rebinding). TLS certificates are checked against the name, with
the authorities of the operating system (or SSL_CERT_FILE).
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import httpcore

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
AddressCheck = Callable[[IpAddress], bool]
PORTS: Final[Mapping[str, int]] = {"http": 80, "https": 443}
NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address


class OutgoingFailed(Exception):
    """A request got no complete answer; the message is a sentence for people without a body or a secret."""


@dataclass(frozen=True, slots=True)
class OutgoingAnswer:
    """The answer to an outgoing request."""

    status: int
    body: bytes


class OutgoingClient:
    """Sends requests, through a proxy if there is one.

    Args:
        proxy: address of an HTTP proxy, perhaps with name and password.
        allowed: tells whether an IP address may be reached.
        timeout_seconds: limit on the whole of a request.
        max_bytes: limit on the body of an answer.
    """

    def __init__(self, proxy: str | None, allowed: AddressCheck, timeout_seconds: float, max_bytes: int) -> None:
        self._proxy, self._allowed = proxy, allowed
        self._timeout_seconds, self._max_bytes = timeout_seconds, max_bytes
        self._tls = ssl.create_default_context()

    def send(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> OutgoingAnswer:
        """Send a request and return its answer, whatever its status. Raises OutgoingFailed."""
        deadline = time.monotonic() + self._timeout_seconds
        sent = {
            "Host": urlsplit(url).netloc,
            "User-Agent": "keyart",
            "Accept-Encoding": "identity",
            **(headers or {}),
        }
        if body:
            sent["Content-Length"] = str(len(body))
        try:
            with (
                self._pool(url, deadline) as pool,
                pool.stream(method, url, headers=list(sent.items()), content=body) as response,
            ):
                content = bytearray()
                for part in response.iter_stream():
                    content += part
                    if len(content) > self._max_bytes:
                        raise OutgoingFailed(f"The answer has more than {self._max_bytes} bytes.")
                return OutgoingAnswer(response.status, bytes(content))
        except httpcore.TimeoutException:
            raise OutgoingFailed(f"There was no complete answer within {self._timeout_seconds:g} seconds.") from None
        except httpcore.ProxyError as error:
            raise OutgoingFailed(f"The proxy refused the request: {_first_line(error)}.") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
            raise OutgoingFailed(f"The connection failed: {_first_line(error)}.") from None

    def _pool(self, url: str, deadline: float) -> httpcore.ConnectionPool:
        if self._proxy is None:
            return httpcore.ConnectionPool(
                self._tls, max_connections=1, network_backend=_Backend(self._allowed, deadline)
            )
        # The proxy resolves names. What this machine knows to be a forbidden address is refused all the same.
        parts, target = urlsplit(self._proxy), urlsplit(url)
        resolve(str(target.hostname), target.port or PORTS[target.scheme], self._allowed, unknown=True)
        auth = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        return httpcore.HTTPProxy(
            f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}",
            proxy_auth=auth,
            ssl_context=self._tls,
            max_connections=1,
            network_backend=_Backend(lambda _: True, deadline),
        )


def resolve(host: str, port: int, allowed: AddressCheck, unknown: bool = False) -> list[str]:
    """Return the addresses of a host.

    Args:
        host: name or IP address.
        port: TCP port.
        allowed: tells whether an IP address may be reached; one that may not refuses the host.
        unknown: whether a host without an address is accepted, since a proxy may know it.

    Raises:
        OutgoingFailed: if the host has no address, or a forbidden one.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        if unknown:
            return []
        raise OutgoingFailed(f"The host {host} has no address.") from None
    addresses = list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))
    for address in addresses:
        if not allowed(ipaddress.ip_address(address)):
            raise OutgoingFailed(f"The host {host} has the address {address}, which requests may not reach.")
    return addresses


def is_public(address: IpAddress) -> bool:
    """Tell whether an address is one of the internet: not private, link-local, loopback, multicast or reserved."""
    return all(
        inner.is_global
        and not (inner.is_multicast or inner.is_reserved or (inner.version == 6 and inner.is_site_local))
        for inner in embedded_addresses(address)
    )


def embedded_addresses(address: IpAddress) -> tuple[IpAddress, ...]:
    """Return an address with the IPv4 addresses that it leads to: mapped, 6to4, Teredo and NAT64."""
    if address.version == 4:
        return (address,)
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address in NAT64:
        return (ipaddress.IPv4Address(address.packed[-4:]),)
    teredo = address.teredo[1] if address.teredo else None
    return (address, *(inner for inner in (address.sixtofour, teredo) if inner is not None))


class _Backend(httpcore.NetworkBackend):
    """Connects to checked addresses only; every wait ends at the deadline (of `time.monotonic`)."""

    def __init__(self, allowed: AddressCheck, deadline: float) -> None:
        self._allowed, self._deadline, self._inner = allowed, deadline, httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of the host that answers."""
        failure: Exception = httpcore.ConnectError(f"{host} does not answer")
        for address in resolve(host, port, self._allowed):
            try:
                stream = self._inner.connect_tcp(address, port, _left(self._deadline), local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _Stream(stream, self._deadline)
        raise failure


class _Stream(httpcore.NetworkStream):
    """A connection whose every wait ends at the deadline: a slow sender gains nothing byte by byte."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: float) -> None:
        self._inner, self._deadline = inner, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(self._deadline))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, _left(self._deadline)), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout
    return left


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
