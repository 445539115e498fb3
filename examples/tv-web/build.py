"""Build the web TV client: a catalogue with drawn pictures, two bundles, and the compiled web SDK.

Run: python examples/tv-web/build.py --serve
"""

from __future__ import annotations

import argparse
import functools
import http.server
import itertools
import json
import random
import shutil
import subprocess
import tempfile
from datetime import timedelta
from pathlib import Path

import keyart
import keyart_federated
from keyart.errors import KeyartError
from keyart.model import EncodedCatalog, FeatureSpec
from keyart_federated.export import write_bundle
from keyart_federated.learning.model import GlobalModel
from keyart_server.signing.repository import Repository
from keyart_tools.demo.evenings import Evenings
from keyart_tools.demo.page.poster import poster
from keyart_tools.demo.real_film import read_tagged_film

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WEB = ROOT / "sdk/web"
CLIENT = ("index.html", "style.css", "icon.svg", *sorted(path.name for path in HERE.glob("*.js")))
# Names of films that do not exist, each with its two genres, the heavier one first.
TITLES = {
    "The Long Tide": ("drama", "romance"), "Lanterns over Lisbon": ("romance", "comedy"),
    "Night Freight": ("thriller", "crime"), "A Table for Nine": ("comedy", "family"),
    "The Glass Orchard": ("mystery", "drama"), "Red Dust Rider": ("western", "action"),
    "Orbit of Two": ("science-fiction", "romance"), "The Quiet Cartographer": ("drama", "adventure"),
    "Hollow Hill": ("horror", "mystery"), "Brass and Thunder": ("music", "comedy"),
    "The Last Lighthouse": ("adventure", "family"), "Paper Kingdoms": ("fantasy", "family"),
    "Cold Harbour": ("crime", "drama"), "Two Left Feet": ("comedy", "romance"),
    "The Ninth Signal": ("science-fiction", "thriller"), "Salt and Silver": ("history", "drama"),
    "Runaway Kite": ("family", "animation"), "Under the Arena": ("sport", "drama"),
    "Midnight Ferry": ("thriller", "mystery"), "The Clockmaker's Moon": ("fantasy", "adventure"),
    "Winter Line": ("war", "history"), "Rooftop Season": ("romance", "drama"),
    "The Honest Thief": ("crime", "comedy"), "Deep Meadow": ("documentary", "drama"),
    "Dragon on the Stairs": ("animation", "fantasy"), "The Whistling Room": ("horror", "thriller"),
    "Iron Valley": ("action", "thriller"), "Letters from the Sound": ("drama", "history"),
    "Comets for Breakfast": ("animation", "comedy"), "The Salt Road": ("adventure", "history"),
    "Neon Rain": ("crime", "science-fiction"), "A Violin in March": ("music", "drama"),
    "The Borrowed Summer": ("romance", "comedy"), "Wolf Season": ("thriller", "adventure"),
    "Small Giants": ("sport", "family"), "The Silver Cage": ("mystery", "crime"),
    "Harvest Moon Rag": ("music", "romance"), "The Paper Sheriff": ("western", "comedy"),
    "Beneath the Tramlines": ("documentary", "history"), "Ashes of Winter": ("war", "drama"),
}  # fmt: skip
SHOTS, PALETTES, MOODS = ("close-up", "wide", "ensemble"), ("warm", "cool"), ("thoughtful", "intense")
GROWN_UP = frozenset({"horror", "war", "thriller", "crime"})
HISTORIES = {"crime": ("crime", "thriller", "mystery"), "romance": ("romance", "comedy", "music")}


def catalog() -> keyart.Catalog:
    """Return the titles, with six artworks each: both genres of a title, in three shots."""
    chance = random.Random(4)
    titles = []
    for name, (first, second) in TITLES.items():
        title_id = name.lower().replace(" ", "-").replace("'", "")
        artworks = []
        for place, (genre, shot) in enumerate(itertools.product((first, second), SHOTS)):
            tags = {
                f"genre:{genre}": 1.0,
                f"shot:{shot}": 1.0,
                f"palette:{PALETTES[chance.random() < 0.5]}": 1.0,
                f"mood:{MOODS[genre in GROWN_UP or chance.random() < 0.3]}": 1.0,
                "faces": {"close-up": 0.7, "ensemble": 0.35, "wide": 0.05}[shot],
            }
            maturity = "16+" if genre in GROWN_UP and shot == "close-up" else "12+" if genre in GROWN_UP else "6+"
            number = "abcdef"[place]
            artworks.append(
                keyart.Artwork(f"{title_id}/{number}", tags, f"pictures/{title_id}-{number}.svg", maturity=maturity)
            )
        tags = {f"genre:{first}": 0.65, f"genre:{second}": 0.35}
        titles.append(keyart.Title(title_id, name, 6000.0, tags, artworks))
    return keyart.Catalog.from_titles(titles)


