"""How good a prediction is: overlap, objects, intervals, domains, and the report."""
