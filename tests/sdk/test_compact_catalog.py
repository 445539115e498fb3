"""Compact catalogue files: the same titles, answers and choices as from JSON, and every kind of damage refused."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.catalogs import TV, resealed_catalog, sample_catalog

from keyart import Artwork, Catalog, EphemeralKey, Personalizer, Title
from keyart.catalog.compact_file import COLUMNS, FORMAT
from keyart.catalog.compact_titles import MAX_KEPT
from keyart.errors import CatalogError, UnknownTitle
from keyart.model.features import EncodedCatalog, FeatureSpec
from keyart.model.features.sparse_table import HUGE_PAGES_FROM, sparse_zeros
from keyart.model.stated_preferences import StatedPreferences

TITLES = [
    Title("é", "Ünï", 61.5, {"genre:é": 0.3, "cast:a": 1}, [Artwork("é/a", maturity="13+", spoiler=True)], [1, 0.1]),
    Title("plain", artworks=[Artwork("p/a", {"faces": 2.0}, "x.jpg", [-1, 2], synthetic=True), Artwork("p/b")]),
]


@pytest.fixture
def compact(tmp_path: Path) -> Catalog:
    Catalog.from_titles(TITLES).save_compact(tmp_path / "c")
    return Catalog.load(tmp_path / "c")


def text(**limits: int) -> st.SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=["Cs"]), **limits)


tags = st.dictionaries(text(min_size=1).filter(str.strip), st.floats(0, 1e6), max_size=4)
artworks = st.builds(
    dict,
    tags=tags,
    image=text(),
    embedding=st.none() | st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3),
    synthetic=st.booleans(),
    maturity=st.sampled_from(["", "all", "13+", "18"]),
    spoiler=st.booleans(),
)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(text(), st.floats(0, 1e5), tags, st.lists(artworks, min_size=1, max_size=3)), min_size=1, max_size=4
    )
)
def test_same_titles_and_same_answers(tmp_path_factory, rows):
    listed = Catalog.from_titles(
        Title(f"t{n}", name, seconds, of_title, [Artwork(f"{n}/{a}", **p) for a, p in enumerate(pictures)])
        for n, (name, seconds, of_title, pictures) in enumerate(rows)
    )
    path = tmp_path_factory.getbasetemp() / "compact"
    listed.save_compact(path)
    compact = Catalog.load(path)
    assert compact == listed and list(compact) == list(listed) and compact.titles[-1] == listed.titles[-1]
    for question in ("title_ids", "artwork_ids", "tags", "embedding_size", "artwork_counts"):
        assert getattr(compact.titles, question)() == getattr(listed.titles, question)(), question
    assert list(compact.titles.durations()) == listed.titles.durations()
    names = listed.titles.tags()
    assert compact.titles.carriers(set(names[0])) == listed.titles.carriers(set(names[0]))
    assert compact.titles.tagged_artworks(names[1]) == listed.titles.tagged_artworks(names[1])
    for mine, yours in zip(compact.titles.embeddings(), listed.titles.embeddings(), strict=True):
        assert [(owner, list(vector)) for owner, vector in mine] == [(o, list(v)) for o, v in yours]
    assert dict(compact.title_places) == dict(listed.title_places)
    assert dict(compact.artwork_places) == dict(listed.artwork_places)
    assert FeatureSpec.from_catalog(compact).sha256 == FeatureSpec.from_catalog(listed).sha256


def test_same_rows_and_same_choices(tmp_path):
    listed = sample_catalog(titles=12)
    listed.save_compact(tmp_path / "c")
    compact = Catalog.load(tmp_path / "c")
    spec = FeatureSpec.from_catalog(listed)
    ours, theirs = EncodedCatalog.build(compact, spec), EncodedCatalog.build(listed, spec)
    for name in (
        "artwork",
        "shares",
        "title_shares",
        "fixed_match",
        "open_index",
        "open_rarity",
        "ratings",
        "durations",
    ):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    chosen = []
    for catalog in (compact, listed):
        with Personalizer.open("memory", catalog=catalog, keys=EphemeralKey(), rng=random.Random(1)) as art:
            art.consent.grant("personalization")
            page = art.choose_page([title.id for title in listed], TV)
            chosen.append([(decision.artwork_id, decision.propensity) for decision in page])
    assert chosen[0] == chosen[1]
    said = dict.fromkeys(list(listed.titles.tags()[1])[:3], 1.0)
    np.testing.assert_array_equal(StatedPreferences.of(compact, said).added, StatedPreferences.of(listed, said).added)


def test_looked_up(compact):
    assert "é" in compact and "x" not in compact and None not in compact and "\ud800" not in compact
    assert compact["plain"].artworks[0].image == "x.jpg" and compact.index("é") == 0
    with pytest.raises(UnknownTitle):
        compact["x"]
    with pytest.raises(IndexError):
        compact.titles[2]
    assert compact.titles[::-1] == tuple(reversed(list(compact)))


def test_few_titles_are_kept(tmp_path):
    many = Catalog.from_titles(Title(f"t{n}", artworks=[Artwork(f"t{n}/a")]) for n in range(MAX_KEPT + 5))
    many.save_compact(tmp_path / "c")
    titles = Catalog.load(tmp_path / "c").titles
    for n in range(len(titles)):
        assert titles[n] is titles[n]
    assert len(titles._kept) == 5


def test_saved_again_as_json(compact, tmp_path):
    compact.save(tmp_path / "c.json")
    assert Catalog.load(tmp_path / "c.json") == compact


def test_a_file_that_is_replaced_serves_on(compact, tmp_path):
    sample_catalog().save_compact(tmp_path / "c")
    assert [title.id for title in compact] == ["é", "plain"]
    assert len(Catalog.load(tmp_path / "c")) == len(sample_catalog())


@pytest.mark.parametrize("kept", [8, 11, 12, 40, 500, -1])
def test_cut_short(tmp_path, kept):
    Catalog.from_titles(TITLES).save_compact(tmp_path / "c")
    (tmp_path / "c").write_bytes((tmp_path / "c").read_bytes()[:kept])
    with pytest.raises(CatalogError, match="damaged catalogue"):
        Catalog.load(tmp_path / "c")


def test_each_changed_byte_is_noticed(tmp_path):
    Catalog.from_titles(TITLES).save_compact(tmp_path / "c")
    data = bytearray((tmp_path / "c").read_bytes())
    begin = int.from_bytes(data[8:12], "little") + 12
    for place in range(begin, len(data)):
        data[place] ^= 0x04
        (tmp_path / "c").write_bytes(data)
        with pytest.raises(CatalogError, match="check sum"):
            Catalog.load(tmp_path / "c")
        data[place] ^= 0x04


def test_a_changed_byte_under_a_right_check_sum_is_refused_or_harmless(tmp_path):
    rng = random.Random(0)
    Catalog.from_titles(TITLES).save_compact(tmp_path / "c")
    data = (tmp_path / "c").read_bytes()
    begin = int.from_bytes(data[8:12], "little") + 12
    refused = 0
    for _ in range(1500):
        changed = bytearray(data)
        changed[rng.randrange(begin, len(data))] ^= rng.randrange(1, 256)
        (tmp_path / "c").write_bytes(resealed_catalog(bytes(changed)))
        try:
            loaded = Catalog.load(tmp_path / "c")
            assert all(title.id not in loaded or loaded[title.id].id == title.id for title in loaded)
        except CatalogError:
            refused += 1
    assert refused > 500


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (FORMAT.encode(), FORMAT[:-1].encode() + b"2", "format"),
        (b'"embedding"', b'"enbedding"', "columns"),
        (b'"title.duration": 2', b'"title.duration": 9', "damaged"),
        (b'"title.duration": 2', b'"title.duration":-2', "length"),
    ],
)
def test_a_header_of_something_else(tmp_path, old, new, said):
    Catalog.from_titles(TITLES).save_compact(tmp_path / "c")
    data = (tmp_path / "c").read_bytes()
    assert old in data
    (tmp_path / "c").write_bytes(data.replace(old, new))
    with pytest.raises(CatalogError, match=said):
        Catalog.load(tmp_path / "c")


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(CatalogError, match="Cannot write"):
        Catalog.from_titles(TITLES).save_compact(tmp_path / "no" / "c")
    assert list(tmp_path.iterdir()) == []


def test_columns_are_documented():
    page = (Path(__file__).parents[2] / "docs" / "reference" / "catalogue.md").read_text(encoding="utf-8")
    missing = [name for name in COLUMNS if f"`{name}`" not in page and f"`{name.rpartition('.')[0]}`" not in page]
    assert not missing


def test_changed():
    before = Catalog.from_titles(TITLES)
    after = before.changed(titles=[Title("plain", artworks=[Artwork("new")]), Title("z", artworks=[Artwork("z")])])
    assert [title.id for title in after] == ["é", "plain", "z"] and after["plain"].artworks[0].id == "new"
    assert [title.id for title in after.changed(withdrawn=["é", "unknown"])] == ["plain", "z"]


def test_sparse_zeros():
    large = sparse_zeros((HUGE_PAGES_FROM // 8, 3), np.float32)
    large[-1] = 1.0
    assert large.sum() == 3.0 and large.dtype == np.float32 and sparse_zeros((2,), np.intp).tolist() == [0, 0]
