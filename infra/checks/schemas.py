#!/usr/bin/env python3
"""Checks every resource of every combination of parameters with cfn-lint, which carries the CloudFormation registry's
schemas.

`infra/check` calls it. Conditions and parameters are resolved first, so that each resource is checked as CloudFormation
would get it. A linter that gets the template itself sees alternatives instead, and no value of a parameter.

Equal resources are checked once. The combinations have about 580 different ones, which become one template without
conditions.
"""

import json
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from cfnlint.api import lint  # noqa: E402
from combinations import all_combinations  # noqa: E402
from template import REGION, stack  # noqa: E402

# Rules about the joined template, not about a resource.
OF_THE_WHOLE = {
    "E3010": "more resources than a stack may have",
    "E3019": "two resources of one name, which are variants of one",
    "W3002": "code in a folder, which sam uploads",
}
# The tests name a network by short ids, which the schemas refuse.
SHORT_ID = re.compile(r"\b(vpc|subnet|sg)-(\d)\b")


def with_real_ids(parameters):
    return {name: SHORT_ID.sub(r"\1-0000000\2", value) if isinstance(value, str) else value for name, value in parameters.items()}


def variants(stacks):
    """Returns every different resource under a unique name.

    The first resource of a name keeps it, so that references stay valid.
    """
    found, known = {}, set()
    for made in stacks:
        for name, resource in made.resources.items():
            resource = {key: value for key, value in resource.items() if key not in ("Condition", "Metadata")}
            text = json.dumps(resource, sort_keys=True)
            if (name, text) not in known:
                known.add((name, text))
                number = sum(1 for other, _ in known if other == name)
                found[name if number == 1 else f"{name}Variant{number}"] = resource
    return found


def findings(resources):
    """Returns cfn-lint's findings about them."""
    template = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}
    matches = lint(json.dumps(template), regions=[REGION])
    return [match for match in matches if match.rule.id not in OF_THE_WHOLE]


def main():
    started = time.monotonic()
    combinations = list(all_combinations())
    resources = variants(stack(**with_real_ids(parameters)) for parameters in combinations)
    print(f"{len(combinations)} combinations have {len(resources)} different resources ({time.monotonic() - started:.0f} s)", flush=True)
    found = findings(resources)
    for match in found:
        print(f"{match.rule.id} {'/'.join(str(part) for part in match.path or [])}: {match.message}")
    print(f"schemas: {len(found)} findings ({time.monotonic() - started:.0f} s)")
    return 1 if found else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
