#!/usr/bin/env python3
"""Sends the local stack thousands of requests made from docs/openapi.yaml, good and bad, and holds every answer against it: no 5xx,
nothing that isn't documented. Called by `make check`, after everything is built; FUZZ_SECONDS=600 looks longer.

Needs the binaries of the workspace and schemathesis (`local/install_tools.py fuzz`). Starts the stack on ports and in a folder of
its own, and ends it whatever happens.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
DATA = TARGET / "tmp" / "api-fuzz"
LONGEST_START = 120
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
]


def main():
    shutil.rmtree(DATA, ignore_errors=True)
    DATA.parent.mkdir(parents=True, exist_ok=True)
    log = DATA.with_suffix(".log")
    stack = [TARGET / "debug" / "boxoffice-local", "run", "--port", "0", "--data", DATA]
    with open(log, "w") as output, subprocess.Popen(stack, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT) as running:
        try:
            url = wait_until_ready(running, log)
            return fuzz(url)
        finally:
            running.terminate()
            running.wait(timeout=30)


def wait_until_ready(running, log):
    end = time.monotonic() + LONGEST_START
    while time.monotonic() < end:
        said = log.read_text()
        url = re.search(r"'(http://127\.0\.0\.1:\d+/v1)/theaters/1/seats'", said)
        if url:
            return url[1]
        if running.poll() is not None:
            break
        time.sleep(0.2)
    sys.exit(f"api_fuzz: the local stack isn't ready\n{log.read_text()}")


def fuzz(url):
    command = [
        ROOT / ".tools/bin/schemathesis", "run", ROOT / "docs/openapi.yaml", "--url", url,
        "--phases", "examples,coverage,fuzzing", "--checks", ",".join(CHECKS), "--seed", "7",
        "--workers", "1", "--max-time", os.environ.get("FUZZ_SECONDS", "60"), "--no-color", "--no-shrink", "--warnings", "off",
    ]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(Path(__file__).parent), "NO_PROXY": "127.0.0.1"}
    return subprocess.run(command, cwd=DATA, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
