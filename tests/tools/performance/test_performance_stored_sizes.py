"""Bytes are those of the files, and of the records that hold the head."""

from __future__ import annotations

import shutil
from pathlib import Path

from keyart.store.database import Store, Table
from keyart_tools.performance import sample_profile, stored_sizes


def test_sizes_are_those_of_the_files(lived_in: Path, household_bundle: Path) -> None:
    profile, _, ranker = stored_sizes.rows(lived_in, household_bundle, days=2)

    assert profile.figure == (lived_in / "profile.db").stat().st_size
    assert profile.reach == 256_000
    assert ranker.figure == sum((household_bundle / f"ranker.{end}").stat().st_size for end in ("onnx", "bin"))
    assert ranker.note == f"{len(sample_profile.model(sample_profile.catalog()).theta):,} parameters"


def test_all_files_of_the_profile_count(lived_in: Path, household_bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(lived_in, tmp_path / "profile")
    (tmp_path / "profile" / "profile.db.left").write_bytes(b"x" * 700_000)

    profile, *_ = stored_sizes.rows(tmp_path / "profile", household_bundle, days=2)

    assert profile.met is False


def test_the_head_is_what_the_store_holds_for_it(lived_in: Path, household_bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(lived_in, tmp_path / "profile")
    _, before, _ = stored_sizes.rows(tmp_path / "profile", household_bundle, days=2)
    with Store.open(tmp_path / "profile" / "profile.db", sample_profile.keys()) as store:
        store.put(Table.HEAD, b"another", b"h" * 40_000)

    _, head, _ = stored_sizes.rows(tmp_path / "profile", household_bundle, days=2)

    assert head.figure == before.figure + 40_000
    assert before.met is True and head.met is False
