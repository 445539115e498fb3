"""keyart in an app: open a profile, show a page, and report the outcomes. Run: python examples/embed.py"""

import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import keyart

CATALOG = keyart.Catalog.from_titles(
    [
        keyart.Title(
            f"film-{n}",
            name=f"Film {n}",
            duration=6000,
            tags={"genre:drama": 0.6, f"genre:{other}": 0.4},
            artworks=[
                keyart.Artwork(f"film-{n}/quiet", tags={"genre:drama": 1.0, "palette:cool": 1.0}, image="quiet.jpg"),
                keyart.Artwork(f"film-{n}/{other}", tags={f"genre:{other}": 1.0, "faces": 0.8}, image=f"{other}.jpg"),
            ],
        )
        for n, other in enumerate(["comedy", "thriller", "comedy", "romance"])
    ]
)


def evening(folder: Path) -> list[str]:
    """Show one evening on a TV; return the artworks of the last page."""
    now = datetime.now().astimezone()
    passphrase = keyart.PassphraseKey("from the host's key store")  # keyart.HostKey(get, put, delete) in a real app
    with keyart.Personalizer.open(folder / "profile.db", catalog=CATALOG, keys=passphrase) as art:
        art.consent.grant("personalization")  # the app's own dialogue has asked
        art.record(keyart.View("film-0", at=now - timedelta(days=1), seconds=5400))
        context = keyart.Context(device="tv", at=now)
        page = art.choose_page([title.id for title in CATALOG], context)
        for decision in page:
            picture = next(a for a in CATALOG[decision.title_id].artworks if a.id == decision.artwork_id)
            print(f"{CATALOG[decision.title_id].name}: {picture.image} (drawn with {decision.propensity:.2f})")
            art.seen(decision.id)  # it is on the screen: without an outcome it will have been passed over
        art.observe(page[1].id, keyart.Outcome.played(2400))
        print(art.explain(page[1].id).text)
        return [decision.artwork_id for decision in page]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        evening(Path(folder))
