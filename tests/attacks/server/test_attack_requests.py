"""Requests that are no requests: two lengths, no end, too much, another host; bytes straight on the socket."""

from __future__ import annotations

import gzip
import json
import socket
import time
import tracemalloc
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from attacks.server.wire import CAMPAIGN, Target, attacked

from keyart_server.http.body_limits import MAX_BODY_BYTES
from keyart_server.http.connection_limits import MAX_HEAD_BYTES

HOST = b"Host: localhost\r\n"
# A second request that must never be taken for one of its own.
HIDDEN = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"


def smuggled(head: bytes, body: bytes) -> bytes:
    return b"POST /login HTTP/1.1\r\n" + HOST + head + b"\r\n" + body


def served(target: Target, data: bytes) -> bool:
    """Whether the hidden request was answered."""
    return b"keyart_build" in target.say(data)


def test_the_hidden_request_would_be_seen(shared: Target) -> None:
    """The probe of the attacks below finds what a server lets through."""
    assert served(shared, smuggled(b"Content-Length: 0\r\n", HIDDEN))


def test_two_lengths(shared: Target) -> None:
    """Request smuggling by Content-Length and Transfer-Encoding at once (CL.TE, TE.CL), in either order."""
    for head in (
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n" % (5 + len(HIDDEN)),
    ):
        assert not served(shared, smuggled(head, b"0\r\n\r\n" + HIDDEN)), head
        assert shared.statuses(smuggled(head, b"0\r\n\r\n" + HIDDEN)) == [400], head


def test_a_length_that_is_told_twice(shared: Target) -> None:
    """Request smuggling by two Content-Lengths, by a list of them, and by numbers that parsers read differently."""
    for head in (
        b"Content-Length: 0\r\nContent-Length: %d\r\n" % len(HIDDEN),
        b"Content-Length: %d\r\nContent-Length: 0\r\n" % len(HIDDEN),
        b"Content-Length: 0, 0\r\n", b"Content-Length: +0\r\n", b"Content-Length: 0x0\r\n", b"Content-Length: -0\r\n",
        b"Content-Length: 0_0\r\n", b"Content-Length: \r\n", b"Content-Length: 1e0\r\n", b"Content-Length: \xb2\r\n",
        b"Content-Length: 99999999999999999999999999\r\n",
    ):  # fmt: skip
        assert not served(shared, smuggled(head, HIDDEN)), head


def test_an_encoding_in_disguise(shared: Target) -> None:
    """Request smuggling by a Transfer-Encoding that only one of two servers sees."""
    for head in (
        b"Transfer-Encoding : chunked\r\n", b"Transfer-Encoding\t: chunked\r\n", b" Transfer-Encoding: chunked\r\n",
        b"X: y\r\n Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n", b"Transfer-Encoding: identity\r\nContent-Length: 5\r\n",
        b"Transfer-Encoding: \x0bchunked\r\n", b"Transfer-Encoding:\x00chunked\r\n",
        b"Transfer-Encoding\x00: chunked\r\n",
        b"Transfer_Encoding: chunked\r\nContent-Length: %d\r\n" % (5 + len(HIDDEN)),
        b"X: y\nTransfer-Encoding: chunked\r\nContent-Length: %d\r\n" % (5 + len(HIDDEN)),
        b"X: y\rTransfer-Encoding: chunked\r\nContent-Length: %d\r\n" % (5 + len(HIDDEN)),
    ):  # fmt: skip
        assert not served(shared, smuggled(head, b"0\r\n\r\n" + HIDDEN)), head


def test_chunks_that_are_none(shared: Target) -> None:
    """Request smuggling by the size of a chunk: signs, prefixes, overflow, line ends that are none."""
    head = b"Transfer-Encoding: chunked\r\n"
    for body in (
        b"+0\r\n\r\n", b"0x0\r\n\r\n", b"-0\r\n\r\n", b"\r\n\r\n", b"0_0\r\n\r\n", b" 0\r\n\r\n", b"0\n\n", b"0\r\r",
        b"10000000000000000\r\n\r\n", b"FFFFFFFFFFFFFFFFF\r\n\r\n", b"1\r\nxx\r\n0\r\n\r\n", b"0;\n\r\n\r\n",
        b"1\r\nx0\r\n\r\n", b"2\nxx\n0\n\n",
    ):  # fmt: skip
        assert not served(shared, smuggled(head, body + HIDDEN)), body


def test_line_ends_that_are_none(shared: Target) -> None:
    """A bare LF or CR in the head, where a proxy in front saw one line and the server would see two."""
    token = shared.admin["Authorization"].encode()
    for end in (b"\n", b"\r", b"\r\r\n", b"\x0b", b"\x0c", b"\x85", b"\x00"):
        data = (
            b"GET /api/v1/people HTTP/1.1\r\nHost: localhost\r\nX: y" + end + b"Authorization: " + token + b"\r\n\r\n"
        )
        assert 200 not in shared.statuses(data), end


