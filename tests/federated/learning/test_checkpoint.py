"""A learner as a file: it comes back whole, and a torn file or one of another catalogue is an error."""

from __future__ import annotations

import numpy as np
import pytest

from keyart.errors import FederatedError
from keyart.model.features import EncodedCatalog, FeatureSpec
from keyart_federated.learning import checkpoint
from keyart_federated.worlds import SyntheticWorld

WORLD = {"viewers": 24, "titles": 12, "artworks": 3, "impressions": 24}


def catalogue() -> EncodedCatalog:
    catalog = SyntheticWorld(**WORLD).catalog
    return EncodedCatalog.build(catalog, FeatureSpec.from_catalog(catalog))


def test_a_checkpoint_comes_back_whole_and_a_torn_one_is_an_error(tmp_path):
    encoded, file = catalogue(), tmp_path / "checkpoint.npz"
    assert checkpoint.load(file, encoded) is None
    learner = checkpoint.template(encoded)
    checkpoint.save(file, learner, 3, encoded.spec)
    again, number = checkpoint.load(file, encoded)
    assert number == 3 and again.rates == learner.rates
    np.testing.assert_array_equal(again.state.model.to_array(), learner.state.model.to_array())
    whole = file.read_bytes()
    for cut in (0, 10, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:cut])
        with pytest.raises(FederatedError, match="cannot be read"):
            checkpoint.load(file, encoded)


def test_a_checkpoint_of_another_catalogue_is_refused(tmp_path):
    encoded, file = catalogue(), tmp_path / "checkpoint.npz"
    checkpoint.save(file, checkpoint.template(encoded), 1, encoded.spec)
    other = SyntheticWorld(**{**WORLD, "seed": 9}).catalog
    spec = FeatureSpec.from_catalog(other)
    if spec.sha256 == encoded.spec.sha256:
        pytest.skip("both catalogues have the same tags")
    with pytest.raises(FederatedError, match="another catalogue"):
        checkpoint.load(file, EncodedCatalog.build(other, spec))
