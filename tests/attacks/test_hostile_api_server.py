"""A server that is after the operator's token, or the operator's terminal: `keyart_tools.remote` gives it neither."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result
from support.answering import Answer, serving
from support.fake_api import AT, ID, SECRET, FakeApi, campaign, full_api, login, problem, round_, token_file

from keyart.errors import ApiError
from keyart_tools.cli import main
from keyart_tools.remote import ApiClient, SavedLogin, save_login

PAGE: Answer = (200, {"Content-Type": "application/json"}, b'{"items": [], "next": null}')
READING = [
    "campaign list", f"campaign show {ID}", f"campaign rounds {ID}", "release list", "fleet show", "top", "audit list"
]  # fmt: skip
SHOWING = [*READING, f"campaign results {ID}", "release show 8", "budget show", "experiment list"]


def run(line: str, *more: str, api: FakeApi | None = None) -> Result:
    return CliRunner().invoke(main, [*line.split(), *more], prog_name="keyart", obj=api and api.network)


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return str(token_file(tmp_path))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_does_not_take_the_token_along(status: int, token: str) -> None:
    """Over real sockets: to another host (another port is one), for reading and for changing."""
    stolen: list[tuple[str, str | None]] = []
    asked: list[tuple[str, str | None]] = []
    with (
        serving(lambda _: PAGE, stolen) as thief,
        serving(lambda path: (status, {"Location": thief + path}, b""), asked) as server,
    ):
        for line in ("campaign list", "login", f"campaign pause {ID}", "campaign create --kind training --name x"):
            done = run(line, "--server", server, "--token-file", token)
            assert done.exit_code == 1 and f"redirects to {thief}" in done.stderr, done.output
            assert SECRET not in done.output
    assert stolen == [] and len(asked) == 4
    assert {header for _, header in asked} == {f"Bearer {SECRET}"}


def test_a_page_of_a_list_is_no_address(token: str) -> None:
    """A `next` that is a URL is sent back as a cursor, to the server it came from."""
    stolen: list[tuple[str, str | None]] = []
    asked: list[tuple[str, str | None]] = []

    def answer(path: str) -> Answer:
        page = {"items": [campaign()], "next": None if "cursor" in path else f"{thief}/api/v1/campaigns"}
        return 200, {"Content-Type": "application/json"}, json.dumps(page).encode()

    with serving(answer, stolen) as thief, serving(answer, asked) as server:
        assert run("campaign list", "--server", server, "--token-file", token).exit_code == 0
    assert stolen == [] and len(asked) == 2


def test_a_proxy_of_the_environment_does_not_hear_the_token_of_this_machine(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stolen: list[tuple[str, str | None]] = []
    with serving(lambda _: PAGE, stolen) as proxy, serving(lambda _: PAGE, []) as server:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy)
        assert run("campaign list", "--server", server, "--token-file", token).exit_code == 0
    assert stolen == []


def test_another_server_in_the_environment_does_not_get_the_saved_token(
    token: str, tmp_path: Path, monkeypatch
) -> None:
    stolen: list[tuple[str, str | None]] = []
    for saved in (SavedLogin("https://keyart.example", token), SavedLogin("https://keyart.example", secret=SECRET)):
        save_login(tmp_path / "config" / "keyart" / "login.json", saved)
        with serving(lambda _: (200, {}, b""), stolen) as thief:
            monkeypatch.setenv("KEYART_SERVER", thief)
            assert "The saved login is for another server" in run("campaign list").stderr
    assert stolen == []


def test_a_file_that_is_no_token_is_not_sent(tmp_path: Path, token: str) -> None:
    """--token-file ~/.ssh/id_ed25519 is a slip that must stay on this machine."""
    heard: list[tuple[str, str | None]] = []
    key = tmp_path / "id_ed25519"
    key.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    key.chmod(0o600)
    with serving(lambda _: (200, {}, b""), heard) as server:
        assert (
            "does not hold an API token" in run("campaign list", "--server", server, "--token-file", str(key)).stderr
        )
    assert heard == []


@pytest.mark.parametrize("line", READING)
def test_a_server_that_repeats_the_token_is_not_repeated(line: str, token: str) -> None:
    """In problem details, in objects, in a header, in a page."""
    api = full_api()
    echo = {"name": SECRET, "reason": SECRET, "failure": SECRET, "details": {"x": SECRET}, "topic": SECRET}
    api.lists = {path: [item | echo for item in items] for path, items in api.lists.items()}
    api.objects = {path: {**item, "echo": SECRET, "name": SECRET} for path, item in api.objects.items()}
    options = ("--server", "http://127.0.0.1:8080", "--token-file", token)
    for more in ((), ("--json",)):
        done = run(line, *options, *more, api=api)
        assert done.exit_code == 0, done.output
        assert SECRET not in done.output
    text = "".join(f"\\u{ord(letter):04x}" for letter in SECRET)
    escaped = httpx.Response(409, content=f'{{"detail": "{text}"}}', headers={"content-type": "application/json"})
    for answer in (
        problem(401, f"Bearer {SECRET}?"), escaped, problem(409, SECRET), problem(500, SECRET),
        httpx.Response(302, headers={"location": f"https://x.example/?{SECRET}"}), httpx.Response(200, html=SECRET),
        httpx.RemoteProtocolError(SECRET), httpx.ConnectError(SECRET),
    ):  # fmt: skip
        api.answers = [answer] * 9
        done = run(line, *options, api=api)
        assert done.exit_code == 1 and SECRET not in done.output


@pytest.mark.parametrize("line", SHOWING)
def test_text_of_a_server_does_not_act_on_the_terminal(line: str, token: str) -> None:
    """Escape sequences, other control characters, and the markup of the table printer."""
    evil = "\x1b]0;owned\x07\x1b[2J\r\n\x9b31m[bold red]x[/nothing]\u202e"
    api = full_api()

    def infected(value: object) -> object:
        if isinstance(value, dict):
            return {key: infected(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [infected(inner) for inner in value]
        return evil if isinstance(value, str) and value not in (ID, AT) else value

    api.lists = {path: [infected(item) for item in items] for path, items in api.lists.items()}
    api.objects = {path: infected(item) for path, item in api.objects.items()}
    done = run(line, "--server", "http://127.0.0.1:8080", "--token-file", token, api=api)
    assert done.exit_code == 0, done.output
    assert not set("\x1b\x07\x9b\r\u202e") & set(done.output)
    api.answers = [problem(422, evil)]
    done = run(line, "--server", "http://127.0.0.1:8080", "--token-file", token, api=api)
    assert done.exit_code == 1 and not set("\x1b\x07\x9b\r\u202e") & set(done.stderr) and done.stderr.count("\n") == 1


ODD: list[object] = [None, True, 7, -1e308, "", "x" * 300, [], [[]], [None], {}, {"x": {"y": []}}, ["x"], [{}]]


def variants(value: object) -> Iterator[object]:
    """The same JSON with one value in it replaced by an odd one, or left out."""
    yield from ODD
    if isinstance(value, dict):
        for name, inner in value.items():
            yield {key: other for key, other in value.items() if key != name}
            yield from ({**value, name: variant} for variant in variants(inner))
    elif isinstance(value, list) and value:
        yield from ([variant, *value[1:]] for variant in variants(value[0]))


@pytest.mark.slow
@pytest.mark.parametrize("line", SHOWING)
def test_any_json_gets_a_table_or_a_sentence(line: str, token: str) -> None:
    """A server of another version, or a hostile one: no traceback, whatever stands in its objects."""
    api = full_api()
    api.page_items = 200
    options = ("--server", "http://127.0.0.1:8080", "--token-file", token)
    answers = {**api.objects, **{path: {"items": items, "next": None} for path, items in api.lists.items()}}
    assert run(line, *options, api=api).exit_code == 0
    for path in {request.url.path.removeprefix("/api/v1/") for request in api.asked}:
        for variant in variants(answers[path]):
            api.replaced = {path: variant}
            done = run(line, *options, api=api)
            failed = not (done.exception is None or isinstance(done.exception, SystemExit))
            assert done.exit_code in (0, 1) and not failed, (path, variant, done.exc_info)
            assert done.exit_code == 0 or done.stderr.count("\n") == 1


NO_JSON = [b"[" * 100_000, b'{"devices": NaN}', b'{"devices": 1e999}', b"\xff\xfe", b"", b"null", b"7"]


@pytest.mark.parametrize("body", NO_JSON)
def test_json_that_is_none(body: bytes, token: str) -> None:
    api = FakeApi([httpx.Response(200, content=body, headers={"content-type": "application/json"})])
    done = run("fleet show --json", "--server", "http://127.0.0.1:8080", "--token-file", token, api=api)
    assert done.exit_code == 1 and "instead of keyart's API" in done.stderr


def test_a_list_without_an_end_ends() -> None:
    """Each page leads to the one before."""
    pages = {"a": "b", "b": "a", None: "a"}

    def page(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"items": [round_()], "next": pages[request.url.params.get("cursor")]})

    with FakeApi([page] * 99).client() as client, pytest.raises(ApiError, match="has another form"):
        list(client.items("audit"))


def test_logs_of_the_http_library_do_not_hold_the_token(caplog: pytest.LogCaptureFixture, token: str) -> None:
    caplog.set_level(0)
    with serving(lambda _: PAGE, []) as server:
        assert run("campaign list", "--server", server, "--token-file", token).exit_code == 0
    assert caplog.records and SECRET not in caplog.text


def test_the_client_shows_no_token() -> None:
    client = ApiClient(login(), full_api().network)
    assert SECRET not in repr(client) + repr(client.login)
    client.__exit__()
