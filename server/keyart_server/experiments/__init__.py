"""Experiments: campaigns of that kind, with what their latest interim analysis found."""
