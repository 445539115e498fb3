"""Charts for the dashboard, the tools and reports: one value, drawn in one way (decision 0019).

chart        a chart as a value: axes, series with intervals, limits
frame        from values to places: ranges, ticks, geometry
svg          SVG inside HTML, with legend and table; without scripts
chart_style  its style sheet
picture      PNG, SVG and PDF files in the same style, by matplotlib
"""

from .chart import MAX_POINTS, Axis, Chart, Limit, Series, thinned
from .chart_style import STYLE
from .svg import interval_svg, render

__all__ = ["MAX_POINTS", "STYLE", "Axis", "Chart", "Limit", "Series", "interval_svg", "render", "thinned"]
