"""Products of five columns on processors with AVX-512: neither warning nor error where all numbers are finite."""

from __future__ import annotations

import json

import pytest
from numpy._core._multiarray_umath import __cpu_features__
from support.catalogs import run_python

# OpenBLAS is told its kernels before numpy is loaded, so this runs in a process of its own. `spoil` leaves signalling
# NaNs on the stack, where the next product has its buffer: a vector with gaps is copied there.
SCRIPT = """
import json

import numpy as np

import keyart
from keyart.model.features import EncodedCatalog, FeatureSpec
from keyart.model.features.rows import FeatureRows, intent_match
from keyart.model.features.viewer import sharpen_affinity
from keyart.model.head import Head, HeadPrior, refit_head
from keyart.model.scorer import head_logit, score
from keyart.model.page import PageMemory
from keyart.model.ranker.weights import Weights, weight_shapes

rng = np.random.default_rng(1)
NAN = np.full(160 * 160, 0x7FA00001, dtype=np.uint32).view(np.float32)
GENRES = [f"genre:{name}" for name in ("comedy", "crime", "drama", "romance", "war")]
PICTURES = 7


def spoil(size):
    with np.errstate(all="ignore"):
        NAN[: size * size].reshape(size, size) @ NAN[: 2 * size : 2]


def random(*shape):
    return rng.random(shape, dtype=np.float32)


def catalog_of(*names, shown=()):
    tags = dict.fromkeys(names, 0.5)
    pictures = [keyart.Artwork(f"t/{n}", tags=tags | dict.fromkeys(shown, 0.5)) for n in range(PICTURES)]
    return keyart.Catalog.from_titles([keyart.Title("t", name="T", duration=60, tags=tags, artworks=pictures)])


def rows(spec, count):
    z, m, k = spec.artwork_size, len(spec.match_names), len(spec.main_names)
    viewer, context = random(spec.viewer_size), random(count, len(spec.context_names))
    return FeatureRows(random(count, z), random(count, m), random(count, k), random(count, 2), viewer, context)


def candidates(spec, count):
    of_log = rows(spec, count)
    return FeatureRows(*list(vars(of_log).values())[:-1], of_log.context[0])


def page(catalog, spec):
    encoded = EncodedCatalog.build(catalog, spec)
    memory = PageMemory(1.0, encoded)
    memory.show(0)
    return lambda: memory.factors(slice(0, PICTURES))


catalog = catalog_of(*GENRES)
spec = FeatureSpec.from_catalog(catalog)
assert (spec.artwork_size, len(spec.match_names), spec.viewer_size) == (5, 5, 5)
faces = FeatureSpec.from_catalog(catalog_of(*GENRES[:3], shown=["faces"]))
assert (len(faces.match_names), faces.viewer_size) == (5, 3)
two = FeatureSpec.from_catalog(catalog_of(*GENRES[:3], "style:dark", "style:light"))
assert (len(two.match_kinds), two.viewer_size) == (2, 5)
weights, of_faces = (
    Weights(**{name: random(*size) for name, size in weight_shapes(one).items()}) for one in (spec, faces)
)
head = Head(random(6), random(6, 6))
MAKE = {
    "plain": lambda n: lambda a=random(n, 5), b=random(5): a @ b,
    "of a log": lambda n: lambda some=rows(faces, n): score(of_faces, some),
    "of candidates": lambda n: lambda some=candidates(spec, n): score(weights, some),
    "intent_match": lambda n: lambda some=random(n, 5): intent_match(spec, some, {GENRES[0]: 1.0}),
    "sharpen_affinity": lambda n: lambda some=random(5): sharpen_affinity(some, two),
    "head": lambda n: lambda some=random(n, 5): head_logit(head.mean, some),
    "refit_head": lambda n: lambda some=random(n, 4), y=random(n): refit_head(HeadPrior(), some, y, y),
    "page": lambda n: page(catalog, spec),
}


def raised(make):
    found = 0
    for n in (2, 3, 6, 7):
        for size in range(2, 160, 7):
            product = make(n)
            spoil(size)
            try:
                product()
            except FloatingPointError:
                found += 1
    return found


np.seterr(invalid="raise")
print(json.dumps({name: raised(make) for name, make in MAKE.items()}))
"""


@pytest.mark.skipif(not __cpu_features__.get("AVX512_SKX"), reason="a processor with AVX-512 has these kernels")
def test_finite_products_raise_no_flag():
    raised = json.loads(run_python(SCRIPT, OPENBLAS_CORETYPE="SkylakeX", OPENBLAS_NUM_THREADS="1"))
    if not raised.pop("plain"):
        pytest.skip("this machine's products raise no flag on finite numbers")
    assert raised == dict.fromkeys(raised, 0)
