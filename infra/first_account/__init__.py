"""Checks for the first person with an AWS account: what is expected of AWS and what is seen, side by side."""
