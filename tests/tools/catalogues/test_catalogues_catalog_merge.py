"""Merging by id: what is added, replaced, missing, and which disagreements are named."""

from __future__ import annotations

from pathlib import Path

from keyart import Artwork, Catalog, Title
from keyart_tools.catalogues import CatalogMerge, merge_catalogs

EARLIER = Catalog.from_titles(
    [
        Title("a", "A", 6000, {"genre:drama": 1, "mood:sad": 0.5}, [Artwork("a/1", image="1.jpg"), Artwork("a/2")]),
        Title("b", "B", 0, {}, [Artwork("b/1")]),
    ]
)


def merged(*titles: Title) -> CatalogMerge:
    later = Catalog.from_titles(titles)
    return merge_catalogs([(Path("x/one.json"), EARLIER), (Path("y/two.json"), later)], Path())


def test_later_title_fills_what_is_missing_and_replaces_artworks() -> None:
    merge = merged(Title("b", "", 5400, {"genre:war": 1}, [Artwork("b/1", tags={"faces": 1}), Artwork("b/2")]))

    assert [title.id for title in merge.catalog] == ["a", "b"]
    b = merge.catalog["b"]
    assert (b.name, b.duration, dict(b.tags)) == ("B", 5400, {"genre:war": 1})
    assert [(artwork.id, dict(artwork.tags)) for artwork in b.artworks] == [("b/1", {"faces": 1}), ("b/2", {})]
    assert (merge.changed_titles, merge.added_artworks, merge.replaced_artworks) == (("b",), ("b/2",), ("b/1",))
    assert (merge.added_titles, merge.missing_titles, merge.conflicts) == ((), ("a",), ())


def test_conflicts_are_named_and_the_later_holds() -> None:
    merge = merged(
        Title("a", "Other", 3000, {"genre:war": 1}, [Artwork("a/2")]), Title("c", artworks=[Artwork("c/1")])
    )

    a = merge.catalog["a"]
    assert (a.name, a.duration, dict(a.tags)) == ("Other", 3000, {"mood:sad": 0.5, "genre:war": 1})
    assert [word in " ".join(merge.conflicts) for word in ("name", "duration", "genre:drama")] == [True] * 3
    assert (merge.added_titles, merge.missing_titles, merge.missing_artworks) == (("c",), ("b",), ("a/1",))


def test_runtime_that_is_rounded_is_no_conflict() -> None:
    assert merged(Title("a", "A", 6030, artworks=[Artwork("a/1")])).conflicts == ()


def test_artwork_that_moves_to_another_title() -> None:
    merge = merged(Title("c", artworks=[Artwork("a/1"), Artwork("b/1")]))

    assert {title.id: [a.id for a in title.artworks] for title in merge.catalog} == {
        "a": ["a/2"],
        "c": ["a/1", "b/1"],
    }
    assert len(merge.conflicts) == 2 and "gone" in merge.conflicts[1]


def test_paths_of_pictures_follow_the_catalogue() -> None:
    merge = merged(
        Title("c", artworks=[Artwork("c/1", image="p/c.jpg"), Artwork("c/2", image="https://a.example/c")])
    )

    images = [artwork.image for title in merge.catalog for artwork in title.artworks]
    assert images == ["x/1.jpg", "", "", "y/p/c.jpg", "https://a.example/c"]
