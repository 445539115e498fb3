"""The page `/fleet/enrolment`: the keys that apps ship, and vouchers with which devices enrol. For administrators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from keyart.errors import InputError, SettingError
from keyart_federated.campaigns.setting_texts import parse_number

from ... import audit_log
from ...access import Actor, Who
from ...service import Service
from ..responses import FormFields, page_router, render_page

PATH: Final = "/fleet/enrolment"
DEFAULT_VOUCHERS: Final = 10
MAX_SHOWN_VOUCHERS: Final = 1000  # on one page


def routes(service: Service) -> Sequence[APIRouter]:
    """Return the routes of the page and of its form."""
    administering = page_router(service, "administer")

    def show(request: Request, who: Actor, status: int = 200, **shown: Any) -> Response:
        values = {"vouchers": [], "error": "", "count": str(DEFAULT_VOUCHERS), **shown}
        return render_page(
            service, request, who, "enrolment.html", status,
            address=service.settings.public_url(request.base_url),
            offers_key=service.keys.offers_public.hex(),
            issuer_keys=[key.hex() for key in service.issuers],
            own_issuer=service.issuer is not None,
            has_root=(service.data.tuf / "root.json").is_file(),
            **values,
        )  # fmt: skip

    @administering.get(PATH)
    def shown(request: Request, who: Who) -> Response:
        return show(request, who)

    @administering.get("/fleet/root.json")
    def root(who: Who) -> Response:
        """Return the trusted root that apps ship; 404 until a bundle is published."""
        path = service.data.tuf / "root.json"
        content = path.read_bytes() if path.is_file() else b""
        named = 'attachment; filename="root.json"'
        return Response(
            content, 200 if content else 404, {"Content-Disposition": named}, media_type="application/json"
        )

    @administering.post(PATH)
    def make_vouchers(request: Request, who: Who, sent: FormFields) -> Response:
        """Make vouchers. They are in this response only, so there is no redirect."""
        text = sent.get("count", "").strip()
        try:
            if service.issuer is None:
                raise SettingError("Another process is the issuer; make vouchers there with keyart issuer.")
            count = int(parse_number("The number of vouchers", text, int))
            if not 1 <= count <= MAX_SHOWN_VOUCHERS:
                raise SettingError(f"Ask for 1 to {MAX_SHOWN_VOUCHERS:,} vouchers at once.")
        except InputError as error:
            return show(request, who, 422, error=str(error), count=text)
        vouchers = service.issuer.authority.vouchers(count)
        with service.state.writing() as session:
            audit_log.append(session, service.clock(), who.name, "device.vouchers", "issuer", count=count)
        return show(request, who, 201, vouchers=vouchers)

    return (administering,)
