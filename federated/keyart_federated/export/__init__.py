"""A model as a bundle: the ranker's graph, its gradient graph, vocabulary, test vectors, manifest."""

from .bundle import write_bundle

__all__ = ["write_bundle"]
