"""Titles that nobody meets before the middle."""

from __future__ import annotations

import pytest

from keyart_federated.worlds import SyntheticWorld


@pytest.mark.parametrize(("share", "late"), [(0.0, 0), (0.3, 3), (1.0, 9)])
def test_so_many_titles_come_late_and_one_is_there(share: float, late: int) -> None:
    world = SyntheticWorld(viewers=60, titles=10, impressions=56, seed=2, premieres=share)
    watched = {view.title_id for i in range(60) for view in world.history(i)}
    before, after = (
        {world.impression(i, k)[0] for i in range(60) for k in half} for half in (range(28), range(28, 56))
    )
    assert watched == before and len(before) == 10 - late
    assert after == {title.id for title in world.catalog}
