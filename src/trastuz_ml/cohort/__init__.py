"""Who the patients are, what was sequenced, and which rows count."""
