#!/usr/bin/env python3
"""Checks infra/template.yaml with cfn-lint for every region of AWS.

`infra/check` calls it. `cfn-lint --regions ALL_REGIONS` finds the same and takes a minute of processor time, because it
checks the template once for each region. cfn-lint distinguishes regions only by the registry's schemas and by its lists
of machine types. So one region stands for all regions that have the same schemas and lists for the template's types.
"""

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from cfnlint.config import _DEFAULT_RULESDIR as DEFAULT_RULESDIR  # noqa: E402
from cfnlint.helpers import REGIONS  # noqa: E402
from cfnlint.rules import Rules  # noqa: E402
from cfnlint.rules.jsonschema.CfnLintJsonSchemaRegional import CfnLintJsonSchemaRegional  # noqa: E402
from registry import schema  # noqa: E402
from template import ROOT, transform  # noqa: E402


def lists_of(types):
    """Returns cfn-lint's rules that have a list for each region and concern one of these types."""
    regional = [rule for rule in Rules.create_from_directory(DEFAULT_RULESDIR).data.values()
                if isinstance(rule, CfnLintJsonSchemaRegional)]
    assert regional, "cfn-lint has other rules than it had"
    return [rule for rule in regional if any(f"Resources/{kind}/" in keyword for keyword in rule.keywords for kind in types)]


def groups(types):
    """Returns groups of regions that have the same schemas and lists for these types."""
    lists, found = lists_of(types), {}
    for region in REGIONS:
        known = [schema(region, kind) for kind in types] + [rule.schema.get(region, True) for rule in lists]
        digest = hashlib.sha256(json.dumps(known, sort_keys=True).encode()).digest()
        found.setdefault(digest, []).append(region)
    return list(found.values())


def main():
    started = time.monotonic()
    types = sorted({resource["Type"] for resource in transform()["Resources"].values()})
    found = groups(types)
    for regions in found:
        print(f"alike for {len(types)} types: {', '.join(regions)}")
    print(end="", flush=True)
    command = ["cfn-lint", "--regions", *(regions[0] for regions in found), "--non-zero-exit-code", "informational",
               "--include-checks", "I", "--", str(ROOT / "infra/template.yaml")]
    path = f"{ROOT / '.tools/bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    code = subprocess.run(command, env={**os.environ, "PATH": path}, check=False).returncode
    print(f"regions: {sum(map(len, found))} regions in {len(found)} groups, {'findings' if code else 'no findings'} "
          f"({time.monotonic() - started:.0f} s)")
    return code


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
