"""How metadata reaches a network: the schema (metadata to numbers), and the blocks that use it."""
