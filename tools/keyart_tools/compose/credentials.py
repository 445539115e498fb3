"""Content Credentials: provenance that is signed into a picture, and read back.

This follows the C2PA Technical Specification 2.1. Neither signing nor reading uses the network. Ingredients are
identified by the hash of their file; their metadata and thumbnails, which may reveal a place or a camera, are left
out.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from keyart.errors import InputError

from .picture_file import stated_source_type
from .signing_keys import SigningKey
from .source_type import VOCABULARY

OFFLINE: dict[str, Any] = {
    "version": 1,
    "verify": {"verify_trust": True, "remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
}
HASH_NAME = "sha256:"


@dataclass(frozen=True, slots=True)
class Ingredient:
    """A source picture; `part` is "subject", "background" or "picture", and `sha256` is the hash of its file."""

    part: str
    name: str
    sha256: str


def signed(
    jpeg: bytes,
    name: str,
    ingredients: Sequence[Ingredient],
    steps: Sequence[str],
    kind: str,
    key: SigningKey,
    generator: tuple[str, str],
    now: datetime,
) -> bytes:
    """Return `jpeg` with its credentials.

    Two or more ingredients are placed on a new picture; a single one is opened and edited.

    Args:
        jpeg: the picture.
        name: its file name.
        ingredients: its source pictures.
        steps: C2PA actions after the first.
        kind: IPTC digital source type of a composed picture.
        key: signing key.
        generator: name and version of the program.
        now: time of the signature.
    """
    import c2pa

    when = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    several = len(ingredients) > 1
    placed = [
        {
            "action": "c2pa.placed" if several else "c2pa.opened",
            "when": when,
            "parameters": {"ingredientIds": [ingredient.part]},
        }
        for ingredient in ingredients
    ]
    created = [{"action": "c2pa.created", "when": when, "digitalSourceType": VOCABULARY + kind}] if several else []
    manifest = {
        "claim_generator_info": [{"name": generator[0], "version": generator[1]}],
        "title": name,
        "format": "image/jpeg",
        "ingredients": [
            {
                "label": ingredient.part,
                "title": ingredient.name,
                "relationship": "componentOf" if several else "parentOf",
                "instance_id": HASH_NAME + ingredient.sha256,
            }
            for ingredient in ingredients
        ],
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {"actions": [*created, *placed, *({"action": step, "when": when} for step in steps)]},
            }
        ],
    }
    info = c2pa.C2paSignerInfo(alg=b"es256", sign_cert=key.chain, private_key=key.private, ta_url=None)
    out = io.BytesIO()
    with (
        c2pa.Context.from_dict(OFFLINE) as context,
        c2pa.Signer.from_info(info) as signer,
        c2pa.Builder(manifest, context=context) as builder,
    ):
        builder.sign(signer, "image/jpeg", io.BytesIO(jpeg), out)
    return out.getvalue()


def read(path: Path, authority: bytes | None = None) -> dict[str, Any]:
    """Read the credentials of the picture at `path`.

    Args:
        path: the picture.
        authority: PEM of a certificate to trust; None for none.

    Returns:
        state: "valid", "invalid" (the picture or its credentials were changed) or "none"; trusted: whether the
            signer's
        chain ends at `authority`; issuer, signer, generator: texts or None; actions: in order; source_type: last part
            of
        the IPTC digital source type, or None; ingredients: name, relationship and sha256, or None; problems: C2PA
            codes.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"Cannot read the picture {path}: {error.strerror or error}.") from None
    return read_bytes(data, authority)


def read_bytes(data: bytes, authority: bytes | None = None) -> dict[str, Any]:
    """Read the credentials of a picture's bytes; see `read`."""
    import c2pa

    settings = dict(OFFLINE)
    if authority is not None:
        settings["trust"] = {"user_anchors": authority.decode("ascii", "replace")}
    document = _empty(stated_source_type(data) or None)
    try:
        with (
            c2pa.Context.from_dict(settings) as context,
            c2pa.Reader(None, io.BytesIO(data), context=context) as reader,
        ):
            state, store = reader.get_validation_state(), json.loads(reader.json())
    except (c2pa.C2paError.ManifestNotFound, c2pa.C2paError.NotSupported):
        return document
    except c2pa.C2paError.RemoteManifest:
        return {**document, "problems": ["the credentials are kept elsewhere, and were not fetched"]}
    except c2pa.C2paError as error:
        return {**document, "state": "invalid", "problems": [str(error)]}
    return {**document, **_found(store, state)}


def _empty(kind: str | None) -> dict[str, Any]:
    return {
        "state": "none",
        "trusted": False,
        "issuer": None,
        "signer": None,
        "generator": None,
        "source_type": kind,
        "actions": [],
        "ingredients": [],
        "problems": [],
    }


def _found(store: dict[str, Any], state: str | None) -> dict[str, Any]:
    manifest = store.get("manifests", {}).get(store.get("active_manifest"), {})
    signature = manifest.get("signature_info") or {}
    generators = manifest.get("claim_generator_info") or [{}]
    actions = [
        action
        for assertion in manifest.get("assertions", ())
        if assertion.get("label", "").startswith("c2pa.actions")
        for action in assertion.get("data", {}).get("actions", ())
    ]
    kinds = [action["digitalSourceType"] for action in actions if action.get("digitalSourceType")]
    document = {
        "state": "valid" if state in ("Valid", "Trusted") else "invalid",
        "trusted": state == "Trusted",
        "issuer": signature.get("issuer"),
        "signer": signature.get("common_name"),
        "generator": " ".join(str(generators[0][key]) for key in ("name", "version") if key in generators[0]) or None,
        "actions": [action.get("action") for action in actions],
        "ingredients": [
            {
                "name": ingredient.get("title"),
                "relationship": ingredient.get("relationship"),
                "sha256": _hash(ingredient.get("instance_id")),
            }
            for ingredient in manifest.get("ingredients", ())
        ],
        "problems": [entry.get("code") for entry in store.get("validation_status") or ()],
    }
    return {**document, "source_type": kinds[0].rpartition("/")[2]} if kinds else document


def _hash(identifier: str | None) -> str | None:
    return identifier.removeprefix(HASH_NAME) if identifier and identifier.startswith(HASH_NAME) else None
