"""Tests that share fixtures of a module are run by one worker, so that each of these is made once."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def shared() -> None:
    """What makes this module one that shares."""


def test_a_module_that_shares_fixtures_is_one_group(shared: None, request: pytest.FixtureRequest) -> None:
    """pytest-xdist sends tests whose identifiers end in one group to one worker, and spreads the others."""
    if not getattr(request.config.option, "loadgroup", False):
        pytest.skip("tests are not spread over workers here")
    assert request.node.nodeid.endswith("@tests/lint/test_groups.py")
