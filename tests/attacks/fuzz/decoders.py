"""Every function of the SDK that reads bytes from outside: how to call it, good inputs, and the errors it may raise.

What a decoder accepts is used as the SDK would use it, so that nothing breaks one step later.
"""

from __future__ import annotations

import itertools
import json
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attacks.fuzz.odd_model import odd_model
from attacks.fuzz.repository import UPDATES
from attacks.fuzz.sums import gateway_bundle, kept_fields, kept_session, stage_message, terms_of_a_sum
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support import bundles as samples
from support import campaigns
from support import catalogs as choosing

import keyart
from keyart.bundle import Manifest, Slots, folder, loading, reference_vectors, trust
from keyart.bundle.fields import FileEntry
from keyart.campaigns.offer import Offer
from keyart.campaigns.receipts import Contribution
from keyart.campaigns.round_state import OpenRound
from keyart.client.discovery import read_status as read_current
from keyart.client.transport import Response
from keyart.errors import (
    BundleDamaged,
    BundleError,
    BundleRefused,
    CatalogError,
    KeyartError,
    MessageError,
    StoreDamaged,
    StoreError,
    UnknownDecision,
    WrongKey,
)
from keyart.model.features import EncodedCatalog, FeatureSpec
from keyart.model.features.viewer import ViewerFeatures
from keyart.model.ranker.weights import Weights, weights_from_bytes, weights_to_bytes
from keyart.profile import consent, preferences
from keyart.profile import event_codec as logbook
from keyart.profile.snapshot import RECORD_ID, Snapshot
from keyart.secagg import RevocationList, Stage
from keyart.secagg.messages import message_header
from keyart.sidecar import Endpoint, method_table
from keyart.sidecar.household import Device, Household
from keyart.sidecar.json_rpc import INTERNAL_ERROR
from keyart.store import ledger
from keyart.store.database import Store, Table
from keyart.store.envelope import Sealer

Read = Callable[[bytes], object]
Errors = tuple[type[KeyartError], ...]
CATALOG = choosing.sample_catalog(titles=3, artworks=3)
SPEC = FeatureSpec.from_catalog(CATALOG)
LOOKS = [
    replace(title, id=f"{title.id}{n}", embedding=[n % 3, -n], artworks=[replace(title.artworks[0], id=f"{n}")])
    for n, title in enumerate([*CATALOG] * 6)
]
AT = datetime(2026, 3, 2, 20, 15, tzinfo=UTC)


@dataclass(frozen=True)
class Decoder:
    """prepare: from an empty folder to the function that reads, and good inputs. share: of the inputs of a run."""

    name: str
    prepare: Callable[[Path], tuple[Read, Sequence[bytes]]]
    errors: Errors
    share: int = 100

    def ready(self, place: Path) -> Ready:
        """The decoder, set up in a folder of its own."""
        home = place / self.name.replace(" ", "-")
        home.mkdir(parents=True)
        return Ready(self.name, *self.prepare(home), self.errors)


@dataclass(frozen=True)
class Ready:
    name: str
    read: Read
    seeds: Sequence[bytes]
    errors: Errors


def text(document: Any) -> bytes:
    return json.dumps(document).encode()


def parsed(data: bytes) -> Any:
    """A JSON value for decoders that start from one; None for other bytes."""
    with suppress(ValueError, RecursionError):
        return json.loads(data)
    return None


def rewrite(path: Path, data: bytes) -> None:
    """As a new file: some systems sync one that is cut to nothing and written again, ten times as slowly."""
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def bundle(place: Path) -> dict[str, bytes]:
    """The files of a real bundle."""
    return folder.read_files(choosing.sample_bundle(place / "bundle", CATALOG))


def manifest(place: Path) -> tuple[Read, Sequence[bytes]]:
    other = choosing.sample_bundle(place / "other", choosing.sample_catalog(titles=1, artworks=2), version=7)
    return used_manifest, [bundle(place)["manifest.json"], (other / "manifest.json").read_bytes()]


def sealed_manifest(place: Path) -> tuple[Read, Sequence[bytes]]:
    """Behind its digest: a publisher can make any fields whole."""

    def read(data: bytes) -> object:
        document = parsed(data) if data.count(b"{") + data.count(b"[") < 500 else None
        with suppress(ValueError):  # deep lists cannot be written in canonical form without a mass of indents
            data = samples.resealed(text(document)) if isinstance(document, dict) else data
        return used_manifest(data)

    return read, manifest(place)[1]


