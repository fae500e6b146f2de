"""Names of genes."""
