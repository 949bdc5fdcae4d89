"""What computes a folded network on tiles: PyTorch, or an optional engine that is faster."""
