"""The household that the bench measures is what the promises speak of."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import keyart
from keyart.model.features.encode import is_misleading
from keyart_tools.performance import sample_profile


def test_catalogue_has_the_stated_size_and_no_misleading_picture() -> None:
    titles = sample_profile.catalog()

    assert len(titles) == 40
    assert {len(title.artworks) for title in titles} == {10}
    assert not any(is_misleading(title, artwork) for title in titles for artwork in title.artworks)


def test_model_has_about_ten_thousand_parameters_and_none_is_zero() -> None:
    theta = sample_profile.model(sample_profile.catalog()).theta

    assert 9_500 <= len(theta) <= 10_500
    assert (theta != 0).all()


def test_a_start_pays_only_for_the_catalogue() -> None:
    program = (
        "import sys\nfrom keyart_tools.performance.sample_profile import catalog, keys\ncatalog(), keys()\n"
        "print([m for m in ('numpy', 'onnxruntime', 'cryptography', 'keyart_federated') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_profile_holds_twenty_answered_impressions_a_day(lived_in: Path, household_bundle: Path, tmp_path) -> None:
    copy = tmp_path / "profile.db"
    copy.write_bytes((lived_in / "profile.db").read_bytes())

    with keyart.Personalizer.open(
        copy, catalog=sample_profile.catalog(), keys=sample_profile.keys(), bundle=household_bundle
    ) as art:
        export = art.export()

    assert len(export["decisions"]) == len(export["outcomes"]) == 2 * sample_profile.IMPRESSIONS_PER_DAY
    days = {datetime.fromisoformat(decision["at"]).date() for decision in export["decisions"]}
    today = datetime.now(UTC).date()
    assert len(days) in (2, 3) and min(days) >= today - timedelta(days=3) and max(days) <= today


def test_one_impression_in_seven_is_played() -> None:
    kinds = [sample_profile.outcome(n / 700).kind for n in range(700)]

    assert kinds.count("played") == 100
