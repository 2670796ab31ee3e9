#!/usr/bin/env python3
"""Checks that cargo runs in this checkout, with the version that rust-toolchain.toml pins.

    rust_toolchain.py    prints the value that RUSTUP_TOOLCHAIN needs, or nothing if cargo runs without it

rustup installs the pinned toolchain when cargo first runs. A machine without a network can't, but may have the same
version under another name, for example `stable`. Then RUSTUP_TOOLCHAIN selects that one. `.ci/run` exports it.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class Missing(Exception):
    """No toolchain fits. The message is one line that names the remedy."""


def main():
    try:
        print(choose(ROOT))
    except Missing as missing:
        sys.exit(f"{Path(sys.argv[0]).name}: {missing}")


def choose(root):
    """Returns the toolchain for RUSTUP_TOOLCHAIN. It is empty if cargo runs in the checkout as it is."""
    # Without the variable rustup would try to download first, for minutes if no server answers.
    if runs("cargo", root, RUSTUP_AUTO_INSTALL="0"):
        return ""
    version = pinned(root)
    name = default_toolchain()
    if name and version_of(name) == version:
        return name
    if runs("cargo", root):
        return ""
    found = f"the default toolchain {name} is Rust {version_of(name)}" if name and version_of(name) else "there is no default toolchain"
    raise Missing(
        f"Rust {version} is missing: run `rustup toolchain install {version} --component rustfmt --component clippy`"
        f" ({found}, and rustup can't install another one from here)"
    )


def pinned(root):
    """Returns the version in rust-toolchain.toml."""
    return re.search(r'^channel = "(.+)"$', (root / "rust-toolchain.toml").read_text(), re.MULTILINE)[1]


def default_toolchain():
    """Returns the name of rustup's default toolchain, or nothing."""
    words = output("rustup", "default").split()
    return words[0] if words else ""


def version_of(toolchain):
    words = output("rustup", "run", toolchain, "rustc", "--version", RUSTUP_AUTO_INSTALL="0").split()
    return words[1] if len(words) > 1 else ""


def runs(program, folder, **variables):
    try:
        done = subprocess.run([program, "--version"], cwd=folder, env={**os.environ, **variables}, capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


def output(*command, **variables):
    """Returns what a command prints, or nothing if it fails. It runs outside the checkout, where nothing is pinned."""
    try:
        done = subprocess.run(command, cwd="/", env={**os.environ, **variables}, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 else ""


if __name__ == "__main__":
    main()
