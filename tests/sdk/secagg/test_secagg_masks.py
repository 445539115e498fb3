"""Keys and masks are those of the standards, and lanes wrap around."""

from __future__ import annotations

import os

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from keyart.errors import MessageError
from keyart.secagg.key_agreement import agree_secret, derive_key, seal, unseal
from keyart.secagg.masks import key_stream, mask_lanes, to_lanes, to_signed


@pytest.mark.parametrize("length", [16, 32])
def test_derive_is_hkdf(length):
    secret, salt = os.urandom(32), os.urandom(32)
    info = b"keyart/sums/1/purpose\0context"
    expected = HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(secret)
    assert derive_key(secret, salt, "purpose", b"context", length) == expected


def test_stream_is_aes_in_counter_mode():
    """AES-128 of zeros under the zero key (NIST's GCM proposal, test case 1)."""
    assert key_stream(bytes(16), 16).hex() == "66e94bd4ef8a2c3b884cfa59ca342b2e"
    assert key_stream(b"k" * 16, 40)[:16] == key_stream(b"k" * 16, 16)


@pytest.mark.parametrize("bits", [32, 64])
def test_masks_cancel_and_signs_come_back(bits):
    values = np.array([0, 1, -1, 2**20, -(2**20), 2**31 - 1, -(2**31)], dtype=np.int64)
    lanes, hidden = to_lanes(values, bits), to_lanes(values, bits)
    hidden += mask_lanes(b"k" * 16, len(values), bits)
    assert lanes.dtype.itemsize == bits // 8 and not (hidden == lanes).any()
    hidden -= mask_lanes(b"k" * 16, len(values), bits)
    np.testing.assert_array_equal(to_signed(hidden, bits), values)


def test_both_sides_agree_and_a_key_of_low_order_is_refused():
    a, b = X25519PrivateKey.generate(), X25519PrivateKey.generate()
    assert agree_secret(a, b.public_key().public_bytes_raw()) == agree_secret(b, a.public_key().public_bytes_raw())
    for weak in (bytes(32), b"\1" + bytes(31)):
        with pytest.raises(MessageError, match="not usable"):
            agree_secret(a, weak)


def test_a_seal_opens_for_its_binding_only():
    sealed = seal(b"k" * 32, b"content", b"here")
    assert unseal(b"k" * 32, sealed, b"here") == b"content"
    assert unseal(b"k" * 32, sealed, b"there") is None
    assert unseal(b"q" * 32, sealed, b"here") is None
    assert unseal(b"k" * 32, sealed[:-1] + bytes([sealed[-1] ^ 1]), b"here") is None
