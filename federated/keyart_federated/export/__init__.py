"""Export: a model as a file, and as a bundle with its graphs, vocabulary, test vectors and manifest.

It uses the SDK and `learning`; campaigns, simulations and the tools use it.
"""

from .bundle import write_bundle
from .model_file import ModelFile

__all__ = ["ModelFile", "write_bundle"]
