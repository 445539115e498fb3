"""The inverse by halves is the inverse, of one matrix and of a batch."""

import numpy as np
import pytest

from keyart.linalg import inverse


@pytest.mark.parametrize(
    ("shape", "dtype", "tolerance"),
    [((150, 150), np.float64, 1e-12), ((3, 51, 51), np.float32, 2e-4), ((2, 1, 1), np.float32, 1e-6)],
)
def test_inverse_times_matrix_is_one_and_symmetric(shape, dtype, tolerance):
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((*shape[:-1], 2 * shape[-1]))
    matrix = (rows @ np.swapaxes(rows, -1, -2) / shape[-1] + np.eye(shape[-1])).astype(dtype)
    found = inverse(matrix)
    assert found.dtype == dtype
    np.testing.assert_allclose(found @ matrix, np.broadcast_to(np.eye(shape[-1]), shape), atol=tolerance)
    np.testing.assert_array_equal(found, np.swapaxes(found, -1, -2))
