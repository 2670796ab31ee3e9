"""`make deploy`: asks for missing answers, prints the plan and its cost, builds, deploys, and prints the next steps."""

import datetime
import json
import os
import shlex
import shutil
import subprocess
import tempfile
import textwrap
from dataclasses import dataclass, field
from pathlib import Path

import capacity
import costs
from botocore.exceptions import BotoCoreError, ClientError
from operate import account, answers
from operate.refusal import Refusal
from operate.settings import Settings
from operate.template import Template

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "infra/template.yaml"
BUILT = ROOT / ".aws-sam/build"
# Time for Application Auto Scaling to add or remove instances before the report.
SCALING_SECONDS = 180
# The parameters that have their own flag, with its name in messages.
FLAGS = {"Cache": "CACHE", "JwtIssuer": "ISSUER", "JwtAudience": "AUDIENCE"}


@dataclass
class Plan:
    """A deployment that is planned and not started."""

    stack: str
    region: str
    account: str
    existing: account.Stack | None
    # The parameters for CloudFormation. An existing stack keeps the values of all others. A new stack gets their
    # defaults.
    given: dict
    # The answers for infra/samconfig.toml. None when the file belongs to another stack.
    saved: dict | None
    decided: object
    release: str
    notes: list = field(default_factory=list)

    @property
    def values(self):
        """All values that the stack will have."""
        return self.decided.values


def deploy(options, terminal):
    """Deploys a stack. Returns the exit status."""
    settings = Settings(options.config)
    template = Template((options.built / "template.yaml") if options.built else TEMPLATE)
    given = flags(options, template)
    require_answers(options, terminal)
    plan = decide(options, terminal, settings, template, given)
    if not options.built:
        require_tools(plan.values["Architecture"])
    describe(plan, template)
    # For an existing stack, sam asks after it has computed the changes.
    if plan.existing is None and not options.yes and not terminal.confirm("\nDeploy it?", default=True):
        print("Nothing was deployed.")
        return 1
    if plan.saved is None:
        print(f"{shown(options.config)} doesn't change: it belongs to the stack {settings.stack} in {settings.region}.")
    # The answers for a new stack are saved before the deployment, so that a second try doesn't ask again.
    elif plan.existing is None:
        settings.save(plan.stack, plan.region, plan.saved)
    built = options.built or build(plan)
    status = finish(plan, send(options, plan, template, built))
    if status == 0 and plan.existing and plan.saved is not None:
        settings.save(plan.stack, plan.region, plan.saved)
    return status


def flags(options, template):
    """Returns the parameters from flags, after checking them."""
    given = {}
    for text in options.set:
        try:
            words = shlex.split(text)
        except ValueError as error:
            raise Refusal(f"SET: {text!r} was refused: {error}") from None
        for word in words:
            name, equals, value = word.partition("=")
            if not equals:
                raise Refusal(f'SET: {word!r} was refused, expected Name=value, or Name="a value with spaces"')
            template.check(name, value)
            given[name] = value
    checks = {"Cache": answers.check_cache, "JwtIssuer": answers.check_issuer, "JwtAudience": answers.check_audience}
    for name, value in [("Cache", options.cache), ("JwtIssuer", options.issuer), ("JwtAudience", options.audience)]:
        if value is None:
            continue
        if name in given:
            raise Refusal(f"{FLAGS[name]} and SET {name}=... were both given, expected one of them")
        given[name] = checks[name](value) if value or name == "Cache" else ""
    if given.get("JwtIssuer") == "":
        given.setdefault("JwtAudience", "")
    # The address of an own cache comes from the environment, because it may hold a password.
    if given.get("Cache") == "own" and "CacheUrl" not in given and os.environ.get("CACHE_URL"):
        given["CacheUrl"] = os.environ["CACHE_URL"]
        template.check("CacheUrl", given["CacheUrl"])
    if "Release" in given and not given["Release"]:
        raise Refusal("Release: an empty name was refused")
    return given


