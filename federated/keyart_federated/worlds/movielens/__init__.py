"""The MovieLens world: fetch data, join `films`, read `ratings`, estimate `tastes`, draw `film_artworks`.

Only `worlds` uses the package; `effects` has its equations.
"""

from .movielens_world import MovieLensWorld

__all__ = ["MovieLensWorld"]
