"""A model as a file, and as a bundle: the ranker's graph, its gradient graph, vocabulary, test vectors, manifest."""

from .bundle import write_bundle
from .model_file import ModelFile

__all__ = ["ModelFile", "write_bundle"]