def used_manifest(data: bytes) -> None:
    found = Manifest.parse(data)
    assert found.to_bytes() == data
    trust.check_versions(found)
    trust.check_feature_spec(found)
    trust.check_parent(found)
    trust.check_listing([*found.files, "manifest.json"], found)
    used_spec(found.feature_spec)


def spec(place: Path) -> tuple[Read, Sequence[bytes]]:
    people = choosing.sample_catalog(titles=2, artworks=2)
    more = [
        keyart.Title(f"p{n}", tags={f"cast:{n}": 1.0}, artworks=[keyart.Artwork(f"p{n}/a", {f"cast:{n}": 1.0})])
        for n in range(70)
    ]
    other = FeatureSpec.from_catalog(keyart.Catalog.from_titles([*people, *more]))
    embedded = FeatureSpec.from_catalog(keyart.Catalog.from_titles(LOOKS))
    return lambda data: used_spec(parsed(data)), [text(made.to_json()) for made in (SPEC, other, embedded)]


def used_spec(document: Any) -> None:
    found = FeatureSpec.from_json(document)
    assert FeatureSpec.from_json(found.to_json()).sha256 == found.sha256
    found.context_row("tv", "evening")
    if found.artwork_size < 200:
        looks = found.embedding is not None and found.embedding.size == 2
        encoded = EncodedCatalog.build(keyart.Catalog.from_titles(LOOKS) if looks else CATALOG, found)
        Weights.zeros(found)
        ViewerFeatures.unknown(encoded)


def vocabulary(place: Path) -> tuple[Read, Sequence[bytes]]:
    return lambda data: trust.check_vocabulary(data, SPEC.viewer_size), [bundle(place)["vocabulary.json"]]


def read_vocabulary(place: Path) -> tuple[Read, Sequence[bytes]]:
    return lambda data: loading._vocabulary(data, SPEC, CATALOG), [bundle(place)["vocabulary.json"]]


def test_vectors(place: Path) -> tuple[Read, Sequence[bytes]]:
    document = samples.vectors_document()
    typed = {"type": "int8", "shape": [2], "data": [-128, 127]}, {"type": "bool", "shape": [], "data": [True]}
    for case, value in zip(document["cases"], itertools.cycle(typed), strict=False):
        case["inputs"]["more"] = value
    return reference_vectors.parse_vectors, [text(document), text(samples.vectors_document(1))]


def ranker_graph(place: Path) -> tuple[Read, Sequence[bytes]]:
    files = bundle(place)
    described = Manifest.parse(files["manifest.json"])
    return (
        lambda data: folder._check_ranker({**files, "ranker.onnx": data}, described),
        [files["ranker.onnx"]],
    )


def training_graph(place: Path) -> tuple[Read, Sequence[bytes]]:
    files = bundle(place)
    described = Manifest.parse(files["manifest.json"])
    return (
        lambda data: folder._check_graph({"train.onnx": data}, "train.onnx", described, None),
        [files["train.onnx"], odd_model().SerializeToString()],
    )


def weights(place: Path) -> tuple[Read, Sequence[bytes]]:
    return lambda data: weights_from_bytes(data, SPEC), [
        weights_to_bytes(Weights.zero_shot(SPEC), SPEC),
        bundle(place)["ranker.bin"],
    ]


def whole_bundle(place: Path) -> tuple[Read, Sequence[bytes]]:
    """One file of an installed folder, with its digest right; which one, the first byte says."""
    files = bundle(place)
    names = sorted(set(files) - {"manifest.json"})

    def read(data: bytes) -> object:
        name = names[data[0] % len(names)] if data else names[0]
        rewrite(place / "bundle" / name, data[1:])
        entries = {n: FileEntry.of(d).to_json() for n, d in {**files, name: data[1:]}.items() if n in names}
        rewrite(place / "bundle" / "manifest.json", samples.resealed(files["manifest.json"], files=entries))
        try:
            return folder.verify(place / "bundle")
        finally:
            rewrite(place / "bundle" / name, files[name])

    return read, [bytes([i]) + files[name] for i, name in enumerate(names)]


