"""The parts of `make check` together run every check."""

import re
import unittest

from checkout import ROOT, makefile_list, makefile_targets, read

PARTS = ["check-fast", "check-tests", "check-release", "check-infra", "check-contract"]


def recipe(target):
    """Returns the commands of a target of the Makefile."""
    return re.search(rf"^{target}:[^\n]*\n((?:\t[^\n]*\n)+)", read("Makefile"), re.MULTILINE)[1]


class Checks(unittest.TestCase):
    def test_check_is_the_sum_of_its_parts(self):
        prerequisites = re.search(r"^check: (check-.+)$", read("Makefile"), re.MULTILINE)[1].split()
        self.assertEqual(prerequisites, PARTS)
        self.assertEqual([name for name in sorted(makefile_targets()) if name.startswith("check-")],
                         sorted([*PARTS, "check-budgets"]))

    def test_the_documented_test_command_runs_every_test(self):
        self.assertIn("\tcargo test --workspace --locked --no-fail-fast\n", recipe("tests"))
        self.assertIn("$(MAKE) --no-print-directory tests\n", recipe("check-tests"))
        self.assertIn("make test", read("README.md"))

    def test_release_binaries_run_under_faults(self):
        self.assertIn("--test wire", recipe("check-release"))

    def test_fast_checks_name_existing_tests(self):
        for name in makefile_list("FILE_TESTS"):
            self.assertTrue((ROOT / "tests/tests/integration" / f"{name.removesuffix('::')}.rs").is_file(), name)

    def test_ci_runs_make_check(self):
        self.assertIn("\nexec make check <", read(".ci/run"))
