"""How an image was taken: the record, the fields that networks see, and the cohort table."""