def pointer(place: Path) -> tuple[Read, Sequence[bytes]]:
    """A pointer that was changed: a bundle of the folder serves, whatever it says."""
    slots = Slots(place / "slots")
    slots.install(samples.sample_bundle(place / "one", 1), folder.verify)
    slots.install(samples.sample_bundle(place / "two", 2), folder.verify)
    good = (slots.folder / "current").read_bytes()

    def read(data: bytes) -> None:
        rewrite(slots.folder / "current", data)
        serving = slots.current()
        assert serving is not None and serving.parent == slots.folder

    return read, [good]


def catalogue(place: Path) -> tuple[Read, Sequence[bytes]]:
    CATALOG.save(place / "catalog.json")
    picture = {"id": "é/a", "tags": {"faces": 1}, "embedding": [0.5, -1], "maturity": "13+", "spoiler": True}
    title = {"id": "é", "name": "É", "duration": 60, "tags": {"genre:é": 1}, "artworks": [picture]}
    seeds = [(place / "catalog.json").read_bytes(), text({"format": "keyart-catalog/1", "titles": [title]})]

    def read(data: bytes) -> None:
        rewrite(place / "catalog.json", data)
        found = keyart.Catalog.load(place / "catalog.json")
        made = FeatureSpec.from_catalog(found)
        assert made.sha256
        EncodedCatalog.build(found, made)
        for title in found:
            logbook.view_to_bytes(keyart.View(title.id, AT, 1.0), 1)

    return read, seeds


def compact_catalogue(place: Path) -> tuple[Read, Sequence[bytes]]:
    """The check sum is right again after each change: the rules behind it have to hold alone."""
    path = place / "catalog.compact"
    seeds = []
    for titles in (CATALOG, LOOKS):
        keyart.Catalog.from_titles(titles).save_compact(path)
        seeds.append(path.read_bytes())

    def read(data: bytes) -> None:
        rewrite(path, choosing.resealed_catalog(data))
        found = keyart.Catalog.load(path)
        EncodedCatalog.build(found, FeatureSpec.from_catalog(found))
        for title in found:  # one whose id was changed is not found by it, as if it were not there
            assert title.id not in found or found[title.id].id == title.id

    return read, seeds


def view(place: Path) -> tuple[Read, Sequence[bytes]]:
    def read(data: bytes) -> None:
        found = logbook.view_from_bytes(data)
        assert logbook.view_from_bytes(logbook.view_to_bytes(found, logbook.written_on(data))).title_id
        assert datetime.fromisoformat(found.at.isoformat()) == found.at

    old = struct.pack("<Bdhf", 1, AT.timestamp(), 120, 60.0) + b"\x02\x00t1\x02\x00tv"
    return read, [logbook.view_to_bytes(keyart.View("t1", AT, 2400.0), 20_000), old]


def entry(place: Path) -> tuple[Read, Sequence[bytes]]:
    decision = keyart.Decision("ab" * 16, "t1", "t1/a", 0.125, True, 7)
    entries = [logbook.Entry(decision, AT, "tv", 3, outcome=o) for o in (None, keyart.Outcome.played(9.0))]

    def read(data: bytes) -> None:
        found = logbook.entry_from_bytes("ab" * 16, data)
        assert logbook.entry_from_bytes("ab" * 16, logbook.entry_to_bytes(found)).daypart == found.daypart

    return read, [logbook.entry_to_bytes(e) for e in entries]


def pack(place: Path) -> tuple[Read, Sequence[bytes]]:
    """Several decisions in one record."""
    decisions = [(f"{n:032x}", data) for n, data in enumerate(entry(place)[1])]

    def read(data: bytes) -> None:
        found = logbook.pack_from_bytes(data)
        assert logbook.pack_from_bytes(logbook.pack_to_bytes(found)) == found

    return read, [logbook.pack_to_bytes(decisions), logbook.pack_to_bytes(decisions[:1])]


def consent_receipt(place: Path) -> tuple[Read, Sequence[bytes]]:
    receipts = [
        ["personalization", True, AT.isoformat()],
        ["federated", False, AT.isoformat()],
        ["federated", True, AT.isoformat(), AT.isoformat(), "0" * 64],
    ]

    return lambda data: consent._encoded(consent._decoded(data)), [*map(text, receipts)]


