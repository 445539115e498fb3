"""`keyart history`: from a file that a service gave out into an encrypted profile, and into nothing else."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import pty
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from keyart import Artwork, Catalog, PassphraseKey, Personalizer, Title

PASSPHRASE = "four words of mine"
COLUMNS = (
    "Profile Name,Start Time,Duration,Attributes,Title,Supplemental Video Type,Device Type,Bookmark,Latest Bookmark,"
    "Country\n"
)
ROWS = (
    "Ana,2026-03-14 20:15:00,00:50:00,,Night Ferry: Season 1: One,,Sony Android TV,00:50:00,,NL (Netherlands)\n"
    "Ana,2026-03-13 20:15:00,00:00:31,,Night Ferry: Season 1: Hook,HOOK,Sony Android TV,,,NL (Netherlands)\n"
    "Ana,2026-03-12 20:15:00,01:10:00,,The Sea,,Apple iPhone 13,01:10:00,Not latest view,NL (Netherlands)\n"
    'Ana,2026-03-11 20:15:00,01:10:00,,"Somebody\'s ""Film"", the second",,Chrome PC,01:10:00,,NL (Netherlands)\n'
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a catalogue, both of Netflix's files and a passphrase."""
    monkeypatch.chdir(tmp_path)
    Catalog.from_titles(
        [
            Title("ferry", name="Night Ferry", artworks=[Artwork("ferry/a")]),
            Title("sea", name="Sea, The (1999)", artworks=[Artwork("sea/a")]),
        ]
    ).save("catalog.json")
    Path("detailed.csv").write_text(COLUMNS + ROWS, encoding="utf-8")
    Path("simple.csv").write_text('Title,Date\n"The Sea","3/14/26"\n"Night Ferry: Season 1: One","3/2/26"\n', "utf-8")
    Path("secret").write_text(f"{PASSPHRASE}\n")
    return tmp_path


WHERE = ("--catalog", "catalog.json", "--profile", "me.db", "--passphrase-file", "secret")


def views() -> list[tuple[str, str, float, str]]:
    catalog = Catalog.load("catalog.json")
    with Personalizer.open("me.db", catalog=catalog, keys=PassphraseKey(PASSPHRASE)) as art:
        return [(v["title_id"], v["at"][:10], v["seconds"], v["device"]) for v in art.export()["views"]]


def test_detailed_file_into_a_new_profile(home: Path, keyart_command) -> None:
    done = keyart_command("history", "import", "detailed.csv", *WHERE, "--consent", "--json")

    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert (document["form"], document["profiles"]) == ("Netflix, detailed", {"Ana": 3})
    assert (document["matched"], document["added"], document["already_there"]) == (2, 2, 0)
    assert document["matched_by"] == {"series": 1, "name": 1}
    assert document["unmatched"] == {'Somebody\'s "Film", the second': 1}
    assert document["left_out"] == {"trailers, previews and recaps": 1}
    assert (document["from"], document["to"]) == ("2026-03-12", "2026-03-14")
    assert "May this app choose pictures for you?" in done.stderr and "90 days" in done.stderr
    assert views() == [("sea", "2026-03-12", 4200.0, "phone"), ("ferry", "2026-03-14", 3000.0, "tv")]


def test_twice_adds_nothing_twice(home: Path, keyart_command) -> None:
    keyart_command("history", "import", "detailed.csv", *WHERE, "--consent")

    done = keyart_command("history", "import", "detailed.csv", *WHERE)

    assert done.exit_code == 0 and "Added: 0; already stored: 2." in done.stdout
    assert "Granted" not in done.stderr
    assert len(views()) == 2


def test_simple_file_and_the_short_way_to_say_it(home: Path, keyart_command) -> None:
    done = keyart_command("history", "simple.csv", *WHERE, "--consent")

    assert done.exit_code == 0, done.output
    assert "2 of 2 views matched, 2026-03-02 to 2026-03-14" in done.stdout
    assert views() == [("ferry", "2026-03-02", 900.0, "other"), ("sea", "2026-03-14", 900.0, "other")]


