"""Devices in a process of their own that visit a running server, over HTTP, as an app's would."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.catalogs import sample_bundle, sample_catalog
from support.server import Running

EXAMPLE = Path(__file__).parents[2] / "examples" / "visiting_devices.py"
LONGEST_SECONDS = 600.0  # of the rounds of a campaign, on a machine that is busy with other tests


def prepared(folder: Path) -> tuple[str | Path, ...]:
    """A catalogue and a bundle for it in `folder`, and what starts a server with them."""
    catalog = sample_catalog()
    catalog.save(folder / "catalog.json")
    first = sample_bundle(folder / "first", catalog, seed=1, version=1)
    return "--bundle", first, "--catalog", folder / "catalog.json", "--epsilon", "1000"


@contextmanager
def visiting(
    server: Running, folder: Path, count: int, vouchers: Sequence[str] = ()
) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """So many devices; what they have said so far. vouchers: theirs, or they are made now."""
    file = folder / "vouchers.txt"
    file.write_text("\n".join(vouchers or server.vouchers(count)))
    words = [
        sys.executable, EXAMPLE, "--url", server.started["address"], "--vouchers", file, "--devices", count,
        "--catalog", folder / "catalog.json", "--bundle", folder / "first", "--least", 2,
        "--root", server.data / "tuf" / "root.json",
        "--server-key", server.started["offers_key"], "--issuer-key", server.started["issuer_key"],
    ]  # fmt: skip
    log = folder / "devices.jsonl"
    with log.open("w") as output:
        process = subprocess.Popen([str(word) for word in words], stdout=output, stderr=subprocess.STDOUT)
        try:
            yield lambda: [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
        finally:
            process.terminate()
            process.wait(timeout=60)


def until(so: Callable[[], Any], seconds: float = LONGEST_SECONDS) -> Any:
    """Return what it says once it says anything. Raises AssertionError after so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := so():
            return found
        time.sleep(0.2)
    raise AssertionError(f"It has not come to that in {seconds:.0f} seconds.")
