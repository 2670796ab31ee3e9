"""Runs the local stack for tests in Python, with its own ports and data folder. It ends with the test, even on errors.

Needs the debug binaries of the workspace (`make binaries`).
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).absolute()
LONGEST_START = 120
LONGEST_STOP = 30


@contextlib.contextmanager
def running(name):
    """Yields the URL of a new stack, including the stage. Its data and log are in target/tmp under the given name."""
    data = TARGET / "tmp" / name
    log = data.with_suffix(".log")
    shutil.rmtree(data, ignore_errors=True)
    data.parent.mkdir(parents=True, exist_ok=True)
    command = [TARGET / "debug" / "boxoffice-local", "run", "--port", "0", "--data", data]
    with open(log, "w") as output, subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT) as stack:
        try:
            yield wait_until_ready(stack, log)
        finally:
            stack.terminate()
            stack.wait(timeout=LONGEST_STOP)


def wait_until_ready(stack, log):
    end = time.monotonic() + LONGEST_START
    while time.monotonic() < end:
        url = re.search(r"'(http://127\.0\.0\.1:\d+/v1)/theaters/[^'/]+/seats'", log.read_text())
        if url:
            return url[1]
        if stack.poll() is not None:
            break
        time.sleep(0.2)
    sys.exit(f"the local stack isn't ready\n{log.read_text()}")
