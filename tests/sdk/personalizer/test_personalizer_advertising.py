"""A profile of advertisements: a consent of its own, nothing of what was watched, and no rounds."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import catalogs

import keyart
from keyart.errors import SettingError

KEYS = keyart.PassphraseKey("a passphrase of a household")


def opened(folder: Path, **settings: object) -> keyart.Personalizer:
    base = {"catalog": catalogs.sample_catalog(), "keys": KEYS, "profile": "ads", "purpose": "advertising"}
    return keyart.Personalizer.open(folder / "p.db", **{**base, **settings})


def test_the_consent_to_personalise_is_not_one_to_advertise(tmp_path: Path) -> None:
    with opened(tmp_path) as art:
        art.consent.grant("personalization")
        assert not art.profiled and art.record(keyart.View("t1", catalogs.EVENING, 60)) == 0
        art.consent.grant("advertising")
        assert art.profiled
        decision = art.choose("t1", catalogs.TV)
        assert art.observe(decision.id, keyart.Outcome.opened())
        art.consent.withdraw("personalization")
        assert art.profiled
        art.consent.withdraw("advertising")
        assert not art.profiled and not art.observe(art.choose("t1", catalogs.TV).id, keyart.Outcome.opened())


def test_it_lasts_and_stands_apart_from_the_viewer_s_own_profile(tmp_path: Path) -> None:
    with opened(tmp_path) as ads, opened(tmp_path, profile="default", purpose="personalization") as own:
        ads.consent.grant("advertising")
        own.consent.grant("personalization")
        own.record(keyart.View("t1", catalogs.EVENING, 5400))
        ads.observe(ads.choose("t2", catalogs.TV).id, keyart.Outcome.skipped())
        assert ads.export()["views"] == [] and own.export()["decisions"] == []
    with opened(tmp_path) as ads:
        assert ads.profiled and len(ads.export()["decisions"]) == 1


def test_a_child_and_a_round(tmp_path: Path) -> None:
    with opened(tmp_path, age_mode="child", max_maturity="6+") as art:
        art.consent.grant("advertising")
        assert not art.profiled
    with opened(tmp_path) as art:
        art.consent.grant("federated")
        assert art.profiled and not art.federated.leave(bytes(32))
        assert not art._session.custody.takes_part


def test_an_unknown_purpose(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="'personalization' or 'advertising'"):
        opened(tmp_path, purpose="everything")
