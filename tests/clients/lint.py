#!/usr/bin/env python3
"""Checks docs/openapi.yaml with three linters. Any finding fails the check, including warnings.

`make lint-contract` runs this. Needs the tools of `local/install_tools.py contract`.
"""

import concurrent.futures
import sys
import time
from pathlib import Path

import tools

HERE = Path(__file__).resolve().parent


def redocly():
    script = tools.MODULES / "@redocly/cli/bin/cli.js"
    return tools.run(HERE, tools.node(), script, "lint", "--config", HERE / "redocly.yaml", tools.DOCUMENT)


def spectral():
    script = tools.MODULES / "@stoplight/spectral-cli/dist/index.js"
    return tools.run(HERE, tools.node(), script, "lint", "--fail-severity", "hint", "--ruleset", HERE / "spectral.yaml", tools.DOCUMENT)


def swagger_parser():
    """Runs the parser that API Gateway uses to import documents."""
    output = tools.run(HERE, "java", "-jar", tools.generator_jar(), "validate", "-i", tools.DOCUMENT)
    if "No validation issues detected" not in output:
        raise tools.Failure(output)


def main():
    started, failed = time.monotonic(), 0
    linters = [redocly, spectral, swagger_parser]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for linter, result in [(linter, pool.submit(linter)) for linter in linters]:
            try:
                result.result()
            except tools.Failure as failure:
                failed += 1
                print(f"{linter.__name__}: {failure}")
    print(f"lint-contract: {len(linters) - failed} passed, {failed} failed ({time.monotonic() - started:.0f} s)")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
