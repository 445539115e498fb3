"""Security headers on every response, and the check of the host name in requests."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .error_responses import error_json

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; font-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Addresses of one-time links must not leak to other sites; "no-referrer" would remove the origin of our forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
CACHE_FOREVER = "public, max-age=31536000, immutable"  # for files whose address changes with their content
STRICT_TRANSPORT_SECURITY = "max-age=31536000"
# Health probes use the IP address, Prometheus a name of its own network. They are told states and counts only.
ANY_HOST_PATHS = ("/healthz", "/readyz", "/metrics")


class SecurityHeaders:
    """ASGI middleware that sets security headers and refuses unknown host names.

    Attributes:
        hosts: host names that requests may carry; None allows any.
        secure: whether the server is reached by https only.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str] | None, secure: bool) -> None:
        self._app, self._hosts, self._secure = app, hosts, secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request if its host name is allowed, with the headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
                if self._secure:
                    headers["Strict-Transport-Security"] = STRICT_TRANSPORT_SECURITY
            await send(message)

        if (
            self._hosts is not None
            and scope["path"] not in ANY_HOST_PATHS
            and requested_host(scope) not in self._hosts
        ):
            await error_json(421, "This server is not reachable under this host name; see its setting --url.")(
                scope, receive, send_with_headers
            )
            return
        await self._app(scope, receive, send_with_headers)


def requested_host(scope: Scope) -> str:
    """Return the host that the request names, without its port."""
    host: str = dict(scope["headers"]).get(b"host", b"").decode("latin-1").lower()
    if host.startswith("["):
        address, _, rest = host[1:].partition("]")
        return address if rest[:1] in ("", ":") else ""
    return host.partition(":")[0]
