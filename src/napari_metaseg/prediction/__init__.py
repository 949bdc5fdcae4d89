"""From a model package and an image to probabilities, labels and scores."""
