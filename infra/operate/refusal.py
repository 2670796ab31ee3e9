"""The error that ends a command."""


class Refusal(Exception):
    """A message for the operator: the refused value, the expected value, and the remedy."""