def test_a_space_before_the_colon(shared: Target) -> None:
    """A header's name with a space, a tab or a letter that no name has is no header."""
    token = shared.admin["Authorization"].encode()
    for name in (b"Authorization ", b"Authorization\t", b" Authorization", b"Authorization\x00", b"Authori zation"):
        data = b"GET /api/v1/people HTTP/1.1\r\nHost: localhost\r\n" + name + b": " + token + b"\r\n\r\n"
        assert 200 not in shared.statuses(data), name


def test_headers_behind_the_body(shared: Target) -> None:
    """Credentials as a trailer, behind the last chunk, where a proxy does not look."""
    token = shared.admin["Authorization"].encode()
    data = (
        b"POST /api/v1/campaigns HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\nTrailer: Authorization\r\n\r\n"
        b"22\r\n" + b'{"name": "x", "kind": "training"} \r\n0\r\nAuthorization: ' + token + b"\r\n\r\n"
    )
    assert shared.statuses(data)[0] == 401
    assert shared.campaigns() == []


def test_another_host(shared: Target) -> None:
    """DNS rebinding: a foreign name that was pointed at this machine, in every spelling of a Host header."""
    for host in (b"evil.example", b"127.0.0.1.evil.example", b"localhost.evil.example", b"localhost@evil.example",
                 b"evil.example#localhost", b"evil.example, localhost", b"[evil.example]", b"0", b"0.0.0.0",
                 b"2130706433", b"localhost\x00.evil.example", b"[::ffff:127.0.0.1]"):  # fmt: skip
        for path in (b"/", b"/login", b"/api/v1/campaigns", b"/tuf/metadata/1.root.json"):
            answers = shared.statuses(b"GET " + path + b" HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
            assert answers[0] in (400, 421), host


def test_another_host_behind_a_number(shared: Target) -> None:
    """DNS rebinding by a name behind an IPv6 number in brackets."""
    assert shared.statuses(b"GET /login HTTP/1.1\r\nHost: [::1].evil.example\r\n\r\n")[0] in (400, 421)


def test_two_hosts(shared: Target) -> None:
    """Two Host headers, of which a proxy checks one and the server the other: the answer names neither."""
    for first, second in ((b"localhost", b"evil.example"), (b"evil.example", b"localhost")):
        told = shared.say(b"GET / HTTP/1.1\r\nHost: " + first + b"\r\nHost: " + second + b"\r\n\r\n")
        assert b"evil" not in told


def test_no_host(shared: Target) -> None:
    """HTTP/1.0 and 1.1 without a Host, and versions that nobody speaks, to get around the check of names."""
    for version in (b" HTTP/1.0", b" HTTP/1.1", b"", b" HTTP/0.9", b" HTTP/2.0", b" HTTP/9.9", b" HTTX/1.1"):
        assert 200 not in shared.statuses(b"GET /" + version + b"\r\nConnection: close\r\n\r\n"), version


def test_a_host_that_comes_back(tmp_path: Path) -> None:
    """Host and X-Forwarded-* that would lead links, redirects or cookies elsewhere: no answer repeats them."""
    evil = dict.fromkeys(("X-Forwarded-Host", "X-Host", "X-Forwarded-Server", "X-Original-URL"), "evil.example")
    evil |= {"Forwarded": "host=evil.example", "X-Forwarded-Proto": "https", "X-Rewrite-URL": "/api/v1/people"}
    with attacked(tmp_path, host="127.0.0.1", url="https://keyart.example") as target:
        for path in ("/", "/login", "/join/x", "/api/v1/campaigns", "/nowhere"):
            for host in ("keyart.example", "localhost"):
                answer = target.client.get(path, headers={**evil, "Host": host})
                assert "evil" not in answer.text + str(answer.headers)
                assert answer.status_code != 200 or path == "/"


def test_an_address_with_a_host_in_it(shared: Target) -> None:
    """An absolute address, an authority, a star or a bare word as the target of a request."""
    for target in (
        b"http://evil.example/api/v1/people", b"http://localhost/api/v1/people", b"//evil.example/api/v1/people",
        b"*",
        b"evil.example:443", b"api/people", b"#", b"http://", b"///", b"/api/v1/people#x", b"/api/v1/people;x",
    ):  # fmt: skip
        for method in (b"GET", b"CONNECT", b"OPTIONS"):
            line = method + b" " + target + b" HTTP/1.1\r\n"
            for status in shared.statuses(line + HOST + b"Connection: close\r\n\r\n"):
                assert status in (400, 401, 404, 405), line


def test_methods_that_nobody_has(shared: Target) -> None:
    """TRACE, CONNECT, WebDAV's and HTTP/2's own words: never a 200, never a 500, no header echoed."""
    for method in (b"TRACE", b"CONNECT", b"PROPFIND", b"MOVE", b"PRI", b"get", b"GET\x00", b"G" * 5000, b"SOURCE"):
        for path in (b"/", b"/api/v1/campaigns", b"/healthz"):
            head = HOST + b"Connection: close\r\nX-Secret: hunter2\r\n\r\n"
            told = shared.say(method + b" " + path + b" HTTP/1.1\r\n" + head)
            assert b"hunter2" not in told and not told.startswith((b"HTTP/1.1 2", b"HTTP/1.1 5")), method


def test_an_upgrade(shared: Target) -> None:
    """A WebSocket or clear-text HTTP/2 upgrade: nothing is switched to, and no request behind it is taken."""
    for upgrade in (b"websocket", b"h2c", b"HTTP/2.0", b"TLS/1.0"):
        data = (
            b"GET /nowhere HTTP/1.1\r\n" + HOST + b"Connection: Upgrade, HTTP2-Settings\r\nConnection: close\r\n"
            b"HTTP2-Settings: AAMAAABk\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            b"Sec-WebSocket-Version: 13\r\nUpgrade: " + upgrade + b"\r\n\r\n"
        )
        assert shared.statuses(data + HIDDEN) == [404]


def test_a_body_that_is_too_large(shared: Target) -> None:
    """A length that is told and too large is refused before any of it has come."""
    for path in ("/login", "/api/v1/campaigns", "/join/x", "/healthz"):
        head = f"Host: localhost\r\nConnection: close\r\nContent-Length: {MAX_BODY_BYTES + 1}\r\n\r\n"
        assert shared.statuses(f"POST {path} HTTP/1.1\r\n{head}".encode()) == [413]


def test_a_body_that_is_too_large_and_does_not_say_so(shared: Target) -> None:
    """Chunks without an end, on addresses that read them before they know who asks."""
    for path in (b"/login", b"/join/x"):
        head = b"POST " + path + b" HTTP/1.1\r\n" + HOST + b"Content-Type: application/x-www-form-urlencoded\r\n"
        with socket.create_connection(shared.place, timeout=20) as link:
            link.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
            sent = 0
            try:
                while sent < 4 * MAX_BODY_BYTES:
                    link.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
                    sent += 0x10000
                told = link.recv(100)
            except ConnectionError:
                told = b""
        assert told[9:12] in (b"", b"404", b"413") and sent < 4 * MAX_BODY_BYTES


def test_forms_that_are_too_large_for_what_they_are(shared: Target) -> None:
    """A million fields, one field of megabytes, files: refused soon, by whoever has not signed in."""
    forms = {
        "application/x-www-form-urlencoded": [b"a&" * 1_000_000, b"name=" + b"x" * 5_000_000, b"%" * 1_000_000],
        "multipart/form-data; boundary=b": [
            b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' * 20_000 + b"--b--\r\n",
            b'--b\r\nContent-Disposition: form-data; name="name"; filename="x"\r\n\r\n'
            + bytes(5_000_000)
            + b"\r\n--b--",
            b"--b\r\n" + b"A: b\r\n" * 500_000,
        ],
        "multipart/form-data": [b"x" * 1000],
        "multipart/form-data; boundary=" + "b" * 10_000: [b"x" * 1000],
    }
    for kind, bodies in forms.items():
        for body in bodies:
            began = time.perf_counter()
            answer = shared.client.post("/login", content=body, headers={"Content-Type": kind})
            assert 400 <= answer.status_code < 500, (kind[:40], body[:40])
            assert time.perf_counter() - began < 5, (kind[:40], body[:40])


def test_a_head_that_is_too_large(shared: Target) -> None:
    """Header bombs: one header of megabytes, a hundred thousand of them, an address without an end."""
    for data in (
        b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"x" * 4_000_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 700_000 + b"\r\n",
        b"GET /" + b"x" * 4_000_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"x" * 4_000_000 + b": y\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"Cookie: " + b"a=b; " * 800_000 + b"\r\n\r\n",
    ):
        assert 200 not in shared.statuses(data)
    many = b"GET / HTTP/1.1\r\n" + HOST + b"X: y\r\n" * (MAX_HEAD_BYTES // 7) + b"\r\n"
    assert shared.statuses(many)[0] == 200, "and what is below the limit is only slow to read"


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000, b'{"a":' * 200_000, b"[" * 100_000 + b"]" * 100_000, b'{"name": ' + b"9" * 1_000_000 + b"}",
        b'{"name": "' + b"\\u0000" * 100_000 + b'"}', b'{"name": "x", "epsilon": 1e999999, "kind": "training"}',
        b'{"name": "x", "epsilon": NaN, "kind": "training"}', b'{"name": "\\ud800", "kind": "training"}',
        b'{"name": "x", "kind": "training", "name": "y", "rounds": 1e400}', b"\xff\xfe[\x00", b"\x00", b"",
        b'{"name": "x", "kind": "training", "__proto__": {"role": "administrator"}}',
    ],
    ids=[
        "lists", "objects", "closed lists", "number", "nulls", "infinity", "NaN", "half a letter", "twice", "UTF-16",
        "NUL", "nothing", "prototype",
    ],
)  # fmt: skip
def test_json_that_is_meant_to_hurt(shared: Target, body: bytes) -> None:
    """JSON of any depth, length or meaning, with a valid token: refused soon, and never a failure of the server's."""
    began = time.perf_counter()
    headers = {**shared.admin, "Content-Type": "application/json"}
    answer = shared.client.post("/api/v1/campaigns", content=body, headers=headers)
    assert answer.status_code in (400, 422) and time.perf_counter() - began < 5
    assert len(answer.content) < 2000
    assert shared.campaigns() == []


