"""Checks on a real AWS account what tests without one can't show, and removes everything that it made.

    infra/first-account --list               the checks: question, minutes, dollars, source
    infra/first-account --dry-run            every call that would be made, in order. Sends nothing
    infra/first-account                      all checks
    infra/first-account --only NAME...       these checks, and the checks that they build on
    infra/first-account --clean              removes what a killed run left

It asks for the account's id before it begins, and prints time and cost. All names begin with
boxoffice-first-account-XXXX, and nothing else is changed. A state file lists each thing before it is made. Ctrl-C ends
the checks and removes everything. The report, without the account's id, is in target/first-account.
"""

import argparse
import collections
import os
import random
import signal
import string
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import boto3  # noqa: E402
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError  # noqa: E402

from first_account import plan, results  # noqa: E402
from first_account.account import Account, run_prefix  # noqa: E402
from first_account.removal import remove_all, still_tagged  # noqa: E402
from first_account.run import ROOT, Options, Run  # noqa: E402
from first_account.simulated import ACCOUNT, Clock, Simulated, SimulatedWeb  # noqa: E402
from first_account.state import RUN, State, StateProblem, unfinished  # noqa: E402

TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")


def main(words):
    """Runs the command line. Returns the exit status."""
    parser = argument_parser()
    given = parser.parse_args(words)
    try:
        checks = plan.select(given.only)
    except ValueError as problem:
        parser.error(str(problem))
    if bool(given.domain) != bool(given.certificate):
        parser.error("--domain needs --certificate, and --certificate needs --domain")
    if given.run and not given.clean:
        parser.error("--run goes with --clean only")
    if given.run and not RUN.fullmatch(given.run):
        parser.error("--run: four characters, as in the names of what the run made")
    if given.list:
        return print_list(checks)
    if given.dry_run:
        return dry_run(checks, given)
    try:
        return clean(given) if given.clean else try_out(checks, given)
    except NoCredentialsError:
        return fail("no AWS credentials: `aws configure`, or AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    except (ClientError, BotoCoreError, StateProblem) as problem:
        return fail(str(problem))


def argument_parser():
    """Returns the parser of the command line."""
    parser = argparse.ArgumentParser(prog="infra/first-account", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="list the checks")
    parser.add_argument("--dry-run", action="store_true", help="print the calls, send none")
    parser.add_argument("--clean", action="store_true", help="remove what killed runs left")
    parser.add_argument("--run", default="", metavar="XXXX", help="with --clean: a run whose state file is lost")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="only these checks, and those they build on")
    parser.add_argument("--region", help="AWS region (default: that of your AWS configuration)")
    parser.add_argument("--account", default="", metavar="ID", help="the account's id, in place of the question")
    parser.add_argument("--yes", action="store_true", help="don't ask about time and cost")
    parser.add_argument("--folder", type=Path, default=TARGET / "first-account", help="where state files and reports go")
    parser.add_argument("--built", type=Path, help="folder of `sam build` (default: builds first)")
    parser.add_argument("--issuer", default=Options.issuer, help=f"issuer for the checks of tokens (default: {Options.issuer})")
    parser.add_argument("--domain", default="", help="a domain name of yours, for the check of paths under it")
    parser.add_argument("--certificate", default="", metavar="ARN", help="its certificate in ACM, of this region")
    return parser


def fail(text):
    print(f"first-account: {text}", file=sys.stderr)
    return 1


def print_list(checks):
    """Prints each check."""
    for check in checks:
        print(f"{check.name}  ({check.lane}, {check.minutes} min, at most ${check.dollars:.2f})")
        for label, text in (("asks", check.question), ("expects", check.expected), ("by", check.how), ("source", check.source)):
            print(f"    {label:8} {text}")
        if check.after or check.needs:
            print(f"    {'needs':8} {', '.join([*check.after, *(f'--{name}' for name in check.needs)])}")
    print(total(checks))
    return 0


def total(checks):
    return f"{len(checks)} checks, about {plan.minutes(checks)} minutes, at most ${plan.dollars(checks):.2f}."


