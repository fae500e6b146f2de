"""What was sequenced."""
