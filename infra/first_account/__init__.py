"""Checks of AWS for the first person with an account, with the expected and the actual behaviour side by side."""
