"""`conformance.json`: an app that replays the cases draws the same artworks with the same propensities."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.training import fitted, world

import keyart
from keyart.bundle import Manifest, load_model, verify
from keyart.errors import BundleDamaged, BundleRefused
from keyart.model import LATENTS, FeatureRows, FeatureSpec, load_ranker
from keyart_federated.export import write_bundle
from keyart_federated.export.conformance_cases import TITLES, small_catalog, titles_of

Document = dict[str, Any]


class Scripted:
    """Uniform numbers in the order given."""

    def __init__(self) -> None:
        self.coming: list[float] = []

    def random(self) -> float:
        return self.coming.pop(0)


def written(folder: Path) -> Path:
    file = fitted().file
    rng = np.random.default_rng(0)
    titles, artworks = len(file.names), len(file.names.artwork_places)
    latents = {
        "title_latents": rng.normal(0, 1, (titles, LATENTS)),
        "artwork_latents": rng.normal(0, 0.3, (artworks, LATENTS)),
        "appeal": rng.normal(0, 0.3, (artworks, 2)),
    }
    training = {"round": 1, "devices": 48}
    return write_bundle(folder, replace(file.model, **latents), file.names, data="made up", training=training)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("conformance") / "bundle")


@pytest.fixture(scope="module")
def document(bundle: Path) -> Document:
    return json.loads((bundle / "conformance.json").read_bytes())


def context_of(fields: Document) -> keyart.Context:
    return keyart.Context(**{**fields, "at": datetime.fromisoformat(fields["at"])})


def profile(folder: Path, bundle: Path, document: Document, case: Document) -> Iterator[Any]:
    """Yield an open profile after the history and the outcomes of a case, and its numbers."""
    numbers = Scripted()
    policy = keyart.Policy(
        exploration=document["policy"]["exploration"],
        misleading=document["policy"]["misleading"],
        diversity=document["policy"]["diversity"],
        stickiness=timedelta(0),
    )
    with keyart.Personalizer.open(
        folder / "p.db",
        catalog=titles_of(document),
        keys=keyart.EphemeralKey(),
        bundle=bundle,
        policy=policy,
        rng=numbers,
    ) as art:
        art.consent.grant("personalization")
        art.record_many(keyart.View(**{**view, "at": datetime.fromisoformat(view["at"])}) for view in case["history"])
        for answer in case["outcomes"]:
            numbers.coming = [answer["uniform"]]
            decision = art.choose(answer["title_id"], context_of(answer["context"]))
            assert decision.artwork_id == answer["artwork_id"]
            art.observe(decision.id, keyart.Outcome(**answer["outcome"]))
        yield art, numbers


@pytest.mark.parametrize("number", range(5))
def test_cases_on_a_device(tmp_path: Path, bundle: Path, document: Document, number: int) -> None:
    case = document["cases"][number]
    for art, numbers in profile(tmp_path, bundle, document, case):
        context = context_of(case["context"])
        chances = art.preview(case["title_id"], context)
        assert list(chances.values()) == pytest.approx(case["probabilities"], abs=2e-4)  # by another engine
        assert [chance > 0 for chance in chances.values()] == case["allowed"]
        for draw in case["draws"]:
            numbers.coming = [draw["uniform"]]
            decision = art.choose(case["title_id"], context)
            assert decision.artwork_id == draw["artwork_id"]
            assert decision.propensity == pytest.approx(chances[decision.artwork_id])


@pytest.mark.parametrize("number", range(5))
def test_pages_on_a_device(tmp_path: Path, bundle: Path, document: Document, number: int) -> None:
    page = document["pages"][number]
    for art, numbers in profile(tmp_path, bundle, document, page):
        numbers.coming = list(page["uniforms"])
        decisions = art.choose_page(page["title_ids"], context_of(page["context"]))
        assert [decision.artwork_id for decision in decisions] == page["artwork_ids"]
        assert [decision.propensity for decision in decisions] == pytest.approx(page["propensities"], abs=2e-4)


@pytest.mark.parametrize("engine", ["numpy", "onnxruntime"])
def test_features_give_the_scores_on_every_engine(bundle: Path, document: Document, engine: Any) -> None:
    manifest = Manifest.read(bundle)
    spec = FeatureSpec.from_json(manifest.feature_spec)
    ranker = load_ranker(bundle, spec, manifest.session_config, engine)
    for case in document["cases"]:
        rows = FeatureRows(**{name: np.array(values, np.float32) for name, values in case["features"].items()})
        scores = ranker.score(rows)
        assert scores.play == pytest.approx(case["scores"]["play"], abs=2e-5)
        assert scores.keep == pytest.approx(case["scores"]["completion"], abs=2e-5)


def test_what_the_cases_cover(document: Document) -> None:
    """Each rule and each part of the logit is met by a case, else a port may leave it out and pass."""
    cases = document["cases"]
    assert any(not all(case["allowed"]) for case in cases)
    assert any(case["context"][field] for case in cases for field in ("intent",))
    for field in ("trending", "intent", "max_maturity", "slot"):
        assert any(case["context"][field] for case in cases), field
    assert (
        {len(case["history"]) > 0 for case in cases} == {len(case["outcomes"]) > 0 for case in cases} == {True, False}
    )
    assert {answer["outcome"]["kind"] for case in cases for answer in case["outcomes"]} == {
        "skipped",
        "opened",
        "played",
    }
    for case in cases:
        learned = bool(case["outcomes"])
        assert any(case["head"]) is learned and bool(case["artwork_bias"]) is learned
        assert any(np.array(case["features"]["appeal"]).ravel())
        assert sum(case["probabilities"]) == pytest.approx(1)
    with_latents = [case for case in cases if case["history"] and not case["outcomes"]]
    assert all(case["play"] != case["scores"]["play"] for case in with_latents)
    assert any(len({draw["artwork_id"] for draw in case["draws"]}) > 1 for case in cases)


def test_probabilities_follow_from_the_values_of_the_file(document: Document) -> None:
    """By the formula on the page, in plain Python, as a port has it."""
    gamma = document["policy"]["gamma"]
    for case in document["cases"]:
        values = [v if may else None for v, may in zip(case["value"], case["allowed"], strict=True)]
        best = max(v for v in values if v is not None)
        count = sum(v is not None for v in values)
        chances = [0.0 if v is None else 1 / (count + gamma * (best - v)) for v in values]
        winner = values.index(best)
        chances[winner] = 0.0
        chances[winner] = 1 - sum(chances)
        assert chances == pytest.approx(case["probabilities"], abs=1e-9)
        artworks = next(t for t in document["titles"] if t["id"] == case["title_id"])["artworks"]
        for draw in case["draws"]:
            cumulated = np.cumsum(chances)
            place = int((cumulated <= draw["uniform"] * cumulated[-1]).sum())
            assert artworks[place]["id"] == draw["artwork_id"]


def test_the_same_model_gives_the_same_bytes(tmp_path: Path, bundle: Path) -> None:
    again = written(tmp_path / "again")
    assert (again / "conformance.json").read_bytes() == (bundle / "conformance.json").read_bytes()


def test_a_catalogue_of_one_title_and_a_spec_without_tags() -> None:
    spec = FeatureSpec(artwork_tags=(), viewer_tags=(), match_kinds=(), open_kinds=())
    one = keyart.Title("only", artworks=[keyart.Artwork("only/a")])
    catalog = small_catalog(spec, keyart.Catalog.from_titles([one]))
    assert len(catalog) == TITLES and all(title.artworks for title in catalog)
    assert catalog.titles[0].id == "only" and len(catalog.titles[0].artworks) == 1
    few = small_catalog(FeatureSpec.from_catalog(world().catalog), world().catalog)
    assert [title.id for title in few] == [title.id for title in world().catalog.titles[:TITLES]]


def test_it_is_listed_in_the_manifest_and_older_bundles_have_none(tmp_path: Path) -> None:
    folder = written(tmp_path / "bundle")
    manifest = verify(folder)
    assert "conformance.json" in manifest.files

    (folder / "conformance.json").write_bytes(b"{}")
    with pytest.raises(BundleDamaged, match=r"conformance\.json"):
        verify(folder)
    (folder / "conformance.json").unlink()
    with pytest.raises(BundleDamaged, match=r"lacks conformance\.json"):
        verify(folder)
    rest = {name: entry for name, entry in manifest.files.items() if name != "conformance.json"}
    (folder / "manifest.json").write_bytes(replace(manifest, files=rest).to_bytes())
    assert "conformance.json" not in verify(folder).files
    assert load_model(folder, world().catalog, "numpy").version == manifest.model_version
    (folder / "conformance.json").write_bytes(b"{}")
    with pytest.raises(BundleRefused, match="does not list"):
        verify(folder)


def test_it_is_strict_json(tmp_path: Path, bundle: Path) -> None:
    files = {path.name: path.read_bytes() for path in bundle.iterdir()}
    manifest = Manifest.read(bundle)
    from keyart.bundle.fields import FileEntry
    from keyart.bundle.folder import verify_files

    bad = b'{"a": 1, "a": 2}'
    files["conformance.json"] = bad
    listed = {**manifest.files, "conformance.json": FileEntry.of(bad)}
    files["manifest.json"] = replace(manifest, files=listed).to_bytes()
    with pytest.raises(BundleRefused, match="strict JSON"):
        verify_files(files)
