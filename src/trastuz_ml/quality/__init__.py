"""What to know of a cohort before any model."""
