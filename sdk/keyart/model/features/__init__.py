"""Features: catalogue, history and context as numbers. Pure functions that broadcast over leading axes.

The same functions serve one choice on a device and a batch of ten thousand devices in a simulation.
"""

from .encode import EncodedCatalog
from .spec import FeatureSpec
from .viewer import ViewerFeatures, affinities, view_weight

__all__ = ["EncodedCatalog", "FeatureSpec", "ViewerFeatures", "affinities", "view_weight"]
