"""The demo: real viewing histories in, a trained and published bundle out, and the artworks that viewers get from it.

`arms` trains and measures, `publish` delivers the bundle to a device, `page_selection` picks viewers and titles,
`screens` lets the SDK choose for them, `explanations` words the factors, `report_document` writes the metrics,
`page` draws the web page, and `demo_run` runs all of it.
"""

from .demo_run import DemoResult, DemoSettings, run

__all__ = ["DemoResult", "DemoSettings", "run"]
