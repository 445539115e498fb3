"""Gates: what passes, what fails, and what is left to a person."""

from __future__ import annotations

import math
import random
from pathlib import Path
from statistics import NormalDist

import bundle_samples
import pytest
import release_samples
from release_samples import told

from keyart.bundle import Manifest
from keyart_federated.campaigns.segments import Estimate
from keyart_server.releases import bundle_gates
from keyart_server.releases.gate import CONFIDENCE_LEVEL, VERDICTS, Gate, comparison_gates, worst_verdict

MARGIN, SEGMENT_MARGIN = 0.02, 0.05
REACH = NormalDist().inv_cdf((1 + CONFIDENCE_LEVEL) / 2)


def verdicts(found: dict[str, Estimate]) -> dict[str, str]:
    return {gate.name: gate.verdict for gate in comparison_gates("quality", found, MARGIN, SEGMENT_MARGIN)}


@pytest.mark.parametrize(
    ("mean", "error", "verdict"),
    [
        (0.01, 0.001, "passed"), (-0.01, 0.001, "passed"), (-0.03, 0.001, "failed"), (-0.02, 0.01, "unclear"),
        (0.5, 1.0, "unclear"), (-MARGIN + 1e-9, 0.0, "passed"), (-MARGIN - 1e-9, 0.0, "failed"),
        (-MARGIN + REACH * 0.01 + 1e-9, 0.01, "passed"), (-MARGIN + REACH * 0.01 - 1e-9, 0.01, "unclear"),
        (-MARGIN - REACH * 0.01 - 1e-9, 0.01, "failed"), (-MARGIN - REACH * 0.01 + 1e-9, 0.01, "unclear"),
        (-9.0, math.inf, "unclear"), (math.nan, 0.01, "unclear"), (9.0, math.nan, "unclear"),
    ],
)  # fmt: skip
def test_a_difference_against_its_margin(mean: float, error: float, verdict: str) -> None:
    (gate,) = comparison_gates("quality", {"all": told(mean, error)}, MARGIN, SEGMENT_MARGIN)
    assert (gate.name, gate.verdict) == ("quality all", verdict)
    assert all(value is None or math.isfinite(value) for value in gate.numbers.values())
    assert gate.numbers["margin"] == MARGIN and gate.sentence.startswith("all: ")


def test_segments_have_a_margin_of_their_own() -> None:
    assert verdicts({"all": told(-0.03), "tv": told(-0.03)}) == {"quality all": "failed", "quality tv": "passed"}
    assert verdicts({"all": told(0.0), "tv": told(-0.06)}) == {"quality all": "passed", "quality tv": "failed"}


def test_the_more_segments_the_wider_their_intervals() -> None:
    """A fall that is plain by itself is no longer so among twenty; the interval of all devices stays."""
    one = told(-SEGMENT_MARGIN - 2.2 * 0.01, 0.01)
    alone = {"all": one, "tv": one}
    among = {**alone, **{f"s{i}": told(0.0, 0.01) for i in range(19)}}
    assert verdicts(alone)["quality tv"] == "failed"
    assert verdicts(among)["quality tv"] == "unclear" and verdicts(among)["quality all"] == "failed"


def test_false_alarms_are_rare_however_many_segments() -> None:
    """No segment falls by more than the margin: in at most one of twenty fleets does any gate fail."""
    chance = random.Random(3)
    alarms = 0
    for _ in range(2000):
        found = {f"s{i}": told(chance.gauss(-SEGMENT_MARGIN, 0.01), 0.01) for i in range(12)}
        alarms += "failed" in verdicts({"all": told(0.0), **found}).values()
    assert alarms / 2000 < 0.05


def test_nothing_measured_is_unclear() -> None:
    assert verdicts({}) == {"quality all": "unclear"}
    assert verdicts({"tv": told(0.1)}) == {"quality all": "unclear", "quality tv": "passed"}


def test_the_worst_counts() -> None:
    def made(verdict: str) -> Gate:
        return Gate(verdict, verdict, "", {})  # type: ignore[arg-type]

    assert worst_verdict([]) == "unclear"
    for i, verdict in enumerate(VERDICTS):
        assert worst_verdict([made("passed"), *map(made, VERDICTS[: i + 1])]) == verdict


BASE = bundle_samples.sample_manifest(bundle_samples.sample_files(), 7)


def laid(folder: Path, **changes: object) -> Path:
    folder.mkdir()
    for name, data in release_samples.files(8, 7, 1, **changes).items():
        (folder / name).write_bytes(data)
    return folder


def test_a_whole_bundle_passes_all(tmp_path: Path) -> None:
    found = bundle_gates.check_bundle_gates(laid(tmp_path / "b"), BASE)
    assert {gate.name: gate.verdict for gate in found} == dict.fromkeys(
        ("integrity", "features", "size", "canary"), "passed"
    )


def of(folder: Path, base: Manifest | None = BASE) -> dict[str, Gate]:
    return {gate.name: gate for gate in bundle_gates.check_bundle_gates(folder, base)}


def test_a_flipped_byte(tmp_path: Path) -> None:
    folder = laid(tmp_path / "b")
    weights = folder / "ranker.bin"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
    found = of(folder)
    assert found["integrity"].verdict == "failed" and "ranker.bin" in found["integrity"].sentence
    assert "canary" not in found, "no engine is given what breaks a rule"


def test_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    assert of(tmp_path / "b")["integrity"].verdict == "failed"


def test_scores_that_are_not_the_model_s(tmp_path: Path) -> None:
    """Weights of one model, vectors of another: every digest is right, and the canary sees it."""
    folder = tmp_path / "b"
    other = bundle_samples.sample_files(2)["vectors.json"]
    bundle_samples.sample_bundle(folder, 8, 7, seed=1, vectors_json=other)
    found = of(folder)
    assert (found["integrity"].verdict, found["canary"].verdict) == ("passed", "failed")


@pytest.mark.parametrize("field", ["artwork_tags", "viewer_tags"])
def test_a_sensitive_feature(tmp_path: Path, field: str) -> None:
    spec = {**bundle_samples.FEATURE_SPEC, field: ["faces", "Gender:x"]}
    found = of(laid(tmp_path / "b", feature_spec=spec))
    assert found["features"].verdict == "failed" and "gender" in found["features"].sentence.lower()


def test_other_features_than_before_are_for_a_person(tmp_path: Path) -> None:
    other = bundle_samples.resealed(BASE.to_bytes(), feature_spec_sha256="0" * 64)
    found = of(laid(tmp_path / "b"), Manifest.parse(other))
    assert {gate.verdict for name, gate in found.items() if name != "features"} == {"passed"}
    assert found["features"].verdict == "unclear"
    assert of(tmp_path / "b", None)["features"].verdict == "passed"


def test_a_bundle_that_has_grown_is_for_a_person(tmp_path: Path) -> None:
    appeal = ",".join(f'"{i:040}":[0.1,0.2]' for i in range(2000))
    vocabulary = f'{{"population_taste":[1.0],"appeal":{{{appeal}}}}}'.encode()
    folder = bundle_samples.sample_bundle(tmp_path / "b", 8, 7, vocabulary_json=vocabulary)
    found = of(folder)
    assert found["size"].verdict == "unclear" and found["integrity"].verdict == "passed"
    size = sum(path.stat().st_size for path in folder.iterdir())
    assert found["size"].numbers["bytes"] == size
