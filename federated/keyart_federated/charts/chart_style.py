"""The style sheet of charts, for every page that shows one.

Colours are variables with a light and a dark set; those of a page (`--text`, `--soft`, `--line`, `--bad`) are used
where it has them. Series differ in their dashes too, so that nobody has to tell colours apart.
"""

from __future__ import annotations

from typing import Final

STYLE: Final = """\
:root{--c0:#0d6f75;--c1:#a8440f;--c2:#5b4b9a;--c3:#6d5d00;--c4:#9c2a5a}
@media (prefers-color-scheme:dark){:root{--c0:#63c9c2;--c1:#ff9f6b;--c2:#b9acf5;--c3:#dcc65a;--c4:#f291b5}}
.chart{margin:0;min-width:0}
.chart figcaption{font-weight:600}
.chart-summary,.chart-unit,.chart-axis,.chart-legend,.chart-data,.chart-empty{font-size:14px;line-height:1.45;color:var(--soft,#655e54);margin:0}
.chart-unit{margin-top:10px;font-size:13px}
.chart-axis{text-align:right;font-size:13px}
.chart-empty{margin-top:10px;padding:20px;border:1px dashed var(--line,#ddd7cc);border-radius:8px}
.chart-frame{display:block;width:calc(100% - 84px);margin:10px 16px 0 68px;overflow:visible}
.chart-frame>svg{overflow:visible}
.chart-tick{fill:var(--soft,#655e54);font-size:13px;font-family:inherit}
.chart-0{--tone:var(--c0)}.chart-1{--tone:var(--c1)}.chart-2{--tone:var(--c2)}.chart-3{--tone:var(--c3)}.chart-4{--tone:var(--c4)}
.chart path{fill:none;stroke-linecap:round;stroke-linejoin:round}
.chart .chart-grid{stroke:var(--line,#ddd7cc);stroke-width:1}
.chart .chart-line{stroke:var(--tone);stroke-width:2}
.chart .chart-line.chart-1{stroke-dasharray:7 5}.chart .chart-line.chart-2{stroke-dasharray:2 5}
.chart .chart-line.chart-3{stroke-dasharray:9 4 2 4}.chart .chart-line.chart-4{stroke-dasharray:14 5}
.chart .chart-ahead{stroke:var(--tone);stroke-width:2;stroke-dasharray:1 6}
.chart .chart-points{stroke:var(--tone);stroke-width:6}
.chart .chart-whisker{stroke:var(--tone);stroke-width:2}
.chart .chart-band{fill:var(--tone);fill-opacity:.16}
.chart .chart-stripe{fill:var(--soft,#655e54);fill-opacity:.16}
.chart .chart-swatch{stroke:var(--soft,#655e54);stroke-width:8;stroke-opacity:.3}
.chart .chart-bars{fill:var(--tone);fill-opacity:.75}
.chart .chart-limit{stroke:var(--bad,#b3311a);stroke-width:1.5;stroke-dasharray:3 4}
.chart .chart-reference{stroke:var(--soft,#655e54);stroke-width:1.5}
.chart-legend{display:flex;flex-wrap:wrap;gap:4px 20px;padding:0;margin-top:8px;list-style:none}
.chart-legend svg{width:28px;height:8px;margin-right:7px;vertical-align:middle;overflow:visible}
.chart-data{margin-top:8px}
.chart-data summary{display:inline-block;min-height:24px;cursor:pointer}
.chart-data summary{text-decoration:underline;text-underline-offset:3px}
.chart-scroll{max-height:320px;overflow:auto;margin-top:6px}
.chart-data table{width:100%;border-collapse:collapse;font-size:14px;font-variant-numeric:tabular-nums}
.chart-data th,.chart-data td{padding:4px 10px 4px 0;text-align:left;font-weight:400;white-space:nowrap}
.chart-data thead th{color:var(--soft,#655e54)}
.chart-unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.chart-interval{display:block;width:100%;min-width:90px;height:14px}
.chart-interval path{fill:none;stroke-linecap:round}
.chart-interval .chart-zero{stroke:var(--soft,#655e54);stroke-width:1;stroke-dasharray:2 2}
.chart-interval .chart-reach{stroke:currentColor;stroke-width:3;opacity:.55}
.chart-interval .chart-point{stroke:currentColor;stroke-width:8}
.charts{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:16px}
p+.charts,dl+.charts{margin-top:16px}
@media (max-width:760px){.charts{grid-template-columns:minmax(0,1fr)}}
@media (max-width:760px){.chart-frame{width:calc(100% - 68px);margin-left:58px;margin-right:10px}}
@media (forced-colors:active){.chart .chart-line,.chart .chart-points,.chart .chart-whisker{stroke:CanvasText}}
"""
