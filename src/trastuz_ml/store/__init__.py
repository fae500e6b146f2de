"""Models and runs on disk, loaded without running anything that is in them."""
