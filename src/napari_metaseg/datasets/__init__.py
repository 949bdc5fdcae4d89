"""From a cohort table to training patches, and the virtual microscope. Never imports torch."""