def require_answers(options, terminal):
    """Refuses to start without a terminal and without a confirmation."""
    if terminal.interactive or options.yes:
        return
    raise Refusal(
        "there is no terminal to ask on. Give the answers as flags, and YES=1 in place of the confirmation:\n"
        "    make deploy STACK=boxoffice REGION=eu-central-1 CACHE=none ISSUER=https://... AUDIENCE=... YES=1\n"
        "Missing answers come from infra/samconfig.toml, from an existing stack, or from the defaults."
    )


def decide(options, terminal, settings, template, given):
    """Answers every question from flags, saved answers, the existing stack, or the operator."""
    asks = terminal.interactive and not options.yes
    stack, region = where(options, terminal, settings, asks)
    session = account.session(region)
    number = account.identity(session)
    existing = account.find_stack(session, stack)
    carried = {}
    if existing:
        account.require_ready(existing, region)
        carried = carry_over(existing, template)
    known = settings.describes(stack, region)
    saved = template.with_new_names(settings.parameters) if known else {}
    # Each deployment has its own release.
    saved.pop("Release", None)
    for name, value in saved.items():
        try:
            template.check(name, value)
        except Refusal as refusal:
            raise Refusal(f"{shown(settings.path)}: {refusal}") from None
    notes = []
    if existing:
        notes = [
            f"{shown(settings.path)} has {name}={value}, the stack has {existing.parameters[name] or 'an empty value'}, which stays. "
            f"`make deploy SET='{name}={value}'` changes it."
            for name, value in saved.items()
            if name not in given and not template.is_secret(name) and existing.parameters.get(name, value) != value
        ]
    else:
        given = {**saved, **given}
    given = dict(given)
    if asks and not known:
        ask_parameters(terminal, given, existing.parameters if existing else {})
    if not existing:
        given.setdefault("Cache", answers.FIRST_CACHE)
        if given["Cache"] == "own" and "CacheUrl" not in given:
            answers.check_cache("own")
            given["CacheUrl"] = os.environ["CACHE_URL"]
    # `false` holds for one deployment. Every deployment without alarms needs the flag again.
    if existing and existing.parameters.get("ReleaseAlarms") == "false":
        given.setdefault("ReleaseAlarms", "true")
    release = given.pop("Release", f"{datetime.datetime.now(datetime.timezone.utc):%Y%m%dT%H%M%SZ}")
    template.check("Release", release)
    notes += [
        f"the template calls {old} now {new}. The stack keeps its value under the new name: {existing.parameters[new] or 'empty'}."
        for old, new in carried.items() if new not in given
    ]
    base = existing.parameters if existing else {}
    decided = template.decided({**base, **given, "Release": release}, region)
    broken = decided.refusals()
    if broken:
        raise Refusal("these parameters don't go together: " + "; ".join(broken))
    keeps = known or not settings.answered
    remembered = {name: value for name, value in {**saved, **given}.items()
                  if not template.is_secret(name) and name != "ReleaseAlarms"} if keeps else None
    # sam keeps the value of a parameter that the stack has under the same name. A renamed one has to be passed.
    given = {**{new: existing.parameters[new] for new in carried.values()}, **given}
    return Plan(stack, region, number, existing, given, remembered, decided, release, notes)


def carry_over(existing, template):
    """Gives the stack's parameters their new names.

    Returns the new name of each parameter that the stack has only under the old one.
    """
    carried = {name: template.new_name(name) for name in existing.parameters
               if template.new_name(name) and template.new_name(name) not in existing.parameters}
    existing.parameters = template.with_new_names(existing.parameters)
    return carried