def options_of(given, region):
    """Returns the caller's options for the checks."""
    return Options(region=region, built=given.built, issuer=given.issuer, domain=given.domain, certificate=given.certificate)


def dry_run(checks, given):
    """Runs the plan against a simulated account, and prints each call."""
    region, clock = given.region or "eu-central-1", Clock()
    options, lately = options_of(given, region), collections.deque(maxlen=4)
    options.built, options.without_code = options.built or default_build(), True

    def show(text):
        # A wait repeats the same call. One line is enough.
        if text not in lately:
            print(f"    {text}")
        lately.append(text)

    with tempfile.TemporaryDirectory() as folder:
        state = State.begin(Path(folder) / "xxxx.state", ACCOUNT, region)
        simulated = Simulated(clock, lambda service, operation, params: show(f"{service}:{operation} {brief(params)}"))
        account = Account(region, run_prefix("xxxx"), state.ids.__contains__, simulated.session(region))
        run = Run(state, account, options, clock, SimulatedWeb(show, lambda: bool(simulated.policies)))
        plan.run_all(run, checks, lambda result: None, side_by_side=False)
        run.say("removes everything")
        remove_all(run)
    print(f"Nothing was sent. {total(checks)}")
    return 0


def default_build():
    """Returns the folder of `sam build`, or the source template, whose code isn't needed if nothing is sent."""
    built = ROOT / ".aws-sam" / "build"
    return built if (built / "template.yaml").is_file() else ROOT / "infra"


def brief(params):
    """Returns a call's parameters in one line."""
    shown = {name: value for name, value in params.items() if name not in ("Body", "TemplateBody", "Tags", "Payload")}
    parts = [f"{name}={value if isinstance(value, str) else repr(value)}" for name, value in shown.items()]
    text = " ".join(" ".join(parts).split())
    return text if len(text) <= 160 else f"{text[:157]}..."


def try_out(checks, given):
    """Runs the checks on the account of the caller's credentials."""
    session = boto3.Session(region_name=given.region)
    region = session.region_name
    if not region:
        return fail("no region: --region, or AWS_REGION")
    print(total(checks))
    account_id, caller = confirm_account(session, given.account)
    if account_id is None:
        return fail(caller)
    waiting = unfinished(given.folder)
    if waiting:
        names = ", ".join(state.run for state in waiting)
        return fail(f"{names} left something: run `infra/first-account --clean` first")
    if not given.yes and ask(f"Start in {region}? [y/N] ").lower() not in ("y", "yes"):
        return fail("not started, nothing was made")
    if given.built is None and plan.NEED_BUILD & {check.name for check in checks} and not build():
        return fail("`sam build` failed")
    state = State.begin(given.folder / f"{new_run()}.state", account_id, region)
    print(f"Names begin with {run_prefix(state.run)}. The list of what is made: {state.path}", flush=True)
    run = Run(state, account_of(state, session), options_of(given, region), say=lambda text: print(text, flush=True))
    return finish(run, checks, caller, given)


def account_of(state, session):
    return Account(state.region, run_prefix(state.run), state.ids.__contains__, session)


def new_run():
    return "".join(random.SystemRandom().choices(string.ascii_lowercase + string.digits, k=4))


def confirm_account(session, expected):
    """Returns the account's id after the caller has confirmed it, and the caller's ARN.

    Otherwise returns None and the reason.
    """
    identity = session.client("sts").get_caller_identity()
    account, arn = identity["Account"], identity["Arn"]
    print(f"Account {account}, as {arn}.", flush=True)
    if expected:
        return (account, arn) if expected == account else (None, f"--account says {expected}, and the credentials are of {account}")
    answer = ask("Type the account's id to go on: ")
    return (account, arn) if answer == account else (None, "the account was not confirmed, nothing was made")


def ask(question):
    """Asks on the terminal. Returns an empty text without an answer."""
    try:
        return input(question).strip()
    except EOFError:
        print()
        return ""


def build():
    """Builds the functions. A repeated build takes seconds."""
    path = f"{ROOT / '.tools' / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    command = ["sam", "build", "--template", "infra/template.yaml"]
    try:
        return subprocess.run(command, cwd=ROOT, env={**os.environ, "PATH": path}, check=False).returncode == 0
    except FileNotFoundError:
        print("sam is missing: `make first-account` installs it", file=sys.stderr)
        return False


