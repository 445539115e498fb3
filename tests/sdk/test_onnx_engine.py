"""The ranker on onnxruntime: the scores of numpy, for slates of any size, on any thread, in a child; made late."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from support.catalogs import run_python, sample_bundle, sample_catalog

from keyart.errors import BundleDamaged, EngineError
from keyart.model.features import FeatureSpec
from keyart.model.features.rows import FeatureRows
from keyart.model.ranker import Ranker, load_ranker

SPEC = FeatureSpec.from_catalog(sample_catalog())


@pytest.fixture(scope="module", autouse=True)
def onnxruntime():
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    return pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    return sample_bundle(tmp_path_factory.mktemp("onnx") / "bundle", sample_catalog())


def random_rows(count: int, seed: int = 1) -> FeatureRows:
    rng = np.random.default_rng(seed)
    candidate = (SPEC.artwork_size, len(SPEC.match_names), len(SPEC.main_names), 2)
    shapes = [*((count, size) for size in candidate), (SPEC.viewer_size,), (len(SPEC.context_names),)]
    return FeatureRows(*(rng.normal(0, 0.4, shape).astype(np.float32) for shape in shapes))


def onnx_ranker(bundle: Path) -> Ranker:
    return load_ranker(bundle, SPEC, {"session.disable_quant_qdq": "1"}, "onnxruntime")


def test_engines_agree_on_slates_of_any_size(bundle):
    """Small slates go through a binding that is made once and used again, large ones do not."""
    ranker, reference = onnx_ranker(bundle), load_ranker(bundle, SPEC, {}, "numpy")
    sizes = [1, 20, 3, 20, 64, 65, 200, *range(30, 60), 20]
    kept = []
    for seed, size in enumerate(sizes):
        rows = random_rows(size, seed)
        mine, theirs = ranker.score(rows), reference.score(rows)
        kept.append((rows, mine, mine.play.copy(), mine.keep.copy()))
        for name in ("value", "play", "keep"):
            np.testing.assert_allclose(getattr(mine, name), getattr(theirs, name), atol=1e-5)
    for rows, scores, play, keep in kept:  # what was answered before is not written over
        np.testing.assert_array_equal(scores.play, play)
        np.testing.assert_array_equal(scores.keep, keep)
        graph = {f.name: getattr(rows, f.name) for f in fields(FeatureRows)}
        value, *logits = ranker.run({k: v[None] if v.ndim == 1 else v for k, v in graph.items()})
        np.testing.assert_array_equal(logits, [play, keep])
        np.testing.assert_allclose(value, scores.value, atol=1e-6)


def test_threads_do_not_mix_their_slates(bundle):
    ranker, reference = onnx_ranker(bundle), load_ranker(bundle, SPEC, {}, "numpy")

    def many(seed: int) -> float:
        worst = 0.0
        for n in range(300):
            rows = random_rows(20, 1000 * seed + n)
            worst = max(worst, float(np.abs(ranker.score(rows).play - reference.score(rows).play).max()))
        return worst

    with ThreadPoolExecutor(6) as pool:
        assert max(pool.map(many, range(6))) < 1e-5


def test_a_session_is_made_by_the_first_score_from_the_bytes_that_were_read(bundle, tmp_path):
    copy = shutil.copytree(bundle, tmp_path / "copy")
    ranker = onnx_ranker(copy)
    shutil.rmtree(copy)
    rows = random_rows(4)
    np.testing.assert_array_equal(ranker.score(rows).play, onnx_ranker(bundle).score(rows).play)


def test_opening_does_not_import_onnxruntime_and_a_forked_child_makes_its_own_session(bundle):
    text = """
        import os, sys
        from pathlib import Path
        import numpy as np
        from keyart.model.features import FeatureSpec
        from keyart.model.features.rows import FeatureRows
        from keyart.model.ranker import load_ranker
        from support.catalogs import sample_catalog
        spec = FeatureSpec.from_catalog(sample_catalog())
        ranker = load_ranker(Path(sys.argv[1]), spec, {"session.disable_quant_qdq": "1"}, "onnxruntime")
        assert "onnxruntime" not in sys.modules
        def part(*shape): return np.full(shape, 0.5, dtype=np.float32)
        rows = FeatureRows(part(5, spec.artwork_size), part(5, len(spec.match_names)), part(5, len(spec.main_names)),
                    part(5, 2), part(spec.viewer_size), part(len(spec.context_names)))
        child = os.fork()
        if not child:
            os._exit(0 if np.isfinite(ranker.score(rows).play).all() else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0 and "onnxruntime" not in sys.modules
        before = ranker.score(rows).play
        child = os.fork()  # after a session was made: one thread, so a child can go on with it
        if not child:
            os._exit(0 if (ranker.score(rows).play == before).all() else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        print("done")
    """
    assert run_python(text, bundle).strip() == "done"


def test_what_onnxruntime_cannot_load_or_run_is_named(bundle):
    files = {"ranker.onnx": b"not a graph", "ranker.bin": (bundle / "ranker.bin").read_bytes()}
    with pytest.raises(BundleDamaged, match=r"ranker\.onnx"):
        load_ranker(bundle, SPEC, {}, "onnxruntime", files).score(random_rows(3))
    ranker, rows = onnx_ranker(bundle), random_rows(3)
    wide = replace(rows, artwork=np.zeros((3, SPEC.artwork_size + 1), dtype=np.float32))
    for wrong in (wide, replace(rows, viewer=rows.viewer[:-1])):
        with pytest.raises(EngineError):
            ranker.score(wrong)
    assert np.isfinite(ranker.score(rows).play).all()