def test_a_body_that_grows_when_it_is_unpacked(shared: Target) -> None:
    """A compressed bomb: nothing that comes in is ever unpacked."""
    bomb = gzip.compress(b" " * 100_000_000 + json.dumps(CAMPAIGN).encode())
    for coding in ("gzip", "deflate", "br", "gzip, gzip"):
        headers = {**shared.admin, "Content-Type": "application/json", "Content-Encoding": coding}
        answer = shared.client.post("/api/v1/campaigns", content=bomb, headers=headers)
        assert answer.status_code in (400, 415, 422)
    assert shared.campaigns() == []


def test_a_range_without_an_end(shared: Target) -> None:
    """A thousand overlapping ranges of one file: at most one answer's worth is sent."""
    address = shared.client.get("/").text.partition('rel="stylesheet" href="')[2].partition('"')[0]
    size = len(shared.client.get(address).content)
    ranges = "bytes=" + ",".join("0-" for _ in range(1000))
    assert len(shared.client.get(address, headers={"Range": ranges}).content) <= size + 1000


def test_a_body_that_drips_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Slow body: a byte now and then keeps no request open beyond its time."""
    monkeypatch.setattr("keyart_server.http.body_limits.BodyLimits.__init__.__defaults__", (MAX_BODY_BYTES, 0.5))
    with attacked(tmp_path) as target, socket.create_connection(target.place, timeout=20) as link:
        head = b"POST /login HTTP/1.1\r\n" + HOST + b"Content-Type: application/x-www-form-urlencoded\r\n"
        link.sendall(head + b"Content-Length: 1000\r\n\r\n")
        began = time.perf_counter()
        try:
            for _ in range(100):
                link.sendall(b"x")
                time.sleep(0.05)
        except ConnectionError:
            pass
        assert link.recv(100).startswith(b"HTTP/1.1 408 ") and time.perf_counter() - began < 10


def test_many_connections_that_say_nothing(tmp_path: Path) -> None:
    """Slowloris: three hundred heads that never end, where the server has room for two hundred connections."""
    with attacked(tmp_path) as target, ExitStack() as stack:
        for _ in range(300):
            link = stack.enter_context(socket.create_connection(target.place, timeout=20))
            link.sendall(b"GET / HTTP/1.1\r\nX: ")
        assert target.browser().get("/healthz").status_code == 200
        assert target.client.get("/api/v1/campaigns", headers=target.admin).status_code == 200


def test_requests_ahead_of_their_answers(shared: Target) -> None:
    """A flood of tiny requests on one connection, whose answers nobody waits for: few are kept."""
    requests = (b"GET /nowhere HTTP/1.1\r\n" + HOST + b"\r\n") * 500
    tracemalloc.start()
    try:
        with socket.create_connection(shared.place, timeout=20) as link, pytest.raises(ConnectionError):
            for _ in range(1000):
                link.sendall(requests)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 50_000_000


def test_lines_in_a_log_by_a_header(target: Target, caplog: pytest.LogCaptureFixture) -> None:
    """Log injection: a path, a name or a header with line breaks writes no line, and no word of it is logged."""
    with caplog.at_level("DEBUG"):
        for path in ("/x%0a2026-01-01 error forged", "/api/v1/campaigns/%0d%0aforged", "/join/forged%0aforged"):
            target.client.get(path, headers={"User-Agent": "forged", "Referer": "http://x/\tforged", **target.admin})
        target.client.post("/login", data={"name": "forged\nforged", "password": "forged"})
        target.say(b"GET /\xffforged HTTP/1.1\r\nforged\r\n\r\n")
    ours = [record for record in caplog.records if record.name.startswith(("keyart", "uvicorn.error"))]
    assert ours and not [record for record in ours if "forged" in repr(vars(record))]
    with httpx.Client(base_url=target.address, trust_env=False) as client:
        assert "forged" not in client.get("/metrics").text
