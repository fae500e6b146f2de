"""VCF and BCF files."""
