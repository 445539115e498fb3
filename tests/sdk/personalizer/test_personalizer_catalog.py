"""Another catalogue while the app runs: `set_catalog`, and titles of a page that the catalogue does not have."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from support.catalogs import TV, play_favourite, sample_catalog

import keyart
from keyart.errors import BundleError, SettingError, StoreClosed, UnknownDecision, UnknownTitle

PLAYED = keyart.Outcome.played(2400)


def without(catalog, *title_ids):
    return keyart.Catalog.from_titles(title for title in catalog if title.id not in title_ids)


@pytest.mark.parametrize("with_bundle", [False, True])
def test_as_if_it_were_opened_with_it(open_art, catalog, bundle, dial, with_bundle):
    settings = {"bundle": bundle} if with_bundle else {}
    larger = sample_catalog(titles=9)
    one = open_art(**settings)
    one.record(keyart.View("t8", TV.at, 5000))  # of a title that is still to come
    one.record(keyart.View("t1", TV.at, 5000))
    play_favourite(one, "t0/a", 20)
    with pytest.raises(UnknownTitle):
        one.choose("t8", TV)
    one.set_catalog(larger)
    previews = [one.preview(f"t{i}", TV) for i in range(9)]
    learned = one.export()["learned"]
    assert one._session.custody.profile.has_watched(8)
    one.close()
    other = open_art(catalog=larger, **settings)
    for i, preview in enumerate(previews):
        np.testing.assert_allclose(list(preview.values()), list(other.preview(f"t{i}", TV).values()), atol=1e-6)
    np.testing.assert_allclose(
        [learned[tag] for tag in learned], [other.export()["learned"][tag] for tag in learned], atol=1e-6
    )


def test_decisions_of_what_left_are_observed_and_count_once_it_is_back(open_art, catalog):
    art = open_art()
    decisions = [art.choose(title, TV) for title in ("t0", "t1")]
    before = art.export()["learned"]
    art.set_catalog(without(catalog, "t0"))
    assert art.observe(decisions[0].id, PLAYED) and art.export()["learned"] == before
    with pytest.raises(UnknownDecision, match="not in the catalogue"):
        art.explain(decisions[0].id)
    assert art.observe(decisions[1].id, PLAYED) and art.export()["learned"] != before
    with pytest.raises(UnknownTitle):
        art.choose("t0", TV)
    alone = art.export()["learned"]
    art.set_catalog(catalog)
    assert art.export()["learned"] != alone and art.explain(decisions[0].id).factors
    assert len(art.export()["outcomes"]) == 2


def test_a_title_keeps_the_artwork_that_it_shows_unless_it_was_replaced(open_art, catalog, dial):
    art = open_art(policy=keyart.Policy(stickiness=timedelta(hours=24)))
    dial.number = 0.5
    shown = {title: art.choose(title, TV).artwork_id for title in ("t0", "t1")}
    replaced = replace(
        catalog["t1"],
        artworks=[replace(a, id=f"{a.id}-new") for a in catalog["t1"].artworks if a.id == shown["t1"]]
        + [a for a in catalog["t1"].artworks if a.id != shown["t1"]],
    )
    art.set_catalog(keyart.Catalog.from_titles([catalog["t0"], replaced, *list(catalog)[2:]]))
    dial.number = 0.01
    again = art.choose("t0", TV)
    assert again.sticky and again.artwork_id == shown["t0"]
    new = art.choose("t1", TV)
    assert not new.sticky and new.artwork_id in {artwork.id for artwork in replaced.artworks}


def test_a_bundle_that_is_gone_leaves_the_old_catalogue(open_art, catalog, bundle, tmp_path):
    folder = tmp_path / "moved"
    bundle_copy = tmp_path / "copy"
    import shutil

    shutil.copytree(bundle, bundle_copy)
    art = open_art(bundle=bundle_copy)
    bundle_copy.rename(folder)
    with pytest.raises(BundleError):
        art.set_catalog(without(catalog, "t0"))
    assert art.choose("t0", TV).model_version == 1


def test_what_is_refused(open_art, catalog):
    art = open_art()
    with pytest.raises(SettingError, match=r"keyart\.Catalog"):
        art.set_catalog([])
    art.close()
    with pytest.raises(StoreClosed):
        art.set_catalog(catalog)


def test_sensitive_kinds_stay_out(open_art, catalog):
    policy = keyart.Policy(stickiness=timedelta(0), sensitive_kinds=frozenset({"style"}))
    art = open_art(policy=policy)
    art.set_catalog(sample_catalog(titles=7))
    assert not any(tag.startswith("style:") for title in art._session.chooser.catalog for tag in title.tags)
    assert not any(tag.startswith("style:") for tag in art._session.chooser.installed.spec.artwork_tags)


def test_while_other_threads_choose(open_art, catalog):
    art, failed, stop = open_art(), [], threading.Event()

    def choose():
        try:
            while not stop.is_set():
                page = art.choose_page([f"t{i}" for i in range(9)], TV)
                assert all(d.artwork_id is None or d.artwork_id.startswith(f"{d.title_id}/") for d in page)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=choose) for _ in range(2)]
    for thread in threads:
        thread.start()
    for i in range(6):
        art.set_catalog(sample_catalog(titles=5 + i % 5))
    stop.set()
    for thread in threads:
        thread.join()
    assert not failed


def test_an_unknown_title_costs_its_place_and_not_the_page(open_art, dial):
    art = open_art()
    dial.number = 0.3
    known = art.choose_page(["t0", "t1"], TV)
    page = art.choose_page(["gone", "t0", "", "t1", "gone"], TV)
    assert [decision.title_id for decision in page] == ["gone", "t0", "", "t1", "gone"]
    assert [decision.artwork_id for decision in page] == [None, known[0].artwork_id, None, known[1].artwork_id, None]
    assert len({decision.id for decision in page}) == 5
    slots = {e["title_id"]: e["slot"] for e in art.export()["decisions"] if e["id"] in {d.id for d in page}}
    assert slots == {"t0": 1, "t1": 3}  # each at its own place; nothing of the unknown ones is kept
    for unknown in (page[0], page[2]):
        assert not art.seen(unknown.id) and not art.observe(unknown.id, PLAYED)
        with pytest.raises(UnknownDecision):
            art.explain(unknown.id)
    assert not art.choose_page(["gone"], TV)[0].sticky and art.choose_page([], TV) == []


def test_unknown_titles_raise_if_the_app_wants_that(open_art):
    art = open_art()
    with pytest.raises(UnknownTitle, match="gone"):
        art.choose_page(["t0", "gone"], TV, unknown="raise")
    with pytest.raises(UnknownTitle):
        art.choose_page(["t0", None], TV)  # never an id
    with pytest.raises(SettingError, match="'report'"):
        art.choose_page(["t0"], TV, unknown="skip")


def test_without_consent_too():
    with keyart.Personalizer.open("m", catalog=sample_catalog(), keys=keyart.EphemeralKey()) as art:
        page = art.choose_page(["t0", "gone"], TV)
        assert page[0].artwork_id and page[1].artwork_id is None and not art.observe(page[1].id, PLAYED)
