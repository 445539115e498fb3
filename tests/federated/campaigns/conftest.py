"""The base that most tests of campaigns run on."""

from __future__ import annotations

import pytest
from support.catalogs import sample_bundle, sample_catalog

from keyart.model.features import FeatureSpec
from keyart_federated.campaigns import DeployedModel


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> DeployedModel:
    folder, catalog = tmp_path_factory.mktemp("base"), sample_catalog()
    first, second = (sample_bundle(folder / str(n), catalog, seed=n, version=n) for n in (1, 2))
    return DeployedModel(catalog, first, 1, FeatureSpec.from_catalog(catalog), {2: second})
