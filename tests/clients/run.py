#!/usr/bin/env python3
"""Generates three clients from docs/openapi.yaml, compiles them, and makes every API call with each of them.

    run.py                    all clients
    run.py typescript java    only these

The calls go to the local stack. The generated code is in target/clients. `make clients` runs this after the binaries
are built. Needs the tools of `local/install_tools.py contract`.
"""

import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import tools
from tools import local_stack

HERE = Path(__file__).resolve().parent
OUT = local_stack.TARGET / "clients"


def main(names):
    clients = {"typescript": Typescript, "python": Python, "java": Java}
    unknown = [name for name in names if name not in clients]
    if unknown:
        sys.exit(f"clients: unknown client {', '.join(unknown)}, expected one of {', '.join(clients)}")
    started = time.monotonic()
    wanted = [clients[name]() for name in names or clients]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        # The stack starts while the clients are generated and compiled.
        builds = [pool.submit(build, client) for client in wanted]
        with local_stack.running("clients") as url:
            results = [calls(client, finished.result(), url) for client, finished in zip(wanted, builds)]
    for client, result in zip(wanted, results):
        print(f"{client.name}: {result.passed} passed, {result.failed} failed")
        if result.output:
            print(result.output)
    passed, failed = sum(result.passed for result in results), sum(result.failed for result in results)
    print(f"clients: {passed} passed, {failed} failed ({time.monotonic() - started:.0f} s)")
    return 1 if failed else 0


@dataclass
class Result:
    """The results of a client's calls. A client that doesn't compile counts as one failed call."""

    passed: int
    failed: int
    output: str = ""


def build(client):
    """Generates and compiles a client. Returns the failure, if any."""
    shutil.rmtree(client.folder, ignore_errors=True)
    client.folder.mkdir(parents=True)
    try:
        client.build()
    except tools.Failure as failure:
        return failure


def calls(client, failure, url):
    """Makes the calls of a compiled client."""
    if failure:
        return Result(0, 1, str(failure))
    command = [str(word) for word in client.command(url)]
    try:
        done = subprocess.run(command, cwd=client.folder, capture_output=True, text=True, timeout=tools.LONGEST_STEP,
                              env=tools.ENVIRONMENT, check=False)
    except subprocess.TimeoutExpired:
        return Result(0, 1, f"the calls did not end within {tools.LONGEST_STEP} s")
    counts = re.search(r"^(\d+) passed, (\d+) failed$", done.stdout, re.MULTILINE)
    if not counts or (done.returncode == 0) != (counts[2] == "0"):
        return Result(0, 1, done.stdout + done.stderr)
    failures = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    return Result(int(counts[1]), int(counts[2]), "\n".join(failures))


class Typescript:
    """A client of openapi-typescript (types) and openapi-fetch (calls)."""

    name = "typescript"
    folder = OUT / "typescript"

    def build(self):
        (self.folder / "node_modules").symlink_to(tools.MODULES)
        shutil.copy(HERE / "package.json", self.folder)
        shutil.copy(HERE / "typescript/calls.ts", self.folder)
        tools.run(self.folder, tools.node(), tools.MODULES / "openapi-typescript/bin/cli.js", tools.DOCUMENT, "--output", "api.d.ts")
        strict = ["--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess"]
        compiler = tools.MODULES / "typescript/bin/tsc"
        tools.run(self.folder, tools.node(), compiler, *strict, "--target", "es2022", "--module", "nodenext", "calls.ts")

    def command(self, url):
        return [tools.node(), "calls.js", url]


class Python:
    """A package of openapi-python-client, checked by mypy together with the calls."""

    name = "python"
    folder = OUT / "python"

    def build(self):
        shutil.copy(HERE / "python/calls.py", self.folder)
        package = self.folder / "box_office_client"
        tools.run(self.folder, tools.TOOLS / "bin/openapi-python-client", "generate", "--path", tools.DOCUMENT, "--meta", "none",
                  "--output-path", package, "--config", HERE / "python/generator.yaml", "--fail-on-warning")
        tools.run(self.folder, tools.TOOLS / "bin/mypy", "--strict", "--no-incremental", "calls.py", package)

    def command(self, url):
        return ["env", f"PYTHONPATH={tools.found('contract/**/httpx/__init__.py').parents[1]}", sys.executable, "calls.py", url]


class Java:
    """A client of openapi-generator for Java's own HTTP client and Jackson. The generator's jar contains Jackson."""

    name = "java"
    folder = OUT / "java"

    def build(self):
        jar = tools.generator_jar()
        tools.run(self.folder, "java", "-jar", jar, "generate", "-i", tools.DOCUMENT, "-g", "java", "--library", "native", "-o", ".",
                  "--additional-properties=openApiNullable=false",
                  "--global-property=apiTests=false,modelTests=false,apiDocs=false,modelDocs=false")
        sources = [*self.folder.glob("src/main/**/*.java"), *(HERE / "java").glob("**/*.java")]
        tools.run(self.folder, "javac", "-proc:none", "-nowarn", "-d", "classes", "-cp", jar, *sources)

    def command(self, url):
        return ["java", "-cp", f"classes{os.pathsep}{tools.generator_jar()}", "Calls", url]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
