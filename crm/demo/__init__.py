"""A believable demo bank, made by the product's own commands from the figures of a real sprint, the same for the same seed and day."""
