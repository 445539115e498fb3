"""`/releases`: model versions, what their gates said, how far they are; let one go on, hold it, withdraw it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from keyart.errors import InputError

from ...access import Who
from ...campaigns import campaign_store
from ...releases import publishing, release_store
from ...releases.release import Release
from ...service import Service
from .. import lineage
from ..responses import Version, go, page, router, there

SHOWN: Final = 50
STEPS: Final[Mapping[str, tuple[Callable[[Service, int, str], Release], str]]] = {
    "go-on": (publishing.go_on, "Model {version} goes on."),
    "hold": (publishing.hold, "Model {version} is held: nobody new gets it."),
    "withdraw": (publishing.withdraw, "Model {version} is withdrawn."),
}
LABELS: Final = {"go-on": "Let it go on", "hold": "Hold", "withdraw": "Withdraw"}
# Which steps a person is offered where it stands.
OFFERED: Final[Mapping[str, tuple[str, ...]]] = {
    "candidate": ("withdraw",),
    "waiting": ("go-on", "withdraw"),
    "rolling": ("hold", "withdraw"),
    "held": ("go-on", "withdraw"),
    "released": ("withdraw",),
}


def routes(service: Service) -> Sequence[APIRouter]:
    reading, operating = router(service, "read"), router(service, "operate")

    @reading.get("/releases")
    def listed(request: Request, who: Who, pages: Annotated[int, Query(alias="page", ge=1, le=1000)] = 1) -> Response:
        with service.state.reading() as session:
            found = release_store.every(session, limit=pages * SHOWN + 1)
            names = {one.id: one.name for one in campaign_store.every(session)}
        return page(
            service, request, who, "releases.html",
            releases=found[(pages - 1) * SHOWN : pages * SHOWN],
            line=lineage.line(found),
            newest=lineage.newest(found),
            names=names,
            against=lineage.against_base,
            pages=pages,
            older=len(found) > pages * SHOWN,
        )  # fmt: skip

    @reading.get("/releases/{version}")
    def shown(request: Request, who: Who, version: Version) -> Response:
        with service.state.reading() as session:
            release = there(release_store.find(session, version), "model")
            made = None if release.campaign_id is None else campaign_store.find(session, release.campaign_id)
        steps = OFFERED.get(release.standing, ()) if who.may("operate") else ()
        measured = [(gate, lineage.difference(gate)) for gate in release.gates]
        return page(
            service, request, who, "release.html",
            release=release,
            made=made,
            waves=lineage.waves(release),
            gates=[gate for gate, difference in measured if difference is None],
            comparisons=[(gate, difference) for gate, difference in measured if difference is not None],
            against=lineage.against_base(release),
            steps=[(step, LABELS[step]) for step in steps],
        )  # fmt: skip

    def mover(step: Callable[[Service, int, str], Release], done: str) -> Any:
        def move(version: Version, who: Who) -> Response:
            path = f"/releases/{version}"
            with service.state.reading() as session:
                there(release_store.find(session, version), "model")
            try:
                moved = step(service, version, who.name)
            except InputError as error:
                return go(service, who, path, str(error), done=False)
            return go(service, who, path, f"{done.format(version=version)} {moved.reason}".strip())

        return move

    for name, (step, done) in STEPS.items():
        operating.post(f"/releases/{{version}}/{name}")(mover(step, done))
    return reading, operating
