"""From files to the calls table, and back: the only readers and writers of calls."""
