"""Attacks on certificates: keys that nobody has, one voucher for many devices, a server that makes up devices."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from attacks.server.wire import Target
from support import gateway as gateway_samples
from support.campaigns import BOTH, SERVER, live, messages_for, offer, public
from support.catalogs import sample_catalog
from support.rounds import ISSUER
from support.server import Clock, bearer, listening

import keyart
from keyart.client import CERTIFICATE_PATH, CHALLENGE_PATH, REVOKED_PATH, Response, enrol, update_revocations
from keyart.errors import MessageError, SettingError
from keyart.secagg import CertificationRequest, Identity, RevocationList, ShareRequest, Stage, certify, verify_record
from keyart_server.dashboard import Pages
from keyart_server.gateway.gateway_app import create_gateway
from keyart_server.gateway.revocations import Revocations
from keyart_server.issuer.issuer_process import IssuerSettings, OpenIssuer, create_issuer, open_issuer
from keyart_server.monitoring.metrics import Metrics
from keyart_server.serve import serve
from keyart_server.settings import ServerSettings
from keyart_server.signing import tuf_keys


@dataclass
class RunningIssuer:
    """An issuer that listens."""

    issuer: OpenIssuer
    client: httpx.Client
    folder: Path

    @property
    def private(self) -> bytes:
        return tuf_keys.private_key(self.folder / "issuer.pem").private_bytes_raw()

    def vouchers(self, count: int) -> list[str]:
        answer = self.client.post("/issuer/vouchers", json={"count": count}, headers=bearer(self.issuer.token))
        made: list[str] = answer.json()["vouchers"]
        return made

    def certified(self, identity: Identity, voucher: str | None, of: Identity | None = None) -> httpx.Response:
        """The answer to a request for `identity`'s key, with a proof by the key of `of`."""
        challenge = self.client.post(CHALLENGE_PATH, content=identity.public).content
        proof = CertificationRequest.create(of or identity, challenge).proof
        body = CertificationRequest(identity.public, challenge, proof).to_bytes()
        headers = {} if voucher is None else {"Authorization": f"Voucher {voucher}"}
        return self.client.post(CERTIFICATE_PATH, content=body, headers=headers)

    def send(self, method, path, body, headers) -> Response:
        answer = self.client.request(method, path, content=body, headers=dict(headers))
        return Response(answer.status_code, dict(answer.headers), answer.content)


@pytest.fixture
def running_issuer(tmp_path: Path, clock: Clock) -> Iterator[RunningIssuer]:
    folder = tmp_path / "issuer"
    with (
        open_issuer(folder, clock) as issuer,
        listening(create_issuer(issuer, IssuerSettings(folder), Metrics("1"))) as client,
    ):
        yield RunningIssuer(issuer, client, folder)


def new_identity() -> Identity:
    return Identity.create(os.urandom)


def test_one_voucher_certifies_one_key(running_issuer: RunningIssuer, clock: Clock) -> None:
    """Attack 3: one token certified 300 random strings in 2.7 s. Of 300 keys with one voucher, one is certified."""
    (voucher,) = running_issuer.vouchers(1)
    answers = []
    for _ in range(300):
        answers.append(running_issuer.certified(new_identity(), voucher).status_code)
        clock.pass_by(seconds=1)
    assert answers.count(200) == 1 and set(answers) <= {200, 403, 429} and 429 in answers


def test_keys_that_the_sender_does_not_have(running_issuer: RunningIssuer) -> None:
    """300 random strings, each with a voucher of its own: none is certified, and no voucher is used up."""
    vouchers = running_issuer.vouchers(300)
    for voucher in vouchers:
        challenge = running_issuer.client.post(CHALLENGE_PATH, content=os.urandom(32)).content
        body = os.urandom(32) + challenge + os.urandom(64)
        headers = {"Authorization": f"Voucher {voucher}"}
        assert running_issuer.client.post(CERTIFICATE_PATH, content=body, headers=headers).status_code == 403
    mine, other = new_identity(), new_identity()
    assert running_issuer.certified(mine, vouchers[0], of=other).status_code == 403
    assert running_issuer.certified(mine, vouchers[0]).status_code == 200