def with_film(titles: keyart.Catalog, folder: Path, pictures: Path) -> tuple[keyart.Catalog, str]:
    """Return the catalogue with the film that `make demo` has tagged, and its licence; "" where there is none."""
    try:
        film = read_tagged_film(folder)
    except (KeyartError, OSError, ImportError):
        return titles, ""
    shown = []
    for number, artwork in enumerate(film.title.artworks):
        name = f"{film.title.id}-{number}.jpg"
        (pictures / name).write_bytes(film.photographs[artwork.id])
        shown.append(keyart.Artwork(artwork.id, artwork.tags, f"pictures/{name}", maturity="6+"))
    title = keyart.Title(film.title.id, film.title.name, film.title.duration, film.title.tags, shown)
    return keyart.Catalog.from_titles([title, *titles]), film.licence


def write_shipped(folder: Path, titles: keyart.Catalog) -> None:
    """Write the bundle that comes with the client: the model that a fleet begins with, before any round."""
    encoded = EncodedCatalog.build(titles, FeatureSpec.from_catalog(titles))
    card = {"round": 0, "devices": 0}
    write_bundle(folder, GlobalModel.zero_shot(encoded), titles, data="No data yet.", training=card)


def publish_trained(folder: Path, titles: keyart.Catalog) -> bytes:
    """Publish a model that a few rounds of a made-up fleet have trained; return the root that the client trusts.

    The keys are made for this build alone, and are gone when it is finished.
    """
    policy = keyart.Policy(exploration=0.1, stickiness=timedelta(0))
    report = keyart_federated.simulate(Evenings(titles), steps_per_round=15, rounds=4, seed=1, policy=policy)
    with tempfile.TemporaryDirectory() as keys:
        repository = Repository.create(folder, keys)
        repository.publish(report.bundle)
    return repository.trusted_root


def compiled(out: Path) -> None:
    """Compile the web SDK into `out`. Raises SystemExit if there is no npm, or it fails."""
    if shutil.which("npm") is None:
        raise SystemExit("npm is needed to compile the web SDK; install Node.js 18 or newer.")
    if not (WEB / "node_modules").is_dir():
        subprocess.run(["npm", "ci", "--silent"], cwd=WEB, check=True)
    subprocess.run(["npm", "run", "--silent", "build", "--", "--outDir", str(out.resolve())], cwd=WEB, check=True)


def build(out: Path, film: Path) -> Path:
    """Write the client into `out`, which is made anew."""
    shutil.rmtree(out, ignore_errors=True)
    pictures = out / "pictures"
    pictures.mkdir(parents=True)
    titles = catalog()
    for title in titles:
        for artwork in title.artworks:
            drawing = poster(title.name, title.tags, artwork.tags, artwork.id, 640, 360)
            (out / artwork.image).write_text(drawing, encoding="utf-8")
    offered, licence = with_film(titles, film, pictures)
    offered.save(out / "catalog.json")
    write_shipped(out / "bundle", offered)
    print("Training a model in a small made-up world …", flush=True)
    (out / "root.json").write_bytes(publish_trained(out / "tuf", offered))
    watched = {
        name: [title.id for title in titles if kinds & {tag.partition(":")[2] for tag in title.tags}][:9]
        for name, kinds in ((name, set(genres)) for name, genres in HISTORIES.items())
    }
    about = {"licence": licence, "histories": watched}
    (out / "about.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
    compiled(out / "keyart")
    for name in CLIENT:
        shutil.copy(HERE / name, out / name)
    return out


def main() -> None:
    """Build the client; with --serve, serve it on this machine."""
    parser = argparse.ArgumentParser(description="Build the web TV client.")
    parser.add_argument("--out", type=Path, default=ROOT / "build/tv-web", help="Folder of the client.")
    parser.add_argument(
        "--film", type=Path, default=ROOT / "build/demo/film", help="Tagged film of `make demo`, if there is one."
    )
    parser.add_argument("--serve", action="store_true", help="Serve the client on this machine.")
    parser.add_argument("--port", type=int, default=8090)
    options = parser.parse_args()
    folder = build(options.out, options.film)
    print(f"The client is in {folder}.")
    if options.serve:
        handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
        with http.server.ThreadingHTTPServer(("127.0.0.1", options.port), handler) as server:
            print(f"Open http://127.0.0.1:{options.port}/ in a browser; Ctrl-C ends it.")
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                print()


if __name__ == "__main__":
    main()
