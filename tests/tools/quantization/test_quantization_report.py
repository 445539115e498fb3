"""What int8 costs is measured against weights that are known, and the bars hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.training import fitted, log, world

from keyart.errors import BundleMissing, InputError
from keyart.model.ranker.weights import quantize_weights, weight_shapes
from keyart_federated.export import write_bundle
from keyart_federated.worlds import SyntheticWorld
from keyart_tools.logs import recorded
from keyart_tools.model_evaluation import EvaluationSet
from keyart_tools.quantization import QuantizationSource, measure
from keyart_tools.quantization.quantization_chart import draw
from keyart_tools.training import fit


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.npz"
    fitted().file.save(path)
    return path


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = fitted().file
    about = {"round": 1, "devices": 48}
    return write_bundle(tmp_path_factory.mktemp("out") / "b", file.model, file.names, data="d", training=about)


def test_on_a_world(model: Path) -> None:
    report = measure(QuantizationSource.open(model, 0), EvaluationSet.of_world(world(), 900), 900, 0)

    assert (report.judged_on, report.slates, report.drawn) == ("world", 900, False)
    assert report.same_winner >= 0.985 and abs(report.value_change) <= 0.002
    assert report.within_bars
    assert report.bytes_int8 < report.bytes_float
    assert report.value_float.value == pytest.approx(report.value_int8.value, rel=0.002)
    assert [tensor.name for tensor in report.tensors] == list(weight_shapes(fitted().file.model.spec))
    assert [tensor.stored for tensor in report.tensors] == ["int8", *["float32"] * 5]
    assert len(report.margins) == 900


def test_on_a_log_and_on_nothing(model: Path) -> None:
    source = QuantizationSource.open(model, 0)
    evaluation_set = EvaluationSet.of_log(log().within(world().catalog), world().catalog, 600)

    assert measure(source, evaluation_set, 600, 0).judged_on == "log"
    report = measure(source, None, 300, 0)
    assert (report.judged_on, report.slates) == ("made up", 300)
    assert report.to_dict()["value_float"]["value"] > 0
    assert measure(source, None, 300, 0).same_winner == report.same_winner


def test_the_error_is_that_of_the_rounding(model: Path) -> None:
    """One tensor at a time: what is rounded is within half a step, and the others are as they were."""
    source = QuantizationSource.open(model, 0)
    for name in weight_shapes(source.spec):
        rounded, exact = getattr(source.tensor_rounded(name), name), getattr(source.unrounded, name)
        scale = np.abs(np.atleast_2d(exact)).max(axis=1) / 127
        off = np.abs(np.atleast_2d(rounded - exact))
        assert (off <= scale[:, None] / 2 * 1.001 + 1e-7).all()
        assert off.any() or name != "play_artwork"
        for other in weight_shapes(source.spec):
            if other != name:
                assert (getattr(source.tensor_rounded(name), other) == getattr(source.unrounded, other)).all()


def test_weights_that_round_badly_are_found_out(model: Path) -> None:
    """One weight far above the others of its row leaves these hardly a step: winners change, and it is said."""
    source = QuantizationSource.open(model, 0)
    matrix = source.unrounded.play_artwork.copy()
    matrix[:, -1] = 300.0  # of a context that none of these viewers is in, or all are
    spoiled = replace(source.unrounded, play_artwork=matrix)
    report = measure(replace(source, unrounded=spoiled, rounded=spoiled.quantized()), None, 300, 0)

    assert report.same_winner < 0.985 and not report.within_bars
    assert report.worst[0].lost == max(report.lost) > 0
    assert report.tensors[0].same_winner == report.same_winner


def test_a_bundles_weights_are_drawn_within_the_rounding(bundle: Path) -> None:
    source = QuantizationSource.open(bundle, 3)

    again, scales = quantize_weights(source.unrounded.play_artwork)
    known, _ = quantize_weights(source.rounded.play_artwork)
    assert source.drawn
    assert (source.unrounded.play_artwork != source.rounded.play_artwork).any()
    assert (again == known).mean() > 0.999 and scales.all()
    assert (QuantizationSource.open(bundle, 3).unrounded.play_artwork == source.unrounded.play_artwork).all()
    report = measure(source, EvaluationSet.of_world(world(), 300), 300, 0)
    assert report.drawn and report.within_bars


def test_plot(model: Path, tmp_path: Path) -> None:
    draw(measure(QuantizationSource.open(model, 0), None, 50, 0), tmp_path / "plot.png")

    assert (tmp_path / "plot.png").stat().st_size > 10_000


def test_what_is_neither(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    with pytest.raises(InputError):
        QuantizationSource.open(tmp_path / "text", 0)
    with pytest.raises(BundleMissing):
        QuantizationSource.open(tmp_path, 0)


@pytest.mark.soak
def test_bars_on_ten_thousand_slates() -> None:
    """The figures of docs/reference/quantization.md."""
    of = SyntheticWorld(viewers=500, titles=80, artworks=10, impressions=100)
    file = fit(recorded(of, 100, data="made up"), of.catalog).file
    source = QuantizationSource.of_model(file)

    report = measure(source, EvaluationSet.of_world(of, 10_000), 10_000, 0)

    assert report.slates == 10_000
    assert report.same_winner >= 0.985
    assert abs(report.value_change) <= 0.002
