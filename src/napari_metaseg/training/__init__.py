"""Train a network on annotated planes and their metadata; the result is a model package."""
