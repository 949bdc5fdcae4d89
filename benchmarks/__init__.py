"""Speed claims, measured: both sides of every comparison in one process, alternating, medians."""
