"""The household's bundle, and a profile that was lived in for two days; made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from keyart_federated.export import write_bundle
from keyart_tools.performance import sample_profile


@pytest.fixture(scope="session")
def household_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    titles = sample_profile.catalog()
    folder = tmp_path_factory.mktemp("household") / "bundle"
    return write_bundle(
        folder, sample_profile.model(titles), titles, data="Made up.", training={"round": 1, "devices": 1}
    )


@pytest.fixture(scope="session")
def lived_in(tmp_path_factory: pytest.TempPathFactory, household_bundle: Path) -> Path:
    """The folder with the closed profile, alone in it."""
    folder = tmp_path_factory.mktemp("profile")
    sample_profile.fill_profile(folder / "profile.db", sample_profile.catalog(), household_bundle, days=2)
    return folder