def where(options, terminal, settings, asks):
    """Returns the stack's name and region."""
    stack, region = options.stack, options.region
    if stack is not None:
        answers.check_stack(stack)
    if region is not None:
        answers.check_region(region)
    if stack is None:
        default = settings.stack or answers.FIRST_STACK
        ask = asks and not settings.answered
        stack = terminal.ask("Name of the stack", default, answers.check_stack) if ask else answers.check_stack(default)
    if region is None and settings.answered and settings.stack == stack:
        region = answers.check_region(settings.region)
    if region is None:
        configured = account.configured_region()
        if asks:
            region = terminal.ask("Region of AWS", configured or answers.FIRST_REGION, answers.check_region)
        elif configured:
            region = answers.check_region(configured)
        else:
            raise Refusal("region: it is missing. Expected REGION=..., AWS_REGION in the environment, or a region in the AWS profile")
    return stack, region


def ask_parameters(terminal, given, current):
    """Asks for the cache, the issuer and the audience. Adds changed answers to `given`."""
    if "Cache" not in given:
        before = current.get("Cache", answers.FIRST_CACHE)
        print("\n" + "\n".join(f"    {name:<11} {what}" for name, what in answers.CACHES.items()))
        # A stack that already has an own cache keeps its address.
        answer = terminal.ask("Cache", before, lambda text: text if text == current.get("Cache") else answers.check_cache(text))
        if answer != current.get("Cache"):
            given["Cache"] = answer
        if given.get("Cache") == "own":
            given["CacheUrl"] = os.environ["CACHE_URL"]
    if "JwtIssuer" not in given:
        before = current.get("JwtIssuer", "")
        print("\nWithout an issuer of tokens, everyone who knows the address can reserve and book.")
        answer = terminal.ask(
            "Issuer of the callers' tokens, https://... or none", before or answers.EMPTY[0],
            lambda text: text if text == before else answers.check_issuer(text),
        )
        if answer != before:
            given["JwtIssuer"] = answer
            if not answer:
                given.setdefault("JwtAudience", "")
    if given.get("JwtIssuer") and "JwtAudience" not in given:
        given["JwtAudience"] = terminal.ask("Audience or client id that tokens must name", current.get("JwtAudience", ""), answers.check_audience)


def require_tools(architecture):
    """Refuses to build if a tool is missing, before the build takes minutes."""
    for name, remedy in [
        ("cargo", "Rust, from https://rustup.rs"),
        ("cargo-lambda", "`python3 local/install_tools.py run` installs it"),
        ("zig", "`python3 local/install_tools.py run` installs it"),
        ("sam", "`python3 local/install_tools.py sam` installs it"),
    ]:
        if not shutil.which(name):
            raise Refusal(f"{name} is missing, and the build needs it: {remedy}")
    if architecture == "arm64":
        root = subprocess.run(["rustc", "--print", "sysroot"], capture_output=True, text=True, check=False, cwd=ROOT).stdout.strip()
        if not (Path(root) / "lib/rustlib/aarch64-unknown-linux-gnu").is_dir():
            raise Refusal("Architecture: arm64 needs a target of the Rust toolchain: rustup target add aarch64-unknown-linux-gnu")


def describe(plan, template):
    """Prints the resources or changes, their cost, and whether callers need a token."""
    if plan.existing:
        print(f"\nThe stack {plan.stack} in {plan.region}, account {plan.account}, is {plan.existing.status}. It gets the release {plan.release}.")
        changed = [(name, plan.existing.parameters.get(name, ""), value) for name, value in sorted(plan.given.items())]
        for name, before, value in changed:
            if template.is_secret(name):
                print(f"    {name}: a new value")
            elif before != value:
                print(f"    {name}: {before or '(empty)'} -> {value or '(empty)'}")
        print("All other parameters keep the values that the stack has.")
    else:
        print(f"\nThis makes the stack {plan.stack} in {plan.region}, account {plan.account}:")
        # Keeps a number and its kind on the same line.
        listed = ", ".join(counted(number, kind).replace(" ", "\u00a0") for number, kind in plan.decided.kinds())
        print(textwrap.fill(listed, width=110, initial_indent="    ", subsequent_indent="    ").replace("\u00a0", " "))
        print("and, once per region, a bucket for the uploads of sam (stack aws-sam-cli-managed-default).")
        print("The table is kept when the stack is deleted, and is protected from deletion.")
        long = plan.values["Cache"] in ("serverless", "node")
        print(f"It takes {'a quarter of an hour or more, most of it for the cache' if long else 'some minutes'}, after the build.")
    print_costs(plan)
    if not plan.values["JwtIssuer"]:
        print("\nWARNING: there is no issuer of tokens, so everyone who knows the address can read, reserve and book.")
    for note in plan.notes:
        print(f"\nNote: {note}")


