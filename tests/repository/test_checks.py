"""The parts of `make check` together run every test once."""

import re
import unittest

from checkout import ROOT, makefile_list, makefile_targets, read

PARTS = ["check-fast", "check-tests", "check-release", "check-infra", "check-contract"]


def recipe(target):
    """Returns the commands of a target of the Makefile."""
    return re.search(rf"^{target}:[^\n]*\n((?:\t[^\n]*\n)+)", read("Makefile"), re.MULTILINE)[1]


def suites():
    """Returns the names of all suites of integration tests in the workspace."""
    found = [*ROOT.glob("*/tests/*.rs"), *ROOT.glob("*/tests/*/main.rs")]
    return {path.parent.name if path.name == "main.rs" else path.stem for path in found}


class Checks(unittest.TestCase):
    def test_check_is_the_sum_of_its_parts(self):
        prerequisites = re.search(r"^check: (check-.+)$", read("Makefile"), re.MULTILINE)[1].split()
        self.assertEqual(prerequisites, PARTS)
        self.assertEqual([name for name in sorted(makefile_targets()) if name.startswith("check-")],
                         sorted([*PARTS, "check-budgets"]))

    def test_each_suite_of_integration_tests_is_in_one_part(self):
        listed = [*makefile_list("SUITES"), "wire"]
        self.assertEqual(len(listed), len(set(listed)))
        self.assertEqual(set(listed), suites())
        self.assertIn("$(SUITES:%=--test %)", recipe("check-tests"))
        self.assertIn("--test wire", recipe("check-release"))

    def test_each_part_of_a_suite_runs_once(self):
        for name, fast in [("ENGINE_UNITS", False), ("FILE_TESTS", True)]:
            run, skipped = f"-- $({name})\n", f"-- $({name}:%=--skip %)\n"
            self.assertIn(run if fast else skipped, recipe("check-fast"))
            self.assertIn(skipped if fast else run, recipe("check-tests"))
        for name in makefile_list("FILE_TESTS"):
            self.assertTrue((ROOT / "tests/tests/integration" / f"{name.removesuffix('::')}.rs").is_file(), name)

    def test_ci_runs_make_check(self):
        self.assertIn("\nexec make check <", read(".ci/run"))
