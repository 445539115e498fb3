"""Two bundles, two catalogues: what differs is found, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from support.training import fitted, log, world

import keyart
from keyart.model.features import EncodedCatalog
from keyart_federated.export import write_bundle
from keyart_federated.learning.model import GlobalModel
from keyart_tools.inspection import differences
from keyart_tools.model_evaluation import EvaluationSet

POLICY = keyart.Policy(stickiness=timedelta(0))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model that has learned nothing, and the one that followed it."""
    folder, file = tmp_path_factory.mktemp("pair"), fitted().file
    untrained = GlobalModel.zero_shot(EncodedCatalog.build(world().catalog, file.model.spec))
    first = write_bundle(folder / "1", untrained, file.names, data="none", training={"round": 0, "devices": 0})
    model = replace(file.model, version=2)
    return first, write_bundle(
        folder / "2", model, file.names, data="d", training={"round": 6, "devices": 48}, parent=1
    )


def test_bundles_by_the_worlds_truth(pair: tuple[Path, Path]) -> None:
    found = differences.bundles(*pair, EvaluationSet.of_world(world(), 600), POLICY)

    assert found["manifest"]["model_version"] == [1, 2] and found["manifest"]["training.devices"] == [0, 48]
    assert "format" not in found["manifest"]
    assert "ranker.bin" in found["files_changed"] and "ranker.onnx" not in found["files_changed"]
    assert any("style:x" in name for name in found["weights"]["moved_most"])
    judged = found["judged"]
    assert judged["slates"] == 600 and 0.2 < judged["same_winner"] < 0.9
    assert judged["difference"]["low"] > 0.1  # it has learned the styles
    assert judged["difference"]["value"] == pytest.approx(judged["value"][1]["value"] - judged["value"][0]["value"])
    assert judged["mean_weight"] == [1.0, 1.0]
    assert differences.tables(found)


def test_bundles_by_a_log(pair: tuple[Path, Path]) -> None:
    evaluation_set = EvaluationSet.of_log(log().within(world().catalog), world().catalog, 10_000)
    judged = differences.bundles(*pair, evaluation_set, POLICY)["judged"]

    assert judged["judged_by"] == "log" and judged["difference"]["low"] > 0
    assert all(0.8 < weight < 1.2 for weight in judged["mean_weight"])


def test_a_bundle_and_itself(pair: tuple[Path, Path]) -> None:
    found = differences.bundles(pair[1], pair[1], EvaluationSet.of_world(world(), 60), POLICY)

    assert found["manifest"] == {} and found["files_changed"] == []
    assert found["weights"]["moved_most"] == {} and found["weights"]["moved"] == 0
    assert found["judged"]["same_winner"] == 1 and found["judged"]["difference"]["value"] == 0
    assert differences.tables(found)


def test_models_of_other_tags(pair: tuple[Path, Path], tmp_path: Path) -> None:
    renamed = keyart.Catalog.from_titles(
        replace(t, artworks=[replace(a, tags={**a.tags, "mood:odd": 1.0}) for a in t.artworks])
        for t in world().catalog
    )
    from keyart.model.features import FeatureSpec

    model = GlobalModel.zero_shot(EncodedCatalog.build(renamed, FeatureSpec.from_catalog(renamed)))
    other = write_bundle(tmp_path / "o", model, renamed, data="d", training={"round": 0, "devices": 0})
    weights = differences.bundles(pair[0], other, None, POLICY)["weights"]

    assert weights["only_first"] == []
    assert all("mood:odd" in name for name in weights["only_second"]) and weights["only_second"]


def test_catalogues(tmp_path: Path) -> None:
    titles = world().catalog.titles
    changed = [
        replace(titles[1], name="Other", artworks=titles[1].artworks[:-1]),
        replace(titles[2], artworks=[replace(titles[2].artworks[0], spoiler=True), *titles[2].artworks[1:]]),
        *titles[3:],
        keyart.Title("new", artworks=[keyart.Artwork("new/a")]),
    ]
    world().catalog.save(tmp_path / "a.json")
    keyart.Catalog.from_titles(changed).save(tmp_path / "b.json")

    found = differences.catalogs(tmp_path / "a.json", tmp_path / "b.json")

    assert found["titles"] == {"added": ["new"], "removed": ["t0"], "changed": {"t1": ["name"]}}
    assert found["artworks"] == {
        "added": ["new/a"],
        "removed": ["t0/x", "t0/y", "t0/z", "t1/z"],
        "changed": {"t2/x": ["spoiler"]},
    }
    assert differences.tables(found)
