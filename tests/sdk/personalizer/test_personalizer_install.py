"""install: a better model is swapped in while the app runs; a bad one changes nothing."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from support.bundles import resealed
from support.catalogs import OFF, TV, distribution_of, play_favourite

import keyart
from keyart.bundle import Slots, verify
from keyart.errors import BundleError

POLICY = keyart.Policy(exploration=0.4, stickiness=OFF)


def test_choices_are_those_of_the_new_bundle(open_art, bundle, next_bundle, dial):
    art = open_art(bundle=bundle, policy=POLICY)
    play_favourite(art, "t0/c", 40)
    before, old_head = distribution_of(art, dial, "t0", TV), art._session.custody.profile.learner.head.mean
    assert art.install(next_bundle) == art.model_version == 2
    after = distribution_of(art, dial, "t0", TV)
    assert after != before
    assert not np.allclose(
        art._session.custody.profile.learner.head.mean, old_head, atol=1e-4
    )  # re-fitted, so that nothing counts twice
    assert art.choose("t0", TV).model_version == 2
    art.close()
    again = distribution_of(open_art(bundle=next_bundle, policy=POLICY), dial, "t0", TV)
    assert list(again.values()) == pytest.approx(list(after.values()), abs=1e-6)


@pytest.mark.parametrize("engine", ["numpy", "onnxruntime"])
def test_a_tampered_bundle_leaves_the_old_one_choosing(open_art, bundle, next_bundle, tmp_path, dial, engine):
    art = open_art(bundle=bundle, policy=POLICY, engine=engine)
    before = distribution_of(art, dial, "t0", TV)
    flipped = shutil.copytree(next_bundle, tmp_path / "flipped")
    data = bytearray((flipped / "ranker.bin").read_bytes())
    data[-1] ^= 64
    (flipped / "ranker.bin").write_bytes(bytes(data))
    # Every digest right, and the scores are not those that the vectors promise.
    lying = shutil.copytree(next_bundle, tmp_path / "lying")
    vectors = json.loads((lying / "vectors.json").read_text())
    vectors["cases"][3]["scores"][0] += 0.01
    (lying / "vectors.json").write_text(json.dumps(vectors))
    seal_again(lying)
    for bad in (flipped, lying, tmp_path / "nowhere"):
        with pytest.raises(BundleError):
            art.install(bad)
        assert art.model_version == 1
        assert distribution_of(art, dial, "t0", TV) == before


def seal_again(folder) -> None:
    import hashlib

    manifest = json.loads((folder / "manifest.json").read_bytes())
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in manifest["files"]}
    entry = next(iter(manifest["files"].values()))
    if isinstance(entry, dict):
        files = {
            name: {**manifest["files"][name], "sha256": digest, "size": (folder / name).stat().st_size}
            for name, digest in files.items()
        }
    (folder / "manifest.json").write_bytes(resealed((folder / "manifest.json").read_bytes(), files=files))


def test_first_bundle_arrives_later(open_art, bundle, dial):
    art = open_art(policy=POLICY)
    play_favourite(art, "t0/c", 40)
    assert art.model_version == 0
    art.install(bundle)
    assert art.model_version == 1 and max(art.preview("t0", TV).values()) > 0.2
    assert len(art.export()["decisions"]) == 40


def test_folder_of_installed_bundles(open_art, bundle, next_bundle, tmp_path):
    slots = Slots(tmp_path / "slots")
    slots.install(bundle, verify)
    art = open_art(bundle=tmp_path / "slots")
    assert art.model_version == 1
    slots.install(next_bundle, verify)
    assert art.install(tmp_path / "slots") == 2
