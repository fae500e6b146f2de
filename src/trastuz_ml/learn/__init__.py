"""Everything that is fitted, and how it is validated."""