def test_an_old_challenge_or_one_of_another_key(running_issuer: RunningIssuer, clock: Clock) -> None:
    voucher, mine, other = running_issuer.vouchers(1)[0], new_identity(), new_identity()
    for device, seconds in ((other, 0), (mine, 601)):
        challenge = running_issuer.client.post(CHALLENGE_PATH, content=device.public).content
        clock.pass_by(seconds=seconds)
        body = CertificationRequest.create(mine, challenge).to_bytes()
        headers = {"Authorization": f"Voucher {voucher}"}
        assert running_issuer.client.post(CERTIFICATE_PATH, content=body, headers=headers).status_code == 403


def test_no_voucher_an_expired_one_and_one_that_is_made_up(running_issuer: RunningIssuer, clock: Clock) -> None:
    (voucher,) = running_issuer.vouchers(1)
    assert running_issuer.certified(new_identity(), None).status_code == 403
    assert running_issuer.certified(new_identity(), "a-voucher").status_code == 403
    clock.pass_by(days=31)
    assert running_issuer.certified(new_identity(), voucher).status_code == 403


def test_a_certificate_that_others_take_and_its_renewal(running_issuer: RunningIssuer, clock: Clock) -> None:
    device = new_identity()
    for voucher in (running_issuer.vouchers(1)[0], None):  # a renewal needs none
        made = running_issuer.certified(device, voucher).content
        record = Identity(device.private, made).record(bytes(32), bytes(32), bytes(32))
        now = int(clock().timestamp())
        peer = verify_record(record, bytes(32), [running_issuer.issuer.public], now + 90 * 86_400 - 1)
        assert peer.device == device.public
        clock.pass_by(days=60)


def test_vouchers_and_revocations_need_the_issuers_token(running_issuer: RunningIssuer) -> None:
    for headers in ({}, bearer("a-token")):
        assert running_issuer.client.post("/issuer/vouchers", json={"count": 1}, headers=headers).status_code == 401
        assert running_issuer.client.post("/issuer/revoke", content=bytes(32), headers=headers).status_code == 401


def test_a_revoked_key_gets_no_certificate_and_no_place_in_a_round(
    target: Target, running_issuer: RunningIssuer, clock: Clock
) -> None:
    """By the gateway, which reads the issuer's list again when it changes."""
    made = gateway_samples.Round(target.service.state, clock)
    revoked = RevocationList(7, int(clock().timestamp()) + 600)
    file = running_issuer.folder / "list"
    file.write_bytes(revoked.sign(ISSUER.private))
    app = create_gateway(
        target.service.state, "main", [ISSUER.public], clock, Metrics("1"), revoked=Revocations(file, [ISSUER.public])
    )
    made.opens(Stage.KEYS)
    with listening(app) as client:
        keys = [session.answer(made.coordinator.invitation)[1] for session in made.fleet.sessions]
        assert client.post(f"{made.path}/keys", content=keys[0]).status_code == 200
        hashes = frozenset({hashlib.sha256(made.fleet.sessions[1].device).digest()})
        file.write_bytes(RevocationList(8, revoked.expires, hashes).sign(ISSUER.private))
        refused = client.post(f"{made.path}/keys", content=keys[1])
        assert refused.status_code == 403 and "revoked" in refused.json()["detail"]
        file.write_bytes(RevocationList(7, revoked.expires).sign(ISSUER.private))  # the older list again
        assert client.post(f"{made.path}/keys", content=keys[1]).status_code == 403
        clock.pass_by(seconds=601)
        assert client.post(f"{made.path}/keys", content=keys[2]).status_code == 503


@pytest.fixture
def arts(running_issuer: RunningIssuer) -> Iterator[list[keyart.Personalizer]]:
    """Three devices whose only issuer is the separate one."""
    limits = keyart.Limits(servers=[public(SERVER)], issuers=[running_issuer.issuer.public], minimum_devices=2)
    opened = []
    for number in range(3):
        art = keyart.Personalizer.open(
            "memory", catalog=sample_catalog(), keys=keyart.EphemeralKey(), engine="numpy", limits=limits
        )
        opened.append(art)
        for purpose in BOTH.split():
            art.consent.grant(purpose)
        live(art, number)
    yield opened
    for art in opened:
        art.close()


