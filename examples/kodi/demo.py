"""Show the add-on in real Kodi: build a library and a model, run Kodi under Xvfb, and leave screenshots.

Run: python examples/kodi/demo.py
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import library
from headless import ADDON, Kodi, KodiError, missing_programs
from PIL import Image

import keyart
import keyart_federated
from keyart.errors import KeyartError
from keyart_tools.demo.evenings import Evenings
from keyart_tools.demo.real_film import read_tagged_film

ROOT = Path(__file__).parents[2]
LIVING_ROOM, DEN, KIDS = "Living room", "Den", "Kids"
HISTORIES = {LIVING_ROOM: ("romance", "comedy", "music"), DEN: ("crime", "thriller", "mystery")}
PLOT = "This film does not exist. Its pictures are drawn from their tags."


def films(tagged: Path) -> Iterator[library.Film]:
    """Yield the films, Big Buck Bunny first where `make demo` has tagged it."""
    try:
        film = read_tagged_film(tagged)
    except (KeyartError, OSError, ImportError):
        print("Big Buck Bunny is left out: make demo tags it first.")
    else:
        print(f"Pictures of {film.title.name}: {film.licence}")
        artworks = [
            keyart.Artwork(artwork.id, artwork.tags, artwork.image, maturity="6+")
            for artwork in film.title.artworks
            if "contrast:low" not in artwork.tags  # dull as a poster
        ]
        name = re.sub(r" \(\d+\)$", "", film.title.name)
        title = keyart.Title(film.title.id, name, film.title.duration, film.title.tags, artworks)
        yield library.Film(title, library.still(film.photographs), film.licence)
    for title in library.films():
        yield library.Film(title, library.drawn, PLOT)


def built(out: Path, tagged: Path) -> Kodi:
    """Build the library, the catalogue, the model and Kodi's home in `out`, which is made anew."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    print("Building the library …", flush=True)
    shown = list(films(tagged))
    catalog = out / "catalog.json"
    library.write_library(out, shown).save(catalog)
    print("Training a model in a small made-up world …", flush=True)
    world = Evenings(keyart.Catalog.from_titles([film.title for film in shown]))
    policy = keyart.Policy(exploration=0.1, stickiness=timedelta(0))
    report = keyart_federated.simulate(world, steps_per_round=15, rounds=4, seed=1, policy=policy)
    shutil.copytree(report.bundle, out / "bundle")
    settings = {
        "personalise": "true", "stickiness_hours": "0", "python": sys.executable,
        "catalog": str(catalog), "bundle": str(out / "bundle"),
    }  # fmt: skip
    kodi = Kodi(
        out / "home",
        out / "Films",
        {LIVING_ROOM: settings, DEN: settings, KIDS: {**settings, "child": "true"}},
        size=(1920, 1080),
    )
    for profile, liked in HISTORIES.items():
        library.write_history(kodi.addon_data(profile), catalog, liked)
    print("Setting up Kodi in a home of its own …", flush=True)
    kodi.install()
    return kodi


def tour(kodi: Kodi, out: Path) -> None:
    """Visit what there is to see, and take a screenshot of each."""
    kodi.ready()
    kodi.set_daypart("evening")
    home(kodi, out / "living-room-evening.png")
    kodi.set_daypart("morning")
    home(kodi, out / "living-room-morning.png")
    kodi.set_daypart("evening")
    kodi.run_action("node")
    kodi.call("GUI.ActivateWindow", window="videos", parameters=["library://video/movies/", "return"])
    shot(kodi, out / "movies.png", 8.0)  # the notification has gone
    kodi.call("GUI.ActivateWindow", window="videos", parameters=[f"plugin://{ADDON}/", "return"])
    time.sleep(2)
    kodi.press("down", "down")
    shot(kodi, out / "list.png")
    kodi.call("Input.ContextMenu")
    time.sleep(1)
    for _ in range(12):
        if kodi.info("System.CurrentControl")["System.CurrentControl"].startswith("Why"):
            break
        kodi.press("down", pause=0.2)
    shot(kodi, out / "context-menu.png", 0.5)
    kodi.press("select")
    shot(kodi, out / "why.png")
    kodi.press("back", "back")
    for profile, name in ((DEN, "den"), (KIDS, "kids")):
        kodi.switch_profile(profile)
        kodi.set_daypart("evening")  # each profile has a time zone of its own
        home(kodi, out / f"{name}-evening.png")


def home(kodi: Kodi, file: Path) -> None:
    """Take a screenshot of the home screen with the first film of the row in focus."""
    kodi.call("GUI.ActivateWindow", window="home")
    time.sleep(2)
    kodi.press("right", pause=1.0)
    shot(kodi, file)
    kodi.press("left")


def shot(kodi: Kodi, file: Path, pause: float = 2.5) -> None:
    """Take a screenshot once pictures are loaded and nothing moves."""
    time.sleep(pause)
    kodi.screenshot(file)
    print(file)


def main() -> None:
    """Build, run, look, and say how fast it was."""
    parser = argparse.ArgumentParser(description="Show the Kodi add-on in real Kodi.")
    parser.add_argument("--out", type=Path, default=ROOT / "build/kodi", help="Folder of the demo, made anew.")
    parser.add_argument("--film", type=Path, default=ROOT / "build/demo/film", help="Tagged film of `make demo`.")
    options = parser.parse_args()
    if missing := missing_programs():
        raise SystemExit(
            f"{' and '.join(missing)} is missing. On Debian: apt-get install --no-install-recommends kodi xvfb "
            "libgl1-mesa-dri librsvg2-bin fonts-noto-core"
        )
    out = options.out.resolve()
    kodi = built(out, options.film)
    try:
        kodi.start()
        tour(kodi, out)
    except KodiError as error:
        raise SystemExit(f"Kodi: {error} Its log is {kodi.data}/temp/kodi.log.") from None
    finally:
        log = kodi.log
        kodi.stop()
    times = [float(time) for time in re.findall(r"40 of them chosen, in ([\d.]+) ms", log)]
    print(
        f"{len(times)} lists of 40 films: {statistics.median(times):.0f} ms at the median, {min(times):.0f} at best."
    )
    sheet = [
        Image.open(out / f"{name}.png").resize((960, 540), Image.Resampling.LANCZOS)
        for name in ("living-room-evening", "living-room-morning", "den-evening", "kids-evening")
    ]
    both = Image.new("RGB", (1920, 1080))
    for place, image in enumerate(sheet):
        both.paste(image, (960 * (place % 2), 540 * (place // 2)))
    both.save(out / "profiles.jpg", quality=85)
    print(f"The screenshots are in {out}.")


if __name__ == "__main__":
    main()
