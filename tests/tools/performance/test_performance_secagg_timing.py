"""A masked round is measured only if its sum is right, and is held against the bars of private sums."""

from __future__ import annotations

import pytest

from keyart.errors import KeyartError, RoundFailed, SettingError
from keyart_federated.secagg import SumResult
from keyart_tools.performance import performance_run, secagg_timing
from keyart_tools.performance.measurement import NotMeasured
from keyart_tools.performance.secagg_timing import SecaggRound, SecaggRounds, measure_round

DEVICES, SIZE, NEIGHBOURS = 20, 50, 19  # so few are all each other's neighbours


def sent(survivors: int) -> int:
    """By the tables of docs/reference/protocol.md. survivors: among the neighbours."""
    keys, share = 36 + 240 + 64, 36 + 32 + 32 + (76 + 48) * NEIGHBOURS
    masked = 36 + 20 * NEIGHBOURS + 4 * SIZE
    return keys + share + masked + 36 + 3 + 20 * survivors + 20 * NEIGHBOURS + 16


@pytest.mark.parametrize("lost", [(), range(4)], ids=["nobody lost", "four lost"])
def test_a_round_costs_more_than_its_devices_and_sends_what_the_protocol_says(lost) -> None:
    found = measure_round(DEVICES, SIZE, 0.8, lost)

    assert 0 < found.part_s < found.seconds
    assert found.sent_bytes == sent(NEIGHBOURS - len(lost))


def test_a_wrong_sum_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(secagg_timing.Coordinator):
        @property
        def result(self) -> SumResult:
            total = super().result.total.copy()
            total[-1] += 1
            return SumResult(total, super().result.survivors)

    monkeypatch.setattr(secagg_timing, "Coordinator", Wrong)

    with pytest.raises(KeyartError, match="not that of its vectors"):
        measure_round(DEVICES, SIZE, 0.8)


def test_too_many_lost_or_a_threshold_that_is_not_safe_are_errors() -> None:
    with pytest.raises(RoundFailed):
        measure_round(DEVICES, SIZE, 0.8, range(5))
    with pytest.raises(SettingError):
        measure_round(DEVICES, SIZE, 0.4)


def rounds(few: float, many: float, part: float = 0.02, sent: float = 90_000) -> SecaggRounds:
    one, large = SecaggRound(few, part, sent), SecaggRound(many, part, sent)
    return SecaggRounds(
        [one, SecaggRound(9 * few, 9 * part, 9 * sent), one], [one], [one], [large]
    )  # a median forgets one


def test_bars_are_those_of_private_sums() -> None:
    kept = {row.name: row for row in rounds(few=2.0, many=39.0).rows()}
    broken = {row.name: row for row in rounds(few=3.1, many=63.0, part=0.031, sent=96_100).rows()}

    assert len(kept) == 9
    assert {row.met for row in kept.values()} == {True, None}
    assert {row.met for row in broken.values()} == {False, None}
    assert [name for name, row in kept.items() if row.reach is None] == [
        "masked sum, 100 × 20,000, threshold 0.7, 30% lost"
    ]
    assert [row.reach for row in kept.values()] == [3.0, 3.0, None, 40.0, 2.0, 30.0, 96_000, 30.0, 96_000]


def test_cost_a_device_is_compared_with_that_of_few() -> None:
    (row,) = (row for row in rounds(few=2.0, many=30.0).rows() if row.ratio is not None)

    assert (row.figure, row.ratio, row.against) == (pytest.approx(30.0), pytest.approx(1.5), "that of 100")


def test_what_was_not_measured_here_is_in_a_note_only() -> None:
    rows = rounds(2.0, 30.0).rows()

    assert all("elsewhere" in row.note for row in rows if "Flower" in row.note)
    assert not any("Flower" in row.against or "Flower" in row.name for row in rows)


def test_the_largest_is_played_once_between_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    played, steps = [], []

    def fake(devices: int, size: int, threshold: float, lost: range = range(0)) -> SecaggRound:
        played.append((devices, size, threshold, len(lost)))
        return SecaggRound(1.0, 0.01, 80_000)

    monkeypatch.setattr(secagg_timing, "measure_round", fake)

    rows, absent = performance_run._measure_secagg(
        performance_run.PerformanceSettings(sums=2, drawings=2), lambda: steps.append(1)
    )

    few = [(100, 20_000, 0.8, 0), (100, 20_000, 0.7, 0), (100, 20_000, 0.7, 30)]
    assert played == [*few, (1_000, 20_000, 0.8, 0), *few]
    assert len(steps) == 3 and absent == [] and len({row.name for row in rows}) == len(rows) == 12


def test_a_quick_run_leaves_them_out_and_says_so() -> None:
    rows, (missing,) = performance_run._measure_secagg(performance_run.QUICK, lambda: pytest.fail("it measured"))

    assert rows == [] and isinstance(missing, NotMeasured)
    assert missing.name == "private sums" and "quick" in missing.reason
