"""Cold start: processor time and resident memory of new processes, relative to one that imports numpy alone.

Processor time is the user and system time of all threads from the start of the process to the first choice. The
processes alternate, each on a copy of the profile, in the environment of an app: numpy's default threads, and
bytecode that was compiled beforehand.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from keyart.errors import KeyartError

from .measurement import Measurement, NotMeasured

MAX_START_RATIO = {"numpy": 1.6, "onnxruntime": 2.2}
MAX_MEMORY_MIB = {"numpy": 30.0, "onnxruntime": 55.0}  # onnxruntime and its session take 28
NUMPY_ASLEEP = "numpy alone, idle threads asleep"  # as keyart has them: they wait for work without turning in a loop
CHOICES = 50  # before the memory is read
TIMEOUT_SECONDS = 120.0
# What the bench, a makefile or an imported keyart may have set; an app's process begins without.
NOT_INHERITED = (
    "OPENBLAS_NUM_THREADS",
    "OPENBLAS_THREAD_TIMEOUT",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "PYTHONDONTWRITEBYTECODE",
)

_READING = """
import json, time
def resident():
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    except OSError:
        return None
"""
NUMPY = f"""
import numpy
{_READING}
print(json.dumps({{"cpu": time.process_time(), "apart": 0.0, "resident": resident()}}))
"""
KEYART = f"""
import sys, time
from datetime import datetime, timezone
import keyart
keyart.Artwork, keyart.Title, keyart.Catalog, keyart.HostKey
began = time.process_time()
from keyart_tools.performance.sample_profile import catalog, keys
titles, provider = catalog(), keys()
apart = time.process_time() - began
profile, bundle, engine, fresh = sys.argv[1:]
art = keyart.Personalizer.open(profile, catalog=titles, keys=provider, bundle=bundle, engine=engine)
if fresh == "fresh":
    art.consent.grant("personalization")
context = keyart.Context("tv", datetime.now(timezone.utc), slot=3)
art.choose("t07", context)
cpu = time.process_time() - apart
for n in range({CHOICES - 1}):
    art.choose(f"t{{n % 40:02}}", context)
{_READING}
print(json.dumps({{"cpu": cpu, "apart": apart, "resident": resident()}}))
"""


@dataclass(frozen=True)
class ProcessStart:
    """A measured process.

    Attributes:
        cpu_ms: processor time to the first choice, in ms, without `apart_ms`.
        apart_ms: processor time of building the catalogue, in ms.
        resident_kib: resident memory after 50 choices, in KiB; None if the system does not report it.
    """

    cpu_ms: float
    apart_ms: float
    resident_kib: float | None


Starts = dict[str, list[ProcessStart]]


def measure_starts(profile: Path, bundle: Path, folder: Path, runs: int, tell: Callable[[], None]) -> Starts:
    """Start each kind of process `runs` times, alternately.

    Args:
        profile: folder with a filled profile.
        bundle: bundle folder.
        folder: new folder for copies and bytecode.
        runs: number of counted runs of each kind.
        tell: called after each run.

    Returns:
        The starts by name of the kind.
    """
    programs: dict[str, tuple[str, ...]] = {"numpy alone": (), NUMPY_ASLEEP: ()}
    for engine in MAX_START_RATIO:
        programs[f"existing profile, {engine}"] = (engine, "existing")
        programs[f"fresh profile, {engine}"] = (engine, "fresh")
    environment = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    folder.mkdir()
    environment["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")
    starts: Starts = {name: [] for name in programs}
    for run in range(-1, runs):  # the first one compiles the bytecode, and does not count
        for name, settings in programs.items():
            added = {"OPENBLAS_THREAD_TIMEOUT": "4"} if name == NUMPY_ASLEEP else {}
            start = _run_process(settings, profile, bundle, folder / "start", environment | added)
            if run >= 0:
                starts[name].append(start)
        tell()
    return starts


def rows(starts: Starts) -> tuple[list[Measurement], list[NotMeasured]]:
    """Return processor time, and memory above that of numpy."""
    numpy_ms = median(start.cpu_ms for start in starts["numpy alone"])
    numpy_kib = _resident(starts["numpy alone"])
    quiet_ms = median(start.cpu_ms for start in starts[NUMPY_ASLEEP])
    measurements = [
        Measurement("start", "import numpy", numpy_ms, "ms"),
        Measurement("start", "import numpy, idle threads asleep", quiet_ms, "ms", quiet_ms / numpy_ms, "numpy"),
    ]
    memory: list[Measurement] = []
    for state in ("existing profile", "fresh profile"):
        for engine, reach in MAX_START_RATIO.items():
            starts_here = starts[f"{state}, {engine}"]
            cpu = median(start.cpu_ms for start in starts_here)
            bar = reach if state == "existing profile" else None
            measurements.append(
                Measurement("start", f"cold start, {state}, {engine}", cpu, "ms", cpu / numpy_ms, "numpy", bar)
            )
            kib = _resident(starts_here)
            if kib is not None and numpy_kib is not None and bar is not None:
                above = (kib - numpy_kib) / 1024
                memory.append(
                    Measurement(
                        "memory", f"memory above numpy's, {engine} engine", above, "MiB", reach=MAX_MEMORY_MIB[engine]
                    )
                )
    apart = median(start.apart_ms for start in starts["existing profile, numpy"])
    measurements.append(Measurement("start", "building the catalogue, not counted above", apart, "ms"))
    if memory:
        return measurements + memory, []
    return measurements, [NotMeasured("memory above numpy's", "this system has no /proc/self/status to read it from")]


def _resident(starts: list[ProcessStart]) -> float | None:
    sizes = [start.resident_kib for start in starts if start.resident_kib is not None]
    return median(sizes) if sizes else None


def _run_process(
    settings: tuple[str, ...], profile: Path, bundle: Path, place: Path, environment: dict[str, str]
) -> ProcessStart:
    shutil.rmtree(place, ignore_errors=True)
    if settings[1:] == ("existing",):
        shutil.copytree(profile, place)
    else:
        place.mkdir()
    arguments = [str(place / "profile.db"), str(bundle), *settings] if settings else []
    command = [sys.executable, "-c", KEYART if settings else NUMPY, *arguments]
    done = subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, env=environment, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise KeyartError(f"A cold start could not be measured: the process ended with {last!r}. Fix that first.")
    result = json.loads(done.stdout)
    return ProcessStart(1000 * result["cpu"], 1000 * result["apart"], result["resident"])
