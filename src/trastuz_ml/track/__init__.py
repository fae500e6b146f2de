"""From a finished run to MLflow."""
