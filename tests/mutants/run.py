#!/usr/bin/env python3
"""Breaks the product in one place at a time, and checks that a test notices: `make mutants`.

    run.py                    runs every mutant
    run.py NAME...            runs the mutants with these prefixes
    run.py --list [NAME...]   lists what they break and checks that they fit the code, without running tests
    run.py --first FILTER     runs the integration tests of this name first, instead of the mutant's own

The mutants are in the text files of this folder. README.md describes their format. They are applied to a copy of the
checkout below target/mutants, so the checkout itself stays unchanged. The exit code is 1 if fewer than 95 % are caught.
It is also 1 if a mutant is in error, because its old text isn't in the code exactly once or its new text doesn't
compile.
"""

import argparse
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True

from mutant import Problem, read_all
from suites import SUITES, Workshop

ROOT = Path(__file__).resolve().parents[2]
WANTED_SHARE = 0.95
# A suite is stopped after this multiple of the time that all suites take without a mutant. The machine may be busy.
PATIENCE = 6


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("names", nargs="*", metavar="NAME")
    options.add_argument("--list", action="store_true", help="list what the mutants break, without running tests")
    options.add_argument("--first", metavar="FILTER", help="integration tests that run first for each mutant")
    options = options.parse_args()
    try:
        mutants = chosen(read_all(Path(__file__).parent), options.names)
        fit(mutants)
        if options.list:
            for mutant in mutants:
                print(f"{mutant.name}: {mutant.fact}")
            return 0
        return run(mutants, options.first)
    except Problem as problem:
        print(f"mutants: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def chosen(mutants, names):
    for name in names:
        if not any(mutant.name.startswith(name) for mutant in mutants):
            raise Problem(f"no mutant's name starts with {name}")
    return [mutant for mutant in mutants if not names or mutant.name.startswith(tuple(names))]


def fit(mutants):
    """Rejects a list that doesn't fit the code, because its mutants would look like gaps in the tests."""
    wrong = [f"  {mutant.name}: {why}" for mutant in mutants if (why := mutant.misfit(ROOT))]
    if wrong:
        raise Problem("\n".join(["these mutants no longer fit the code, fix them in tests/mutants:", *wrong]))


def run(mutants, first):
    started = time.monotonic()
    workshop = Workshop(ROOT)
    workshop.prepare()
    print("without a mutant: ", end="", flush=True)
    before = workshop.judge([(suite, "") for suite in SUITES])
    if before.kind != "survived":
        raise Problem(f"the tests fail without a mutant: {before.text}\n{before.output}")
    workshop.limit = max(120, PATIENCE * before.seconds)
    print(f"all pass, in {before.seconds:.0f} s", flush=True)
    verdicts = [one(workshop, mutant, first, f"[{number}/{len(mutants)}]") for number, mutant in enumerate(mutants, 1)]
    return summary(list(zip(mutants, verdicts)), time.monotonic() - started)


def one(workshop, mutant, first, place):
    print(f"{place} {mutant.name}: ", end="", flush=True)
    path = workshop.checkout / mutant.file
    original = path.read_text()
    path.write_text(mutant.apply(original))
    try:
        expected = ("integration", first) if first else mutant.by
        verdict = workshop.judge([expected, *((suite, "") for suite in SUITES)])
    finally:
        path.write_text(original)
    print(f"{verdict.text} ({verdict.seconds:.0f} s)", flush=True)
    return verdict


def summary(results, seconds):
    def named(kind):
        return [(mutant, verdict) for mutant, verdict in results if verdict.kind == kind]

    caught, survivors, errors = named("caught"), named("survived"), named("error")
    print(f"\n{len(caught)} of {len(results)} caught ({100 * len(caught) / len(results):.1f} %), in {seconds / 60:.0f} min")
    for mutant, _ in survivors:
        print(f"  SURVIVED {mutant.name}: {mutant.fact}")
        if mutant.survives:
            print(f"           known: {mutant.survives}")
    for mutant, verdict in errors:
        print(f"  ERROR    {mutant.name}: {verdict.text}\n{verdict.output}")
    return 0 if not errors and len(caught) >= WANTED_SHARE * len(results) else 1


if __name__ == "__main__":
    sys.exit(main())
