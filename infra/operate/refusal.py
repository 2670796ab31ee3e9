"""The error that ends a command."""


class Refusal(Exception):
    """A message for the operator: what was refused, what was expected, and what to do."""
