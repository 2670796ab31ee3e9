"""Reads files of this checkout: the Makefile's targets, and lists of source files."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Folders of tools and of build results.
IGNORED = {".git", ".tools", ".local", ".aws-sam", "target", "node_modules"}


def read(path):
    return (ROOT / path).read_text()


def makefile_targets():
    """Returns the targets of the Makefile that aren't files."""
    return set(re.search(r"^\.PHONY: (.+)$", read("Makefile"), re.MULTILINE)[1].split())


def makefile_list(name):
    """Returns the words of a variable of the Makefile."""
    return re.search(rf"^{name} = (.+)$", read("Makefile"), re.MULTILINE)[1].split()


def files(pattern):
    """Returns the files of the checkout whose names match a pattern."""
    return sorted(path for path in ROOT.rglob(pattern) if not IGNORED.intersection(path.relative_to(ROOT).parts))
