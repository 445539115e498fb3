"""The demo in one call: everything that `keyart demo` does apart from its output."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from keyart.errors import DataUnavailable, SettingError
from keyart_federated import World
from keyart_federated.report import plot_learning

from . import real_film
from .arms import CENTRAL, FEDERATED, FEDERATED_HEAD, ORDER, ArmResults, DemoPlan, StageProgress, run_arms
from .demo_bundle import publish_and_install
from .page.page_html import render
from .page.page_model import HomePage, PolicyResult
from .page_text import MOVIELENS, NAMES, headline, licences, notes
from .report_document import report_document
from .screens import viewers_of

MOVIELENS_TITLES = 400  # the most rated films; each is then shown often enough for the figures to be clear

OUTPUT_NAMES = {
    "report.json",
    "learning.png",
    "index.html",
    "bundle",
    "catalog.json",
    "tuf",
    "keys",
    "device",
    "film",
    "work",
}


@dataclass(frozen=True)
class DemoSettings:
    """Settings of the demo.

    Attributes:
        world: "movielens" or "synthetic".
        titles, viewers: None for the demo's defaults.
    """

    world: str = MOVIELENS
    rounds: int = 50
    steps: int = 8
    seed: int = 0
    titles: int | None = None
    viewers: int | None = None


@dataclass(frozen=True)
class DemoResult:
    """The result: the content of report.json, the results of the arms, and the output folder."""

    document: dict[str, Any]
    arms: ArmResults
    folder: Path


def run(settings: DemoSettings, out: Path, tell: StageProgress, warn: Callable[[str], None]) -> DemoResult:
    """Run the demo and write report.json, learning.png, index.html, catalog.json and bundle/ to `out`.

    Args:
        settings: settings of the demo.
        out: output folder.
        tell: called with stage, steps done and total steps.
        warn: receives warnings, such as that the synthetic world replaces data that cannot be fetched.

    Raises:
        KeyartError: a stage failed.
    """
    _require_own_folder(out)
    seconds: dict[str, float] = {}
    clock = _Clock(seconds)
    plan, world, fallback = _world(settings, tell, warn)
    clock.lap("world")
    out.mkdir(parents=True, exist_ok=True)
    work = out / "work"
    shutil.rmtree(work, ignore_errors=True)
    real = plan.spec == MOVIELENS  # a world that is made up stays so
    with real_film.tag_in_background(out / "film", warn) if real else nullcontext(lambda: None) as stills:
        arms = run_arms(plan, world, work, tell)
        clock.lap("arms")
        tell("film", 0, 1)
        shown = stills()
        tell("film", 1, 1)
        clock.lap("film")

    tell("publish", 0, 1)
    installed = publish_and_install(arms.reports[FEDERATED_HEAD].bundle, out / "tuf", out / "keys", out / "device")
    bundle = out / "bundle"
    shutil.rmtree(bundle, ignore_errors=True)
    shutil.copytree(installed.folder, bundle)
    world.catalog.save(out / "catalog.json")
    shutil.rmtree(work)
    tell("publish", 1, 1)
    clock.lap("publish and install")

    tell("screens", 0, 1)
    viewers = viewers_of(world, plan.rounds * plan.steps, installed.slots, plan.seed, shown)
    page = HomePage(
        world=_about_world(plan, arms),
        headline=headline(arms),
        results=_results(arms),
        viewers=viewers,
        notes=notes(plan, len(world.catalog), shown),
        licences=licences(plan, shown),
    )
    (out / "index.html").write_text(render(page), encoding="utf-8")
    plot_learning({name: arms.reports[name] for name in (FEDERATED_HEAD, FEDERATED, CENTRAL)}, out / "learning.png")
    tell("screens", 1, 1)
    clock.lap("screens")

    seconds = {**arms.seconds, **seconds, "total": clock.total()}
    document = report_document(plan, arms, installed, bundle.name, fallback, seconds)
    document["viewers"] = [viewer.name for viewer in viewers]
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    (out / "report.json").write_text(text + "\n", encoding="utf-8")
    return DemoResult(document, arms, out)


def _require_own_folder(out: Path) -> None:
    """Refuse a folder with files that no demo wrote, such as another `bundle/` or `keys/`."""
    names = {path.name for path in out.iterdir()} if out.is_dir() else set()
    if names - OUTPUT_NAMES and "report.json" not in names:
        raise SettingError(f"{out} holds files that no demo wrote ({min(names - OUTPUT_NAMES)}); name a new folder.")


class _Clock:
    def __init__(self, seconds: dict[str, float]) -> None:
        self._seconds = seconds
        self._first = self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self._seconds[stage], self._last = now - self._last, now

    def total(self) -> float:
        return time.perf_counter() - self._first


def _world(
    settings: DemoSettings, tell: StageProgress, warn: Callable[[str], None]
) -> tuple[DemoPlan, World, str | None]:
    """Return the world asked for, or the synthetic one and the reason if its data cannot be fetched."""
    tell("data and world", 0, 1)
    titles = settings.titles or (MOVIELENS_TITLES if settings.world == MOVIELENS else None)
    given = {"titles": titles, "viewers": settings.viewers}
    common = {name: value for name, value in given.items() if value is not None}
    common |= {"impressions": settings.rounds * settings.steps, "seed": settings.seed}
    plan = DemoPlan(settings.world, common, NAMES[settings.world], settings.rounds, settings.steps, settings.seed)
    fallback = None
    try:
        world = plan.world()
    except DataUnavailable as error:
        fallback = str(error)
        warn(f"The real data is not available, so the synthetic world is used instead. {fallback}")
        common = {name: value for name, value in common.items() if name != "titles" or settings.titles}
        plan = replace(plan, spec="synthetic", settings=common, name=NAMES["synthetic"])
        world = plan.world()
    tell("data and world", 1, 1)
    return plan, world, fallback


def _about_world(plan: DemoPlan, arms: ArmResults) -> str:
    devices = arms.reports[FEDERATED_HEAD].devices
    return f"{plan.name}, {devices} devices, {plan.rounds} rounds of {plan.steps} impressions"


def _results(arms: ArmResults) -> tuple[PolicyResult, ...]:
    return tuple(
        PolicyResult(
            name,
            figures.value.value,
            (figures.value.low, figures.value.high),
            figures.capture.value,
            (figures.capture.low, figures.capture.high),
        )
        for name, figures in ((name, arms.last_quarter[name]) for name in ORDER)
    )