def counted(number, kind):
    """Returns a number of resources of a kind, as `2 IAM policies`."""
    if number == 1 or "::" in kind:
        return f"{number} {kind}"
    return f"{number} {kind[:-1]}ies" if kind.endswith("icy") else f"{number} {kind}s"


def print_costs(plan):
    """Prints the cost of an idle month."""
    items = costs.idle(costs.resolved(plan.values))
    table = costs.prices()
    total, rest = (sum(getattr(item, name) or 0 for item in items) for name in ("dollars", "after_free"))
    print(f"\nWithout a single request it costs ${total:.2f} a month (list prices of {table['region']}, {table['date']}, other regions differ):")
    for item in items:
        print(f"    {item.what}: {costs.money(item.dollars)}")
    if round(total - rest, 2):
        print(f"The account's free amounts lower that to ${rest:.2f}, if no other stack uses them.")
    print("Requests, stored data and logs come on top: docs/costs.md.")


def build(plan):
    """Builds the functions with sam. Returns the folder."""
    # The build reads the processor architecture from this parameter.
    run(["sam", "build", "--template", "infra/template.yaml", "--parameter-overrides", f"Architecture={plan.values['Architecture']}"])
    return BUILT


def send(options, plan, template, built):
    """Deploys the built functions. Returns sam's exit status.

    For an existing stack, sam sends every other parameter with UsePreviousValue, so the stack keeps its value
    (https://github.com/aws/aws-cli/pull/2573, which sam took over).
    """
    asks = bool(plan.existing) and not options.yes
    with tempfile.TemporaryDirectory(prefix="deploy-") as folder:
        # In a file, so that quoting can't change a value and the list of processes doesn't show it. JSON is YAML.
        values = Path(folder) / "parameters.yaml"
        values.touch(mode=0o600)
        values.write_text(json.dumps({**plan.given, "Release": plan.release}))
        command = [
            "sam", "deploy", "--config-file", str(options.config.resolve()), "--template-file", str((built / "template.yaml").resolve()),
            "--stack-name", plan.stack, "--region", plan.region, "--s3-prefix", plan.stack, "--capabilities", "CAPABILITY_IAM",
            "--resolve-s3", "--no-fail-on-empty-changeset", "--confirm-changeset" if asks else "--no-confirm-changeset",
            "--parameter-overrides", f"file://{values}",
        ]
        try:
            return run(command, may_fail=True)
        except KeyboardInterrupt:
            print(
                f"\nStopped here. The deployment goes on in AWS: "
                f"aws cloudformation describe-stacks --stack-name {plan.stack} --region {plan.region}"
            )
            raise


def run(command, may_fail=False):
    """Runs a sam command, which may ask questions. Returns its exit status."""
    environment = {**os.environ, "SAM_CLI_TELEMETRY": os.environ.get("SAM_CLI_TELEMETRY", "0")}
    try:
        status = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    except FileNotFoundError:
        raise Refusal(f"{command[0]} is missing: `python3 local/install_tools.py sam` installs it into .tools/bin, which has to be on PATH") from None
    if status and not may_fail:
        raise Refusal(f"`{' '.join(command[:2])}` ended with {status}. The reason is above")
    return status


