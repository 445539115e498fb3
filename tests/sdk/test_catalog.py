"""The catalogue: checked once, when it is made; saved and loaded whole."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.catalogs import sample_catalog

from keyart import Artwork, Catalog, Title
from keyart.catalog import kind_of
from keyart.errors import CatalogError, UnknownTitle

PICTURE = Artwork("p")
HUGE = 10**5000  # Python has no text for it
WRONG = {
    "no titles": lambda: Catalog.from_titles([]),
    "not a title": lambda: Catalog.from_titles([{"id": "t"}]),
    "two titles": lambda: Catalog.from_titles(
        [Title("t", artworks=[Artwork("a")]), Title("t", artworks=[Artwork("b")])]
    ),
    "two artworks": lambda: Catalog.from_titles([Title("t", artworks=[PICTURE]), Title("u", artworks=[PICTURE])]),
    "twice in a title": lambda: Catalog.from_titles([Title("t", artworks=[PICTURE, PICTURE])]),
    "no artwork": lambda: Title("t"),
    "artworks of text": lambda: Title("t", artworks=["p"]),
    "no id": lambda: Title("", artworks=[PICTURE]),
    "id of a number": lambda: Artwork(3),
    "NaN weight": lambda: Artwork("a", {"genre:drama": math.nan}),
    "infinite weight": lambda: Title("t", tags={"x": math.inf}, artworks=[PICTURE]),
    "negative weight": lambda: Artwork("a", {"x": -0.1}),
    "weight of text": lambda: Artwork("a", {"x": "much"}),
    "empty tag": lambda: Artwork("a", {" ": 1}),
    "tags in a list": lambda: Artwork("a", ["x"]),
    "NaN embedding": lambda: Artwork("a", embedding=[1.0, math.nan]),
    "maturity": lambda: Artwork("a", maturity="adult"),
    "negative duration": lambda: Title("t", duration=-1, artworks=[PICTURE]),
    "NaN duration": lambda: Title("t", duration=math.nan, artworks=[PICTURE]),
    "duration of 5000 digits": lambda: Title("t", duration=HUGE, artworks=[PICTURE]),
    "weight of 5000 digits": lambda: Artwork("a", {"x": HUGE}),
    "weight beyond sums": lambda: Artwork("a", {"x": 1e300}),
    "embedding of 5000 digits": lambda: Artwork("a", embedding=[HUGE]),
    "embedding of text": lambda: Artwork("a", embedding=["x"]),
    "maturity of 5000 digits": lambda: Artwork("a", maturity="9" * 5000),
    "spoiler in a list": lambda: Artwork("a", spoiler=[True]),
    "synthetic as a text": lambda: Artwork("a", synthetic="no"),
    "long id twice": lambda: Catalog.from_titles([Title("t" * 9000, artworks=[PICTURE])] * 2),
    "long tag": lambda: Artwork("a", {"x" * 9000: -1.0}),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_used(name):
    with pytest.raises(CatalogError) as caught:
        WRONG[name]()
    assert str(caught.value).endswith(".") and len(str(caught.value)) < 300


def test_look_up():
    catalog = sample_catalog()
    assert len(catalog) == 6 and "t3" in catalog and "x" not in catalog and None not in catalog
    assert catalog["t3"] is catalog.titles[catalog.index("t3")] and [t.id for t in catalog][3] == "t3"
    for wrong in ("x", None, []):
        with pytest.raises(UnknownTitle, match="from_titles"):
            catalog[wrong]


def test_values_are_frozen():
    title = sample_catalog()["t0"]
    with pytest.raises(AttributeError):
        title.name = "x"
    with pytest.raises(TypeError):
        title.tags["new"] = 1.0


tags = st.dictionaries(st.text(min_size=1).filter(str.strip), st.floats(0, 1e6), max_size=4)
pictures = st.builds(
    dict,
    tags=tags,
    image=st.text(),
    embedding=st.none() | st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3),
    synthetic=st.booleans(),
    maturity=st.sampled_from(["", "all", "13+", "18", "PG-13", "FSK 12", "TV-MA"]),
    spoiler=st.booleans(),
)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.text(), st.floats(0, 1e5), tags, st.lists(pictures, min_size=1, max_size=3)),
        min_size=1,
        max_size=3,
    )
)
def test_saved_and_loaded(tmp_path_factory, rows):
    catalog = Catalog.from_titles(
        Title(f"t{n}", name, seconds, title_tags, [Artwork(f"{n}/{a}", **p) for a, p in enumerate(artworks)])
        for n, (name, seconds, title_tags, artworks) in enumerate(rows)
    )
    path = tmp_path_factory.getbasetemp() / "catalog.json"
    encodable = all(_encodable(json.dumps(str(row), ensure_ascii=False)) for row in rows)
    if encodable:
        catalog.save(path)
        assert Catalog.load(path) == catalog


def _encodable(text: str) -> bool:
    try:
        return bool(text.encode())
    except UnicodeEncodeError:
        return False


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "[]", '{"format": "other"}', '{"format": "keyart-catalog/1"}', "[" * 100_000, "\x00\xff"]
    + [
        '{"format": "keyart-catalog/1", "titles": ' + part + "}"
        for part in ("[3]", "[]", '[{"id": "t"}]', '{"a": 1}')
    ]
    + ['{"format": "keyart-catalog/1", "titles": [{"id": "t", "artworks": [{"id": "a", "size": 3}]}]}']
    + ['{"format": "keyart-catalog/1", "titles": [{"id": "t", "artworks": [{"id": "a", "tags": {"x": NaN}}]}]}']
    + ['{"format": "keyart-catalog/1", "titles": [{"id": "t", "artworks": [7]}]}']
    + ['{"format": "keyart-catalog/1", "titles": [{"id": "t", "duration": ' + "7" * 5000 + "}]}"],
)
def test_file_that_is_no_catalogue(tmp_path, text):
    path = tmp_path / "catalog.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(CatalogError, match="catalog"):
        Catalog.load(path)


def test_files_that_cannot_be_read_or_written(tmp_path):
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(CatalogError):
            Catalog.load(path)
    with pytest.raises(CatalogError):
        sample_catalog().save(tmp_path / "none" / "catalog.json")
    sample_catalog().save(tmp_path / "c.json")
    assert [file.name for file in tmp_path.iterdir()] == ["c.json"]


def test_kinds_of_tags():
    assert [kind_of(x) for x in ("genre:drama", "faces", "a:b:c", ":x")] == ["genre", "faces", "a", ""]