def consent_number(place: Path) -> tuple[Read, Sequence[bytes]]:
    return consent._number, [struct.pack(">Q", 1)]


def stated(place: Path) -> tuple[Read, Sequence[bytes]]:
    return preferences._decoded, [text({"genre:drama": 1.0, "faces": -1.0}), b"{}"]


def real_summary(place: Path) -> bytes:
    """What an app leaves beside its journal."""
    path, keys = place / "summarised.db", choosing.sample_keys()
    with keyart.Personalizer.open(path, catalog=CATALOG, keys=keys, engine="numpy") as art:
        art.consent.grant("personalization")
        art.record(keyart.View("t1", AT, 2400.0))
        for title in ("t0", "t1", "t2"):
            art.observe(art.choose(title, choosing.TV).id, keyart.Outcome.played(2400.0))
    with Store.open(path, keys) as store:
        found = store.get(Table.HEAD, RECORD_ID)
    assert found is not None
    return found


def summary(place: Path) -> tuple[Read, Sequence[bytes]]:
    return Snapshot.from_bytes, [real_summary(place)]


def summary_texts(place: Path) -> tuple[Read, Sequence[bytes]]:
    """Behind the checksum of what is compressed."""
    good = real_summary(place)
    start = next(at for at in range(len(good)) if inflated(good[at:]))
    return lambda data: Snapshot.from_bytes(good[:start] + zlib.compress(data)), [inflated(good[start:])]


def inflated(data: bytes) -> bytes:
    """Nothing where it is not compressed."""
    with suppress(zlib.error):
        return zlib.decompress(data)
    return b""


def sealed_record(place: Path) -> tuple[Read, Sequence[bytes]]:
    sealer = Sealer(b"k" * 32, "records")
    return lambda data: sealer.unseal(data, b"here"), [sealer.seal(b"x" * n, b"here") for n in (0, 40, 300)]


def tallies(place: Path) -> tuple[Read, Sequence[bytes]]:
    return lambda data: ledger.pack(ledger.unpack(data)), [ledger.pack(ledger.EMPTY)]


def host_key(place: Path) -> tuple[Read, Sequence[bytes]]:
    def read(data: bytes) -> None:
        keys = keyart.HostKey(lambda name: data, lambda name, secret: None, lambda name: None)
        assert len(keys.root_key(b"i" * 16, create=False)) == 32

    return read, [b"k" * 32]


def store_file(place: Path) -> tuple[Read, Sequence[bytes]]:
    """A changed database: all of it is read, or none."""
    path = place / "profile.db"
    with Store.open(path, choosing.sample_keys()) as store:
        for table in Table:
            store.put(table, b"id%d" % table, b"payload" * 9, group="t1")
    good = path.read_bytes()

    def read(data: bytes) -> None:
        (place / "profile.db-wal").unlink(missing_ok=True)
        rewrite(path, data)
        with Store.open(path, choosing.sample_keys()) as store:
            for table in Table:
                assert list(store.scan(table)) == [(b"id%d" % table, b"payload" * 9)]

    return read, [good]


def records(place: Path) -> tuple[Read, Sequence[bytes]]:
    """A record that opens and holds nonsense, in the table that its first byte names: at open, and in a export."""
    path, keys = place / "profile.db", choosing.sample_keys()
    settings: Mapping[str, Any] = {"catalog": CATALOG, "keys": keys, "engine": "numpy"}
    with keyart.Personalizer.open(path, **settings) as art:
        art.consent.grant("personalization")
    payloads = {
        Table.CONSENT: text(["personalization", True, AT.isoformat()]),
        Table.VIEW: logbook.view_to_bytes(keyart.View("t1", AT, 2400.0), 20_000),
        Table.DECISION: entry(place)[1][1],
        Table.PACK: pack(place)[1][0],
        Table.RECEIPT: contribution(place)[1][0],
        Table.SETTING: stated(place)[1][0],
        Table.HEAD: summary(place)[1][0],
    }
    ids = {Table.CONSENT: struct.pack(">Q", 2), Table.SETTING: preferences.RECORD_ID, Table.HEAD: RECORD_ID}

    def read(data: bytes) -> None:
        table = Table(data[0] % len(Table) + 1 if data else 1)
        with Store.open(path, keys) as store:
            store.put(table, ids.get(table, b"r" * 16), data[1:])
        try:
            with keyart.Personalizer.open(path, **settings) as art:
                json.dumps(art.export())
        finally:
            with Store.open(path, keys) as store:
                store.delete(table, ids.get(table, b"r" * 16))

    return read, [bytes([table - 1]) + payload for table, payload in payloads.items()]


