from __future__ import annotations

from pathlib import Path

import pytest

from keyart_federated import simulate
from keyart_federated.worlds import SyntheticWorld


@pytest.fixture(scope="session")
def shipped_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shipped") / "bundle"
    simulate(SyntheticWorld(viewers=8, titles=4, artworks=3, impressions=4), 2, 2, out=folder)
    return folder
