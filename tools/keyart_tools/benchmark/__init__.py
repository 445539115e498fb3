"""Suite: keyart and its peers on the same impressions of several worlds, with one table, one plot and one JSON."""
