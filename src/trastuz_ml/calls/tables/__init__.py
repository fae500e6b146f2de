"""Tables of calls: MAF and its dialects."""
