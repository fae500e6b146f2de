"""The whole walk: an experiment file, what it trains, what is kept of it, and new patients."""
