"""From a stored model and new calls to predictions."""
