"""From a finished run to figures and a page."""
