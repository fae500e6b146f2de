"""What each gene contributes to a prediction."""
