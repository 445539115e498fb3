"""The learner: how a model follows from noised sums. Pure: values in, values out, randomness handed in."""
