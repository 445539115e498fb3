"""Products of matrices, and a floating-point flag of theirs that tells nothing.

On processors with AVX-512, OpenBLAS (0.3.31, `sgemv_t` of SkylakeX) multiplies a float32 matrix of five columns in
vectors of eight: it adds what happens to lie on the stack to the three that are too many, and throws those away. The
result is right; but where a signalling NaN lay there, and an address may look like one, numpy warns of an invalid
value, and raises where an app has `np.seterr(invalid="raise")`. Which processes meet it is chance.
"""

from __future__ import annotations

import numpy as np

# For a function whose inputs are finite: weights are refused where they are read, tags by the catalogue; and a score
# that is NaN all the same is found by `policy.chances`.
unflagged = np.errstate(invalid="ignore")
