"""Devices that visit a server: they watch, take part in its rounds, and install its models. Beside `keyart serve`
and `keyart issuer`:

    keyart issuer --data ISSUER --vouchers 50 > vouchers.txt
    python examples/visiting_devices.py --url http://127.0.0.1:8080 --issuer-url http://127.0.0.1:8090 \
        --vouchers vouchers.txt --catalog DATA/catalog.json --root DATA/tuf/root.json --server-key HEX \
        --issuer-key HEX --devices 50

Each device uses one voucher; both keys are public. Beside a trial server on this machine (`keyart serve
--insecure-issuer --data DATA`) one option finds all of that, and takes the vouchers from the server:

    python examples/visiting_devices.py --trial DATA --devices 30

Prints a line of JSON for whatever happens, until Ctrl-C.
"""

import argparse
import json
import random
import signal
import tempfile
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError

from cryptography.hazmat.primitives.serialization import load_pem_private_key

import keyart
from keyart.bundle import Manifest, Slots, install_update, verify
from keyart.client import MAX_RESPONSE_BYTES, Response, Send, Visit, enrol, offered_version, visit
from keyart.errors import BundleError
from keyart.model import FeatureSpec, load_ranker


class NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def transport(url: str) -> Send:
    """Return a function that sends HTTP requests, which is all that keyart needs of an HTTP client."""
    opener = urllib.request.build_opener(NoRedirects)

    def send(method, path, body, headers):
        request = urllib.request.Request(url + path, body or None, dict(headers), method=method)
        try:
            with opener.open(request, timeout=30) as reply:
                return Response(reply.status, dict(reply.headers), reply.read(MAX_RESPONSE_BYTES + 1))
        except HTTPError as error:
            with error:
                return Response(error.code, dict(error.headers), error.read(MAX_RESPONSE_BYTES + 1))
        except HTTPException as error:  # an answer that is cut short
            raise ConnectionError(str(error)) from error

    return send


def canary(folder: Path, manifest: Manifest):
    """Return the new model's ranker, to run test vectors before it is installed."""
    return load_ranker(folder, FeatureSpec.from_json(manifest.feature_spec), manifest.session_config, "numpy").run


class Device:
    """A viewer who likes one tag, with a profile and bundles in `home`."""

    def __init__(self, number, home, catalog, bundle, root, limits, send, issuer, voucher, **settings):
        self.number, self.home, self.catalog, self.root = number, home, catalog, root
        self._send, self._issuer, self._voucher = send, issuer, voucher
        self._enrolled, self._visit = False, Visit()
        self._rng = random.Random(number)
        self._liked = self._rng.choice(sorted({tag for title in catalog for tag in title.tags}) or ["none"])
        self._slots, secrets = Slots(home / "bundles"), {}
        if bundle is not None:
            self._slots.install(bundle, verify)
        self._art = keyart.Personalizer.open(
            home / "profile.db",
            catalog=catalog,
            keys=keyart.HostKey(secrets.get, secrets.__setitem__, lambda name: secrets.pop(name, None)),
            bundle=self._slots.folder if bundle is not None else None,
            engine="numpy",
            limits=limits,
            **settings,
        )
        for purpose in ("personalization", "federated"):
            self._art.consent.grant(purpose)
        self.watch()

    def watch(self, titles: int = 4) -> None:
        """Show a page of the catalogue, and report the outcomes."""
        context = keyart.Context("tv", datetime.now().astimezone())
        shown = self._rng.sample([title.id for title in self.catalog], min(titles, len(self.catalog)))
        for decision in self._art.choose_page(shown, context):
            artwork = next(a for a in self.catalog[decision.title_id].artworks if a.id == decision.artwork_id)
            plays = self._rng.random() < (0.6 if self._liked in artwork.tags else 0.15)
            self._art.observe(decision.id, keyart.Outcome.played(3600) if plays else keyart.Outcome.skipped())

    def turn(self) -> float:
        """Make one visit and handle its result; return the seconds until the next."""
        if not self._enrolled:
            try:
                self._enrolled = enrol(self._art, self._issuer, self._voucher)
            except OSError as error:
                self.say("away", why=str(error))
                return 5.0
            self.say("enrolled")
        before, self._visit = self._visit, visit(self._art, self._send, self._visit)
        if self._visit.away:
            self.say("away", seconds=round(self._visit.again_seconds, 1))
        for round_id, part in self._visit.parts.items():
            if round_id not in before.parts or before.parts[round_id] != part:
                self.say(part.standing, round=round_id, stage=part.stage.name.lower())
        self.follow()
        self.watch(1)
        return self._visit.again_seconds

    def follow(self) -> None:
        """Install the model offered to this device."""
        trust = self.home / "trust"
        wanted = offered_version(self._visit.model, trust)
        if self.root is None or wanted is None or wanted <= self._art.model_version:
            return
        try:
            install_update(self._slots, trust, self.fetch, root=self.root, canary=canary, newest=wanted)
            if self._slots.current() is not None:
                self.say("installed", model=self._art.install(self._slots.folder))
        except BundleError as error:
            self.say("not installed", why=str(error))

    def fetch(self, path: str) -> bytes:
        answer = self._send("GET", f"/tuf/{path}", b"", {})
        if answer.status != 200:
            raise (FileNotFoundError if answer.status in (403, 404) else OSError)(f"{answer.status}: {path}")
        return answer.body

    def say(self, event: str, **details) -> None:
        line = json.dumps({"device": self.number, "event": event, **details})
        print(f"{line}\n", end="", flush=True)  # in one piece, beside other threads

    def close(self) -> None:
        self._art.close()


