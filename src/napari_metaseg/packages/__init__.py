"""Model packages: one folder with weights, configuration, fitted encoders, a sample."""
