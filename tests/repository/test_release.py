"""`make release` in a small checkout of its own, whose Makefile writes what the real one builds."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

from checkout import ROOT, read

CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2026-01-02\n\n### Added\n\n- A seat map.\n\n## [0.1.0] - 2026-01-01\n\n- All.\n"
MANIFEST = '[workspace]\nmembers = []\n\n[workspace.package]\nversion = "0.2.0"\n'
TEMPLATE = "      BuildProperties:\n        Binary: book\n"
MAKEFILE = """check:
	@echo check >>target/made
	@test ! -e broken
build:
	@echo build >>target/made
	@mkdir -p target/lambda/book && echo a binary >target/lambda/book/bootstrap
sbom:
	@echo sbom >>target/made
	@mkdir -p target/sbom && echo '{}' >target/sbom/book.json
"""


class Release(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        texts = {"CHANGELOG.md": CHANGELOG, "Cargo.toml": MANIFEST, "infra/template.yaml": TEMPLATE, "Makefile": MAKEFILE,
                 ".gitignore": "target/\n"}
        for name, text in texts.items():
            self.write(name, text)
        shutil.copy(ROOT / "infra/release.py", self.root / "infra")
        (self.root / "target").mkdir()
        self.git("init", "--quiet")
        self.commit()

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def git(self, *arguments):
        identity = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"]
        return subprocess.run(["git", *identity, *arguments], cwd=self.root, capture_output=True, text=True, check=True).stdout

    def commit(self):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "A commit")

    def run_script(self, *arguments):
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "CARGO_TARGET"))}
        identity = {"GIT_COMMITTER_NAME": "test", "GIT_COMMITTER_EMAIL": "test@localhost"}
        return subprocess.run([sys.executable, self.root / "infra/release.py", *arguments], env={**environment, **identity},
                              capture_output=True, text=True, check=False)

    def refused(self, why, version="0.2.0"):
        done = self.run_script("release", version, "--tag")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(why, done.stderr)
        self.assertEqual(self.git("tag"), "")
        self.assertFalse((self.root / "target/made").exists() and "build" in (self.root / "target/made").read_text())

    def test_a_release_is_checked_built_and_packed_without_a_tag(self):
        done = self.run_script("release", "0.2.0")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((self.root / "target/made").read_text().split(), ["check", "build", "sbom"])
        folder = self.root / "target/release-0.2.0"
        names = ["NOTES.md", "SHA256SUMS", "boxoffice-0.2.0-book.cdx.json", "boxoffice-0.2.0-book.zip"]
        self.assertEqual(sorted(path.name for path in folder.iterdir()), names)
        self.assertEqual((folder / "NOTES.md").read_text(), "### Added\n\n- A seat map.\n")
        self.assertEqual(json.loads((folder / names[2]).read_text()), {})
        with zipfile.ZipFile(folder / names[3]) as archive:
            self.assertEqual(archive.read("bootstrap"), b"a binary\n")
            self.assertEqual(archive.getinfo("bootstrap").external_attr >> 16, 0o755)
        subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, capture_output=True, check=True)
        self.assertEqual(self.git("tag"), "")

    def test_the_same_binaries_give_the_same_files(self):
        sums = self.root / "target/release-0.2.0/SHA256SUMS"
        self.assertEqual(self.run_script("release", "0.2.0").returncode, 0)
        first = sums.read_text()
        self.assertEqual(self.run_script("pack", "0.2.0").returncode, 0)
        self.assertEqual(sums.read_text(), first)

    def test_the_tag_is_annotated_with_the_notes(self):
        self.assertEqual(self.run_script("release", "0.2.0", "--tag").returncode, 0)
        self.assertEqual(self.git("cat-file", "-t", "v0.2.0").strip(), "tag")
        self.assertIn("\n\nboxoffice 0.2.0\n\n### Added\n\n- A seat map.\n", self.git("cat-file", "-p", "v0.2.0"))
        self.assertIn("v0.2.0 exists already", self.run_script("release", "0.2.0").stderr)

    def test_checks_that_passed_for_the_commit_are_not_repeated(self):
        self.assertEqual(self.run_script("record").returncode, 0)
        self.assertEqual(self.run_script("release", "0.2.0").returncode, 0)
        self.assertEqual((self.root / "target/made").read_text().split(), ["build", "sbom"])
        self.write("README.md", "changed\n")
        self.commit()
        self.assertEqual(self.run_script("release", "0.2.0").returncode, 0)
        self.assertIn("check", (self.root / "target/made").read_text().split())

    def test_checks_of_uncommitted_changes_are_not_recorded(self):
        self.write("README.md", "changed\n")
        self.assertEqual(self.run_script("record").returncode, 0)
        self.assertFalse((self.root / "target/checked").exists())

    def test_a_failed_check_ends_the_release(self):
        self.write("broken", "")
        self.commit()
        self.refused("`make check` failed")

    def test_a_checkout_with_changes_is_refused(self):
        self.write("README.md", "changed\n")
        self.refused("changes that aren't committed")

    def test_a_version_that_the_manifest_or_the_changelog_lacks_is_refused(self):
        self.refused("the version is like 0.1.0", version="v0.2.0")
        self.refused("Cargo.toml has version 0.2.0", version="0.3.0")
        for text, why in [
            (CHANGELOG.replace("[Unreleased]\n", "[Unreleased]\n\n- New.\n"), "has entries under [Unreleased]"),
            (CHANGELOG.replace("## [0.2.0] - 2026-01-02", "## [0.1.9] - 2026-01-02"), "has to be `## [0.2.0] - YYYY-MM-DD`"),
            (CHANGELOG.replace("2026-01-02", "tomorrow"), "has the date 'tomorrow'"),
            (CHANGELOG.replace("2026-01-02", "9999-01-02"), "a date in the future"),
            (CHANGELOG.replace("- A seat map.", ""), "has no entries"),
        ]:
            self.write("CHANGELOG.md", text)
            self.commit()
            self.refused(why)


class Changelog(unittest.TestCase):
    def test_the_version_of_the_crates_is_in_the_changelog(self):
        version = re.search(r'^version = "(.+)"$', read("Cargo.toml"), re.MULTILINE)[1]
        self.assertRegex(read("CHANGELOG.md"), rf"(?m)^## \[{re.escape(version)}\] - \d{{4}}-\d{{2}}-\d{{2}}$")
