"""Published data sets, models and films, downloaded and checked. It uses nothing of this package."""
