"""A model file is what was saved, or an error; reading one runs nothing."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.training import fitted

from keyart.errors import InputError
from keyart_federated.export import ModelFile, model_file
from keyart_federated.export.model_file import TABLES


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    fitted().file.save(tmp_path / "model.npz")
    return tmp_path / "model.npz"


def test_saved_and_loaded(saved: Path) -> None:
    file, again = fitted().file, ModelFile.load(saved)

    for name in TABLES:
        assert (getattr(again.model, name) == getattr(file.model, name)).all()
    assert again.model.spec == file.model.spec
    assert (again.model.version, again.model.base_rate) == (file.model.version, file.model.base_rate)
    assert again.names.artwork_places == file.names.artwork_places
    assert (again.data, again.training, again.quality) == (file.data, file.training, file.quality)
    assert [path.name for path in saved.parent.iterdir()] == ["model.npz"]


def test_the_same_model_is_the_same_file(saved: Path, tmp_path: Path) -> None:
    fitted().file.save(tmp_path / "again.npz")

    assert (tmp_path / "again.npz").read_bytes() == saved.read_bytes()


def test_evaluation_only_survives(saved: Path) -> None:
    replace(fitted().file, evaluation_only=True).save(saved)

    assert ModelFile.load(saved).evaluation_only


def test_a_flipped_byte_is_an_error_or_harmless(saved: Path) -> None:
    whole = saved.read_bytes()
    before = ModelFile.load(saved).model.to_array()
    for at in range(0, len(whole), max(len(whole) // 300, 1)):
        data = bytearray(whole)
        data[at] ^= 0x41
        saved.write_bytes(data)
        try:
            model = ModelFile.load(saved).model
        except InputError:
            continue
        assert (model.to_array() == before).all(), at


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"hello", bytes(range(256)) * 16])
def test_what_is_no_model(saved: Path, content: bytes) -> None:
    saved.write_bytes(content)
    with pytest.raises(InputError, match="not a model of keyart"):
        ModelFile.load(saved)
    for path in (saved.parent, saved.parent / "nowhere.npz"):
        with pytest.raises(InputError):
            ModelFile.load(path)


def rewritten(path: Path, **changes: object) -> None:
    """The same file with other entries; `about` is changed by a dictionary."""
    with np.load(path) as held:
        arrays = {name: held[name] for name in held.files}
    about = json.loads(arrays["about"].tobytes())
    about |= changes.pop("about", {})
    arrays |= {"about": np.frombuffer(json.dumps(about).encode(), dtype=np.uint8), **changes}
    np.savez(path, **arrays)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"about": {"format": "keyart-model/2"}}, "its format is"),
        ({"about": {"version": -1}}, "version"),
        ({"about": {"base_rate": 1.0}}, "base rate"),
        ({"about": {"evaluation_only": "no"}}, "trained on"),
        ({"about": {"titles": [["t0", []]]}}, "no artwork"),
        ({"about": {"feature_spec": {}}}, "model"),
        ({"theta": np.zeros(3)}, "'theta' is no table"),
        ({"appeal": np.full((24, 2), np.nan)}, "'appeal' is no table"),
        ({"theta": np.array([print], dtype=object)}, "model"),
    ],
)
def test_what_does_not_fit(saved: Path, changes: dict[str, object], said: str) -> None:
    rewritten(saved, **changes)
    with pytest.raises(InputError, match=said):
        ModelFile.load(saved)


def test_a_file_that_unpacks_to_too_much(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(saved, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("theta.npy", bytes(10_000_000))
    monkeypatch.setattr(model_file, "MAX_BYTES", 1_000_000)
    assert saved.stat().st_size < model_file.MAX_BYTES

    with pytest.raises(InputError, match="larger than any model"):
        ModelFile.load(saved)
