"""Linear algebra that the whole SDK shares: products row by row, inverses of positive definite matrices, and a flag.

`row_dots` and `row_products`: a BLAS kernel rounds a row of a product differently, by how many rows there are and at
which of them it stands. These products make one call a row. So a candidate has the same logit, to the last bit, on a
device with eight candidates and in a batch of a thousand devices whose candidates are padded to twelve.

`inverse` works by halves: a quarter of the time that a general inverse takes for a batch of heads, and less than half
for a server's large matrix.

`unflagged`: on processors with AVX-512, OpenBLAS (0.3.31, `sgemv_t` of SkylakeX) multiplies a float32 matrix of five
columns in vectors of eight. It adds what happens to lie on the stack to the three surplus lanes and discards them.
The result is right; but where a signalling NaN lay there, numpy warns of an invalid value, and raises where an app
has set `np.seterr(invalid="raise")`. Whether a process meets it is chance.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Matrices = TypeVar("Matrices", npt.NDArray[np.float32], npt.NDArray[np.float64])
# For a function whose inputs are finite: weights are refused where they are read, tags by the catalogue, and a score
# that is NaN all the same is found by `model.policy`.
unflagged = np.errstate(invalid="ignore")

Numbers = npt.NDArray[Any]

SMALL, LARGE = 8, 64  # where halving stops: of a batch, in which each call is shared, and of a single matrix


def row_dots(x: Numbers, y: Numbers) -> Numbers:
    """Return Σ x y over the last axis, with bits that do not depend on the other rows.

    Args:
        x: […, n].
        y: […, n]; leading axes broadcast.

    Returns:
        […].
    """
    products: Numbers = x[..., None, :] @ y[..., None]
    return products[..., 0, 0]


def row_products(x: Numbers, matrix: Numbers) -> Numbers:
    """Return matrix · x for each row, with bits that do not depend on the other rows.

    Args:
        x: […, n].
        matrix: […, k, n]; leading axes broadcast.

    Returns:
        […, k].
    """
    products: Numbers = x[..., None, :] @ matrix.swapaxes(-1, -2)
    return products[..., 0, :]


def inverse(matrix: Matrices) -> Matrices:
    """Return the inverse of symmetric positive definite matrices, symmetric to the last bit.

    With S = C − Bᵀ A⁻¹ B (Schur's complement), the inverse of [[A, B], [Bᵀ, C]] has S⁻¹ below on the right, −A⁻¹ B
    S⁻¹ above it, and A⁻¹ + A⁻¹ B S⁻¹ Bᵀ A⁻¹ above on the left. No pivots are needed, since A and S are positive
    definite.

    Args:
        matrix: […, n, n].

    Returns:
        […, n, n].
    """
    size = matrix.shape[-1]
    if size <= (SMALL if matrix.ndim > 2 else LARGE):
        small = np.linalg.inv(matrix)
        return np.asarray((small + np.swapaxes(small, -1, -2)) / 2, dtype=matrix.dtype)
    half = size // 2
    b = np.ascontiguousarray(matrix[..., :half, half:])
    a = inverse(np.ascontiguousarray(matrix[..., :half, :half]))
    ab = a @ b
    s = inverse(matrix[..., half:, half:] - np.swapaxes(b, -1, -2) @ ab)
    out = np.empty_like(matrix)
    out[..., half:, half:] = s
    above = ab @ s
    out[..., :half, half:] = -above
    out[..., half:, :half] = -np.swapaxes(above, -1, -2)
    out[..., :half, :half] = a + above @ np.swapaxes(ab, -1, -2)
    corner = out[..., :half, :half]
    corner += np.swapaxes(corner, -1, -2).copy()
    corner *= 0.5
    return out
