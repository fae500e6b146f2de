"""From a cohort to gene-level features, and simulated cohorts."""
