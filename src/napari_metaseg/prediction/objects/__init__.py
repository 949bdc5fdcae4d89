"""Objects out of probabilities: parted where they touch, on planes of any size, and cut again."""
