"""Small worlds, bundles, servers and devices that several test files use."""
