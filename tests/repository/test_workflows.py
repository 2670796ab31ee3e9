"""The workflows of .github/workflows: they call only targets of the Makefile, and only pinned actions."""

import re
import unittest

from checkout import ROOT, files, makefile_targets, read
from test_checks import PARTS

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
# A value in quotes is no shell syntax outside of them.
CALL = re.compile(r'make [a-z-]+( [A-Z]+=([\w.-]+|"\$\{GITHUB_REF_NAME#v\}"))*')


def lines(key):
    """Returns (workflow, value) for each line with this key in any workflow."""
    return [(path.name, value) for path in WORKFLOWS
            for value in re.findall(rf"^[ -]+{key}: *(.*)$", path.read_text(), re.MULTILINE)]


class Workflows(unittest.TestCase):
    def test_every_command_is_a_make_target_that_exists(self):
        commands = lines("run")
        self.assertGreaterEqual(len(commands), 8)
        for name, command in commands:
            self.assertRegex(command, rf"^{CALL.pattern}$", name)
            self.assertIn(command.split()[1], makefile_targets(), name)

    def test_each_part_of_make_check_has_a_job(self):
        commands = [command for name, command in lines("run") if name == "check.yml"]
        self.assertEqual(sorted(commands), sorted(f"make {part}" for part in PARTS))

    def test_every_action_is_pinned_by_its_commit(self):
        for name, action in lines("uses"):
            self.assertRegex(action, r"^[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", name)

    def test_no_workflow_may_write_unless_it_publishes_a_release(self):
        for path in WORKFLOWS:
            self.assertIn("\npermissions:\n  contents: read\n", path.read_text(), path.name)
        writing = [name for name, value in lines("contents") if value != "read"]
        self.assertEqual(writing, ["release.yml"])

    def test_the_image_has_the_pinned_rust(self):
        version = re.search(r'^channel = "(.+)"$', read("rust-toolchain.toml"), re.MULTILINE)[1]
        images = lines("image")
        self.assertTrue(images)
        for name, image in images:
            self.assertEqual(image, f"rust:{version}-bookworm", name)

    def test_dependabot_watches_folders_that_have_something_to_watch(self):
        expected = {"cargo": "Cargo.toml", "npm": "package.json", "docker": "Dockerfile*", "github-actions": ".github/workflows/*.yml"}
        found = re.findall(r'package-ecosystem: (\S+)\n +directory: (\S+)', read(".github/dependabot.yml"))
        self.assertEqual({ecosystem for ecosystem, _ in found}, set(expected))
        for ecosystem, folder in found:
            self.assertTrue(list((ROOT / folder.strip("/")).glob(expected[ecosystem])), (ecosystem, folder))

    def test_each_folder_of_python_packages_is_watched(self):
        self.assertEqual(files("requirements*.txt"), [], "dependabot has to watch them")
