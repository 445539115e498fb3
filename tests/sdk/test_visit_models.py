"""What comes to a visiting device: its certificate, and models as they are rolled out."""

from __future__ import annotations

import hashlib
import json
import runpy
import threading
import time

import numpy as np
import pytest
from support.campaigns import ISSUER, NOW, SERVER, fleet, limits, offer, public
from support.catalogs import Clock, sample_bundle, sample_catalog
from support.visits import DEVICES, EXAMPLE, OPEN, TOKEN, Door, a_door, go, on_loopback

import keyart
from keyart.client import ModelOffer, Response, enrol, offered_version
from keyart.errors import MessageError, SettingError
from keyart.secagg import CertificationRequest, certify
from keyart_server.signing.repository import Repository

# Enrolment


@pytest.fixture
def newcomer():
    settings = {"catalog": sample_catalog(), "keys": keyart.EphemeralKey(), "engine": "numpy", "clock": Clock()}
    with keyart.Personalizer.open("memory", limits=limits(**OPEN), **settings) as art:
        for purpose in ("personalization", "federated"):
            art.consent.grant(purpose)
        yield art


def test_enrolment(newcomer):
    door = a_door([newcomer])
    assert go(newcomer, door.send).declined
    assert enrol(newcomer, door.send, TOKEN) and enrol(newcomer, door.send, TOKEN)
    assert CertificationRequest.from_bytes(door.sent[-1][0]).device == newcomer.federated.device_key()
    assert go(newcomer, door.send).waiting


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (Response(401), SettingError, "401"),
        (Response(403), SettingError, "voucher"),
        (Response(503, {"Retry-After": "7"}), OSError, "in 7 seconds"),
        (Response(429), OSError, "later"),
        (TimeoutError(), OSError, "later"),
        (Response(302), MessageError, "302"),
        (Response(200, {}, b"garbage"), MessageError, "certificate"),
        (Response(200, {}, certify(b"x" * 32, b"k" * 32, NOW + 60)), MessageError, "issuer"),
        (Response(200, {}, certify(ISSUER, public(b"o" * 32), NOW + 60)), MessageError, "another device|signature"),
    ],
    ids=repr,
)
def test_enrolment_that_fails_says_why(newcomer, answer, error, words):
    door = Door()
    door.answers["POST /issuer/certificate"] = answer
    with pytest.raises(error, match=words):
        enrol(newcomer, door.send, TOKEN)


def test_without_consent_no_key_leaves(newcomer):
    newcomer.consent.withdraw("federated")
    door = Door()
    assert enrol(newcomer, door.send, TOKEN) is False and door.asked == []


# Models


def test_a_share_of_the_devices_takes_a_model_early(tmp_path):
    shares = (0.0, 0.01, 0.1, 0.5, 1.0)
    taken = np.array([[offered_version(ModelOffer(8, s, 7), tmp_path / str(n)) for s in shares] for n in range(300)])
    assert (np.diff(taken, axis=1) >= 0).all()  # who has taken it keeps it while the share grows
    found = (taken == 8).mean(axis=0)
    assert found[0] == 0 and found[-1] == 1 and np.abs(found - shares).max() < 0.1
    assert set(np.unique(taken)) == {7, 8}


def test_another_model_goes_to_other_devices_first(tmp_path):
    early = [
        {n for n in range(200) if offered_version(ModelOffer(v, 0.25, 1), tmp_path / str(n)) == v} for v in (2, 3)
    ]
    assert len(early[0] & early[1]) < 30  # 12 of 200 by chance


def test_what_a_device_draws_stays(tmp_path):
    folder = tmp_path / "trust"
    assert offered_version(None, folder) is None and offered_version(ModelOffer(None, 1.0, None), folder) is None
    assert offered_version(ModelOffer(3, 1.0, None), folder) == 3 and not folder.exists()
    assert offered_version(ModelOffer(3, 0.0, None), folder) is None
    drawn = (folder / "draw").read_bytes()
    assert len(drawn) == 16 and (folder / "draw").stat().st_mode & 0o077 == 0
    mine = int.from_bytes(hashlib.sha256(drawn + (3).to_bytes(8, "little")).digest()[:8], "little") / 2**64
    assert (
        offered_version(ModelOffer(3, np.nextafter(mine, 1), 2), folder) == 3
        and offered_version(ModelOffer(3, mine, 2), folder) == 2
    )
    assert (folder / "draw").read_bytes() == drawn
    (folder / "draw").write_bytes(b"cut")
    offered_version(ModelOffer(3, 0.5, 2), folder, lambda n: b"x" * n)
    assert (folder / "draw").read_bytes() == b"x" * 16


@pytest.mark.slow
def test_the_example_takes_part_and_installs(tmp_path, capsys):
    catalog, now = sample_catalog(), int(time.time())
    catalog.save(tmp_path / "catalog.json")
    made = Repository.create(tmp_path / "site", tmp_path / "keys")
    made.publish(sample_bundle(tmp_path / "bundle", catalog))
    (tmp_path / "root.json").write_bytes(made.trusted_root)
    with fleet(1) as (art,):
        asked = offer(art, not_after=now + 3600)
    door = Door(asked, due=DEVICES, now=now, site=made.folder)
    door.again = 1.0
    stop = threading.Event()

    def send(*request):
        if door.over:
            door.model = {"version": 1, "share": 1.0, "before": None}
            if sum(request.endswith(".manifest.json") for request in door.asked) == DEVICES:
                stop.set()  # what has begun is done first
        return door.send(*request)

    (tmp_path / "vouchers").write_text(f"{TOKEN}\n" * DEVICES)
    with on_loopback(send) as url:
        given = {
            "--url": url, "--vouchers": tmp_path / "vouchers",
            "--catalog": tmp_path / "catalog.json", "--root": tmp_path / "root.json",
            "--server-key": public(SERVER).hex(), "--issuer-key": public(ISSUER).hex(), "--devices": DEVICES,
            "--least": 2,
        }  # fmt: skip
        main = runpy.run_path(str(EXAMPLE))["main"]
        main([str(word) for pair in given.items() for word in pair], stop)
    assert len(door.coordinator.result.survivors) == DEVICES
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    by_event = {name: {one["device"] for one in events if one["event"] == name} for name in ("enrolled", "handed in")}
    assert by_event == {"enrolled": {0, 1, 2}, "handed in": {0, 1, 2}}
    assert {(one["device"], one["model"]) for one in events if one["event"] == "installed"} == {
        (0, 1),
        (1, 1),
        (2, 1),
    }
