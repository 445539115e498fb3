"""The MovieLens world: `fetch` the data, join the `films`, read the `ratings`, estimate `tastes`, draw
`artworks`.
"""

from .movielens_world import MovieLensWorld

__all__ = ["MovieLensWorld"]
