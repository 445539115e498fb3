"""Time of choosing and observing on an open profile, measured alternately with a bare run of the same ranker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import chain, cycle
from pathlib import Path
from statistics import median
from typing import Literal

import numpy as np

import keyart
from keyart_federated.worlds import SyntheticWorld

from .interleaved_timing import Call, in_turns, percentile
from .measurement import Measurement
from .ranker_baseline import SLATE, bare_run, warmed_up
from .sample_profile import detailed_catalog, keys, outcome

TITLES, PAGE, VIEWS = 200, 40, 500
ENGINES: tuple[Literal["onnxruntime", "numpy"], ...] = ("onnxruntime", "numpy")
WARM_UP = 20
BARE = "bare run"
MAX_TAIL_RATIO = 4.0
DETAILED = ", detailed catalogue"

Samples = dict[str, list[float]]


@dataclass(frozen=True)
class Targets:
    """Targets of `choose`, `choose_page` and `observe`, in bare runs."""

    choose: float = 6.0
    page: float = 80.0
    observe: float = 20.0


DETAILED_TARGETS = Targets(choose=5.0, observe=8.0)


@dataclass(frozen=True)
class TimedViewer:
    """A viewer whose choices are timed."""

    catalog: keyart.Catalog
    views: Sequence[keyart.View]
    context: keyart.Context

    @classmethod
    def of(cls, world: SyntheticWorld) -> TimedViewer:
        """Return the first viewer of a world."""
        return cls(world.catalog, world.history(0), world.impression(0, 0)[1])

    @classmethod
    def detailed(cls, at: datetime) -> TimedViewer:
        """Return a viewer of a catalogue of many tags of several kinds, with 500 views before `at`."""
        catalog = detailed_catalog(TITLES, SLATE)
        titles = np.random.default_rng(7).integers(TITLES, size=VIEWS).tolist()
        before = (at - timedelta(hours=5 * (n + 1)) for n in range(VIEWS))
        views = [
            keyart.View(catalog.titles[title].id, when, 5000.0, "tv")
            for title, when in zip(titles, before, strict=True)
        ]
        return cls(catalog, views, keyart.Context("tv", at, slot=2))


def world() -> SyntheticWorld:
    """Return a world of 200 titles with 20 artworks each, and one viewer with 500 views."""
    return SyntheticWorld(viewers=1, titles=TITLES, artworks=SLATE, impressions=1, history_views=VIEWS)


@dataclass(frozen=True)
class TimedDevice:
    """A viewer's profile, opened once per engine, and the samples so far, in microseconds."""

    profiles: dict[str, keyart.Personalizer]
    catalog: keyart.Catalog
    bare: Call
    context: keyart.Context
    choose: Samples = field(default_factory=dict)
    tails: Samples = field(default_factory=dict)  # 99th percentiles of choose over its median, one a turn
    page: Samples = field(default_factory=dict)
    observe: Samples = field(default_factory=dict)

    def turn(self, choices: int, pages: int, outcomes: int, seed: int) -> None:
        """Measure each operation once more."""
        ids = [title.id for title in self.catalog]
        rng = np.random.default_rng(seed)
        order = [ids[i] for i in rng.permutation(len(ids))]

        def choosing(art: keyart.Personalizer) -> Callable[[], Call]:
            titles = cycle(order)
            return lambda: partial(art.choose, next(titles), self.context)

        def paging(art: keyart.Personalizer) -> Callable[[], Call]:
            return lambda: partial(art.choose_page, rng.permutation(ids)[:PAGE].tolist(), self.context)

        def observing(art: keyart.Personalizer) -> Callable[[], Call]:
            titles = cycle(order)

            def maker() -> Call:
                decision = art.choose(next(titles), self.context)
                return partial(art.observe, decision.id, outcome(float(rng.random())))

            return maker

        for samples, make, times, warm_up in (
            (self.choose, choosing, choices, WARM_UP),
            (self.page, paging, pages, 2),
            (self.observe, observing, outcomes, WARM_UP),
        ):
            makers = {engine: make(art) for engine, art in self.profiles.items()}
            for name, taken in in_turns({**makers, BARE: partial(warmed_up, self.bare)}, times, warm_up).items():
                samples.setdefault(name, []).extend(taken)
                if samples is self.choose:
                    self.tails.setdefault(name, []).append(percentile(taken, 0.99) / median(taken))

    @property
    def bare_us(self) -> float:
        """Return the median of all bare runs, in microseconds."""
        return median(chain(self.choose[BARE], self.page[BARE], self.observe[BARE]))

    def rows(self) -> list[Measurement]:
        """Return the measurements."""
        rows = [Measurement("choosing", f"{BARE}, {SLATE} candidates", self.bare_us, "µs")]
        choose, *others = self.ratios()
        rows += choose
        for name, reach in ((BARE, None), *((engine, MAX_TAIL_RATIO) for engine in ENGINES)):
            tail = median(self.tails[name])
            what = BARE if name == BARE else f"choose, {name}"
            rows.append(
                Measurement(
                    "choosing", f"p99 of {what}", tail * median(self.choose[name]), "µs", tail, "its p50", reach
                )
            )
        return [*rows, *chain(*others)]

    def ratios(self, targets: Targets = Targets(), of: str = "") -> list[list[Measurement]]:
        """Return `choose`, `choose_page` and `observe` in bare runs, on each engine; `of` is added to their names."""
        return [
            [_over(f"{name}, {engine}{of}", samples, engine, reach) for engine in ENGINES]
            for name, samples, reach in (
                ("choose", self.choose, targets.choose),
                (f"choose_page {PAGE} × {SLATE}", self.page, targets.page),
                ("observe", self.observe, targets.observe),
            )
        ]


def _over(name: str, samples: Samples, engine: str, reach: float) -> Measurement:
    figure = median(samples[engine])
    return Measurement("choosing", name, figure, "µs", figure / median(samples[BARE]), BARE, reach)


@contextmanager
def open_device(viewer: TimedViewer, bundle: Path, folder: Path) -> Iterator[TimedDevice]:
    """Open new profiles in `folder`: consent granted, the viewer's history imported, stickiness off."""
    profiles: dict[str, keyart.Personalizer] = {}
    try:
        for engine in ENGINES:
            profiles[engine] = art = keyart.Personalizer.open(
                folder / f"{engine}.db",
                catalog=viewer.catalog,
                keys=keys(),
                bundle=bundle,
                engine=engine,
                policy=keyart.Policy(stickiness=timedelta(0)),
            )
            art.consent.grant("personalization")
            art.record_many(viewer.views)
        yield TimedDevice(profiles, viewer.catalog, bare_run(bundle), viewer.context)
    finally:
        for art in profiles.values():
            art.close()
