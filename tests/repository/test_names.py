"""Names of files and tests in the pages, in comments and in the lists of mutants: each exists."""

import re
import unittest

from checkout import ROOT, files

# Paths of examples, and paths with a placeholder.
EXAMPLES = {"functions/cancel/Cargo.toml", "functions/cancel/src/main.rs", "shared/src/http/routes/cancel.rs",
            "tests/releases/availability-N.lua"}
PLACEHOLDER = re.compile(r"[*<>{}]")
FOLDERS = [path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".") and path.name != "target"]
# A comment may leave `shared/src/` out.
ROOMS = [path.name for path in (ROOT / "shared/src").iterdir() if path.is_dir()]
# Folders that had these names before, so a path that begins with one of them is old.
FORMER_ROOMS = ["rules", "usecases", "document"]
ROOTS = "|".join(sorted({*FOLDERS, *ROOMS, *FORMER_ROOMS}))
A_PATH = re.compile(rf"(?<![\w./*{{$-])((?:{ROOTS})/[\w./*{{}}<>-]*\w\.(?:rs|py|lua|md|yaml|toml|json|txt|sh))\b")
# Where the tests of a command's `-p NAME --lib` or `--test NAME` are.
SUITES = {"--lib": "shared/src", "integration": "tests/tests/integration", "wire": "tests/tests/wire", "unit": "shared/src",
          "local": "local/src"}


def comments(path):
    """Returns the lines of a page, or the comment lines of a source file, with their numbers."""
    is_page = path.suffix == ".md"
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if is_page or line.lstrip().startswith(("//", "#", "--")):
            yield number, line


def tests_below(folder):
    """Returns the full names of the functions in a folder of Rust files, nearly as cargo prints those of tests."""
    names = set()
    for path in (ROOT / folder).rglob("*.rs"):
        modules = [part for part in path.relative_to(ROOT / folder).with_suffix("").parts if part not in ("mod", "lib", "main")]
        for name in re.findall(r"\bfn (\w+)", path.read_text()):
            names |= {"::".join([*modules, name]), "::".join([*modules, "tests", name])}
    return names


class Names(unittest.TestCase):
    def setUp(self):
        self.suites = {suite: tests_below(folder) for suite, folder in SUITES.items()}

    def assert_matches(self, suite, name, place):
        self.assertTrue(any(name in test for test in self.suites[suite]), f"{place}: there is no test {name}")

    def test_every_path_in_pages_and_comments_exists(self):
        checked = 0
        wrong = []
        for path in [path for kind in ["*.md", "*.rs", "*.py", "*.lua", "*.yaml", "*.toml"] for path in files(kind)]:
            for number, line in comments(path):
                for found in A_PATH.findall(line):
                    if found in EXAMPLES or PLACEHOLDER.search(found):
                        continue
                    checked += 1
                    crate = ROOT / path.relative_to(ROOT).parts[0]
                    if not any((base / found).exists() for base in [ROOT, ROOT / "shared/src", path.parent, crate]):
                        wrong.append(f"{path.relative_to(ROOT)}:{number}: {found}")
        self.assertEqual(wrong, [])
        self.assertGreater(checked, 300)

    def test_every_test_command_of_the_pages_runs_a_test(self):
        command = re.compile(r"cargo test -p boxoffice(?:-tests)? (?:--test )?(--lib|integration|wire) ([a-z_:]+)")
        checked = 0
        for path in files("*.md"):
            for suite, name in command.findall(path.read_text()):
                self.assert_matches(suite, name, path.relative_to(ROOT))
                checked += 1
        self.assertGreater(checked, 5)

    def test_every_mutant_names_tests_that_exist(self):
        checked = 0
        for path in (ROOT / "tests/mutants").glob("*.txt"):
            for suite, names in re.findall(r"^  by (\w+) (.+)$", path.read_text(), re.MULTILINE):
                for name in names.split():
                    self.assert_matches(suite, name, path.relative_to(ROOT))
                    checked += 1
        self.assertGreater(checked, 100)
