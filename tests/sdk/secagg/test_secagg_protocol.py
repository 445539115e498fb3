"""The worked example of docs/reference/protocol.md is what the code does with that randomness, byte by byte."""

from __future__ import annotations

import hashlib
import re
import struct
from pathlib import Path

import numpy as np

from keyart.secagg import AggregationParameters, DeviceSession, Identity, Stage, certify
from keyart.secagg import messages as wire
from keyart.secagg.device_session import _private
from keyart.secagg.graph import ring_position
from keyart.secagg.identity import CERTIFICATE_BYTES, RECORD_BYTES, issuer_id
from keyart.secagg.key_agreement import LABEL, agree_secret, derive_key
from keyart.secagg.masks import mask_lanes, to_signed

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "protocol.md").read_text("utf-8")
NOW = 1_800_000_000


class Example:
    """Three devices; secrets of one repeated byte each; everybody stays to the end."""

    def __init__(self) -> None:
        issuer = Identity(bytes([0x10]) * 32)
        self.terms = AggregationParameters(
            size=4, bits=32, bound=1000, threshold_permille=1000, minimum_devices=3, nonce=bytes(32)
        )
        round_id = self.terms.round_id
        identities = [Identity(bytes([0x20 + i]) * 32) for i in range(3)]
        identities = [Identity(i.private, certify(issuer.private, i.public, NOW)) for i in identities]
        sessions = [
            DeviceSession.start(self.terms, one, [issuer.public], NOW, lambda n, i=i: bytes([0x30 + i]) * n)
            for i, one in enumerate(identities)
        ]
        places = [ring_position(round_id, one.public) for one in identities]
        ring = sorted(range(3), key=places.__getitem__)
        self.vectors = [np.array([1, -2, 3, 1000]) - 7 * i for i in range(3)]
        self.first: list[tuple[bytes, bytes]] = []  # requests to device 0, and its replies
        replies: dict[int, bytes] = {}
        dealt: dict[int, wire.ShareReply] = {}
        lanes = []
        for stage in Stage:
            for i in range(3):
                near = [ring[(ring.index(i) + d) % 3] for d in (1, 2)]
                request = {
                    Stage.KEYS: lambda: wire.KeysRequest(self.terms).to_bytes(),
                    Stage.SHARE: lambda: wire.ShareRequest(3, [sessions[n].record for n in near]).to_bytes(round_id),  # noqa: B023
                    Stage.MASKED: lambda: wire.MaskedRequest(
                        [True] * 2,
                        [dealt[n].sealed[1 - j] for j, n in enumerate(near)],  # noqa: B023
                    ).to_bytes(round_id),
                    Stage.UNMASK: lambda: wire.UnmaskRequest([True] * 2).to_bytes(round_id),
                }[stage]()
                agreeing = sessions[i].secret
                sessions[i], replies[i] = sessions[i].answer(request, lambda i=i: self.vectors[i])
                if i == 0:
                    self.first.append((request, replies[i]))
                if stage is Stage.MASKED:
                    lanes.append(np.frombuffer(wire.MaskedReply.from_bytes(replies[i], self.terms, 2).lanes, "<u4"))
                    lanes[-1] = lanes[-1] - mask_lanes(
                        derive_key(agreeing, round_id, "self-mask seed", length=16), 4, 32
                    )
            if stage is Stage.SHARE:
                dealt = {i: wire.ShareReply.from_bytes(reply, round_id, 2) for i, reply in replies.items()}
        total = to_signed(np.sum(lanes, axis=0, dtype=np.uint32), 32)
        np.testing.assert_array_equal(total, np.sum(self.vectors, axis=0))

        secrets = [bytes([0x30 + i]) * 32 for i in range(3)]
        sealing, masking = _private(secrets[0], round_id)
        publics = [key.public_key().public_bytes_raw() for key in _private(secrets[1], round_id)]
        both = sorted(one.public for one in identities[:2])
        agreed = agree_secret(masking, publics[1])
        pair = derive_key(agreed, round_id, "mask", b"".join(both), 16)
        self.lines = {
            "terms": self.terms.to_bytes().hex(),
            "round id": round_id.hex(),
            "issuer, public": issuer.public.hex(),
            "device 0, public": identities[0].public.hex(),
            "device 1, public": identities[1].public.hex(),
            "places of devices 0, 1, 2": " ".join(map(str, places)),
            "device 0, sealing key, public": sealing.public_key().public_bytes_raw().hex(),
            "device 0, masking key, public": masking.public_key().public_bytes_raw().hex(),
            "device 0, self-mask seed": derive_key(secrets[0], round_id, "self-mask seed", length=16).hex(),
            "mask key of devices 0 and 1": pair.hex(),
            "its first lanes": " ".join(map(str, mask_lanes(pair, 4, 32))),
            "vector of device 0": " ".join(map(str, self.vectors[0])),
            "masked vector of device 0": " ".join(map(str, np.frombuffer(self.first[2][1][-16:], "<u4"))),
            "sum of the vectors": " ".join(map(str, total)),
        }
        for stage, (request, reply) in zip(Stage, self.first, strict=True):
            name = stage.name.lower()
            self.lines[f"{name}, asked, SHA-256"] = hashlib.sha256(request).hexdigest()
            self.lines[f"{name}, reply, SHA-256"] = hashlib.sha256(reply).hexdigest()


def test_the_worked_example():
    block = re.search(r"```text\n(terms .*?)```", PAGE, re.DOTALL)
    assert block, "docs/reference/protocol.md has no worked example"
    assert dict(line.split(" = ") for line in block[1].strip().splitlines()) == Example().lines


def test_lengths_on_the_page():
    """Of each message's fixed parts, as the tables give them."""
    for name, length in {
        "header": wire.HEADER_BYTES,
        "certificate": CERTIFICATE_BYTES,
        "record": RECORD_BYTES,
        "terms": len(Example().terms.to_bytes()),
        "packet": wire.PACKET_BYTES,
        "sealed packet": wire.SEALED_BYTES,
    }.items():
        assert f"**{name}** ({length} bytes)" in " ".join(PAGE.split()), (name, length)


def test_every_label_is_on_the_page():
    source = Path(__file__).parents[3] / "sdk/keyart/secagg"
    text = "".join(file.read_text("utf-8") for file in sorted(source.glob("*.py")))
    text += "".join(
        f.read_text("utf-8") for f in sorted((source.parents[3] / "federated/keyart_federated/sums").glob("*.py"))
    )
    labels = set(re.findall(r'round_id, f?"([a-z{}\- ]+)"', text)) | set(re.findall(r'LABEL \+ b"([a-z]+)"', text))
    labels = {label.replace("{purpose}", kind) for label in labels for kind in ("lock", "masking", "self-mask")}
    assert len(labels) >= 14
    assert {label for label in labels if f"`{label}`" not in PAGE} == set()
    assert LABEL.decode() in PAGE and struct.calcsize("<Q") == len(issuer_id(bytes(32)))
