"""A bundle is put in place whole and checked, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.training import fitted

from keyart.bundle import Manifest, verify
from keyart.errors import BundleRefused
from keyart_federated.export import write_bundle


def write(folder: Path, **settings: object) -> Path:
    file = fitted().file
    about = {"round": 1, "devices": 48}
    return write_bundle(folder, file.model, file.names, data=file.data, training=about, **settings)  # type: ignore[arg-type]


def test_card_in_other_words(tmp_path: Path) -> None:
    write(tmp_path / "b", card={"limits": "Films only."})

    card = verify(tmp_path / "b").card
    assert card["limits"] == "Films only."
    assert card["data"] == fitted().file.data and card["purpose"]


def test_a_check_that_fails_leaves_all_as_it_was(tmp_path: Path) -> None:
    write(tmp_path / "b")
    before = Manifest.read(tmp_path / "b")

    def refuse(folder: Path) -> None:
        assert verify(folder).digest != before.digest
        raise BundleRefused("no")

    with pytest.raises(BundleRefused):
        write(tmp_path / "b", parent=0, check=refuse)
    assert verify(tmp_path / "b") == before
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_cut_off_while_it_is_put_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "b")
    before = Manifest.read(tmp_path / "b")
    rename = Path.rename

    def interrupted(self: Path, target: Path) -> Path:
        if self.name == "b.partial":
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "b", parent=0)
    assert verify(tmp_path / "b") == before
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_successor_takes_the_place(tmp_path: Path) -> None:
    write(tmp_path / "b")
    before = Manifest.read(tmp_path / "b")

    write(tmp_path / "b", parent=0)

    assert verify(tmp_path / "b").digest != before.digest
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_an_interruption_leaves_nothing_behind(tmp_path: Path) -> None:
    def interrupted(folder: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "b", check=interrupted)
    assert list(tmp_path.iterdir()) == []
