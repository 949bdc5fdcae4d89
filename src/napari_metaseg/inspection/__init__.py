"""What metadata do inside a trained model: which layers move, and whether the result does."""
