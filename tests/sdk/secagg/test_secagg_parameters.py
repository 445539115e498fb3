"""Terms: their bytes, their id, their ranges, and the modulus that holds a sum."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from keyart.errors import MessageError, SettingError
from keyart.secagg import AggregationParameters, modulus_bits

TERMS = AggregationParameters(
    size=20_000, bits=32, bound=2**20, threshold_permille=700, minimum_devices=70, nonce=bytes(range(32))
)
OTHER = {"size": 20_001, "bits": 64, "bound": 2**19, "threshold_permille": 701, "minimum_devices": 71}


def test_bytes_are_read_back_and_nothing_else_is():
    data = TERMS.to_bytes()
    assert AggregationParameters.from_bytes(data) == TERMS
    for wrong in (b"", data[:-1], data + b"\0", b"\0" * len(data), data[:4] + b"\x21" + data[5:]):
        with pytest.raises(MessageError):
            AggregationParameters.from_bytes(wrong)


def test_any_other_terms_are_another_round():
    others = [replace(TERMS, **{name: value}) for name, value in {**OTHER, "nonce": bytes(32)}.items()]
    assert len(others) == len(fields(AggregationParameters))
    assert len({TERMS.round_id, *(other.round_id for other in others)}) == len(others) + 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 0},
        {"size": 2**27},
        {"bits": 16},
        {"bound": 0},
        {"bound": 2**63},
        {"threshold_permille": 0},
        {"threshold_permille": 1001},
        {"minimum_devices": 1},
        {"minimum_devices": 2**30},
        {"nonce": bytes(31)},
    ],
    ids=str,
)
def test_out_of_range(wrong):
    with pytest.raises(SettingError, match=next(iter(wrong))):
        replace(TERMS, **wrong)


def test_required_is_the_larger_of_share_and_minimum():
    assert [TERMS.required(n) for n in (70, 100, 101, 200)] == [70, 70, 71, 140]


def test_width_holds_the_sum():
    assert modulus_bits(2047, 2**20) == 32 and modulus_bits(2048, 2**20) == 64
    assert modulus_bits(2**30, 2**32) == 64
    with pytest.raises(SettingError, match="clip"):
        modulus_bits(2**31, 2**32)
    assert TERMS.holds(2047) and not TERMS.holds(2048)