def decision_id(place: Path) -> tuple[Read, Sequence[bytes]]:
    """What an app hands back may have come over a network."""
    art = keyart.Personalizer.open("memory", catalog=CATALOG, keys=keyart.EphemeralKey(), engine="numpy")
    art.consent.grant("personalization")
    known = art.choose("t0", choosing.TV).id

    def read(data: bytes) -> None:
        text = data[:100].decode("utf-8", "surrogateescape")
        art.observe(text, keyart.Outcome.skipped())
        art.explain(text)

    return read, [known.encode(), b"00" * 16]


def device() -> keyart.Personalizer:
    """Enrolled, with a round in progress."""
    clock = choosing.Clock()
    base = {"catalog": CATALOG, "keys": keyart.EphemeralKey(), "engine": "numpy", "clock": clock}
    art = keyart.Personalizer.open("memory", limits=campaigns.limits(contributions_a_day=10_000), **base)
    art.consent.grant("personalization")
    art.consent.grant("federated")
    return campaigns.enrolled(art)


def server_message(place: Path) -> tuple[Read, Sequence[bytes]]:
    """Whatever comes in at the one door."""
    art = device()
    good = campaigns.offer(art).sign(campaigns.SERVER)
    assert art.answer(good)
    (progress,) = art.federated._participation().rounds()
    return art.answer, [
        good,
        message_header(Stage.SHARE, progress.id) + bytes(300),
        text({"keyart": 1, "kind": "training"}),
    ]


def signed_offer(place: Path) -> tuple[Read, Sequence[bytes]]:
    """JSON that a server signs which the device trusts."""
    message = campaigns.offer(device()).sign(campaigns.SERVER)
    (length,) = struct.unpack_from("<I", message, 4)
    payload = message[8 + length : -64]
    key = Ed25519PrivateKey.from_private_bytes(campaigns.SERVER)

    def read(data: bytes) -> None:
        body = message[:4] + struct.pack("<I", len(data)) + data + payload
        found = Offer.read(body + key.sign(body), [campaigns.public(campaigns.SERVER)])
        assert found is not None and found.terms(body).size == found.size

    return read, [message[8 : 8 + length]]


def revocation_list(place: Path) -> tuple[Read, Sequence[bytes]]:
    issuers = [campaigns.public(campaigns.ISSUER)]
    good = RevocationList(3, 2_000_000_000, frozenset({bytes(32), b"x" * 32})).sign(campaigns.ISSUER)
    return lambda data: RevocationList.read(data, issuers, 1_790_000_000).revokes(bytes(32)), [good]


def sidecar_line(place: Path) -> tuple[Read, Sequence[bytes]]:
    """Lines to a sidecar. Each is answered, whatever it is, and none makes keyart fail."""
    CATALOG.save(place / "catalog.json")
    device = Device(place / "profiles.db", place / "catalog.json", keys=keyart.EphemeralKey())
    household = Household(device)
    household.open("default", None, {})
    endpoint = Endpoint(method_table(household, lambda: None))
    context = {
        "device": "tv",
        "at": AT.isoformat(),
        "slot": 1,
        "trending": {"t1": 0.5},
        "intent": {"genre:comedy": 1},
    }
    calls: dict[str, dict[str, object]] = {
        "choose": {"title_id": "t1", "context": context},
        "record": {"views": [{"title_id": "t1", "at": AT.timestamp(), "seconds": 60}]},
        "observe": {"decision_id": "00", "outcome": {"kind": "played", "seconds": 60}},
        "answer": {"message": "AAAA"},
        "intent": {"text": "something funny"},
    }
    lines = [
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        for method, params in calls.items()
    ]

    def read(data: bytes) -> None:
        answer = endpoint.answer(data)
        if answer is not None:
            found = json.loads(answer)
            for one in found if isinstance(found, list) else [found]:
                assert one.get("error", {}).get("code") != INTERNAL_ERROR, data

    return read, lines


