"""Experiments as recipes that anyone can run again: seeds, intervals, one table each."""