def test_dry_run_says_what_it_would_do(home: Path, keyart_command) -> None:
    before = sorted(Path().iterdir())

    done = keyart_command("history", "import", "detailed.csv", "--catalog", "catalog.json", "--dry-run")

    assert done.exit_code == 0 and "2 of 3 views matched" in done.stdout and "Nothing was written" in done.stdout
    assert "Somebody's" in done.stdout and done.stderr == ""
    assert json.loads(keyart_command("history", "simple.csv", *WHERE, "--dry-run", "--json").stdout)["added"] is None
    assert sorted(Path().iterdir()) == before


def test_nothing_but_the_profile_is_written(home: Path) -> None:
    """Python's own record of every file it opens to write, makes, renames or deletes; SQLite's are in the folder."""
    program = (
        "import json, os, sys\n"
        "touched = set()\n"
        "def hook(event, args):\n"
        "    if event == 'open' and args[0] is not None and not isinstance(args[0], int):\n"
        "        writes = os.O_WRONLY | os.O_RDWR | os.O_CREAT\n"
        "        if set('wax+') & set(args[1] or '') or (args[2] or 0) & writes:\n"
        "            touched.add(os.path.abspath(os.fsdecode(args[0])))\n"
        "    elif event in ('os.rename', 'os.remove', 'os.mkdir', 'os.link', 'os.symlink', 'os.truncate'):\n"
        "        touched.add(os.path.abspath(os.fsdecode(args[0])))\n"
        "    elif event == 'sqlite3.connect':\n"
        "        touched.add(os.path.abspath(os.fsdecode(args[0]).removeprefix('file:').partition('?')[0]))\n"
        "sys.dont_write_bytecode = True\n"
        "sys.addaudithook(hook)\n"
        "from keyart_tools.cli import main\n"
        "try:\n"
        "    main(sys.argv[1:], prog_name='keyart')\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        "print(json.dumps(sorted(touched)))\n"
    )
    before = {path.name: hashlib.sha256(path.read_bytes()).digest() for path in home.iterdir()}
    environment = {**os.environ, "HOME": str(home), "TMPDIR": str(home), "XDG_CACHE_HOME": str(home / "cache")}

    done = subprocess.run(
        [sys.executable, "-c", program, "history", "import", "detailed.csv", *WHERE, "--consent"],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    after = {path.name: hashlib.sha256(path.read_bytes()).digest() for path in home.iterdir()}
    assert set(after) - set(before) == {"me.db"} and {name: after[name] for name in before} == before
    touched = json.loads(done.stdout.splitlines()[-1])
    assert touched and all(path.startswith((f"{home}/me.db", "/dev/")) for path in touched), touched
    sealed = (home / "me.db").read_bytes()
    assert not any(word in sealed for word in (b"ferry", b"Ferry", b"2026-03", b"Ana"))


def test_a_passphrase_is_asked_for_on_a_terminal(home: Path) -> None:
    def asked(*answers: str) -> tuple[int, str]:
        master, slave = pty.openpty()
        arguments = ["history", "simple.csv", *WHERE[:4], "--consent"]
        program = f"from keyart_tools.cli import main; main({arguments!r}, prog_name='keyart')"
        with subprocess.Popen(
            [sys.executable, "-c", program], stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        ) as process:
            os.close(slave)
            said = b""
            waiting = list(answers)
            while True:
                try:
                    chunk = os.read(master, 4096)
                except OSError:
                    break
                if not chunk:
                    break
                said += chunk
                if chunk.rstrip().endswith(b":") and waiting:
                    os.write(master, f"{waiting.pop(0)}\n".encode())
        os.close(master)
        return process.returncode, said.decode()

    code, said = asked(PASSPHRASE, PASSPHRASE)
    assert code == 0 and PASSPHRASE not in said, said
    assert len(views()) == 2
    code, said = asked("another one")
    assert code == 1 and "Error: " in said and "Traceback" not in said


def test_names_in_a_file_are_shown_as_they_are(home: Path, keyart_command) -> None:
    rows = [
        {"title": "[/red] [bold]Sea", "at": "2026-03-14", "profile": "\ud800"},
        {"title": "Sea\x1b[2J\x07", "at": "2026-03-14"},
    ]
    Path("[bold]odd.json").write_text(json.dumps(rows), encoding="utf-8")

    arguments = ("history", "[bold]odd.json", "--catalog", "catalog.json", "--dry-run")
    done = keyart_command(*arguments, "--profile-name", "?")

    assert done.exit_code == 0, done.output
    assert "[bold]odd.json" in done.stdout and "[/red] [bold]Sea" in done.stdout
    done = keyart_command(*arguments, "--json")
    assert done.exit_code == 1 and "'?' (1)" in done.stderr
    Path("odd.json").write_text(json.dumps(rows[1:]), encoding="utf-8")
    done = keyart_command("history", "odd.json", "--catalog", "catalog.json", "--dry-run")
    assert "Sea�[2J�" in done.stdout and "\x1b" not in done.stdout


def test_several_people_in_one_file(home: Path, keyart_command) -> None:
    Path("two.csv").write_text(COLUMNS + ROWS + ROWS.replace("Ana", "Ben").replace("20:15", "21:15"), "utf-8")

    done = keyart_command("history", "two.csv", *WHERE, "--consent")
    assert done.exit_code == 1 and "'Ana' (3), 'Ben' (3)" in done.stderr and "--profile-name" in done.stderr
    assert not Path("me.db").exists()

    done = keyart_command("history", "two.csv", *WHERE, "--consent", "--profile-name", "Ben", "--json")
    assert json.loads(done.stdout)["added"] == 2
    assert [at for _, at, _, _ in views()] == ["2026-03-12", "2026-03-14"]


def test_without_consent_nothing_is_kept(home: Path, keyart_command) -> None:
    done = keyart_command("history", "detailed.csv", *WHERE)
    assert done.exit_code == 1 and "add --consent" in done.stderr and not Path("me.db").exists()

    with Personalizer.open("me.db", catalog=Catalog.load("catalog.json"), keys=PassphraseKey(PASSPHRASE)) as art:
        art.consent.grant("personalization")
        art.consent.withdraw("personalization")
    done = keyart_command("history", "detailed.csv", *WHERE)
    assert done.exit_code == 1 and "no consent" in done.stderr
    assert views() == []


MISTAKES: dict[str, tuple[int, list[str]]] = {
    "nothing": (2, []),
    "a word that is neither file nor command": (2, ["improt"]),
    "a missing file": (2, ["nowhere.csv", *WHERE]),
    "a folder": (2, ["folder", *WHERE]),
    "import of nothing": (2, ["import"]),
    "import of a missing file": (2, ["import", "nowhere.csv", *WHERE]),
    "import of a folder": (2, ["import", "folder", *WHERE]),
    "random bytes": (1, ["import", "random", *WHERE, "--consent"]),
    "random bytes, and nothing else said": (2, ["random"]),
    "broken JSON": (1, ["import", "broken.json", *WHERE, "--consent"]),
    "an empty file": (1, ["import", "empty.csv", *WHERE, "--consent"]),
    "another table": (1, ["import", "other.csv", *WHERE, "--consent"]),
    "the catalogue": (1, ["import", "catalog.json", *WHERE, "--consent"]),
    "no profile": (2, ["import", "simple.csv", "--catalog", "catalog.json"]),
    "no catalogue": (2, ["import", "simple.csv", "--profile", "me.db"]),
    "a missing catalogue": (1, ["import", "simple.csv", "--catalog", "no.json", *WHERE[2:], "--consent"]),
    "a catalogue that is none": (1, ["import", "simple.csv", "--catalog", "broken.json", *WHERE[2:], "--consent"]),
    "a missing passphrase": (2, ["import", "simple.csv", *WHERE[:4], "--passphrase-file", "no", "--consent"]),
    "an empty passphrase": (1, ["import", "simple.csv", *WHERE[:4], "--passphrase-file", "empty.csv", "--consent"]),
    "no terminal to ask": (2, ["import", "simple.csv", *WHERE[:4], "--consent"]),
    "the file itself as profile": (
        1, ["import", "simple.csv", *WHERE[:2], "--profile", "simple.csv", *WHERE[4:], "--consent"],
    ),
    "a folder as profile": (1, ["import", "simple.csv", *WHERE[:2], "--profile", "folder", *WHERE[4:], "--consent"]),
    "a profile in no folder": (
        1, ["import", "simple.csv", *WHERE[:2], "--profile", "no/me.db", *WHERE[4:], "--consent"],
    ),
    "a name that nobody has": (1, ["import", "detailed.csv", *WHERE, "--profile-name", "Eva", "--consent"]),
    "a name where there is none": (1, ["import", "simple.csv", *WHERE, "--profile-name", "Eva", "--consent"]),
    "days that may be two": (1, ["import", "unclear.csv", *WHERE, "--consent"]),
    "an unknown order of days": (2, ["import", "simple.csv", *WHERE, "--dates", "dym", "--consent"]),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_a_sentence(mistake: str, home: Path, keyart_command) -> None:
    Path("folder").mkdir()
    Path("random").write_bytes(os.urandom(4000))
    Path("broken.json").write_text('[{"title": ')
    Path("empty.csv").write_text("")
    Path("other.csv").write_text("a,b,c\n1,2,3\n")
    Path("unclear.csv").write_text('Title,Date\n"The Sea",03/04/26\n"The Sea",04/03/26\n"The Sea",03/04/26\n')
    before = {path.name: path.read_bytes() for path in home.iterdir() if path.is_file()}
    code, arguments = MISTAKES[mistake]

    done = keyart_command("history", *arguments)

    assert done.exit_code == code, done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert "Traceback" not in done.stderr
    if mistake != "nothing":  # click shows the help
        assert done.stdout == ""
        sentence = done.stderr.strip().splitlines()[-1]
        assert sentence.startswith("Error: ") and len(sentence) > 20
    assert {path.name: path.read_bytes() for path in home.iterdir() if path.is_file()} == before
    assert list(Path("folder").iterdir()) == []


def test_wrong_passphrase_changes_nothing(home: Path, keyart_command) -> None:
    keyart_command("history", "simple.csv", *WHERE, "--consent")
    before = Path("me.db").read_bytes()
    Path("secret").write_text("not mine")

    done = keyart_command("history", "detailed.csv", *WHERE, "--consent")

    assert done.exit_code == 1 and done.stdout == "" and done.stderr.startswith("Error: ")
    assert Path("me.db").read_bytes() == before


@pytest.mark.soak
def test_a_hundred_thousand_rows_in_seconds(home: Path, keyart_command) -> None:
    at = datetime(2026, 11, 1, tzinfo=UTC)
    with Path("large.csv").open("w", encoding="utf-8", newline="") as file:
        file.write(COLUMNS)
        rows = csv.writer(file)
        for n in range(100_000):
            title = "Night Ferry: Season 1: One" if n % 5 == 0 else f"Another {n % 4000}: Season 1: Episode {n}"
            start = (at - timedelta(minutes=20 * n)).strftime("%Y-%m-%d %H:%M:%S")
            rows.writerow(["Ana", start, "00:19:00", "", title, "", "Apple TV", "00:19:00", "", "NL (Netherlands)"])

    began = time.perf_counter()
    done = keyart_command("history", "large.csv", *WHERE, "--consent", "--json")
    took = time.perf_counter() - began

    document = json.loads(done.stdout)
    assert (document["added"], sum(document["unmatched"].values())) == (20_000, 80_000)
    assert len(document["unmatched"]) == 4000 - 800
    assert took < 30, took  # 4 s where it was measured, 11 s beside other work


def test_help_of_the_group_and_of_the_import(keyart_command) -> None:
    group = keyart_command("history", "--help").stdout
    importing = keyart_command("history", "import", "--help").stdout

    for text in (group, importing):
        assert "Example:\n  keyart history import" in text.replace("\n    keyart", "\n  keyart").replace(
            "  Example", "Example"
        )
    assert "import" in group and "--dry-run" in importing and "--json" in importing