def test_a_server_without_the_issuers_key_makes_no_device(
    arts: list[keyart.Personalizer], running_issuer: RunningIssuer, clock: Clock
) -> None:
    """Attack 2: sybils beside a victim. What the server certifies itself no device takes: not for itself, not as a
    neighbour's."""
    own, until = Identity.create(os.urandom), int(clock().timestamp()) + 86_400
    victim = arts[0]
    key = victim.federated.device_key()
    assert key is not None
    with pytest.raises(MessageError, match="not known here"):
        victim.federated.enrol(certify(own.private, key, until))
    assert enrol(victim, running_issuer.send, running_issuer.vouchers(1)[0])
    asked = offer(victim, minimum_devices=2, not_after=int(clock().timestamp()) + 3600)
    message = asked.sign(SERVER)
    terms = asked.terms(message)
    reply = victim.answer(message)
    assert reply is not None
    sybils = []
    for _ in range(2):
        identity = new_identity()
        sybil = Identity(identity.private, certify(own.private, identity.public, until))
        sybils.append(sybil.record(terms.round_id, os.urandom(32), os.urandom(32)))
    with pytest.raises(MessageError, match="not known here"):
        victim.answer(ShareRequest(3, sybils).to_bytes(terms.round_id))
    assert victim.federated.sent() == []


def test_a_revoked_neighbour_ends_a_round_before_anything_leaves(
    arts: list[keyart.Personalizer], running_issuer: RunningIssuer, clock: Clock, monkeypatch
) -> None:
    for art, voucher in zip(arts, running_issuer.vouchers(3), strict=True):
        assert enrol(art, running_issuer.send, voucher)
    thief = arts[2].federated.device_key()
    running_issuer.client.post("/issuer/revoke", content=thief, headers=bearer(running_issuer.issuer.token))
    assert update_revocations(arts[0], running_issuer.send)
    monkeypatch.setattr("support.campaigns.ISSUER", running_issuer.private)
    asked = offer(arts[0], minimum_devices=2, not_after=int(clock().timestamp()) + 3600)
    replies = []
    with pytest.raises(keyart.errors.RoundFailed):
        for stage, message in messages_for(arts, asked, at=clock()):
            replies.append((stage, arts[0].answer(message)))
    assert [reply is None for _, reply in replies] == [False, True]
    assert arts[0].federated.sent() == [] and running_issuer.certified(new_identity(), None).status_code == 403


def test_lists_that_a_device_refuses(arts, running_issuer: RunningIssuer, clock: Clock) -> None:
    """An older list, one of another issuer, one with a changed byte, one that has expired, one that is cut short."""
    for art, voucher in zip(arts, running_issuer.vouchers(3), strict=True):
        assert enrol(art, running_issuer.send, voucher)
    old = running_issuer.client.get(REVOKED_PATH).content
    running_issuer.issuer.authority.revoke(bytes(32))
    new = running_issuer.client.get(REVOKED_PATH).content
    assert new != old and arts[0].federated.update_revocations(new) and arts[0].federated.update_revocations(new)
    now = int(clock().timestamp())
    foreign = RevocationList(99, now + 600).sign(b"x" * 32)
    expired = RevocationList(99, now - 1).sign(running_issuer.private)
    for data in (old, foreign, bytes([new[0], *new[1:-1], new[-1] ^ 1]), expired, new[:-1], b""):
        with pytest.raises(MessageError):
            arts[0].federated.update_revocations(data)


def test_a_server_refuses_to_hold_the_issuers_key(tmp_path: Path) -> None:
    """Unless it was told so; nothing is written before."""
    with pytest.raises(SettingError, match="keyart issuer"):
        serve(ServerSettings(tmp_path / "data", port=0), lambda _: None)
    assert not (tmp_path / "data").exists()
    tuf_keys.create(tmp_path / "data" / "keys" / "issuer.pem")
    with pytest.raises(SettingError, match="must not hold"):
        serve(ServerSettings(tmp_path / "data", port=0, issuers=("00" * 32,)), lambda _: None)
    with pytest.raises(SettingError, match="excludes"):
        ServerSettings(tmp_path / "data", issuers=("00" * 32,), insecure_issuer=True)


def test_each_page_of_a_server_that_is_its_own_issuer_says_so(target: Target) -> None:
    assert "must be trusted" in target.client.get("/").text
    page = Pages(server_trusted=False).show("message.html", heading="", sentence="")
    assert "must be trusted" not in bytes(page.body).decode()
