#!/usr/bin/env python3
"""Breaks the product in one place at a time, and looks whether a test notices: `make mutants`.

    run.py                    every mutant
    run.py NAME...            those whose names begin so
    run.py --list [NAME...]   says what they break, and whether they still fit the code; runs nothing
    run.py --first FILTER     with each, the integration tests of this name first, in place of the mutant's own

The mutants are in the text files beside this one (README.md there says how they are written). They are made in a copy of
the checkout below target/mutants, so nothing here is touched. Ends with 1 if fewer than 95 % are caught, or one is in
error: its old text isn't in the code exactly once, or what it makes of it doesn't compile.
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
# A suite hangs that takes so many times as long as all of them without a mutant; the machine may be busy.
PATIENCE = 6


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("names", nargs="*", metavar="NAME")
    options.add_argument("--list", action="store_true", help="say what the mutants break; run nothing")
    options.add_argument("--first", metavar="FILTER", help="integration tests to run first with each")
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
            raise Problem(f"there is no mutant whose name begins with {name}")
    return [mutant for mutant in mutants if not names or mutant.name.startswith(tuple(names))]


def fit(mutants):
    """A list that lags behind the code must not pass for a suite that catches nothing."""
    wrong = [f"  {mutant.name}: {why}" for mutant in mutants if (why := mutant.misfit(ROOT))]
    if wrong:
        raise Problem("\n".join(["these don't fit the code any more; mend them in tests/mutants:", *wrong]))


def run(mutants, first):
    started = time.monotonic()
    workshop = Workshop(ROOT)
    workshop.prepare()
    print("without a mutant: ", end="", flush=True)
    before = workshop.judge([(suite, "") for suite in SUITES])
    if before.kind != "survived":
        raise Problem(f"the tests fail as they are: {before.text}\n{before.output}")
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
