"""Token buckets: a burst, then so many a second; nobody pays for another, and memory stays bounded."""

from __future__ import annotations

import pytest
from fastapi import HTTPException
from support.server import Seconds

from keyart_server.gateway import rate_limits
from keyart_server.gateway.rate_limits import RateLimiter
from keyart_server.http.client_network import network_of


def taken(bucket: RateLimiter, key: str, times: int) -> int:
    """How many of these requests are let through."""
    through = 0
    for _ in range(times):
        try:
            bucket.take(key)
        except HTTPException as refused:
            assert refused.status_code == 429
        else:
            through += 1
    return through


def test_a_burst_and_then_so_many_a_second() -> None:
    seconds = Seconds()
    bucket = RateLimiter(2.0, 5.0, seconds)
    assert taken(bucket, "a", 9) == 5
    seconds.now += 1
    assert taken(bucket, "a", 9) == 2
    seconds.now += 1000
    assert taken(bucket, "a", 9) == 5, "what was not used is not saved beyond the burst"
    assert taken(bucket, "b", 9) == 5, "another one has its own"


def test_how_long_to_wait_is_told_and_true() -> None:
    seconds = Seconds()
    bucket = RateLimiter(0.1, 1.0, seconds)
    bucket.take("a")
    with pytest.raises(HTTPException) as refused:
        bucket.take("a")
    assert refused.value.headers == {"Retry-After": "10"}
    seconds.now += 10
    bucket.take("a")


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "MAX_KEYS", 3)
    bucket = RateLimiter(1.0, 1.0, Seconds())
    for key in "abcd":
        bucket.take(key)
    assert len(bucket._left) == 3
    assert taken(bucket, "d", 1) == 0 and taken(bucket, "a", 1) == 1


def test_an_ipv6_network_counts_as_one() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8:0:0:ffff::9") != network_of("2001:db8:0:1::1")
    assert network_of("192.0.2.7") == "192.0.2.7" and network_of("") == ""
    assert network_of("fe80::1%eth0")
