"""Draws charts as SVG inside HTML: for any width, light and dark, without scripts. Pure.

Paths stand in a box that is stretched to the width; strokes keep their thickness (`vector-effect`). Labels are text
beside it, so they are as large on a phone as on a wide page. Colours come from `STYLE`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from html import escape

from .chart import Chart, Limit, Series, is_drawable, thinned
from .frame import HEIGHT, WIDTH, Frame, frame_of, time_label

EDGE = 40  # thousandths: a label nearer to an end is aligned with it
MAX_DOTTED = 60  # points of a line that are marked one by one
MAX_BAR_WIDTH = 60.0  # thousandths
BAND_OF_ONE = 8.0  # thousandths: half the width of a band with a single point


def render(chart: Chart, name: str) -> str:
    """Return a `<figure>` with the chart, its legend and its table.

    Args:
        chart: The chart.
        name: An id that is unique on the page.
    """
    caption = (
        f'<figcaption id="{name}-title">{escape(chart.title)}</figcaption>\n'
        f'<p class="chart-summary" id="{name}-summary">{escape(chart.summary)}</p>'
    )
    if chart.is_empty:
        return f'<figure class="chart">\n{caption}\n<p class="chart-empty">{escape(chart.empty)}</p>\n</figure>'
    shown = [thinned(series) for series in chart.series]
    frame = frame_of(replace(chart, series=tuple(shown)))
    return "\n".join(
        [
            '<figure class="chart">',
            caption,
            f'<p class="chart-unit" aria-hidden="true">{escape(chart.y.label)}</p>',
            f'<svg class="chart-frame" height="{HEIGHT + 24}" role="img" aria-labelledby="{name}-t {name}-d">',
            f'<title id="{name}-t">{escape(chart.title)}</title><desc id="{name}-d">{escape(chart.summary)}</desc>',
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="100%" height="{HEIGHT}" preserveAspectRatio="none" '
            'aria-hidden="true">',
            *(_path("chart-grid", f"M0 {frame.y(tick):g}H{WIDTH}") for tick in frame.y_ticks),
            *(_path(_limit_class(limit), f"M0 {frame.y(limit.value):g}H{WIDTH}") for limit in chart.limits),
            *(drawn for place, series in reversed(list(enumerate(shown))) for drawn in _drawn(series, place, frame)),
            "</svg>",
            *(_y_label(frame.y(tick), chart.y.show(tick)) for tick in frame.y_ticks),
            *_x_labels(chart, frame),
            "</svg>",
            f'<p class="chart-axis" aria-hidden="true">{escape(chart.x.label)}</p>',
            *_legend(chart),
            _table(chart, shown, name),
            "</figure>",
        ]
    )


def interval_svg(value: float, low: float, high: float, axis: tuple[float, float]) -> str:
    """Return an interval with its point, as high as a line of text; zero is marked if the axis includes it.

    The colour is that of the text around it. The numbers stand beside it, so that it is hidden from screen readers.
    """
    axis_low, axis_high = axis
    scale = 1 / (axis_high - axis_low) if is_drawable(*axis) and axis_high > axis_low else 0.0

    def x(number: float) -> float:
        return round(100 * min(max((number - axis_low) * scale, 0.0), 1.0), 1)

    zero = f'<path class="chart-zero" {_FIXED} d="M{x(0):g} 0V12"/>' if axis_low <= 0 <= axis_high else ""
    reach = f'<path class="chart-reach" {_FIXED} d="M{x(low):g} 6H{x(high):g}"/>' if is_drawable(low, high) else ""
    point = f'<path class="chart-point" {_FIXED} d="M{x(value):g} 6h0"/>' if is_drawable(value) else ""
    box = 'viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true" focusable="false"'
    return f'<svg class="chart-interval" {box}>{zero}{reach}{point}</svg>'


_FIXED = 'vector-effect="non-scaling-stroke"'


def _path(name: str, path: str) -> str:
    return f'<path class="{name}" {_FIXED} d="{path}"/>'


def _drawn(series: Series, place: int, frame: Frame) -> Iterator[str]:
    """Yield the paths of a series, background first. `place` gives its colour and its dashes."""
    tone = f"chart-{place % 5}"
    whiskers = series.mark in ("points", "bars")
    if series.mark == "bars":
        bars = "".join(_bars(series, frame))
        yield f'<path class="chart-bars {tone}" d="{bars}"/>'
    if series.intervals:
        if whiskers:
            yield _path(f"chart-whisker {tone}", "".join(_whiskers(series, frame)))
        else:
            name = f"chart-{series.mark}" if series.mark == "stripe" else f"chart-band {tone}"
            yield f'<path class="{name}" d="{"".join(_bands(series, frame))}"/>'
    if series.mark in ("line", "forecast", "steps"):
        path = "".join(_steps(run, frame) if series.mark == "steps" else _joined(run, frame) for run in _runs(series))
        yield _path(f"chart-{'ahead' if series.mark == 'forecast' else 'line'} {tone}", path)
    dotted = series.mark == "line" and len(series.points) <= MAX_DOTTED
    alone = [run[0] for run in _runs(series) if len(run) == 1]
    marked = series.finite if dotted or series.mark == "points" else alone if series.mark == "line" else []
    if marked:
        path = "".join(f"M{frame.x(x):g} {frame.y(y):g}h0" for x, y in marked)
        yield _path(f"chart-points {tone}", path)


def _runs(series: Series) -> list[list[tuple[float, float]]]:
    """Return the stretches of points between gaps."""
    runs: list[list[tuple[float, float]]] = [[]]
    for point in series.points:
        if is_drawable(*point):
            runs[-1].append(point)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _joined(points: Iterable[tuple[float, float]], frame: Frame) -> str:
    return "M" + "L".join(f"{frame.x(x):g} {frame.y(y):g}" for x, y in points)


def _steps(points: list[tuple[float, float]], frame: Frame) -> str:
    start = f"M{frame.x(points[0][0]):g} {frame.y(points[0][1]):g}"
    return start + "".join(f"H{frame.x(x):g}V{frame.y(y):g}" for x, y in points[1:])


def _bars(series: Series, frame: Frame) -> Iterator[str]:
    width = min(0.7 * WIDTH / max(len(series.points), 1), MAX_BAR_WIDTH)
    foot = frame.y(0.0)
    for x, y in series.finite:
        yield f"M{frame.x(x) - width / 2:g} {foot:g}h{width:g}V{frame.y(y):g}h{-width:g}Z"


def _whiskers(series: Series, frame: Frame) -> Iterator[str]:
    for (x, y), (low, high) in zip(series.points, series.intervals, strict=True):
        if is_drawable(x, y, low, high):
            yield f"M{frame.x(x):g} {frame.y(low):g}V{frame.y(high):g}"


def _bands(series: Series, frame: Frame) -> Iterator[str]:
    """Yield a polygon for each stretch of points that have an interval; one point alone is a narrow bar."""
    stretches: list[list[tuple[float, float, float]]] = [[]]
    for (x, y), (low, high) in zip(series.points, series.intervals, strict=True):
        if is_drawable(x, y, low, high):
            stretches[-1].append((frame.x(x), frame.y(low), frame.y(high)))
        elif stretches[-1]:
            stretches.append([])
    for found in filter(None, stretches):
        x, *ends = found[0]
        bar = [(max(x - BAND_OF_ONE, 0.0), *ends), (min(x + BAND_OF_ONE, WIDTH), *ends)]
        stretch = found if len(found) > 1 else bar
        upper = "L".join(f"{x:g} {high:g}" for x, _, high in stretch)
        lower = "".join(f"L{x:g} {low:g}" for x, low, _ in reversed(stretch))
        yield f"M{upper}{lower}Z"


def _y_label(y: float, text: str) -> str:
    return f'<text class="chart-tick" x="-8" y="{y + 4:g}" text-anchor="end">{escape(text)}</text>'


def _x_labels(chart: Chart, frame: Frame) -> Iterator[str]:
    for tick in frame.x_ticks:
        x = frame.x(tick)
        anchor = "start" if x < EDGE else "end" if x > WIDTH - EDGE else "middle"
        text = time_label(tick, frame.x_high - frame.x_low) if chart.x.time else chart.x.show(tick)
        where = f'x="{x / 10:g}%" y="{HEIGHT + 18}" text-anchor="{anchor}"'
        yield f'<text class="chart-tick" {where}>{escape(text)}</text>'


def _legend(chart: Chart) -> Iterator[str]:
    """Yield the legend; a single series without limits needs none, unless it has an interval."""
    entries = [
        (f"chart-{_key(series)} chart-{place % 5}", series.name) for place, series in enumerate(chart.series)
    ] + [(_limit_class(limit), limit.name) for limit in chart.limits]
    if len(entries) < 2:
        return
    yield '<ul class="chart-legend">'
    for name, text in entries:
        path = "M14 4h0" if "chart-points" in name else "M0 4H28"
        swatch = (
            f'<svg viewBox="0 0 28 8" aria-hidden="true" focusable="false"><path class="{name}" d="{path}"/></svg>'
        )
        yield f"<li>{swatch}{escape(text)}</li>"
    yield "</ul>"


def _limit_class(limit: Limit) -> str:
    return "chart-reference" if limit.neutral else "chart-limit"


def _key(series: Series) -> str:
    return {"points": "points", "forecast": "ahead", "bars": "whisker", "stripe": "swatch"}.get(series.mark, "line")


def _table(chart: Chart, shown: list[Series], name: str) -> str:
    """Return the values behind the chart, for people who cannot see it or want to read them."""
    total = max(len(series.points) for series in chart.series)
    kept = max(len(series.points) for series in shown)
    values: dict[float, list[str]] = {}
    for place, series in enumerate(shown):
        intervals = series.intervals or ((float("nan"),) * 2,) * len(series.points)
        for (x, y), bounds in zip(series.points, intervals, strict=True):
            if not is_drawable(x):
                continue
            row = values.setdefault(x, ["–"] * len(shown))
            if is_drawable(y):
                between = f" ({chart.y.show(bounds[0])} to {chart.y.show(bounds[1])})" if is_drawable(*bounds) else ""
                row[place] = chart.y.show(y) + between
    heads = "".join(f'<th scope="col">{escape(series.name)}</th>' for series in shown)
    rows = "\n".join(
        f'<tr><th scope="row">{escape(chart.x.show(x))}</th><td>{"</td><td>".join(map(escape, row))}</td></tr>'
        for x, row in sorted(values.items())
    )
    more = f" ({kept:,} of {total:,} points)" if kept < total else ""
    return (
        f'<details class="chart-data" id="{name}-data"><summary>Values{more}<span class="chart-unseen"> of '
        f"{escape(chart.title)}</span></summary>\n"
        f'<div class="chart-scroll" tabindex="0" role="region" aria-label="Values of {escape(chart.title)}">\n'
        f'<table><caption class="chart-unseen">{escape(chart.title)}</caption>\n'
        f'<thead><tr><th scope="col">{escape(chart.x.label)}</th>{heads}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody></table></div></details>"
    )
