"""Bad input is a KeyartError that says what to do, and nothing that was stored is lost."""

from __future__ import annotations

import shutil
from datetime import timedelta

import pytest
from support.catalogs import EVENING, TV

import keyart
from keyart.errors import (
    BundleDamaged,
    BundleError,
    BundleMissing,
    ContextError,
    EngineError,
    SettingError,
    StoreClosed,
    StoreDamaged,
    UnknownTitle,
    WrongKey,
)
from keyart.model.ranker import engine as engines


def test_open_settings(open_art):
    wrong = {
        "catalog": [{}, None],
        "mode": ["Personalized", None],
        "age_mode": ["kid"],
        "engine": ["cuda"],
    }
    for name, values in wrong.items():
        for value in values:
            with pytest.raises(SettingError):
                open_art(**{name: value})


def test_policy_settings():
    for wrong in (
        {"exploration": 1.1},
        {"exploration": float("nan")},
        {"stickiness": timedelta(-1)},
        {"stickiness": 3},
    ):
        with pytest.raises(SettingError):
            keyart.Policy(**wrong)
    for wrong in ({"misleading": "hide"}, {"diversity": -0.1}, {"diversity": "1"}):
        with pytest.raises(SettingError):
            keyart.Policy(**wrong)


def test_unknown_title_and_wrong_context(open_art):
    art = open_art()
    with pytest.raises(UnknownTitle, match="set_catalog"):
        art.choose("nowhere", TV)
    for context in (None, {"device": "tv"}):
        with pytest.raises(ContextError):
            art.choose("t0", context)
    assert art.export()["decisions"] == []


def test_wrong_passphrase(open_art, path):
    with open_art(keys=keyart.PassphraseKey("right horse")) as art:
        art.record(keyart.View("t1", EVENING, 3000))
    before = path.read_bytes()
    with pytest.raises(WrongKey):
        open_art(keys=keyart.PassphraseKey("wrong horse"))
    assert path.read_bytes() == before
    assert len(open_art(keys=keyart.PassphraseKey("right horse")).export()["views"]) == 1


def test_file_of_something_else(open_art, path):
    path.write_bytes(b"not a profile" * 500)
    with pytest.raises(StoreDamaged):
        open_art()
    assert path.read_bytes() == b"not a profile" * 500


@pytest.mark.parametrize(
    "file", ["manifest.json", "ranker.onnx", "ranker.bin", "train.onnx", "vocabulary.json", "vectors.json"]
)
@pytest.mark.parametrize("damage", ["flip", "cut", "gone"])
def test_damaged_bundle(open_art, bundle, path, tmp_path, file, damage):
    with open_art() as art:
        art.record(keyart.View("t1", EVENING, 3000))
    before = path.read_bytes()
    broken = shutil.copytree(bundle, tmp_path / "broken")
    data = bytearray((broken / file).read_bytes())
    data[len(data) // 2] ^= 1
    (broken / file).write_bytes(bytes(data) if damage == "flip" else bytes(data[:-1]))
    if damage == "gone":
        (broken / file).unlink()
    with pytest.raises(BundleError) as caught:
        open_art(bundle=broken)
    assert len(str(caught.value)) > 20
    art = open_art()  # the failed open has let go of the profile
    assert len(art.export()["views"]) == 1
    with pytest.raises(BundleError):
        art.install(broken)
    assert art.model_version == 0
    art.close()
    assert path.read_bytes() == before


def test_missing_bundle(open_art, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    for place in ("nowhere", "empty", "file"):
        with pytest.raises(BundleMissing if place != "file" else BundleError):
            open_art(bundle=tmp_path / place)


def test_engine_that_is_not_there(open_art, bundle, monkeypatch):
    monkeypatch.setattr(engines, "onnxruntime_installed", lambda: False)
    with pytest.raises(EngineError, match="numpy"):
        open_art(bundle=bundle, engine="onnxruntime")
    assert open_art(bundle=bundle, engine="auto")._session.chooser.installed.ranker.name == "numpy"


def test_after_close(open_art):
    art = open_art()
    decision = art.choose("t0", TV)
    art.close()
    for call in (
        lambda: art.record(keyart.View("t1", EVENING, 1)),
        lambda: art.observe(decision.id, keyart.Outcome.skipped()),
        lambda: art.consent.grant("federated"),
        art.flush,
    ):
        with pytest.raises(StoreClosed):
            call()


def test_damaged_bundle_is_named(open_art, bundle, tmp_path):
    broken = shutil.copytree(bundle, tmp_path / "broken")
    (broken / "ranker.bin").write_bytes(b"")
    with pytest.raises(BundleDamaged, match=r"ranker\.bin"):
        open_art(bundle=broken)
