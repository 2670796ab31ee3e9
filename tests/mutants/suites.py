"""The copy of the checkout that mutants are applied to, and the test suites that run on it."""

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from mutant import Problem

# The suites that run for each mutant, in this order, until a test fails. Tests of whole processes (wire, black_box)
# take too long.
SUITES = {
    "unit": ["-p", "boxoffice", "--lib"],
    "local": ["-p", "boxoffice-local", "--lib"],
    "integration": ["-p", "boxoffice-tests", "--test", "integration"],
}
# Tests of these suites that aren't about the product or take long. They run only if a mutant names them.
LEFT_OUT = ["supervised_process::", "stack::", "histories::", "observer::", "thundering_herd::", "hostile::"]
# The time limit in seconds for the tests that a mutant names.
PATIENCE_WITH_A_FEW = 90
# Results that count as caught although no test failed.
NO_TEST = ("the time limit: it hangs", "the end of the test program")
FAILED = re.compile(r"test (\S+) \.\.\. FAILED")


@dataclass
class Verdict:
    kind: str
    text: str
    seconds: float = 0
    output: str = ""


class Workshop:
    def __init__(self, root):
        self.root = root
        self.checkout = root / "target/mutants/checkout"
        self.limit = 3600.0
        # No snapshot is written, and colors and backtraces don't get into the output.
        self.environment = {
            **os.environ,
            "CARGO_TARGET_DIR": str(root / "target/mutants/target"),
            "INSTA_UPDATE": "no",
            "CARGO_TERM_COLOR": "never",
            "RUST_BACKTRACE": "0",
        }

    def prepare(self):
        """Updates the copy from the checkout. Files that are equal stay untouched, so that little has to be compiled."""
        names = subprocess.run(["git", "ls-files", "-z"], cwd=self.root, check=True, capture_output=True).stdout
        wanted = {self.root / name for name in names.decode().split("\0") if name}
        wanted = {path.relative_to(self.root) for path in wanted if path.is_file()}
        self.checkout.mkdir(parents=True, exist_ok=True)
        for folder, _, names in os.walk(self.checkout):
            for path in (Path(folder, name) for name in names):
                if path.relative_to(self.checkout) not in wanted:
                    path.unlink()
        for name in wanted:
            there, here = self.checkout / name, self.root / name
            if not there.is_file() or there.read_bytes() != here.read_bytes():
                there.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(here, there)
                shutil.copymode(here, there)
        if not (self.checkout / ".tools").is_symlink():
            (self.checkout / ".tools").symlink_to(self.root / ".tools")
        # Some tests start these binaries. It doesn't matter that they are built without the mutants.
        build = ["cargo", "build", "--workspace", "--bins", "--locked", "--quiet"]
        if subprocess.run(build, cwd=self.checkout, env=self.environment).returncode != 0:
            raise Problem("the checkout doesn't compile")

    def judge(self, runs):
        """Runs tests until one fails, and returns the verdict."""
        started = time.monotonic()

        def verdict(kind, text, output=""):
            return Verdict(kind, text, time.monotonic() - started, output)

        for suite, names in runs:
            limit = min(self.limit, PATIENCE_WITH_A_FEW) if names else self.limit
            skips = [word for name in LEFT_OUT for word in ("--skip", name)]
            test, output = self.first_failure(suite, names.split() or skips, limit)
            if "could not compile" in output:
                return verdict("error", "does not compile", output)
            if names and "running 0 tests" in output:
                return verdict("error", f"no test is named {names}")
            if not test:
                continue
            # A test that isn't about the mutant may fail for another reason, but hardly twice in a row.
            sure = names or test in NO_TEST or self.first_failure(suite, ["--exact", test], limit)[0]
            if not sure:
                return verdict("survived", f"SURVIVED ({test} failed, but not again)", output)
            return verdict("caught", f"caught by {test}", output)
        return verdict("survived", "SURVIVED")

    def first_failure(self, suite, filters, limit):
        """Returns the first test that fails, or `None`, and the output. Stops the other tests after a failure."""
        child = subprocess.Popen(
            ["cargo", "test", "--locked", *SUITES[suite], "--", *filters],
            cwd=self.checkout,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        late = threading.Event()

        def stop():
            late.set()
            os.killpg(child.pid, signal.SIGKILL)

        timer = threading.Timer(limit, stop)
        timer.start()
        said = []
        try:
            for line in child.stdout:
                said.append(line)
                if failed := FAILED.match(line):
                    return failed[1], "".join(said)
            code = child.wait()
        finally:
            timer.cancel()
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
            child.stdout.close()
            child.wait()
        output = "".join(said[-40:])
        if late.is_set():
            return NO_TEST[0], output
        return (None, output) if code == 0 else (NO_TEST[1], output)
