"""The benchmark: keyart and baselines on the same impressions of several worlds, as a table, a plot and JSON."""
