#!/usr/bin/env python3
"""Checks that API Gateway can import the HTTP API's OpenAPI body without a warning.

`infra/check` calls it. API Gateway's warnings are those of swagger-parser
(<https://github.com/aws/serverless-application-model/issues/2297>), and with `FailOnWarnings` one of them fails the
deployment. The jar of openapi-generator holds the same parser. Each different body of the combinations is checked as
CloudFormation would get it.

It needs Java and the tools of `local/install_tools.py contract`.
"""

import concurrent.futures
import copy
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[1] / "tests"))

from combinations import OTHERS, TOKENS  # noqa: E402
from template import ROOT, stack  # noqa: E402

JAR = "contract/**/openapi_generator_cli/openapi-generator.jar"
CORS = {"CorsOrigins": "https://example.com,https://www.example.com"}
# With and without an issuer, with and without CORS, independently of the combinations.
FORMS = [*OTHERS, {}, TOKENS, CORS, {**TOKENS, **CORS}]
LONGEST = 120


def written_out(value):
    """Returns a value as text that only the deployment knows, such as an alias in the address of an integration."""
    if isinstance(value, list):
        return [written_out(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and next(iter(value)) in ("Ref", "Fn::Sub", "Fn::GetAtt"):
        return str(next(iter(value.values())))
    return {name: written_out(item) for name, item in value.items()}


def bodies():
    """Returns each different body, with the first parameters that lead to it."""
    found = {}
    for parameters in FORMS:
        body = written_out(stack(**parameters).properties("HttpApi")["Body"])
        found.setdefault(json.dumps(body, sort_keys=True), (parameters, body))
    return list(found.values())


def parser():
    """Returns the command of the parser."""
    jars = sorted((ROOT / ".tools").glob(JAR))
    if not jars:
        sys.exit("api_body: openapi-generator is not in .tools: run `python3 local/install_tools.py contract`")
    return ["java", "-jar", str(jars[0]), "validate", "-i"]


def complaints(command, body):
    """Returns the parser's complaints about a body."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        file = Path(folder) / "body.json"
        file.write_text(json.dumps(body))
        try:
            done = subprocess.run([*command, str(file)], capture_output=True, text=True, timeout=LONGEST, check=False)
        except FileNotFoundError:
            sys.exit("api_body: java is missing: install Java 17 or newer")
    said = done.stdout + done.stderr
    return "" if done.returncode == 0 and "No validation issues detected" in said else said.strip() or f"it ended with {done.returncode}"


def broken(body):
    """Returns a body with an earlier mistake: a scheme without flows."""
    body = copy.deepcopy(body)
    for scheme in body["components"]["securitySchemes"].values():
        scheme.pop("flows", None)
    return body


def main():
    started, command, failed = time.monotonic(), parser(), 0
    checked = bodies()
    with_tokens = next(body for _, body in checked if "components" in body)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        asked = [(parameters, pool.submit(complaints, command, body)) for parameters, body in checked]
        asked_of_broken = pool.submit(complaints, command, broken(with_tokens))
        for parameters, answer in asked:
            if said := answer.result():
                failed += 1
                print(f"With {parameters or 'no parameters'}:\n{said}")
        if "flows" not in asked_of_broken.result():
            failed += 1
            print(f"The parser accepts a security scheme without flows, so it checks less than it did:\n{asked_of_broken.result()}")
    print(f"api_body: {len(checked)} bodies, {failed} failed ({time.monotonic() - started:.0f} s)")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
