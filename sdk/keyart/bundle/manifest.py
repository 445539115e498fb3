"""`manifest.json`: the description of a bundle. Pure: bytes in, a value out.

The file is canonical JSON: keys sorted, one space of indent, UTF-8 as it is, one newline at the end. Other bytes are
refused, and `digest` covers all other fields, so that no byte of the file can change unnoticed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ..errors import BundleDamaged, BundleMissing, BundleRefused
from .fields import SESSION_CONFIG, FileEntry, check_fields
from .plainfile import read_plain

MANIFEST_NAME = "manifest.json"
FORMAT, OPSET, IR_VERSION = 1, 17, 8
MAX_MANIFEST_BYTES = 1_000_000
MAX_DEPTH = 20


def canonical(document: Any) -> bytes:
    """Return the canonical JSON of a document.

    Raises:
        ValueError: It holds a NaN, an infinity or a lone surrogate.
    """
    return "".join(_pieces(document)).encode()


def _pieces(document: Any) -> Iterator[str]:
    """Yield the canonical form, piece by piece."""
    yield from json.JSONEncoder(sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False).iterencode(document)
    yield "\n"


def _is_canonical(document: Any, data: bytes) -> bool:
    """Return True if `data` is the canonical form of `document`.

    The form is not written as a whole, since indents make deep lists long.
    """
    at = 0
    for piece in map(str.encode, _pieces(document)):
        if not data.startswith(piece, at):
            return False
        at += len(piece)
    return at == len(data)


def feature_spec_digest(feature_spec: Mapping[str, Any]) -> str:
    """Return the sha256 of the feature spec as compact sorted JSON: same digest, same features."""
    text = json.dumps(dict(feature_spec), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Manifest:
    """The fields of `manifest.json`, by their own names. Create one with `parse` or `build`, which check it.

    Attributes:
        model_version: Version of the model.
        parent: Version that it was trained from, or None.
        created: ISO time with a zone.
        feature_spec: The feature spec.
        feature_spec_sha256: Its digest.
        parameters: Shape of each parameter, by name.
        training: Round, devices, and other facts of the training.
        privacy: ε and δ spent; None without a guarantee.
        quality: Measured figures by name.
        card: The model card.
        policy: `base_rate`, the expected share of quality plays.
        head: Prior variances of the personal head.
        files: Digest and size of each other file.
        session_config: Entries that an ONNX session needs.
        format: Version of the format.
        opset: ONNX opset.
        ir_version: ONNX IR version.
    """

    model_version: int
    parent: int | None
    created: str
    feature_spec: Mapping[str, Any]
    feature_spec_sha256: str
    parameters: Mapping[str, tuple[int, ...]]
    training: Mapping[str, Any]
    privacy: Mapping[str, float | None]
    quality: Mapping[str, float]
    card: Mapping[str, Any]
    policy: Mapping[str, float]
    head: Mapping[str, float]
    files: Mapping[str, FileEntry]
    session_config: Mapping[str, str] = field(default_factory=lambda: dict(SESSION_CONFIG))
    format: int = FORMAT
    opset: int = OPSET
    ir_version: int = IR_VERSION

    @classmethod
    def build(
        cls,
        files: Mapping[str, bytes],
        *,
        model_version: int,
        parent: int | None,
        created: datetime,
        feature_spec: Mapping[str, Any],
        parameters: Mapping[str, tuple[int, ...]],
        training: Mapping[str, Any],
        privacy: Mapping[str, float | None],
        quality: Mapping[str, float],
        card: Mapping[str, Any],
        policy: Mapping[str, float],
        head: Mapping[str, float],
    ) -> Manifest:
        """Return the manifest of a bundle with these files.

        Raises:
            BundleRefused: `parse` would refuse it.
        """
        manifest = cls(
            model_version=model_version,
            parent=parent,
            created=created.isoformat(),
            feature_spec=feature_spec,
            feature_spec_sha256=feature_spec_digest(feature_spec),
            parameters=parameters,
            training=training,
            privacy=privacy,
            quality=quality,
            card=card,
            policy=policy,
            head=head,
            files={name: FileEntry.of(data) for name, data in files.items()},
        )
        try:
            return cls.parse(manifest.to_bytes())
        except (TypeError, ValueError) as error:
            raise BundleRefused(f"A field of the manifest cannot be written as JSON: {error}.") from None

    def _document(self) -> dict[str, Any]:
        document = {name: getattr(self, name) for name in self.__dataclass_fields__}
        document["files"] = {name: entry.to_json() for name, entry in self.files.items()}
        document["parameters"] = {name: list(shape) for name, shape in self.parameters.items()}
        return {key: dict(value) if isinstance(value, Mapping) else value for key, value in document.items()}

    @property
    def digest(self) -> str:
        """Return the sha256 of the canonical JSON of all other fields: the identity of the whole bundle."""
        return hashlib.sha256(canonical(self._document())).hexdigest()

    def to_bytes(self) -> bytes:
        """Return `manifest.json`, byte for byte."""
        return canonical({**self._document(), "digest": self.digest})

    @classmethod
    def parse(cls, data: bytes) -> Manifest:
        """Read what `to_bytes` wrote.

        Raises:
            BundleDamaged: The bytes are not a whole manifest.
            BundleRefused: This version of keyart does not know the format or a field.
        """
        document = _load(data)
        digest = document.pop("digest", None)
        if digest != hashlib.sha256(canonical(document)).hexdigest():
            raise BundleDamaged(f"The digest in {MANIFEST_NAME} does not fit the rest of it; fetch the bundle again.")
        check_fields(document)
        document["files"] = {name: FileEntry.from_json(entry) for name, entry in document["files"].items()}
        document["parameters"] = {name: tuple(shape) for name, shape in document["parameters"].items()}
        return cls(**document)

    @classmethod
    def read(cls, folder: str | Path) -> Manifest:
        """Read the manifest of the bundle in `folder`. `keyart.bundle.verify` checks the other files too.

        Raises:
            BundleMissing: There is no manifest.
            BundleDamaged: The bytes are not a whole manifest.
            BundleRefused: This version of keyart does not know the format or a field.
        """
        path = Path(folder) / MANIFEST_NAME
        try:
            data = read_plain(path, MAX_MANIFEST_BYTES + 1)
        except (FileNotFoundError, NotADirectoryError):
            raise BundleMissing(
                f"No bundle at {folder}: no {MANIFEST_NAME}. Install one, or open the profile without a bundle."
            ) from None
        except OSError as error:
            raise BundleDamaged(f"Cannot read {path}: {error.strerror or error}. Fetch the bundle again.") from error
        return cls.parse(data)


def _load(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_MANIFEST_BYTES:
        raise BundleDamaged(f"{MANIFEST_NAME} is larger than {MAX_MANIFEST_BYTES:,} bytes; fetch the bundle again.")
    try:
        document = json.loads(data.decode())
        # Compared as bytes: JSON has many ways to say the same, and a signature is over one of them.
        same = _is_canonical(document, data)
    except (ValueError, RecursionError) as error:
        raise BundleDamaged(
            f"{MANIFEST_NAME} is not JSON ({type(error).__name__}); fetch the bundle again."
        ) from None
    if not isinstance(document, dict):
        raise BundleDamaged(f"{MANIFEST_NAME} is not a JSON object; fetch the bundle again.")
    version = document.get("format")
    if isinstance(version, int) and version != FORMAT:
        raise BundleRefused(f"The bundle has format {version}, this keyart reads format {FORMAT}; update keyart.")
    if not same:
        raise BundleDamaged(
            f"{MANIFEST_NAME} is not in canonical form: it was changed on its way. Fetch the bundle again."
        )
    # In canonical form the indent of a line is its depth; deeper documents could exhaust a caller's stack
    # later.
    if b"\n" + b" " * (MAX_DEPTH + 1) in data:
        raise BundleRefused(f"{MANIFEST_NAME} is nested deeper than {MAX_DEPTH} levels. Build the bundle again.")
    return document
