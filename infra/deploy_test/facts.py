"""The test's output: steps, facts that hold, and facts that don't, with the expected value."""

import time


class Problem(Exception):
    """The reason in one line why the test can't go on."""


class Facts:
    """Counts facts, and prints those that don't hold."""

    def __init__(self, test="deploy-test"):
        self.test = test
        self.started = time.monotonic()
        self.held = 0
        self.failed = 0
        self.at = "the beginning"

    def step(self, what):
        """Prints the step that begins."""
        self.at = what
        print(f"{self.test}: [{self.seconds():3.0f} s] {what}", flush=True)

    def expect(self, what, expected, got):
        """Compares the actual value with the expected one."""
        if expected == got:
            self.held += 1
            return
        self.failed += 1
        print(f"{self.test}: WRONG: {what}\n    expected {expected}\n    got      {got}", flush=True)

    def seconds(self):
        return time.monotonic() - self.started

    def summary(self):
        """Returns the last line of the output."""
        if self.failed:
            return f"{self.failed} of {self.held + self.failed} facts don't hold, after {self.seconds():.0f} s"
        return f"all {self.held} facts hold, after {self.seconds():.0f} s"
