"""What annotators say of a VCF's alleles."""