def add_trial(given: argparse.Namespace) -> None:
    """Fill in what the data folder of a trial server holds."""
    keys = given.trial / "keys"
    given.catalog, given.root = given.trial / "catalog.json", given.trial / "tuf" / "root.json"
    given.server_key, given.issuer_key = (public_key(keys / f"{name}.pem") for name in ("offers", "issuer"))
    headers = {
        "Authorization": f"Bearer {(given.trial / 'issuer' / 'issuer.token').read_text().strip()}",
        "Content-Type": "application/json",
    }
    body = json.dumps({"count": given.devices}).encode()
    answer = transport(given.url.rstrip("/"))("POST", "/issuer/vouchers", body, headers)
    given.vouchers = json.loads(answer.body)["vouchers"]


def vouchers_of(path: str) -> list[str]:
    """Return the vouchers of a file."""
    return Path(path).read_text().split()


def public_key(path: Path) -> bytes:
    """Return the public half of a key file."""
    return load_pem_private_key(path.read_bytes(), None).public_key().public_bytes_raw()


def run(devices: list[Device], stop: threading.Event, workers: int = 8) -> None:
    """Visit the server whenever a visit is due, until stopped."""
    due = dict.fromkeys(devices, 0.0)
    try:
        with ThreadPoolExecutor(workers) as pool:
            while not stop.wait(0.2):
                ready = [device for device, at in due.items() if at <= time.monotonic()]
                for device, seconds in zip(ready, pool.map(Device.turn, ready), strict=True):
                    due[device] = time.monotonic() + seconds
    finally:
        for device in devices:
            device.close()


def main(arguments: list[str] | None = None, stop: threading.Event | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--trial", type=Path, metavar="DATA", help="data folder of a trial server; gives all the rest"
    )
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--issuer-url", help="of the issuer; by default the server is its own")
    parser.add_argument("--vouchers", type=vouchers_of, default=[], help="of the issuer, one a line and device")
    parser.add_argument("--catalog", type=Path, help="what the server was started with")
    parser.add_argument("--bundle", type=Path, help="that the app ships with")
    parser.add_argument("--root", type=Path, help="the trusted root; without it no model is fetched")
    parser.add_argument("--server-key", type=bytes.fromhex, help="public, signs offers")
    parser.add_argument("--issuer-key", type=bytes.fromhex, help="public, certifies devices")
    parser.add_argument("--devices", type=int, default=50)
    parser.add_argument("--least", type=int, default=20, help="devices in a round that these demand")
    parser.add_argument("--epsilon", type=float, default=8.0, help="that a device ever gives away")
    given = parser.parse_args(arguments)
    if given.trial is not None:
        add_trial(given)
    elif None in (given.catalog, given.server_key, given.issuer_key):
        parser.error("give --trial, or --vouchers, --catalog, --server-key and --issuer-key")
    limits = keyart.Limits(
        servers=[given.server_key],
        issuers=[given.issuer_key],
        minimum_devices=given.least,
        epsilon=given.epsilon,
        contributions_a_day=1000,
    )
    if len(given.vouchers) < given.devices:
        parser.error(f"there are {len(given.vouchers)} vouchers for {given.devices} devices")
    issuer = transport((given.issuer_url or given.url).rstrip("/"))
    catalog, send = keyart.Catalog.load(given.catalog), transport(given.url.rstrip("/"))
    root = None if given.root is None else given.root.read_bytes()
    if stop is None:
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
    with tempfile.TemporaryDirectory() as folder:
        homes = [Path(folder) / str(n) for n in range(given.devices)]
        for home in homes:
            home.mkdir()
        rest = (catalog, given.bundle, root, limits, send, issuer)
        run([Device(n, home, *rest, given.vouchers[n]) for n, home in enumerate(homes)], stop)


if __name__ == "__main__":
    main()
