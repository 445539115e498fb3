"""The fleet: its gateways, and its devices as far as sums describe them."""
