"""A new bundle keeps what the personal head has learned, as far as the tags of it still exist."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.catalogs import OFF, TV, play_favourite, sample_bundle, sample_catalog, sample_keys

import keyart
from keyart.errors import BundleError
from keyart.model.features import EncodedCatalog, FeatureSpec
from keyart_federated.export import write_bundle
from keyart_federated.learning.model import GlobalModel

CATALOG = sample_catalog()
SPEC = FeatureSpec.from_catalog(CATALOG)
FAVOURITE = "t0/c"  # of eight; its tags: a genre, style:c, a palette, faces
POLICY = keyart.Policy(exploration=0.4, stickiness=OFF)


def bundle_of(folder: Path, spec: FeatureSpec, version: int = 2) -> Path:
    """A bundle of that feature spec with seeded weights, which know nothing of this viewer."""
    start = GlobalModel.zero_shot(EncodedCatalog.build(CATALOG, spec))
    noise = np.random.default_rng(version).normal(0, 0.1, len(start.theta))
    model = replace(start, theta=start.theta + noise, version=version)
    return write_bundle(folder, model, CATALOG, data="Made up.", training={"round": version, "devices": 1})


def without(*kinds: str) -> FeatureSpec:
    """The spec without the pictures' tags of these kinds."""
    kept = tuple(tag for tag in SPEC.artwork_tags if tag.partition(":")[0] not in kinds)
    return replace(SPEC, artwork_tags=kept, match_kinds=tuple(kind for kind in SPEC.match_kinds if kind not in kinds))


MORE = replace(
    SPEC,
    artwork_tags=tuple(sorted([*SPEC.artwork_tags, "genre:horror", "shot:wide", "style:f"])),
    viewer_tags=tuple(sorted([*SPEC.viewer_tags, "genre:horror"])),
)
OTHER = replace(SPEC, artwork_tags=("shot:wide",), match_kinds=())
SPECS = {"the same spec": SPEC, "more tags": MORE, "fewer tags": without("style"), "other fewer": without("genre")}

Open = Callable[..., keyart.Personalizer]


@pytest.fixture
def open_art(tmp_path: Path) -> Iterator[Open]:
    opened: list[keyart.Personalizer] = []

    def open_one(name: str, bundle: Path, rng: object = None) -> keyart.Personalizer:
        settings = {"catalog": CATALOG, "keys": sample_keys(), "policy": POLICY, "engine": "numpy", "rng": rng}
        art = keyart.Personalizer.open(tmp_path / f"{name}.db", bundle=bundle, **settings)
        opened.append(art)
        if not art.consent.allows("personalization"):
            art.consent.grant("personalization")
        return art

    yield open_one
    for art in opened:
        art.close()


@pytest.fixture
def viewer(open_art: Open, tmp_path: Path) -> keyart.Personalizer:
    """Somebody who plays one picture of t0 and passes over the others, under bundle 1."""
    art = open_art("viewer", sample_bundle(tmp_path / "one", CATALOG), rng=np.random.default_rng(3))
    play_favourite(art, FAVOURITE, 150)
    return art


def tags_learned(art: keyart.Personalizer) -> dict[str, float]:
    """What the head has learned by tag, without what it has learned of everything or of single pictures."""
    return {tag: value for tag, value in art.export()["learned"].items() if tag in {*MORE.artwork_tags, "shot:wide"}}


@pytest.mark.parametrize("name", SPECS)
def test_choices_still_lean_to_what_was_liked(
    open_art: Open, viewer: keyart.Personalizer, tmp_path: Path, name: str
) -> None:
    """Against a stranger with the same new bundle; and so after the app was started again."""
    bundle = bundle_of(tmp_path / "two", SPECS[name])
    stranger = open_art("stranger", bundle).preview("t0", TV)
    assert viewer.install(bundle) == 2
    chances = viewer.preview("t0", TV)
    assert max(chances, key=chances.__getitem__) == FAVOURITE
    assert chances[FAVOURITE] > 2 * stranger[FAVOURITE]
    viewer.close()
    again = open_art("viewer", bundle).preview("t0", TV)
    assert list(again.values()) == pytest.approx(list(chances.values()), abs=1e-5)


@pytest.mark.parametrize("name", SPECS)
def test_every_tag_that_still_exists_is_kept(viewer: keyart.Personalizer, tmp_path: Path, name: str) -> None:
    """Those that are gone are not in the head any more; those that are new have taught it nothing yet."""
    before = tags_learned(viewer)
    viewer.install(bundle_of(tmp_path / "two", SPECS[name]))
    learned = tags_learned(viewer)
    assert set(learned) == set(before) & set(SPECS[name].artwork_tags)
    if "style:c" in SPECS[name].artwork_tags:
        assert max(learned, key=learned.__getitem__) == "style:c"


@pytest.mark.parametrize("spec", [SPEC, MORE, without("genre")])
def test_pictures_never_shown_follow_the_tags(
    open_art: Open, viewer: keyart.Personalizer, tmp_path: Path, spec: FeatureSpec
) -> None:
    """t5/c and t5/h have the style that was liked."""
    bundle = bundle_of(tmp_path / "two", spec)
    viewer.install(bundle)
    liked, stranger = (art.preview("t5", TV) for art in (viewer, open_art("stranger", bundle)))
    assert liked["t5/c"] + liked["t5/h"] > 1.5 * (stranger["t5/c"] + stranger["t5/h"])


def test_without_the_tags_pictures_never_shown_are_a_strangers(
    open_art: Open, viewer: keyart.Personalizer, tmp_path: Path
) -> None:
    bundle = bundle_of(tmp_path / "two", OTHER)
    viewer.install(bundle)
    chances, stranger = (art.preview("t5", TV) for art in (viewer, open_art("stranger", bundle)))
    assert list(chances.values()) == pytest.approx(list(stranger.values()), abs=1e-6)


def test_what_one_bundle_dropped_the_next_one_finds_again(viewer: keyart.Personalizer, tmp_path: Path) -> None:
    """The head is derived from the log, which no bundle changes."""
    viewer.install(bundle_of(tmp_path / "two", OTHER))
    assert tags_learned(viewer) == {}
    viewer.install(bundle_of(tmp_path / "three", SPEC, version=3))
    learned, chances = tags_learned(viewer), viewer.preview("t0", TV)
    assert max(learned, key=learned.__getitem__) == "style:c"
    assert max(chances, key=chances.__getitem__) == FAVOURITE


def test_a_refused_bundle_leaves_the_head(viewer: keyart.Personalizer, tmp_path: Path) -> None:
    before = tags_learned(viewer)
    bundle = bundle_of(tmp_path / "two", MORE)
    (bundle / "ranker.bin").write_bytes(b"")
    with pytest.raises(BundleError):
        viewer.install(bundle)
    assert tags_learned(viewer) == before
