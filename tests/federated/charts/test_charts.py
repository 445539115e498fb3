"""Charts: places in pixels, intervals, gaps, one point, no point, and values that no screen can show."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import numpy as np
import pytest

from keyart_federated.charts import MAX_POINTS, STYLE, Axis, Chart, Limit, Series, interval_svg, render, thinned
from keyart_federated.charts.frame import DAY, HEIGHT, frame_of, nice_step, time_label

X = Axis("Round", lambda value: f"{value:g}", whole=True)
Y = Axis("Reward", lambda value: f"{value:.3g}")
NAN = math.nan


def chart_of(*series: Series, limits: tuple[Limit, ...] = (), x: Axis = X, y: Axis = Y) -> Chart:
    return Chart("Reward", "It grows.", x, y, series, limits)


def line(*heights: float, intervals: tuple[tuple[float, float], ...] = (), mark: str = "line") -> Series:
    points = tuple((float(place), height) for place, height in enumerate(heights, 1))
    return Series("reward", points, mark, intervals)  # type: ignore[arg-type]


def path(text: str, name: str) -> list[str]:
    return re.findall(rf'<path class="[^"]*\b{name}\b[^"]*"[^>]* d="([^"]*)"', text.partition("chart-legend")[0])


def places(text: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", text)]


def test_a_line_stands_where_its_values_are() -> None:
    text = render(chart_of(line(0.0, 10.0, 5.0, 20.0)), "a")
    (drawn,) = path(text, "chart-line")
    assert places(drawn) == [(0, 200), (333.3, 100), (666.7, 150), (1000, 0)]
    assert path(text, "chart-grid") == ["M0 200H1000", "M0 150H1000", "M0 100H1000", "M0 50H1000", "M0 0H1000"]
    assert re.findall(r'x="-8" y="([\d.]+)"[^>]*>([^<]+)<', text) == [
        ("204", "0"), ("154", "5"), ("104", "10"), ("54", "15"), ("4", "20"),
    ]  # fmt: skip
    assert re.findall(r'x="([\d.]+%)"[^>]*anchor="(\w+)">([^<]+)<', text) == [
        ("0%", "start", "1"), ("33.33%", "middle", "2"), ("66.67%", "middle", "3"), ("100%", "end", "4"),
    ]  # fmt: skip


def test_the_band_is_the_interval() -> None:
    text = render(chart_of(line(10.0, 10.0, intervals=((0.0, 20.0), (5.0, 15.0)))), "a")
    (band,) = path(text, "chart-band")
    assert band == "M0 0L1000 50L1000 150L0 200Z"
    assert "10 (0 to 20)" in text and "10 (5 to 15)" in text, "the table says the same"


def test_points_have_whiskers_and_bars_stand_on_zero() -> None:
    text = render(chart_of(line(10.0, 20.0, intervals=((0.0, 20.0), (NAN, NAN)), mark="points")), "a")
    assert [y for _, y in re.findall(r"M([\d.]+) ([\d.]+)V", path(text, "chart-whisker")[0])] == ["200"]
    assert path(text, "chart-whisker")[0].endswith("V0") and len(places(path(text, "chart-points")[0])) == 2
    (bars,) = path(render(chart_of(line(-10.0, 20.0, mark="bars")), "a"), "chart-bars")
    assert path(render(chart_of(line(-10.0, 20.0, mark="bars")), "a"), "chart-grid")[1].startswith("M0 133.3"), "0"
    assert {y for _, y in re.findall(r"M(-?[\d.]+) ([\d.]+)", bars)} == {"133.3"}, "both stand on 0"


def test_steps_keep_their_height_until_the_next() -> None:
    (steps,) = path(render(chart_of(line(0.0, 10.0, 20.0, mark="steps")), "a"), "chart-line")
    assert steps == "M0 200H500V100H1000V0"


def test_a_gap_is_a_gap() -> None:
    text = render(chart_of(line(1.0, 2.0, NAN, 2.0, math.inf, 1.0)), "a")
    (drawn,) = path(text, "chart-line")
    assert drawn.count("M") == 3 and drawn.count("L") == 1, "two points, one alone, one alone"
    assert "nan" not in text.lower() and "inf" not in text.lower()
    (band,) = path(render(chart_of(line(1.0, 2.0, 3.0, intervals=((0, 2), (NAN, 3), (2, 4)))), "a"), "chart-band")
    assert band.count("Z") == 2 and len(places(band)) == 8, "what one point has on each side is a narrow bar"


def test_limits_are_on_the_axis() -> None:
    text = render(chart_of(line(1.0, 2.0), limits=(Limit("accepted", -8.0), Limit("zero", 0.0, neutral=True))), "a")
    assert path(text, "chart-limit") == ["M0 168H1000"] and len(path(text, "chart-reference")) == 1
    assert "accepted" in text and "zero" in text


@pytest.mark.parametrize("value", [0.0, 1.0, -5.0, 1e-300, 1e140, -1e140, 1e15 + 0.125])
def test_one_point(value: float) -> None:
    text = render(chart_of(line(value, intervals=((value, value),))), "a")
    assert places(path(text, "chart-points")[0])[0][0] == 500, "it stands in the middle"
    inside(text)


@pytest.mark.parametrize("series", [(), (line(),), (line(NAN, math.inf, -math.inf, 1e300),)])
def test_no_point(series: tuple[Series, ...]) -> None:
    chart = chart_of(*series)
    text = render(chart, "a")
    assert chart.is_empty and "There is nothing to draw yet." in text and "<svg" not in text


def inside(text: str) -> None:
    """Everything that is drawn is a number, and in the frame."""
    drawn = text.partition("chart-legend")[0].partition("<details")[0]
    numbers = re.findall(r' d="([^"]*)"', drawn)
    assert numbers and not re.search(r"nan|inf|e[-+]", " ".join(numbers))
    for x, y in places(" ".join(numbers)):
        assert -0.1 <= x <= 1000.1 and -0.1 <= y <= HEIGHT + 0.1


@pytest.mark.parametrize("seed", range(30))
def test_charts_of_anything(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = 10.0 ** rng.integers(-150, 150)
    heights = [*(rng.normal(size=9) * size), NAN]
    rng.shuffle(heights)
    spans = np.abs(rng.normal(size=10)) * size * 10.0 ** rng.integers(-3, 3)
    intervals = tuple((h - s, h + s) for h, s in zip(heights, spans, strict=True))
    mark = ("line", "points", "bars", "steps", "forecast")[seed % 5]
    inside(render(chart_of(line(*heights, intervals=intervals, mark=mark), limits=(Limit("l", size),)), "a"))
    flat = Series("flat", tuple((float(x), size) for x in rng.integers(0, 3, 5)), "line")
    inside(render(chart_of(flat), "a"))


def test_the_first_wide_interval_does_not_flatten_the_rest() -> None:
    heights = [10.0] * 10
    spans = [1000.0] + [1.0] * 9
    intervals = tuple((h - s, h + s) for h, s in zip(heights, spans, strict=True))
    frame = frame_of(chart_of(line(*heights, intervals=intervals)))
    assert frame.y_high <= 16 and frame.y(1010.0) == 0, "it is cut at the frame"


def test_thinning_keeps_ends_and_peaks() -> None:
    heights = [math.sin(place) for place in range(5000)]
    heights[1234], heights[4321], heights[77] = 9.0, -9.0, NAN
    whole = line(*heights, intervals=tuple((h - 1, h + 1) for h in heights))
    few = thinned(whole)
    assert len(few.points) <= MAX_POINTS and few.points[0] == whole.points[0] and few.points[-1] == whole.points[-1]
    assert {9.0, -9.0} <= {y for _, y in few.points} and [x for x, _ in few.points] == sorted(
        x for x, _ in few.points
    )
    assert all(
        math.isnan(y) or (low, high) == (y - 1, y + 1)
        for (_, y), (low, high) in zip(few.points, few.intervals, strict=True)
    ), "each keeps its own interval"
    assert thinned(line(1.0, 2.0)).points == ((1, 1.0), (2, 2.0))
    assert "of 5,000 points" in render(chart_of(whole), "a")


@pytest.mark.parametrize(
    ("reach", "ticks", "whole", "step"), [(100, 4, False, 25), (0.3, 4, False, 0.1), (3, 4, True, 1), (9, 4, True, 3)]
)
def test_steps_of_ticks_are_round(reach: float, ticks: int, whole: bool, step: float) -> None:
    assert nice_step(reach, ticks, whole) == pytest.approx(step)


def test_ticks_of_a_time_axis() -> None:
    noon = datetime(2026, 3, 14, 12, tzinfo=UTC).timestamp()
    assert [time_label(noon, reach) for reach in (3600, DAY, 30 * DAY, 900 * DAY)] == [
        "12:00", "14 Mar 12:00", "14 Mar", "Mar 2026",
    ]  # fmt: skip
    days = Series("ε", tuple((noon + place * DAY, float(place)) for place in range(60)))
    ticks = frame_of(chart_of(days, x=Axis("Date", str, time=True))).x_ticks
    assert 3 <= len(ticks) <= 6 and all(tick % DAY == 0 for tick in ticks), "at midnight"
    assert len(frame_of(chart_of(days, x=Axis("Date", str, time=True))).y_ticks) >= 3


class Reader(HTMLParser):
    """Names and attributes of all elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.labels: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.ids += [values["id"] or ""] if "id" in values else []
        self.labels += (values.get("aria-labelledby") or "").split()
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_it_can_be_heard_and_read() -> None:
    chart = chart_of(line(1.0, 2.0), Series("<b>& other", ((1.0, NAN), (2.0, 5.0))))
    text = render(chart, "a")
    reader = Reader(text.replace("/>", "></path>"))
    assert not reader.open and len(set(reader.ids)) == len(reader.ids) and set(reader.labels) <= set(reader.ids)
    assert "<title" in text and "<desc" in text and 'role="img"' in text and "style=" not in text
    assert "&lt;b&gt;&amp; other" in text and "<b>" not in text
    assert re.findall(r"<td>([^<]*)</td>", text) == ["1", "–", "2", "5"]
    names = set(re.findall(r'class="([^"]+)"', text))
    for name in {one for value in names for one in value.split()}:
        assert f".{name}" in STYLE or name in ("chart-frame",), f"{name} has a style"


def test_an_interval_in_a_line_of_text() -> None:
    assert re.findall(r'd="([^"]+)"', interval_svg(1.0, 0.0, 2.0, (-2.0, 2.0))) == [
        "M50 0V12",
        "M50 6H100",
        "M75 6h0",
    ]
    assert re.findall(r'd="([^"]+)"', interval_svg(1.0, NAN, NAN, (1.0, 2.0))) == ["M0 6h0"]
    assert "nan" not in interval_svg(NAN, NAN, math.inf, (0.0, 0.0))


def test_intervals_belong_to_points() -> None:
    with pytest.raises(ValueError, match="1 intervals for 2 points"):
        line(1.0, 2.0, intervals=((0.0, 1.0),))
