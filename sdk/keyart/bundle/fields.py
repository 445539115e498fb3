"""Types and ranges of the fields of `manifest.json`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..errors import BundleRefused

# The int8 weights must stay what they are: without this entry onnxruntime turns the graph into int8
# arithmetic, which saturates on some processors (docs/reference/bundles.md).
SESSION_CONFIG: Mapping[str, str] = {"session.disable_quant_qdq": "1"}
CARD_TEXTS = ("purpose", "data", "limits")
MAX_MODEL_VERSION = 2**53 - 1  # the largest whole number that JSON carries to every language
MAX_NUMBER = 1e15
MAX_DIMENSIONS, MAX_DIMENSION = 4, 2**24
MIN_VARIANCE, MAX_VARIANCE = 1e-6, 100.0  # beyond, the personal head is numb, or learns all from one play


@dataclass(frozen=True, slots=True)
class FileEntry:
    """sha256 (hex) and size in bytes of a file of the bundle."""

    sha256: str
    size: int

    @classmethod
    def of(cls, data: bytes) -> FileEntry:
        """Return the entry of a file with this content."""
        return cls(hashlib.sha256(data).hexdigest(), len(data))

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object that `from_json` reads."""
        return {"sha256": self.sha256, "bytes": self.size}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> FileEntry:
        """Read an entry. Raises `BundleRefused` if it has another form."""
        return cls(document["sha256"], document["bytes"])


def _whole(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MAX_MODEL_VERSION


def _number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= MAX_NUMBER  # never a NaN: canonical JSON has none


def _positive(value: Any) -> bool:
    return _number(value) and value > 0


def _variance(value: Any) -> bool:
    return _number(value) and MIN_VARIANCE <= value <= MAX_VARIANCE


def _zoned(value: Any) -> bool:
    try:
        return datetime.fromisoformat(value).utcoffset() is not None
    except (TypeError, ValueError):
        return False


def _object_of(inner: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(map(inner, value.values()))


def _exactly(**fields: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: (
        isinstance(value, dict)
        and set(value) == set(fields)
        and all(check(value[key]) for key, check in fields.items())
    )


def _hex(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value) is not None


def _shape(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= MAX_DIMENSIONS
        and all(_whole(size) and size <= MAX_DIMENSION for size in value)
    )


def _training(value: Any) -> bool:
    return isinstance(value, dict) and _whole(value.get("round")) and _whole(value.get("devices"))


def _card(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and all(isinstance(value.get(name), str) and value[name].strip() for name in CARD_TEXTS)
        and isinstance(value.get("forbidden_features_checked"), list)
        and all(isinstance(name, str) for name in value["forbidden_features_checked"])
    )


FIELDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "format": (_whole, "a whole number"),
    "model_version": (_whole, "a whole number from 0 up"),
    "parent": (lambda value: value is None or _whole(value), "a model version or null"),
    "created": (_zoned, "an ISO time with a zone"),
    "feature_spec": (lambda value: isinstance(value, dict), "an object"),
    "feature_spec_sha256": (_hex, "64 hex digits"),
    "opset": (_whole, "a whole number"),
    "ir_version": (_whole, "a whole number"),
    "parameters": (_object_of(_shape), f"an object of name to shape, at most {MAX_DIMENSIONS} sizes each"),
    "training": (_training, "an object with whole numbers 'round' and 'devices'"),
    "privacy": (
        _exactly(
            epsilon=lambda value: value is None or (_number(value) and value >= 0),
            delta=lambda value: value is None or (_number(value) and 0 <= value < 1),
        ),
        "an object with 'epsilon' ≥ 0 and 'delta' in 0–1, or null for each",
    ),
    "quality": (_object_of(_number), "an object of name to number"),
    "card": (
        _card,
        "an object with the texts 'purpose', 'data', 'limits' and the list 'forbidden_features_checked'",
    ),
    "policy": (
        _exactly(base_rate=lambda value: _positive(value) and value < 1),
        "an object with 'base_rate' in 0–1",
    ),
    "head": (
        _exactly(tag_variance=_variance, bias_variance=_variance),
        f"an object with 'tag_variance' and 'bias_variance' in {MIN_VARIANCE:g}–{MAX_VARIANCE:g}",
    ),
    "session_config": (lambda value: value == SESSION_CONFIG, f"exactly {dict(SESSION_CONFIG)}"),
    "files": (_object_of(_exactly(sha256=_hex, bytes=_whole)), "an object of name to 'sha256' and 'bytes'"),
}


def check_fields(document: Mapping[str, Any]) -> None:
    """Raise BundleRefused unless `document` has the fields of a manifest, each of its type and range."""
    if set(document) != set(FIELDS):
        odd = sorted(set(document) ^ set(FIELDS))
        raise BundleRefused(f"The manifest lacks, or should not have: {', '.join(odd)}. Build the bundle again.")
    for name, (check, wanted) in FIELDS.items():
        if not check(document[name]):
            raise BundleRefused(f"'{name}' in the manifest must be {wanted}. Build the bundle again.")