def round_in_progress(place: Path) -> tuple[Read, Sequence[bytes]]:
    art = device()
    assert art.answer(campaigns.offer(art).sign(campaigns.SERVER))
    (good,) = art.federated._participation().rounds()
    servers = [campaigns.public(campaigns.SERVER)]
    return lambda data: OpenRound.from_bytes(data, servers), [good.to_bytes()]


def contribution(place: Path) -> tuple[Read, Sequence[bytes]]:
    good = Contribution(AT.isoformat(), "training", "c1", 3, 1000, True, 1.5)
    return lambda data: Contribution.from_bytes(data).to_bytes(), [good.to_bytes()]


def what_is_going_on(place: Path) -> tuple[Read, Sequence[bytes]]:
    listed = {"id": "ab" * 32, "low": 0.1, "high": 0.4, "closes": 1_790_000_000}
    told = {"again": 60, "model": {"version": 8, "share": 0.1, "before": 7}, "rounds": [listed]}
    return lambda data: read_current(Response(200, {}, data)), [json.dumps(told).encode()]


_OF_BUNDLES: Errors = (BundleDamaged, BundleRefused)
DECODERS = (
    Decoder("manifest", manifest, _OF_BUNDLES),
    Decoder("manifest behind its digest", sealed_manifest, _OF_BUNDLES),
    Decoder("feature spec", spec, (BundleRefused,)),
    Decoder("vocabulary rules", vocabulary, (BundleRefused,)),
    Decoder("vocabulary", read_vocabulary, (BundleRefused,)),
    Decoder("vectors", test_vectors, (BundleRefused,), 60),
    Decoder("ranker graph", ranker_graph, (BundleRefused,)),
    Decoder("training graph", training_graph, (BundleRefused,)),
    Decoder("weights", weights, (BundleDamaged,)),
    Decoder("whole bundle", whole_bundle, _OF_BUNDLES, 10),
    Decoder("pointer of slots", pointer, (), 10),
    Decoder("catalogue", catalogue, (CatalogError,)),
    Decoder("compact catalogue", compact_catalogue, (CatalogError,)),
    Decoder("view", view, (StoreDamaged,)),
    Decoder("entry", entry, (StoreDamaged,)),
    Decoder("pack", pack, (StoreDamaged,)),
    Decoder("consent receipt", consent_receipt, (StoreDamaged,)),
    Decoder("consent number", consent_number, (StoreDamaged,), 10),
    Decoder("preferences", stated, (StoreDamaged,)),
    Decoder("summary", summary, ()),
    Decoder("summary behind its checksum", summary_texts, ()),
    Decoder("sealed record", sealed_record, (StoreDamaged,)),
    Decoder("ledger", tallies, (StoreDamaged,)),
    Decoder("host key", host_key, (WrongKey,), 20),
    Decoder("store file", store_file, (StoreError,), 20),
    Decoder("records", records, (StoreDamaged,), 4),
    Decoder("decision id", decision_id, (UnknownDecision,), 20),
    Decoder("message of a server", server_message, (MessageError,), 20),
    Decoder("signed offer", signed_offer, (MessageError,), 20),
    Decoder("terms of a sum", terms_of_a_sum, (MessageError,)),
    Decoder("stage of a sum", stage_message, (MessageError,), 20),
    Decoder("session of a sum", kept_session, (StoreDamaged,), 20),
    Decoder("session behind its lengths", kept_fields, (StoreDamaged,), 20),
    Decoder("bundle of a gateway", gateway_bundle, (MessageError,), 40),
    Decoder("revocation list", revocation_list, (MessageError,)),
    Decoder("line to a sidecar", sidecar_line, (), 10),
    Decoder("round in progress", round_in_progress, (StoreDamaged,), 20),
    Decoder("contribution", contribution, (StoreDamaged,)),
    Decoder("what is going on", what_is_going_on, (MessageError,)),
    *(Decoder(name, prepare, (BundleError,), 4) for name, prepare in UPDATES.items()),
)
