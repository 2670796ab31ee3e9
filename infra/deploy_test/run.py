#!/usr/bin/env python3
"""Deploys the stack with sam to an emulator of AWS on this machine, calls every function of it, changes it and deletes
it.

    run.py                    `sam build` first
    run.py --built FOLDER     deploys the folder, such as .aws-sam/build, without a build

Called by `make deploy-test`, after everything is built. Needs `local/install_tools.py run check deploy`. It always ends
what it started, also after Ctrl-C. It sends nothing to AWS, and uses no credentials. Logs: target/tmp/deploy-test.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".tools"
# The packages that come with ministack, such as boto3. They are in a separate folder if Python has no venv.
sys.path += [str(next(TOOLS.glob("deploy/lib/python3*/site-packages"), TOOLS / "deploy"))]

from botocore.exceptions import BotoCoreError, ClientError  # noqa: E402
from checked_release import ReleaseCheck, redelivered  # noqa: E402
from commands import Commands  # noqa: E402
from emulator import Emulator, reached_from_outside  # noqa: E402
from facts import Facts, Problem  # noqa: E402
from sale import TOLD, Listener, Sale  # noqa: E402
from stack import Stack  # noqa: E402
from template import adapt  # noqa: E402

TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
LOGS = TARGET / "tmp" / "deploy-test"
LOAD_THEATERS = TARGET / "debug" / "load-theaters"
THEATERS = ROOT / "local" / "theaters.json"


def main(name, test, description):
    """Runs a test on the built functions. infra/deploy_test/restore.py uses it, too."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--built", type=Path, help="folder of `sam build`")
    built = parser.parse_args().built
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))
    needed = [TOOLS / "bin/sam", TOOLS / "bin/ministack", LOAD_THEATERS, *([built / "template.yaml"] if built else [])]
    missing = [str(path) for path in needed if not path.exists()]
    if missing:
        sys.exit(f"{name}: {' and '.join(missing)} missing; `make {name}` makes what it needs")
    facts = Facts(name)
    LOGS.mkdir(parents=True, exist_ok=True)
    for log in ("sam.log", "commands.log"):
        (LOGS / log).write_text("")
    try:
        with tempfile.TemporaryDirectory(prefix=f"{name}-") as folder:
            test(facts, Path(folder), built or build(facts))
    except (Problem, BotoCoreError, ClientError) as problem:
        sys.exit(f"{name}: FAILED after {facts.seconds():.0f} s, at: {facts.at}: {problem}")
    except KeyboardInterrupt:
        print(f"{name}: interrupted. Everything that it started has ended", file=sys.stderr)
        sys.exit(130)
    print(f"{name}: {facts.summary()}")
    sys.exit(1 if facts.failed else 0)


def build(facts):
    facts.step("sam build")
    command = [TOOLS / "bin/sam", "build", "--template", "infra/template.yaml"]
    path = f"{TOOLS / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    # sam requires the name of a region, and sends nothing to it.
    environment = {**os.environ, "PATH": path, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "us-east-1"}
    with open(LOGS / "sam.log", "a") as log:
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        raise Problem(f"expected `sam build` to succeed, and it ended with {done.returncode}: {LOGS / 'sam.log'}")
    return ROOT / ".aws-sam" / "build"


def test(facts, folder, built):
    template, left_out = adapt(built)
    (folder / "template.yaml").write_text(template)
    facts.step(f"starting ministack without CodeDeploy and {', '.join(left_out) or 'no alarms'}")
    with Emulator(TOOLS / "bin/ministack", folder, LOGS / "ministack.log") as emulator:
        facts.expect("whether the emulator can be reached from outside", False, reached_from_outside(emulator.port) or False)
        stack = Stack(TOOLS / "bin/sam", folder / "template.yaml", emulator, LOGS / "sam.log")
        commands = Commands(facts, emulator, folder, LOGS / "commands.log")
        deploy(facts, stack, commands)
        sell(facts, stack)
        change(facts, stack, commands)
        facts.step("make logs")
        commands.logs()
        delete(facts, stack, commands)


def deploy(facts, stack, commands):
    facts.step("make deploy, with nothing but Enter")
    commands.deploy_first(stack)
    facts.expect("the stack is deployed", "CREATE_COMPLETE", stack.status())


def sell(facts, stack):
    outputs, resources = stack.outputs(), stack.resources()
    table = outputs["TableName"]
    listener, sale = Listener(stack), Sale(stack, facts)
    facts.step("loading theaters")
    environment = {**stack.emulator.environment(), "TABLE_NAME": table}
    done = subprocess.run([LOAD_THEATERS, THEATERS], env=environment, capture_output=True, text=True, check=False)
    facts.expect("load-theaters succeeds", (0, ""), (done.returncode, done.stderr))
    facts.step("calling the functions with events/*.json")
    sale.requests()
    items = sale.table(table)
    facts.step("events on the bus, and waiting messages")
    sale.batches()
    facts.expect("the event bus got", TOLD, listener.kinds(TOLD))
    sale.wake_up(items, resources["ExpiryQueue"])
    sale.denied(resources["GetSeatsRole"])
    facts.step("the check of a release, on the versions that are deployed")
    ReleaseCheck(stack, facts, table).all()
    facts.step("delivering a lost record of the stream again")
    redelivered(stack, facts, listener, outputs["UndeliveredEventsUrl"])
    for queue in ("UndeliveredChangesUrl", "UndeliveredEventsUrl", "UndeliveredExpiriesUrl"):
        facts.expect(f"messages in the queue of {queue}", 0, sale.count(outputs[queue]))
    sale.all_were_called()


def change(facts, stack, commands):
    before = versions(stack)
    facts.step("sam deploy again, of the same")
    said = stack.deploy()
    facts.expect("sam finds nothing to deploy", True, "No changes to deploy" in said)
    facts.expect("each alias leads to the version that it led to", before, versions(stack))
    facts.step("make deploy of changed parameters, by flags")
    commands.deploy_with_flags()
    facts.expect("the stack is changed", "UPDATE_COMPLETE", stack.status())
    after = versions(stack)
    moved = sorted(name for name in after if after[name] != before[name])
    facts.expect("each alias leads to another version", sorted(before), moved)
    lambdas = stack.client("lambda")
    for function, name in stack.functions().items():
        variables = lambdas.get_function_configuration(FunctionName=name, Qualifier="live")["Environment"]["Variables"]
        got = (variables["LOG_LEVEL"], variables.get("CACHE_URL", ""))
        facts.expect(f"{function} has the changed LogLevel, and Cache=none still", ("debug", ""), got)
    answer = Sale(stack, facts).invoke("get-seats", (ROOT / "events/get-seats.success.json").read_bytes())
    facts.expect("get-seats answers after the change", 200, answer.get("statusCode"))
    facts.step("make deploy, without any parameter")
    commands.deploy_again(stack)


def versions(stack):
    lambdas = stack.client("lambda")
    names = stack.functions()
    return {function: lambdas.get_alias(FunctionName=name, Name="live")["FunctionVersion"] for function, name in names.items()}


def delete(facts, stack, commands):
    table = stack.outputs()["TableName"]
    facts.step("make undeploy")
    commands.undeploy()
    facts.expect("the stack is gone", None, stack.status())
    facts.expect("its functions are gone", [], stack.client("lambda").list_functions()["Functions"])
    facts.expect("the table stays", True, table in stack.client("dynamodb").list_tables()["TableNames"])


if __name__ == "__main__":
    main("deploy-test", test, __doc__)
