"""The pages of sign-in, of second factors and of webhooks in a real browser, at both sizes, light and dark."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyotp
import pytest
from support.browser import DESKTOP, PHONE, browsing, violations
from support.oidc_provider import CLIENT_ID, CLIENT_SECRET, provider_running
from support.receiver import receiving
from support.server import PASSWORD, listening

from keyart_server.access import people
from keyart_server.access.identity_settings import IdentitySettings, OidcSettings
from keyart_server.app import create_app
from keyart_server.serve import open_service
from keyart_server.service import Service
from keyart_server.settings import ServerSettings
from keyart_server.webhooks.delivery_worker import DeliveryWorker

pytestmark = [pytest.mark.service, pytest.mark.slow]


@pytest.fixture
def page() -> Iterator[Any]:
    with browsing() as made:
        yield made


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Service, str]]:
    """A server with single sign-on, and its address."""
    (tmp_path / "secret").write_text(CLIENT_SECRET)
    with provider_running() as provider:
        groups = {"viewer": frozenset({"staff"})}
        oidc = OidcSettings(provider.issuer, CLIENT_ID, tmp_path / "secret", groups)  # type: ignore[arg-type]
        identity = IdentitySettings(oidc, webhook_networks=(ipaddress.ip_network("127.0.0.0/8"),))
        with (
            open_service(ServerSettings(tmp_path / "data", issuers=("ab" * 32,), identity=identity)) as service,
            listening(create_app(service)) as client,
        ):
            yield service, str(client.base_url).rstrip("/")


def look(page: Any) -> None:
    """The page is accessible and fits, at both sizes, light and dark."""
    for size in (DESKTOP, PHONE):
        page.set_viewport_size(size)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert violations(page) == [], (page.url, size, scheme)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, (page.url, size)


def test_a_persons_day(page: Any, served: tuple[Service, str]) -> None:
    """Join, set up a second factor, sign in with it, and register a webhook."""
    service, base = served
    with service.state.writing() as session:
        code = people.invite(session, service.clock(), "server", "administrator")
    page.goto(f"{base}/join/{code}")
    page.fill("[name=name]", "Robin")
    page.fill("[name=password]", PASSWORD)
    page.click("main button")
    page.click("header a.who")
    look(page)
    page.click("text=Set up an authenticator app")
    look(page)
    app = pyotp.TOTP(page.text_content("#secret"))
    page.fill("#code", app.now())
    page.click("text=Turn on")
    look(page)
    recovery = page.text_content("#codes").split()[0]
    page.click("text=I have kept them")
    look(page)
    page.goto(f"{base}/people")
    look(page)
    page.click("text=Sign out")
    look(page)
    page.fill("[name=name]", "Robin")
    page.fill("[name=password]", PASSWORD)
    page.click("main button")
    look(page)
    page.fill("[name=code]", recovery)
    page.click("main button")
    with receiving() as receiver:
        page.goto(f"{base}/webhooks")
        look(page)
        page.fill("#name", "Chat")
        page.fill("#url", receiver.url)
        page.check("[value='round.failed']")
        page.click("form button:has-text('Register')")
        assert page.text_content("#secret").startswith("whsec_")
        look(page)
        page.click("text=Send a test message")
        DeliveryWorker(service, base).step()
        page.reload()
        assert "The receiver answered 204." in page.content()
        look(page)


def test_single_sign_on_in_a_browser(page: Any, served: tuple[Service, str]) -> None:
    """The strict cookie is sent on the first page after the way through the provider."""
    _, base = served
    page.goto(f"{base}/campaigns")
    look(page)
    page.click("text=Use single sign-on")
    page.wait_for_url(f"{base}/campaigns")
    assert page.text_content("header a.who") == "robin" and "Campaigns" in page.text_content("h1")
