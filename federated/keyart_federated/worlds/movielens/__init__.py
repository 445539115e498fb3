"""The MovieLens world: `fetch` the data, join the `films`, read the `ratings`, estimate `tastes`, draw
`artworks`.
"""

from .world import MovieLensWorld

__all__ = ["MovieLensWorld"]
