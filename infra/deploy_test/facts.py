"""What is said on the way: steps, facts that hold, and those that don't with what was expected."""

import time


class Problem(Exception):
    """Why it can't go on, in one line."""


class Facts:
    """Counts facts, and says those that don't hold."""

    def __init__(self, test="deploy-test"):
        self.test = test
        self.started = time.monotonic()
        self.held = 0
        self.failed = 0
        self.at = "the beginning"

    def step(self, what):
        """Says what begins."""
        self.at = what
        print(f"{self.test}: [{self.seconds():3.0f} s] {what}", flush=True)

    def expect(self, what, expected, got):
        """Holds what was got against what was expected."""
        if expected == got:
            self.held += 1
            return
        self.failed += 1
        print(f"{self.test}: WRONG: {what}\n    expected {expected}\n    got      {got}", flush=True)

    def seconds(self):
        return time.monotonic() - self.started

    def summary(self):
        """The last line."""
        if self.failed:
            return f"{self.failed} of {self.held + self.failed} facts don't hold, after {self.seconds():.0f} s"
        return f"all {self.held} facts hold, after {self.seconds():.0f} s"
