"""`make bench`: what the device path costs on this machine, and how fast a simulation goes.

Medians of repeated calls. A choice is also given as a multiple of a bare onnxruntime run of the same graph on the
same inputs, taken in turns in the same process: on a busy machine both suffer, and their ratio stays.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keyart import Catalog, Context, Personalizer
    from keyart_federated import Report

OUT = Path("build/bench/device.json")
TITLES, ARTWORKS, PAGE = 200, 20, 40
WARM_UP, CHOICES, PAGES = 20, 400, 40
LEARNED = 200  # decisions in the log of the profile that is measured
SIMULATED = {"viewers": 500, "steps": 5, "rounds": 8}

Figures = dict[str, Any]


def main() -> None:
    """Measures, prints a table and writes build/bench/device.json."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: the matrices are too small for two threads
    figures = measure()
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    _print(figures)


def measure() -> Figures:
    """All figures; times in microseconds unless the name says milliseconds."""
    from keyart_federated.worlds import SyntheticWorld

    world = SyntheticWorld(viewers=20, titles=TITLES, artworks=ARTWORKS, impressions=LEARNED)
    with tempfile.TemporaryDirectory(prefix="keyart-bench-") as temporary:
        trained = _simulated(SIMULATED["viewers"], SIMULATED["steps"], SIMULATED["rounds"], None)
        bundle = _simulated(20, 5, 1, Path(temporary) / "bundle", titles=TITLES, artworks=ARTWORKS).bundle
        figures = _device(world, Path(temporary) / "profile.db", bundle)
    return {
        "machine": {"python": platform.python_version(), "system": platform.system(), "cpus": os.cpu_count()},
        "catalogue": {"titles": TITLES, "artworks_a_title": ARTWORKS, "decisions_in_the_log": LEARNED},
        **figures,
        "simulation": {
            **SIMULATED,
            "client_updates_per_second": round(trained.client_updates_per_second, 1),
            "device_impressions_per_second": round(
                trained.devices * trained.rounds * trained.steps_per_round / trained.seconds
            ),
        },
    }


def _simulated(viewers: int, steps: int, rounds: int, out: Path | None, **world: int) -> Report:
    from keyart_federated import simulate
    from keyart_federated.worlds import SyntheticWorld

    made = SyntheticWorld(viewers=viewers, impressions=steps * rounds, **world)
    with tempfile.TemporaryDirectory(prefix="keyart-bench-") as temporary:
        return simulate(made, steps, rounds, out=out or Path(temporary) / "bundle")


def _device(world: Any, profile: Path, bundle: Path) -> Figures:
    import keyart

    with keyart.Personalizer.open(
        profile,
        catalog=world.catalog,
        keys=keyart.PassphraseKey("bench"),
        bundle=bundle,
        policy=keyart.Policy(stickiness=timedelta(0)),
    ) as art:
        art.consent.grant("personalization")
        art.record_many(world.history(0))
        observed = []
        for k in range(LEARNED):
            title_id, context = world.impression(0, k)
            decision = art.choose(title_id, context)
            outcome = world.outcome(0, k, decision.artwork_id)
            observed.append(_microseconds(partial(art.observe, decision.id, outcome)))
        context = world.impression(0, 0)[1]
        choose, bare = _choose(art, world.catalog, context, bundle)
        titles = [title.id for title in world.catalog][:PAGE]
        pages = [_microseconds(lambda: art.choose_page(titles, context)) for _ in range(PAGES)]
        return {
            "choose_us": round(statistics.median(choose), 1),
            "onnxruntime_run_us": round(statistics.median(bare), 1),
            "choose_over_onnxruntime": round(statistics.median(choose) / statistics.median(bare), 2),
            f"choose_page_{PAGE}x{ARTWORKS}_ms": round(statistics.median(pages) / 1000, 2),
            "observe_us": round(statistics.median(observed), 1),
        }


def _choose(art: Personalizer, catalog: Catalog, context: Context, bundle: Path) -> tuple[list[float], list[float]]:
    """Times of choose and of a bare session on a slate of the same size, in turns."""
    import numpy as np

    from keyart.bundle import Manifest
    from keyart.bundle.vectors import FULL_SLATE, parse_vectors

    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    for key, value in Manifest.read(bundle).session_config.items():
        options.add_session_config_entry(key, value)
    session = ort.InferenceSession(str(bundle / "ranker.onnx"), options, providers=["CPUExecutionProvider"])
    cases = parse_vectors((bundle / "vectors.json").read_bytes())
    inputs = next(dict(case.inputs) for case in cases if len(case.scores) == FULL_SLATE)
    names = ["value", "play", "keep"]
    ids = [title.id for title in catalog]
    order = np.random.default_rng(0).integers(len(ids), size=CHOICES + WARM_UP)
    choose, bare = [], []
    for n in order.tolist():
        choose.append(_microseconds(partial(art.choose, ids[n], context)))
        bare.append(_microseconds(lambda: session.run(names, inputs)))
    return choose[WARM_UP:], bare[WARM_UP:]


def _microseconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1e6


def _print(figures: Figures) -> None:
    from rich.table import Table

    from .cli.console import print_table

    table = Table(title=f"On this machine, medians; {TITLES} titles with {ARTWORKS} pictures each")
    table.add_column("what")
    table.add_column("figure", justify="right")
    page = f"choose_page_{PAGE}x{ARTWORKS}_ms"
    simulation = figures["simulation"]
    for what, figure in (
        (f"choose among {ARTWORKS} pictures", f"{figures['choose_us']:.0f} µs"),
        ("bare onnxruntime run of the same graph", f"{figures['onnxruntime_run_us']:.0f} µs"),
        ("choose, in onnxruntime runs", f"{figures['choose_over_onnxruntime']:.1f} ×"),
        (f"choose_page, {PAGE} titles × {ARTWORKS} pictures", f"{figures[page]:.1f} ms"),
        ("observe, stored and learned when it returns", f"{figures['observe_us']:.0f} µs"),
        ("simulated client updates", f"{simulation['client_updates_per_second']:,.0f} /s"),
        ("simulated impressions", f"{simulation['device_impressions_per_second']:,.0f} /s"),
    ):
        table.add_row(what, figure)
    print_table(table, f"figures: {OUT}")


if __name__ == "__main__":
    main()
