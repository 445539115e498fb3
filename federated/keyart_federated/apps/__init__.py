"""The Flower apps: `client` runs where devices are, `server` beside the SuperLink. `wire` is what they say."""
