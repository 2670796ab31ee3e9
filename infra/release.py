#!/usr/bin/env python3
"""Cuts a release: `make release VERSION=0.1.0`. docs/releasing.md describes the steps around it.

    release.py release VERSION          checks that the checkout is ready, builds, and packs the files of the release
    release.py release VERSION --tag    the same, and makes the annotated tag vVERSION
    release.py pack VERSION             only packs what is built, after the checks of the version and of CHANGELOG.md
    release.py record                   records that `make check` has passed for this commit. `make check` calls it

The files are in target/release-VERSION: a zip of each function for Lambda, its components (CycloneDX), the notes from
CHANGELOG.md, and the checksums. Nothing is pushed or published.
"""

import argparse
import datetime
import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
CHECKED = TARGET / "checked"
# The same binaries give the same zip, whenever it is packed. A zip can't hold an earlier year.
PACKED_AT = (1980, 1, 1, 0, 0, 0)


class Refusal(Exception):
    """The checkout isn't ready for the release."""


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = options.add_subparsers(dest="command", required=True)
    for name in ["release", "pack"]:
        command = commands.add_parser(name)
        command.add_argument("version")
        if name == "release":
            command.add_argument("--tag", action="store_true")
    commands.add_parser("record")
    options = options.parse_args()
    try:
        if options.command == "record":
            record()
        elif options.command == "pack":
            pack(options.version, require_notes(options.version))
        else:
            release(options.version, options.tag)
    except Refusal as refusal:
        sys.exit(f"release: {refusal}")


def release(version, with_tag):
    notes = require_notes(version)
    require_clean_tree()
    require_no_tag(version)
    require_checked()
    make("build", "sbom")
    require_clean_tree()
    pack(version, notes)
    if not with_tag:
        print(f"release: v{version} is ready. `make release VERSION={version} TAG=yes` makes the tag")
        return
    # Git would take the headings of the notes for comments.
    git("tag", "--annotate", f"v{version}", "--cleanup", "verbatim", "--message", f"boxoffice {version}\n\n{notes}")
    print(f"release: made the tag v{version}. `git push origin v{version}` publishes it")


def require_notes(version):
    """Checks the version and its section of the changelog. Returns the text of the section."""
    if not re.fullmatch(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", version):
        raise Refusal(f"the version is like 0.1.0, not {version!r}: make release VERSION=0.1.0")
    manifest = re.search(r'^\[workspace\.package\]\nversion = "(.+)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
    if manifest != version:
        raise Refusal(f"Cargo.toml has version {manifest}")
    sections = changelog((ROOT / "CHANGELOG.md").read_text())
    if has_entries(sections.get("[Unreleased]", "")):
        raise Refusal(f"CHANGELOG.md has entries under [Unreleased]: move them to [{version}]")
    titles = [title for title in sections if title.startswith("[") and title != "[Unreleased]"]
    if not titles or not titles[0].startswith(f"[{version}] - "):
        raise Refusal(f"the newest section of CHANGELOG.md has to be `## [{version}] - YYYY-MM-DD`")
    require_date(titles[0].removeprefix(f"[{version}] - "))
    if not has_entries(sections[titles[0]]):
        raise Refusal(f"the section [{version}] of CHANGELOG.md has no entries")
    return sections[titles[0]].strip() + "\n"


def require_date(text):
    try:
        date = datetime.date.fromisoformat(text)
    except ValueError:
        raise Refusal(f"CHANGELOG.md has the date {text!r}, expected YYYY-MM-DD") from None
    if date > datetime.datetime.now(datetime.timezone.utc).date():
        raise Refusal(f"CHANGELOG.md has a date in the future: {text}")


def changelog(text):
    """Splits the changelog into its sections, by their titles."""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


def has_entries(section):
    return re.search(r"^- ", section, re.MULTILINE) is not None


def require_clean_tree():
    if changes := git("status", "--porcelain"):
        raise Refusal(f"the checkout has changes that aren't committed:\n{changes}")


def require_no_tag(version):
    if git("tag", "--list", f"v{version}"):
        raise Refusal(f"the tag v{version} exists already")


def require_checked():
    """Runs `make check` unless it has passed for this commit."""
    commit = git("rev-parse", "HEAD")
    if CHECKED.is_file() and CHECKED.read_text().strip() == commit:
        print(f"release: make check has passed for {commit[:12]}")
        return
    make("check")
    require_clean_tree()


def record():
    """Records the commit for which `make check` has passed. Without git or with uncommitted changes it records nothing."""
    try:
        if not git("status", "--porcelain"):
            CHECKED.parent.mkdir(parents=True, exist_ok=True)
            CHECKED.write_text(git("rev-parse", "HEAD") + "\n")
    except Refusal:
        pass


def pack(version, notes):
    """Packs the release binaries and their components."""
    folder = TARGET / f"release-{version}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for function in functions():
        name = f"boxoffice-{version}-{function}"
        zip_binary(TARGET / "lambda" / function / "bootstrap", folder / f"{name}.zip")
        components = ROOT / "target/sbom" / f"{function}.json"
        if not components.is_file():
            raise Refusal(f"{components} is missing: make sbom")
        shutil.copyfile(components, folder / f"{name}.cdx.json")
    (folder / "NOTES.md").write_text(notes)
    files = sorted(path for path in folder.iterdir() if path.name != "NOTES.md")
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (folder / "SHA256SUMS").write_text("".join(sums))
    for path in sorted(folder.iterdir()):
        print(f"{path.name:44} {path.stat().st_size // 1024:6} KiB")
    print(f"release: {len(files)} files and their checksums are in {folder}")


def functions():
    """Returns the names of the functions' binaries. The template names them all."""
    return sorted(set(re.findall(r"^ +Binary: (\S+)$", (ROOT / "infra/template.yaml").read_text(), re.MULTILINE)))


def zip_binary(binary, archive):
    if not binary.is_file():
        raise Refusal(f"{binary} is missing: make build")
    entry = zipfile.ZipInfo("bootstrap", PACKED_AT)
    entry.external_attr = 0o755 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr(entry, binary.read_bytes())


def make(*targets):
    if subprocess.run(["make", "--no-print-directory", *targets], cwd=ROOT, check=False).returncode != 0:
        raise Refusal(f"`make {' '.join(targets)}` failed")


def git(*arguments):
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        raise Refusal("git is missing") from None
    if done.returncode != 0:
        raise Refusal(f"`git {arguments[0]}` failed: {done.stderr.strip()}")
    return done.stdout.strip()


if __name__ == "__main__":
    main()