def finish(plan, status):
    """Prints the result of the deployment and the next steps. Returns the exit status."""
    session = account.session(plan.region)
    stack = account.find_stack(session, plan.stack)
    if status == 0 and stack and stack.parameters.get("Release") == plan.release and stack.status in account.READY:
        succeeded(session, plan, stack)
        return 0
    if status == 0 and stack and stack.status in account.READY:
        print("\nNothing was changed.")
        return 1
    failed(session, plan, stack)
    return status or 1


def failed(session, plan, stack):
    """Prints the remains of a failed deployment, and the commands that help."""
    print(f"\nThe deployment of {plan.stack} failed. The first event above that FAILED has the reason.")
    if stack is None:
        print("No stack was made.")
    elif stack.status in account.NEVER_MADE:
        if stack.table:
            empty = {True: "empty", False: "NOT empty", None: "perhaps not empty"}[account.is_empty(session, stack.table)]
            print(f"The stack is {stack.status}. Its table {stack.table} remains: {empty}, and protected from deletion.")
        print(f"A stack whose creation failed can only be deleted:\n{account.removal(stack, plan.region)}")
        print("Then `make deploy` tries again, with the same answers.")
    elif stack.status in account.READY:
        print(f"The stack is {stack.status}: it works as before.")
    else:
        try:
            account.require_ready(stack, plan.region)
        except Refusal as refusal:
            print(refusal)


def succeeded(session, plan, stack):
    """Prints the address, commands to try it, and the next steps."""
    url, table = stack.outputs.get("ApiUrl", ""), stack.outputs.get("TableName", "")
    first = plan.existing is None
    print(f"\n{plan.stack} is deployed: {url}")
    print(f"    dashboard: {stack.outputs.get('DashboardUrl', '')}")
    print(f"\nTry it:\n    curl {url}/theaters")
    if first:
        print("\nIt has no theaters yet. Load some, then read and reserve seats:")
        print(f"    make load FILE=local/theaters.json TABLE={table} REGION={plan.region}")
        print(f"    curl {url}/theaters/1/seats")
        token = " -H \"Authorization: Bearer $TOKEN\"" if plan.values["JwtIssuer"] else ""
        print(f"    curl {url}/theaters/1/reserve{token} --json '{{\"seat\": \"A1\"}}'")
    standing(session, plan)
    allowed = account.concurrency(session)
    if allowed is not None and allowed < 100:
        print(
            f"\nThis account runs at most {allowed} functions at once in {plan.region}: enough to try it, not for a sale. "
            "Service Quotas raises it: AWS Lambda, Concurrent executions (L-B99A9384)."
        )
    print("\nNext:")
    print(f"    make logs STACK={plan.stack} REGION={plan.region} FOLLOW=1")
    if not plan.values["JwtIssuer"]:
        print("    make deploy ISSUER=https://... AUDIENCE=...     so that only callers with a token reserve and book")
    if not plan.values["AlarmEmail"]:
        print("    make deploy SET=AlarmEmail=you@example.com      so that alarms send a mail")
    if plan.values["Cache"] == "none":
        print("    make deploy CACHE=serverless                    so that reading seats doesn't read the table")
    print(f"    make undeploy STACK={plan.stack} REGION={plan.region}      deletes it, and keeps the table")


def standing(session, plan):
    """Prints the provisioned concurrency.

    Waits for Application Auto Scaling, which needs some minutes after a deployment.
    """
    print()
    try:
        capacity.report(session, plan.stack, wait=SCALING_SECONDS)
    except (ClientError, BotoCoreError) as error:
        print(f"The provisioned concurrency of {plan.stack} couldn't be read: {error}")
        print(f"    infra/python infra/capacity.py {plan.stack} --region {plan.region}   # tries again")


def shown(path):
    """Returns a path for messages, relative to the checkout if possible."""
    try:
        return str(path.resolve().relative_to(ROOT))
    except ValueError:
        return str(path)
