"""The locks: every file has its hash, all agree on versions, and they hold what the project files ask for."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
EXTRAS = {"device": None, "server": "server", "all": "all", "dev": "dev"}
OURS = {"keyart", "keyart-tools"}


def entries(name: str) -> Mapping[str, tuple[Requirement, int]]:
    """Pinned requirement and number of hashes by distribution."""
    text = (ROOT / "locks" / f"{name}.txt").read_text("utf-8").replace("\\\n", " ")
    lines = [line.split("--hash=sha256:") for line in text.splitlines() if re.match(r"\w", line)]
    found = [(Requirement(first.strip()), len(hashes)) for first, *hashes in lines]
    return {entry.name: (entry, count) for entry, count in found}


def asked_for(project: Path, extra: str | None) -> Iterator[Requirement]:
    """Requirements of a project file, with those of an extra and of the extras that it names."""
    document = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))["project"]
    lines = document["dependencies"] if extra is None else document["optional-dependencies"][extra]
    for entry in map(Requirement, lines):
        if entry.name in OURS:
            for inner in (None, *entry.extras):
                yield from asked_for(ROOT / "sdk" if entry.name == "keyart" else ROOT, inner)
        else:
            yield entry


@pytest.mark.parametrize("name", EXTRAS)
def test_a_lock_has_hashes_and_no_index(name):
    text = (ROOT / "locks" / f"{name}.txt").read_text("utf-8")
    assert "://" not in text and "-i " not in text and "@ " not in text
    for entry, hashes in entries(name).values():
        assert hashes >= 1 and re.fullmatch(r"==[\w.+!]+", str(entry.specifier)), entry
    assert not OURS & set(entries(name))


@pytest.mark.parametrize("name", EXTRAS)
def test_a_lock_holds_what_the_project_files_ask_for(name):
    extra = EXTRAS[name]
    wanted = list(asked_for(ROOT / "sdk", None))
    if extra is not None:
        wanted += [*asked_for(ROOT, None), *asked_for(ROOT, extra)]
    assert len(wanted) >= 3
    locked = entries(name)
    for entry in wanted:
        (pinned,) = locked[entry.name][0].specifier
        assert entry.specifier.contains(pinned.version), entry


def test_locks_agree_on_versions():
    everything = entries("dev")
    for name in EXTRAS:
        for distribution, (entry, _) in entries(name).items():
            assert entry.specifier == everything[distribution][0].specifier, f"{name}: {distribution}"
    assert set(entries("device")) < set(entries("server")) < set(entries("all")) < set(everything)