def finish(run, checks, caller, given):
    """Runs the checks, then removes everything in any case, and writes the report."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    found, interrupted = [], False

    def done(result):
        found.append(result)
        run.say("\n" + results.side_by_side(result))

    try:
        plan.run_all(run, checks, done)
    except KeyboardInterrupt:
        interrupted = True
    run.clock = type(run.clock)()
    try:
        left = remove_all(run)
    except KeyboardInterrupt:
        left = [(thing, "interrupted while removing") for thing in run.state.things]
        interrupted = True
    tried = {result.name for result in found}
    found += [results.of(check, results.NOT_TRIED, "interrupted", 0) for check in checks if check.name not in tried]
    found.sort(key=lambda result: [check.name for check in checks].index(result.name))
    secrets = {run.state.account: "ACCOUNT", caller: "CALLER", given.domain: "DOMAIN", given.certificate: "CERTIFICATE"}
    redact = results.Redactor(secrets)
    kept = [f"{thing.kind} {thing.name}: {why}" for thing, why in left]
    report = results.Report(run.state.run, run.options.region, found, kept, tagged(run))
    paths = results.write(given.folder, report, redact)
    return conclude(found, left, paths, interrupted)


def tagged(run):
    """Returns the resources in AWS's index of tags, or the reason why it can't be read."""
    try:
        return still_tagged(run)
    except (ClientError, BotoCoreError) as problem:
        return [f"not known: {problem}"]


def interrupt(*_):
    raise KeyboardInterrupt


def conclude(found, left, paths, interrupted):
    """Prints the counts and returns the exit status: 0 if nothing differs and nothing is left."""
    counts = {outcome: sum(result.outcome == outcome for result in found) for outcome in (results.AS_EXPECTED, results.DIFFERS, results.NOT_TRIED)}
    print("\n" + ", ".join(f"{number} {outcome}" for outcome, number in counts.items()) + ".")
    for result in found:
        if result.outcome != results.AS_EXPECTED:
            print(f"  {result.name}: {result.outcome}: {result.seen[:150]}")
    print(f"Report, to attach to an issue: {' and '.join(str(path) for path in paths)}")
    if left:
        print(f"NOT REMOVED, and may cost money: {', '.join(thing.name for thing, _ in left)}. `infra/first-account --clean` goes on.")
    else:
        print("Everything was removed.")
    if interrupted:
        return 130
    return 1 if left or counts[results.DIFFERS] else 0


def clean(given):
    """Removes what earlier runs left."""
    session = boto3.Session(region_name=given.region)
    if given.run:
        states = lost_run(given, session)
    else:
        states = unfinished(given.folder)
    if not states:
        print(f"Nothing to remove by the state files in {given.folder}.")
        return 0
    account_id, why = confirm_account(session, given.account)
    if account_id is None:
        return fail(why)
    others = [state.run for state in states if state.account != account_id]
    if others:
        return fail(f"{', '.join(others)} ran in another account")
    left = []
    for state in states:
        for thing in state.things:
            print(f"  {thing.kind} {thing.name} in {state.region}")
        if not given.yes and ask("Remove these? [y/N] ").lower() not in ("y", "yes"):
            return fail("nothing was removed")
        own = boto3.Session(region_name=state.region)
        left += remove_all(Run(state, account_of(state, own), options_of(given, state.region), say=lambda text: print(text, flush=True)))
    print("Everything was removed." if not left else "NOT REMOVED: " + ", ".join(thing.name for thing, _ in left))
    return 1 if left else 0


def lost_run(given, session):
    """Returns a state file of everything that a run may have made, from the run's naming scheme."""
    if not session.region_name:
        raise StateProblem("--clean --run needs --region")
    path = given.folder / f"{given.run}.state"
    if not path.exists():
        account = session.client("sts").get_caller_identity()["Account"]
        state = State.begin(path, account, session.region_name)
        for thing in plan.everything(given.run, account):
            state.make(thing.kind, thing.name)
    return [State.read(path)]


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
