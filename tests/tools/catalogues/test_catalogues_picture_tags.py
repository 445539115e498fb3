"""Tags of a catalogue's pictures, without models: colours and contrast."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from keyart import Artwork, Catalog, Title
from keyart_tools.catalogues import ImportIssues
from keyart_tools.catalogues.picture_tags import measure_artworks
from keyart_tools.models import Models


def test_pictures_and_their_title_share_tags_of_their_look(tmp_path: Path) -> None:
    Image.new("RGB", (300, 200), (220, 90, 20)).save(tmp_path / "warm.png")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    artworks = [
        Artwork("t/a", tags={"type:poster": 1.0}, image="warm.png"),
        Artwork("t/b", image="broken.jpg"),
        Artwork("t/c", image="https://example.org/c.jpg"),
        Artwork("t/d", tags={"palette:cool": 1.0}, image="warm.png"),  # by hand
    ]
    catalog = Catalog.from_titles([Title("t", tags={"genre:drama": 1.0}, artworks=artworks)])
    issues = ImportIssues()

    (title,) = measured = measure_artworks(catalog, tmp_path, Models.open(tmp_path), issues)

    warm, broken, remote, by_hand = title.artworks
    assert warm.tags["palette:warm"] == 1.0 and warm.tags["type:poster"] == 1.0
    assert not any(tag.startswith("motion") for tag in warm.tags) and warm.embedding is None
    assert (dict(broken.tags), dict(remote.tags), dict(by_hand.tags)) == ({}, {}, {"palette:cool": 1.0})
    assert title.tags["palette:warm"] == title.tags["palette:cool"] == 0.5 and title.tags["genre:drama"] == 1.0
    assert [Path(issue.file).name for issue in issues.broken] == ["broken.jpg"]
    assert measure_artworks(measured, tmp_path, Models.open(tmp_path), ImportIssues()) == measured
