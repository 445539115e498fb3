"""The commands that talk to a server, against an API in memory: what they ask, print and refuse."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import click
import httpx
import pytest
from click.testing import CliRunner, Result
from support.fake_api import ID, RESULT, SECRET, URL, FakeApi, campaign, full_api, problem, round_, token_file

from keyart_federated.campaigns import PRESETS
from keyart_federated.campaigns.campaign import KINDS as ALL_KINDS
from keyart_federated.campaigns.campaign import STANDINGS
from keyart_server.releases import RELEASE_STATUSES
from keyart_tools.cli import main
from keyart_tools.cli.campaign import KINDS, PRESET_NAMES, STATES
from keyart_tools.cli.release import STATUSES
from keyart_tools.cli.server_connection import login_file

Run = Callable[..., Result]
OTHER_ID = "a" * 16
PATH = f"/api/v1/campaigns/{ID}"
# Each command that reads, what its table shows, and the request it makes.
READING = {
    "campaign list": (["Spring", "[red]Old[/nothing]", "3 of 10", "1.25 of 4.00"], "GET /api/v1/campaigns?limit=200"),
    f"campaign show {ID}": (["Spring", "minimum_devices │ 50", "2026-03-04 05:06"], f"GET {PATH}"),
    f"campaign rounds {ID}": (["180 → 170 → 60 → 0", "Too few devices"], f"GET {PATH}/rounds?limit=200"),
    f"campaign results {ID}": (["0.11 to 0.13", "drowned", "Refused."], f"GET {PATH}/results?limit=200"),
    f"campaign check {ID}": (["cannot finish", "3 of 30 devices come. Wait."], f"GET {PATH}/feasibility"),
    "release list": (["rolling", "10 %", "1 passed, quality all", "unclear"], "GET /api/v1/releases?limit=200"),
    "release show 8": (["rolling", "neither shown nor", "passed"], "GET /api/v1/releases/8"),
    "experiment list": (["Warm", "2 of 8", "warm: ship"], "GET /api/v1/experiments?limit=200"),
    "fleet show": (["12,000 devices", "10,800", "90 %", "silent"], "GET /api/v1/fleet"),
    "budget show": (["ε 1.25 of 8.00 is spent, 6.75 is left", "2026-07-01", "Spring"], "GET /api/v1/budget"),
    "audit list": (["person:Robin", "campaign.start", "reason spring"], "GET /api/v1/audit?limit=200"),
    "top": (["CAMPAIGNS 1 running", "12,000 enrolled"], "GET /api/v1/campaigns?state=running&limit=50"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KEYART_SERVER", "KEYART_TOKEN_FILE", "KEYART_CA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    token_file(tmp_path)


@pytest.fixture
def api() -> FakeApi:
    return full_api()


@pytest.fixture
def run(api: FakeApi) -> Run:
    """Runs a command logged in by its options, or as it stands."""

    def run(line: str, *more: str, options: bool = True, text: str | None = None) -> Result:
        words = [*line.split(), *more, *(["--server", URL, "--token-file", "api.token"] if options else [])]
        return CliRunner().invoke(main, words, prog_name="keyart", obj=api.network, input=text)

    return run


def test_every_command_that_reads_is_listed_here() -> None:
    groups = {(name,): command for name, command in main.commands.items() if isinstance(command, click.Group)}
    commands = {
        (*path, name): [parameter.name for parameter in command.params]
        for path, group in {(): main, **groups}.items()
        for name, command in group.commands.items()
    }
    remote = {path for path, names in commands.items() if "insecure_http" in names}
    named = {tuple(word for word in line.split() if word.isalpha()) for line in READING}
    changing = {"login", "create", "start", "pause", "resume", "stop", "upload", "promote", "hold", "withdraw"}
    special = {("campaign", "watch"), ("campaign", "export"), ("experiment", "export"), ("experiment", "show")}
    assert {path for path in remote if path[-1] not in changing} - special == named


@pytest.mark.parametrize("line", READING)
def test_a_table_and_what_is_asked(line: str, run: Run, api: FakeApi) -> None:
    expected, request = READING[line]
    done = run(line)
    assert (done.exit_code, done.stderr) == (0, ""), done.output
    shown = " ".join(done.stdout.split())
    assert [part for part in expected if part not in shown] == []
    assert api.paths()[0] == request


@pytest.mark.parametrize("line", READING)
def test_json_is_what_the_api_said(line: str, run: Run, api: FakeApi) -> None:
    done = run(line, "--json")
    assert (done.exit_code, done.stderr) == (0, ""), done.output
    document = json.loads(done.stdout)
    path = READING[line][1].removeprefix("GET /api/v1/").partition("?")[0]
    if line == "top":
        assert document["budget"] == api.objects["budget"] and document["server"] == URL
    elif path in api.lists:
        assert document == {"items": api.lists[path], "next": None}, "all pages"
    else:
        assert document == api.objects[path]


def test_the_command_of_the_contract(run: Run) -> None:
    done = run("campaign list --json")
    assert [item["id"] for item in json.loads(done.stdout)["items"]] == [ID, OTHER_ID]


def test_lists_are_filtered_and_cut(run: Run, api: FakeApi) -> None:
    assert "Old" not in run("campaign list --state running").stdout
    assert [item["number"] for item in json.loads(run("audit list --limit 3 --json").stdout)["items"]] == [5, 4, 3]
    run("release list --status held")
    assert api.paths()[-1] == "GET /api/v1/releases?standing=held&limit=200"


def test_an_empty_server_says_so(run: Run, api: FakeApi) -> None:
    for path in api.lists:
        api.lists[path] = []
    assert run("campaign list").stdout == "There is no campaign.\n"
    assert run(f"campaign results {ID}").stdout == "No round of this campaign has a result yet.\n"
    assert json.loads(run("campaign list --json").stdout) == {"items": [], "next": None}


def test_words_of_options_are_those_of_the_server() -> None:
    assert (KINDS, STATES) == (ALL_KINDS, STANDINGS)
    assert set(STATUSES) >= set(RELEASE_STATUSES)


def test_create_sends_what_was_given(run: Run, api: FakeApi) -> None:
    done = run(
        "campaign create --kind training --name", "Spring", "--epsilon", "4", "--rounds", "20", "--set", "wanted=200",
        "--set", "minimum_devices=60", "--set", "stages=0.1,1",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert done.stdout == f"Created campaign {ID}: Spring, a draft.\n"
    assert done.stderr == f"Check it: keyart campaign check {ID}\nStart it: keyart campaign start {ID}\n"
    (request,) = api.asked
    assert json.loads(request.content) == {
        "name": "Spring", "kind": "training", "epsilon": 4.0, "rounds": 20,
        "settings": {"wanted": 200, "minimum_devices": 60, "stages": [0.1, 1.0]},
    }  # fmt: skip
    assert len(request.headers["idempotency-key"]) == 32


def test_a_preset_leaves_the_rest_to_the_server(run: Run, api: FakeApi) -> None:
    done = run("campaign create --kind evaluation --name Trial --set version=7 --preset", "test fleet")
    assert done.exit_code == 0, done.output
    body = json.loads(api.asked[0].content)
    assert body == {"name": "Trial", "kind": "evaluation", "preset": "test fleet", "settings": {"version": 7}}
    refused = run("campaign create --kind experiment --name Trial --set name=warm --preset", "test fleet")
    assert refused.exit_code == 2 and "offers no campaign of kind experiment" in refused.stderr
    assert len(api.asked) == 1
    assert tuple(PRESETS) == PRESET_NAMES


def test_whether_a_campaign_can_finish(run: Run, api: FakeApi) -> None:
    done = run(f"campaign check {ID} --devices 30")
    assert done.exit_code == 0 and api.paths() == [f"GET /api/v1/campaigns/{ID}/feasibility?devices=30"]
    assert done.stdout == f"Campaign {ID}: cannot finish.\n- 3 of 30 devices come. Wait.\n"
    assert run(f"campaign start {ID} --force").exit_code == 0
    assert json.loads(api.asked[-1].content) == {"force": True}


def test_the_rounds_of_an_experiment_are_its_analyses(run: Run, api: FakeApi) -> None:
    done = run("campaign create --kind experiment --name Warm --set name=warm --set looks=3 --json")
    assert done.exit_code == 0, done.output
    assert json.loads(api.asked[0].content)["rounds"] == 3
    assert json.loads(done.stdout)["state"] == "draft"


def test_a_repeated_command_with_a_key_creates_nothing_new(run: Run, api: FakeApi) -> None:
    for _ in range(2):
        assert run("campaign create --kind training --name Spring --idempotency-key spring-1").exit_code == 0
    assert list(api.created) == ["spring-1"]


CREATE_MISTAKES = {
    "--kind training": "Missing option '--name'",
    "--kind parade --name x": "'parade' is not one of",
    "--kind training --name x --epsilon 0": "--epsilon",
    "--kind training --name x --set wanted": "give it as NAME=VALUE",
    "--kind training --name x --set wanted=many": "wanted is 'many'; it must be a whole number",
    "--kind training --name x --set wanted=1": "'wanted'",
    "--kind training --name x --set wanted=300 --set wanted=200": "given twice",
    "--kind training --name x --set epsilom=1": "no setting 'epsilom'. Settings are purpose",
    "--kind training --name x --set wanted=60 --set minimum_devices=70": "wanted must be minimum_devices or more",
    "--kind experiment --name x": "'name': Field required",
    "--kind training --name x --idempotency-key ä": "printable ASCII",
}


@pytest.mark.parametrize("words", CREATE_MISTAKES)
def test_a_mistake_is_told_before_anything_is_sent(words: str, run: Run, api: FakeApi) -> None:
    done = run(f"campaign create {words}")
    assert (done.exit_code, done.stdout, api.asked) == (2, "", []), done.output
    assert CREATE_MISTAKES[words] in " ".join(done.stderr.split())


@pytest.mark.parametrize("verb", ["start", "pause", "resume", "stop"])
def test_verbs_of_campaigns(verb: str, run: Run, api: FakeApi) -> None:
    done = run(f"campaign {verb} {ID}")
    assert done.exit_code == 0 and done.stdout.startswith(f"Campaign {ID} is ")
    assert api.paths() == [f"POST /api/v1/campaigns/{ID}/{verb}"]
    assert json.loads(run(f"campaign {verb} {ID} --json").stdout)["id"] == ID


@pytest.mark.parametrize("text", ["../tokens", "0F3C9A51D2B84E67", f"{ID}/x", "x", f"{ID}%2f"])
def test_an_id_is_an_id(text: str, run: Run, api: FakeApi) -> None:
    done = run("campaign show", text)
    assert done.exit_code == 2 and "is not an id" in done.stderr and api.asked == []


def test_verbs_of_releases(run: Run, api: FakeApi) -> None:
    assert run("release hold 8").stdout == "Model 8 is held; its share of devices is 10 %.\n"
    withdrawn = run("release withdraw 8")
    assert withdrawn.stdout == "Model 8 is withdrawn; its share of devices is 0 %.\n"
    assert "until its rollback is published" in withdrawn.stderr
    assert run("release promote 8").exit_code == 0
    assert run("release promote 8 --reason", "It was a holiday.").exit_code == 0
    assert api.paths() == [f"POST /api/v1/releases/8/{verb}" for verb in ("hold", "withdraw", "promote", "promote")]
    assert [request.content for request in api.asked[1:]] == [b"", b"", b'{"reason":"It was a holiday."}']


def test_a_bundle_is_uploaded_as_the_server_takes_it(run: Run, api: FakeApi, shipped: Path) -> None:
    from keyart.bundle import read_files
    from keyart_server.releases.bundle_archive import unpack

    done = run("release upload", str(shipped / "bundle"), "--at-once")
    assert done.exit_code == 0, done.output
    assert unpack(api.asked[0].content) == read_files(shipped / "bundle")
    assert api.paths() == ["POST /api/v1/bundles?at_once=true"]


def test_a_damaged_bundle_is_not_sent(run: Run, api: FakeApi, shipped: Path, tmp_path: Path) -> None:
    (tmp_path / "torn").mkdir()
    for path in (shipped / "bundle").iterdir():
        (tmp_path / "torn" / path.name).write_bytes(path.read_bytes()[:-1] + b"\x7f")
    for folder in ("torn", "nowhere", "api.token"):
        done = run("release upload", folder)
        assert (done.exit_code, api.asked) == (1, []) and done.stderr.startswith("Error: ")


@pytest.mark.parametrize("group", ["campaign", "experiment"])
def test_export(group: str, run: Run, tmp_path: Path) -> None:
    assert run(f"{group} export {ID} --out out.csv").stdout == "Wrote 6 rows of results to out.csv.\n"
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text("utf-8"))))
    assert [row["quantity"] for row in rows][:3] == ["rate", "rate", "difference"] and rows[-1]["text"] == "Refused."
    assert run(f"{group} export {ID} --out rounds.csv --table rounds").exit_code == 0
    assert (tmp_path / "rounds.csv").read_text().startswith("number,topic,standing")
    done = run(f"{group} export {ID} --out out.json --format json --json")
    assert json.loads(done.stdout) == {"campaign": ID, "out": "out.json", "format": "json", "entries": 2}
    document = json.loads((tmp_path / "out.json").read_text())
    assert document["campaign"] == campaign() and document["results"][0] == RESULT and len(document["rounds"]) == 2


def test_an_export_replaces_only_its_like(run: Run, api: FakeApi, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    for out in ("thesis.txt", "nowhere/x.csv", "config"):
        (tmp_path / "config").mkdir(exist_ok=True)
        assert run(f"campaign export {ID} --out {out}").exit_code == 2
    assert (tmp_path / "thesis.txt").read_text() == "years of work" and api.asked == []
    (tmp_path / "old.csv").write_text("old")
    api.answers = [api._answer, problem(500, "The store is damaged.")]
    assert run(f"campaign export {ID} --out old.csv").exit_code == 1
    assert (tmp_path / "old.csv").read_text() == "old", "nothing was written"
    assert run(f"campaign export {ID} --out old.csv").exit_code == 0


def test_an_experiment_and_what_is_none(run: Run, api: FakeApi) -> None:
    done = run(f"experiment show {ID}")
    assert done.exit_code == 1 and f"of kind training; see `keyart campaign show {ID}`" in done.stderr
    api.objects[f"campaigns/{ID}"] = campaign(kind="experiment")
    shown = run(f"experiment show {ID}").stdout
    assert "Experiment" in shown and "More quality plays." in shown and "+1.00 pp" in shown
    document = json.loads(run(f"experiment show {ID} --json").stdout)
    assert document == {**campaign(kind="experiment"), "result": RESULT}


def test_watch_tells_each_change_and_its_success(run: Run, api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"campaigns/{ID}"
    steps = [campaign(), campaign(rounds_done=4), campaign(state="done")]

    def sleep(seconds: float) -> None:
        assert seconds == 0.5
        api.objects[path] = steps.pop(0)

    monkeypatch.setattr("time.sleep", sleep)
    done = run(f"campaign watch {ID} --every 0.5")
    lines = [line.split(maxsplit=1)[1] for line in done.stdout.splitlines()]
    assert done.exit_code == 0 and len(lines) == 3, done.output
    assert "running; 3 of 10" in lines[0] and "60 masked updates" in lines[0] and "done" in lines[-1]

    api.objects[path], steps = campaign(), [campaign(state="stopped")]
    done = run(f"campaign watch {ID} --every 0.5 --json")
    documents = [json.loads(line) for line in done.stdout.splitlines()]
    assert [document["campaign"]["state"] for document in documents] == ["running", "stopped"]
    assert documents[0]["round"] == round_() and set(documents[0]) == {"at", "campaign", "round"}
    assert done.exit_code == 1 and done.stderr == f"Error: Campaign {ID} was stopped before its last round.\n"


def test_watch_says_once_why_a_campaign_waits(run: Run, api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"campaigns/{ID}"
    waiting = campaign(waiting="40 devices are enrolled.")
    steps = [waiting, waiting | {"rounds_done": 4}, campaign(state="done")]
    monkeypatch.setattr("time.sleep", lambda _: api.objects.__setitem__(path, steps.pop(0)))
    lines = [line.split(maxsplit=1)[1] for line in run(f"campaign watch {ID}").stdout.splitlines()]
    assert lines.count("40 devices are enrolled.") == 1 and len(lines) == 4


def test_watch_ends_quietly_by_ctrl_c(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupt)
    done = run(f"campaign watch {ID}")
    assert done.exit_code == 130 and done.stderr == "" and len(done.stdout.splitlines()) == 1


def test_top_is_one_frame_without_a_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    for line in ("top", "top --once"):
        shown = run(line).stdout.splitlines()
        assert len(shown) <= 23 and max(map(len, shown)) <= 80
        assert shown[0].startswith(f"keyart at {URL}, 20")


def test_a_login_serves_all_commands_until_the_logout(run: Run, api: FakeApi, tmp_path: Path) -> None:
    assert "Run `keyart login" in run("campaign list", options=False).stderr
    done = run("login")
    assert (done.exit_code, done.stdout) == (0, f"Logged in to {URL}.\n")
    assert SECRET not in login_file().read_text()
    (tmp_path / "elsewhere").mkdir()
    os.chdir(tmp_path / "elsewhere")
    assert "Spring" in run("campaign list", options=False).stdout, "the path of the token is absolute"
    done = run("campaign list --server https://other.example", options=False)
    assert done.exit_code == 1 and "The saved login is for another server" in done.stderr
    assert run("logout", options=False).stdout == "Logged out.\n"
    assert run("logout --json", options=False).stdout == '{\n "removed": null\n}\n'
    assert run("campaign list", options=False).exit_code == 1


def test_a_login_that_fails_is_not_saved(run: Run, api: FakeApi) -> None:
    api.answers = [problem(401, "Sign in.")]
    assert "does not accept the token" in run("login").stderr
    api.answers = [httpx.Response(200, html="hello")]
    assert "web page" in run("login").stderr
    done = CliRunner().invoke(main, ["login", "--server", URL], prog_name="keyart")
    assert (done.exit_code, "Give --server and --token-file." in done.stderr) == (2, True)
    assert not login_file().exists()


def test_a_token_from_standard_input(run: Run) -> None:
    words = ["login", "--server", URL, "--token-file", "-"]
    done = run(" ".join(words), options=False, text=f"{SECRET}\n")
    assert done.exit_code == 0, done.output
    assert "Spring" in run("campaign list", options=False).stdout


def test_the_environment_takes_precedence_over_the_login(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYART_SERVER", URL)
    monkeypatch.setenv("KEYART_TOKEN_FILE", "api.token")
    assert run("campaign list", options=False).exit_code == 0
    monkeypatch.setenv("KEYART_TOKEN_FILE", "nowhere")
    assert "Cannot read the token file nowhere" in run("campaign list", options=False).stderr
    assert run("campaign list").exit_code == 0, "options come first"


def test_the_secret_is_nowhere(run: Run, api: FakeApi) -> None:
    """Not in tables, JSON, errors or progress."""
    for line in READING:
        for more in ((), ("--json",)):
            assert SECRET not in run(line, *more).output
    for answer in (
        problem(401, "No."),
        httpx.Response(500, text="x"),
        httpx.ReadTimeout("x"),
        httpx.ConnectError("x"),
    ):
        api.answers = [answer] * 9
        assert SECRET not in run("fleet show").output
