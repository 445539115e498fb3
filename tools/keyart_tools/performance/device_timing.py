"""Choosing and observing on an open profile, in turns with the bare run of the same ranker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import chain, cycle
from pathlib import Path
from statistics import median
from typing import Literal

import numpy as np

import keyart
from keyart_federated.worlds import SyntheticWorld

from .interleaved_timing import Call, in_turns, percentile
from .measurement import Row
from .ranker_baseline import SLATE, bare_run, settled
from .sample_profile import keys, outcome

TITLES, PAGE, VIEWS = 200, 40, 500
ENGINES: tuple[Literal["onnxruntime", "numpy"], ...] = ("onnxruntime", "numpy")
WARM_UP = 20
BARE = "bare run"
REACH_CHOOSE, REACH_TAIL, REACH_PAGE, REACH_OBSERVE = 6.0, 4.0, 80.0, 20.0

Samples = dict[str, list[float]]


def world() -> SyntheticWorld:
    """200 titles with 20 pictures each, and one viewer who has watched 500 times."""
    return SyntheticWorld(viewers=1, titles=TITLES, artworks=SLATE, impressions=1, history_views=VIEWS)


@dataclass(frozen=True)
class Device:
    """One viewer's profile, once an engine, and what was measured on it so far, in microseconds."""

    profiles: dict[str, keyart.Personalizer]
    world: SyntheticWorld
    bare: Call
    context: keyart.Context
    choose: Samples = field(default_factory=dict)
    tails: Samples = field(default_factory=dict)  # 99th percentiles of choose over its median, one a turn
    page: Samples = field(default_factory=dict)
    observe: Samples = field(default_factory=dict)

    def turn(self, choices: int, pages: int, outcomes: int, seed: int) -> None:
        """Measures each of the three once more."""
        ids = [title.id for title in self.world.catalog]
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
            for name, taken in in_turns({**makers, BARE: partial(settled, self.bare)}, times, warm_up).items():
                samples.setdefault(name, []).extend(taken)
                if samples is self.choose:
                    self.tails.setdefault(name, []).append(percentile(taken, 0.99) / median(taken))

    @property
    def bare_us(self) -> float:
        """Median of every bare run."""
        return median(chain(self.choose[BARE], self.page[BARE], self.observe[BARE]))

    def rows(self) -> list[Row]:
        """What was measured."""
        rows = [Row("choosing", f"{BARE}, {SLATE} candidates", self.bare_us, "µs")]
        for engine in ENGINES:
            rows.append(_over(f"choose, {engine}", self.choose, engine, REACH_CHOOSE))
        for name, reach in ((BARE, None), *((engine, REACH_TAIL) for engine in ENGINES)):
            tail = median(self.tails[name])
            what = BARE if name == BARE else f"choose, {name}"
            rows.append(
                Row("choosing", f"p99 of {what}", tail * median(self.choose[name]), "µs", tail, "its p50", reach)
            )
        for engine in ENGINES:
            rows.append(_over(f"choose_page {PAGE} × {SLATE}, {engine}", self.page, engine, REACH_PAGE))
        for engine in ENGINES:
            rows.append(_over(f"observe, {engine}", self.observe, engine, REACH_OBSERVE))
        return rows


def _over(name: str, samples: Samples, engine: str, reach: float) -> Row:
    figure = median(samples[engine])
    return Row("choosing", name, figure, "µs", figure / median(samples[BARE]), BARE, reach)


@contextmanager
def opened(made: SyntheticWorld, bundle: Path, folder: Path) -> Iterator[Device]:
    """The device with its profiles in `folder`: consented, with the viewer's history, stickiness off."""
    history = made.history(0)
    profiles: dict[str, keyart.Personalizer] = {}
    try:
        for engine in ENGINES:
            profiles[engine] = art = keyart.Personalizer.open(
                folder / f"{engine}.db",
                catalog=made.catalog,
                keys=keys(),
                bundle=bundle,
                engine=engine,
                policy=keyart.Policy(stickiness=timedelta(0)),
            )
            art.consent.grant("personalization")
            art.record_many(history)
        yield Device(profiles, made, bare_run(bundle), made.impression(0, 0)[1])
    finally:
        for art in profiles.values():
            art.close()
