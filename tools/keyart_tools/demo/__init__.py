"""The demo: real histories in, a trained and published bundle out, and the pictures that viewers get from it.

`arms` trains and measures, `publish` carries the bundle to a device, `people` picks whom to show, `screens` lets
the SDK choose for them, `reasons` puts the factors in words, `document` writes the figures, `run` does all of it.
"""

from .demo_run import DemoResult, DemoSettings, run

__all__ = ["DemoResult", "DemoSettings", "run"]
