"""manifest.json: canonical, whole, and every field in its range."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import bundles as samples

from keyart.bundle.manifest import FORMAT, Manifest, canonical, feature_spec_digest
from keyart.errors import BundleDamaged, BundleError, BundleRefused

MANIFEST = samples.sample_manifest(samples.sample_files(), 7, 6)
GOOD = MANIFEST.to_bytes()


def test_written_and_read_again() -> None:
    assert Manifest.parse(GOOD) == MANIFEST
    assert Manifest.parse(GOOD).to_bytes() == GOOD
    document = json.loads(GOOD)
    assert document["format"] == FORMAT == 1
    assert document["session_config"] == {"session.disable_quant_qdq": "1"}
    assert document["digest"] == MANIFEST.digest
    assert document["feature_spec_sha256"] == feature_spec_digest(samples.FEATURE_SPEC)


def test_every_byte_counts() -> None:
    """A random bit of each byte: of braces, keys, numbers, hex digits, texts, blanks, the digest itself."""
    rng = random.Random(1)
    for at in range(len(GOOD)):
        bad = bytearray(GOOD)
        bad[at] ^= 1 << rng.randrange(8)
        with pytest.raises((BundleDamaged, BundleRefused)):
            Manifest.parse(bytes(bad))


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"{}\n",
        b"[]\n",
        b"null\n",
        GOOD[:-1],
        GOOD + b"\n",
        GOOD.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + GOOD,
        json.dumps(json.loads(GOOD)).encode(),
        GOOD.replace(b'"parent": 6', b'"parent": 6,\n "parent": 6'),
        b"[" * 100_000,
        b'{"format": NaN}\n',
        canonical({"format": 1, "x": 1}).replace(b"1", b"1" * 5000),
        b'{\n "a": "\\ud800"\n}\n',
        b" " * 2_000_000,
    ],
    ids=lambda bad: repr(bad[:20]),
)
def test_other_bytes_are_damaged(bad: bytes) -> None:
    with pytest.raises(BundleDamaged, match=r"[Ff]etch the bundle again"):
        Manifest.parse(bad)


def test_a_later_format_says_update() -> None:
    with pytest.raises(BundleRefused, match="update keyart"):
        Manifest.parse(canonical({"format": 2}))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model_version", -1),
        ("model_version", 1.0),
        ("model_version", True),
        ("model_version", 2**60),
        ("parent", "6"),
        ("created", "yesterday"),
        ("created", "2026-01-01T00:00:00"),
        ("feature_spec", []),
        ("feature_spec_sha256", "A" * 64),
        ("parameters", {"w": [-1]}),
        ("parameters", {"w": [1] * 9}),
        ("parameters", [1]),
        ("training", {"round": 1}),
        ("privacy", {"epsilon": -1.0, "delta": 0.0}),
        ("privacy", {"epsilon": None}),
        ("privacy", {"epsilon": 1.0, "delta": 1.0}),
        ("quality", {"capture": "good"}),
        ("quality", {"capture": 10**400}),
        ("card", {"purpose": "x"}),
        ("card", {**MANIFEST.card, "limits": " "}),
        ("policy", {"base_rate": 0}),
        ("policy", {"base_rate": 0.1, "more": 1}),
        ("head", {"tag_variance": 0.03}),
        ("session_config", {}),
        ("session_config", {"session.disable_quant_qdq": "1", "session.load_model_format": "ORT"}),
        ("files", {"ranker.bin": {"sha256": "0" * 64}}),
        ("files", {"ranker.bin": {"sha256": "0" * 63, "bytes": 1}}),
        ("digest2", "more"),
        ("card", ...),
    ],
)
def test_fields_out_of_range_are_refused(field: str, value: Any) -> None:
    with pytest.raises(BundleRefused, match=field):
        Manifest.parse(samples.resealed(GOOD, **{field: value}))


def test_deep_nesting_is_refused() -> None:
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    with pytest.raises(BundleRefused, match="nested"):
        Manifest.parse(samples.resealed(GOOD, card={**MANIFEST.card, "more": deep}))


def test_building_refuses_what_reading_would() -> None:
    kept = ("parameters", "training", "privacy", "card", "policy", "head", "quality", "feature_spec")
    build: dict[str, Any] = {name: getattr(MANIFEST, name) for name in kept}
    build |= {"model_version": 1, "parent": None, "created": datetime(2026, 1, 1, tzinfo=UTC)}
    Manifest.build({}, **build)
    for change in ({"quality": {"x": float("nan")}}, {"created": datetime(2026, 1, 1)}, {"card": {}}):
        with pytest.raises(BundleRefused):
            Manifest.build({}, **{**build, **change})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_fuzzed_bytes_give_only_our_errors(data: bytes) -> None:
    with pytest.raises(BundleError):
        Manifest.parse(data)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(json.loads(GOOD))), json_values)
def test_fuzzed_fields_give_only_our_errors(field: str, value: Any) -> None:
    try:
        data = samples.resealed(GOOD, **{field: value})
    except UnicodeEncodeError:  # a lone surrogate cannot be written, and so cannot arrive
        return
    with suppress(BundleError):
        assert Manifest.parse(data).to_bytes() == data
