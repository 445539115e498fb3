"""`keyart catalog`: exit codes, files, and what is said where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.catalogues import nfo, picture

from keyart import Catalog


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A film that is whole, in the working folder."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "Films" / "Night Ferry"
    for name in ("poster.jpg", "fanart1.jpg"):
        picture(folder / name)
    (folder / "movie.nfo").write_text(nfo(title="Night Ferry", runtime="104", genre="Drama", mpaa="13+"))
    return folder.parent


def test_import_of_a_whole_library(library: Path, keyart_command) -> None:
    done = keyart_command("catalog", "import", library, "--out", "catalog.json")

    assert (done.exit_code, done.stderr) == (0, "")
    assert "1 titles with 2 artworks" in done.stdout
    (title,) = Catalog.load("catalog.json")
    assert (title.name, title.duration, "genre:drama" in title.tags) == ("Night Ferry", 6240, True)


def test_broken_files_are_named_and_the_rest_is_written(library: Path, keyart_command) -> None:
    (library / "movie.nfo").write_text("<movie>\n<title>")

    done = keyart_command("catalog", "import", library, "--out", "catalog.json")
    assert done.exit_code == 1 and "Films/movie.nfo, line 2: Its XML is broken" in done.stderr
    assert len(Catalog.load("catalog.json")) == 1
    document = json.loads(keyart_command("catalog", "import", library, "--out", "catalog.json", "--json").stdout)
    assert (document["titles"], document["artworks"], document["titles_by_kind"]) == (1, 2, {"nfo": 1})
    assert [Path(entry["file"]).name for entry in document["broken"]] == ["movie.nfo"]


def test_nothing_is_written_where_nothing_was_imported(library: Path, keyart_command) -> None:
    assert keyart_command("catalog", "import", library, "--out", "catalog.json").exit_code == 0
    before = Path("catalog.json").read_bytes()
    for name in ("a", "b"):
        Path(name).mkdir()
        Path(name, "movie.nfo").write_text("<movie>")

    done = keyart_command("catalog", "import", "a", "b", "--out", "catalog.json")
    assert done.exit_code == 1 and done.stderr.count("XML is broken") == 2
    assert Path("catalog.json").read_bytes() == before and not list(Path().glob("*.partial"))


def test_thousands_of_broken_files_are_not_all_shown(library: Path, keyart_command) -> None:
    for n in range(50):
        folder = library / f"{n}"
        folder.mkdir()
        (folder / "movie.nfo").write_text("<movie>")

    done = keyart_command("catalog", "import", library, "--out", "catalog.json")
    assert len(done.stderr.splitlines()) == 21 and "30 more" in done.stderr


def test_merge_measure_check_and_show(library: Path, keyart_command) -> None:
    Path("t.csv").write_text("title,image,maturity\nOrbit,https://a.example/o.jpg,13+\nNight Ferry,b.jpg,\n")
    assert keyart_command("catalog", "import", library, "--out", "a.json").exit_code == 0
    assert keyart_command("catalog", "import", "t.csv", "--no-look", "--out", "b.json").exit_code == 0

    merged = json.loads(keyart_command("catalog", "merge", "a.json", "b.json", "--out", "a.json", "--json").stdout)
    assert (merged["titles"], merged["added_titles"]) == (2, ["Orbit"])
    assert merged["added_artworks"] == ["Night Ferry/b"]
    assert "added titles" in keyart_command("catalog", "merge", "a.json", "b.json", "--out", "c.json").stdout

    measured = keyart_command("catalog", "measure", "a.json", "--json")  # none of them is a whole picture
    assert measured.exit_code == 1 and json.loads(measured.stdout)["measured"] == 0

    done = keyart_command("catalog", "check", "a.json", "--json")
    findings = {entry["check"]: entry for entry in json.loads(done.stdout)["findings"]}
    assert done.exit_code == 1 and findings["missing-picture"]["ids"] == ["Night Ferry/b"]
    assert findings["unrated-artwork"]["ids"] == ["Night Ferry/b"]
    assert "missing-picture" in keyart_command("catalog", "check", "a.json").stdout

    shown = keyart_command("catalog", "show", "a.json", "--limit", "1", "--sheet", "sheet.html")
    assert shown.exit_code == 0 and "Night Ferry" in shown.stdout and "1 more titles" in shown.stdout
    assert "sheet.html" in shown.stderr and "Night Ferry" in Path("sheet.html").read_text()
    title = json.loads(keyart_command("catalog", "show", "a.json", "--title", "Orbit", "--json").stdout)
    assert title["id"] == "Orbit" and title["sheet"] is None


def test_check_of_a_catalogue_without_faults_exits_with_0(library: Path, keyart_command) -> None:
    keyart_command("catalog", "import", library, "--out", "catalog.json")

    done = keyart_command("catalog", "check", "catalog.json", "--json")
    assert done.exit_code == 0 and json.loads(done.stdout)["whole"] is True


def test_pack_writes_the_same_catalogue(library: Path, keyart_command) -> None:
    keyart_command("catalog", "import", library, "--out", "catalog.json")

    done = keyart_command("catalog", "pack", "catalog.json", "--out", "catalog.compact", "--json")
    assert done.exit_code == 0 and json.loads(done.stdout)["artworks"] == 2
    assert Catalog.load("catalog.compact") == Catalog.load("catalog.json")
    again = keyart_command("catalog", "pack", "catalog.compact", "--out", "catalog.compact")
    assert again.exit_code == 0 and "1 titles with 2 artworks" in again.stdout
    assert Catalog.load("catalog.compact") == Catalog.load("catalog.json")
    assert keyart_command("catalog", "show", "catalog.compact").exit_code == 0
