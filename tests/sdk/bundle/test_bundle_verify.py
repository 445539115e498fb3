"""A whole bundle is accepted; with a changed byte anywhere it is not; the canary runs on the real engine."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support import bundles as samples

from keyart.bundle import Manifest, verify
from keyart.errors import BundleDamaged, BundleMissing, BundleRefused

FILES = ["manifest.json", "ranker.bin", "ranker.onnx", "train.onnx", "vectors.json", "vocabulary.json"]


def test_a_whole_bundle_is_accepted(tmp_path: Path) -> None:
    bundle = samples.sample_bundle(tmp_path / "b", 3, 2)
    manifest = verify(bundle, run=samples.run_of(samples.weights(0)))
    assert (manifest.model_version, manifest.parent) == (3, 2)
    assert manifest == Manifest.read(bundle)


def test_onnxruntime_gives_the_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    bundle = samples.sample_bundle(tmp_path / "b")
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    session = onnxruntime.InferenceSession(str(bundle / "ranker.onnx"), options)
    verify(bundle, run=lambda inputs: session.run(None, inputs))


def test_the_canary_sees_other_weights(tmp_path: Path) -> None:
    bundle = samples.sample_bundle(tmp_path / "b")
    with pytest.raises(BundleRefused, match=r"another artwork|is off by"):
        verify(bundle, run=samples.run_of(samples.weights(1)))


def test_the_canary_sees_scores_off_by_little(tmp_path: Path) -> None:
    run = samples.run_of(samples.weights(0))
    bundle = samples.sample_bundle(tmp_path / "b")
    with pytest.raises(BundleRefused, match="off by"):
        verify(bundle, run=lambda inputs: [run(inputs)[0] + 5e-5])
    verify(bundle, run=lambda inputs: run(inputs)[0] + 1e-5)


@pytest.mark.parametrize("answer", [np.full(20, np.nan), np.zeros(3), None, "no"])
def test_the_canary_sees_nonsense(tmp_path: Path, answer: object) -> None:
    with pytest.raises(BundleRefused, match="case 0"):
        verify(samples.sample_bundle(tmp_path / "b"), run=lambda inputs: [answer])  # type: ignore[list-item]


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_byte_is_seen(tmp_path: Path, name: str) -> None:
    """Every bit at the ends of a file, one bit at 200 random places between."""
    bundle = samples.sample_bundle(tmp_path / "b")
    path = bundle / name
    good = path.read_bytes()
    rng = random.Random(name)
    flips = [(at % len(good), 1 << bit) for at in (0, 1, -2, -1) for bit in range(8)]
    flips += [(rng.randrange(len(good)), 1 << rng.randrange(8)) for _ in range(200)]
    for at, mask in flips:
        bad = bytearray(good)
        bad[at] ^= mask
        path.write_bytes(bad)
        with pytest.raises((BundleDamaged, BundleRefused)):
            verify(bundle)
    path.write_bytes(good)
    verify(bundle)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("size", [0, 1, -1])
def test_a_cut_file_is_seen(tmp_path: Path, name: str, size: int) -> None:
    path = samples.sample_bundle(tmp_path / "b") / name
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(BundleDamaged):
        verify(path.parent)


def test_no_bundle_says_what_to_do(tmp_path: Path) -> None:
    for folder in (tmp_path / "none", tmp_path):
        with pytest.raises(BundleMissing, match="without a bundle"):
            verify(folder)
        with pytest.raises(BundleMissing, match="without a bundle"):
            Manifest.read(folder)


def test_never_back(tmp_path: Path) -> None:
    new = samples.sample_bundle(tmp_path / "new", 5, 4)
    installed = Manifest.read(new)
    verify(new, installed=installed)
    verify(samples.sample_bundle(tmp_path / "next", 6, 5), installed=installed)
    with pytest.raises(BundleRefused, match="only go forward"):
        verify(samples.sample_bundle(tmp_path / "old", 4), installed=installed)
    with pytest.raises(BundleRefused, match="another model 5"):
        verify(samples.sample_bundle(tmp_path / "twin", 5, 4, seed=1), installed=installed)


def test_importing_the_room_is_light() -> None:
    code = (
        "import sys, keyart, keyart.bundle, keyart.bundle.update; keyart.Manifest\n"
        "heavy = {'numpy', 'onnx', 'onnxruntime', 'tuf', 'cryptography', 'socket', 'http'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
