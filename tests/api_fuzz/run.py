#!/usr/bin/env python3
"""Sends thousands of requests, valid and invalid, to the local stack. They are generated from docs/openapi.yaml.

No answer may be a 5xx, and each must match the document. `make check` runs this after everything is built.
FUZZ_SECONDS=600 runs longer. Needs the binaries of the workspace and schemathesis (`local/install_tools.py fuzz`).
"""

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import local_stack  # noqa: E402

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
]


def main():
    with local_stack.running("api-fuzz") as url:
        return fuzz(url)


def fuzz(url):
    command = [
        local_stack.ROOT / ".tools/bin/schemathesis", "run", local_stack.ROOT / "docs/openapi.yaml", "--url", url,
        "--phases", "examples,coverage,fuzzing", "--checks", ",".join(CHECKS), "--seed", "7",
        "--workers", "1", "--max-time", os.environ.get("FUZZ_SECONDS", "60"), "--no-color", "--no-shrink", "--warnings", "off",
    ]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(Path(__file__).parent), "NO_PROXY": "127.0.0.1"}
    return subprocess.run(command, cwd=local_stack.TARGET / "tmp", env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
