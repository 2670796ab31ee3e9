"""The version of Rust: one in all files, and found under another name where the pinned one can't be downloaded."""

import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from checkout import ROOT, read

VERSION = re.search(r'^channel = "(.+)"$', read("rust-toolchain.toml"), re.MULTILINE)[1]
MINOR = VERSION.rpartition(".")[0]


class Version(unittest.TestCase):
    def test_every_file_names_the_pinned_version(self):
        self.assertIn(f'\nrust-version = "{VERSION}"\n', read("Cargo.toml"))
        self.assertIn(f"docker.io/library/rust:{VERSION}-bookworm\n", read("infra/containers/Dockerfile.local"))
        self.assertIn(f"'Rust {VERSION}, from", read(".ci/run"))
        self.assertIn(f"install Rust {MINOR} or newer", read("local/install_tools.py"))
        for page in ["README.md", "CONTRIBUTING.md", "docs/local.md"]:
            self.assertEqual(set(re.findall(r"Rust (1\.[\d.]+\d) or newer", read(page))), {MINOR}, page)


class Choice(unittest.TestCase):
    """A stand-in for rustup has an installed toolchain, or a server to install one from."""

    def choose(self, pinned, default, server=False):
        with tempfile.TemporaryDirectory() as folder:
            self.script(folder, "cargo", f'test -n "{pinned}" && exit 0; test "$RUSTUP_AUTO_INSTALL" != 0 -a -n "{server or ""}"')
            self.script(folder, "rustup", f"""case "$1" in
                default) test -n "{default}" && echo 'stable-x (default)' ;;
                run) test "$2" = stable-x && echo 'rustc {default} (abc 2026-01-01)' ;;
                esac""")
            environment = {key: value for key, value in os.environ.items() if not key.startswith("RUSTUP_")}
            return subprocess.run([sys.executable, ROOT / "local/rust_toolchain.py"], capture_output=True, text=True, check=False,
                                  env={**environment, "PATH": f"{folder}:/usr/bin:/bin"})

    @staticmethod
    def script(folder, name, text):
        path = Path(folder) / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def test_the_pinned_toolchain_is_used_where_it_is_installed(self):
        done = self.choose(pinned=True, default=VERSION)
        self.assertEqual((done.returncode, done.stdout), (0, "\n"))

    def test_the_same_version_under_another_name_is_used(self):
        for server in [False, True]:
            done = self.choose(pinned="", default=VERSION, server=server)
            self.assertEqual((done.returncode, done.stdout), (0, "stable-x\n"))

    def test_rustup_may_install_the_pinned_toolchain(self):
        for default in ["", "1.90.0"]:
            done = self.choose(pinned="", default=default, server=True)
            self.assertEqual((done.returncode, done.stdout), (0, "\n"))

    def test_a_missing_toolchain_is_named_in_one_line(self):
        for default, found in [("", "there is no default toolchain"), ("1.90.0", "the default toolchain stable-x is Rust 1.90.0")]:
            done = self.choose(pinned="", default=default)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertIn(f"Rust {VERSION} is missing: run `rustup toolchain install {VERSION} ", done.stderr)
            self.assertIn(found, done.stderr)
