"""`make deploy` and `make undeploy`: the SAM CLI with what it needs to be told each time.

    stack.py deploy "[Parameter=value ...]"
    stack.py undeploy STACK [--confirm]

`deploy` asks for everything the first time, and afterwards deploys with the answers that sam wrote into infra/samconfig.toml, the
parameters given here, and a new Release, so that every change reaches the functions. `undeploy` deletes the stack and keeps the table.
"""

import datetime
import os
import shlex
import subprocess
import sys
from pathlib import Path

import boto3
import tomlkit

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "infra/samconfig.toml"


def main(words):
    config = tomlkit.parse(CONFIG.read_text()).unwrap()
    if words[:1] == ["deploy"]:
        given = shlex.split(" ".join(words[1:]))
        if all("=" in word for word in given):
            return deploy(config, given)
    if words[:1] == ["undeploy"] and len(words) in (2, 3) and words[2:] in ([], ["--confirm"]):
        region = os.environ.get("AWS_REGION") or answer(config, "region")
        return undeploy(boto3.Session(region_name=region), words[1], bool(words[2:]), run)
    sys.exit(__doc__)


def answer(config, name):
    """What sam was told of this, the first time or since."""
    tables = (config.get("default", {}).get(command, {}).get("parameters", {}) for command in ("deploy", "global"))
    return next((table[name] for table in tables if name in table), None)


def deploy(config, given):
    now = datetime.datetime.now(datetime.timezone.utc)
    options = deploy_options(config, given, f"{now:%Y%m%dT%H%M%SZ}")
    # Architecture says for what to build.
    run(["sam", "build", "--template", "infra/template.yaml", *(options if options != ["--guided"] else [])])
    run(["sam", "deploy", "--config-file", str(CONFIG), *options])


def deploy_options(config, given, release):
    """What `sam deploy` is told besides its file. Before there are answers it asks, and starts from the template's own values."""
    if answer(config, "region") is None:
        return ["--guided"]
    saved = answer(config, "parameter_overrides") or []
    words = saved if isinstance(saved, list) else shlex.split(saved)
    # On the command line they take the place of all that are saved. A later one counts.
    values = dict(word.split("=", 1) for word in [*words, *given, f"Release={release}"])
    return ["--parameter-overrides", *(f'{name}="{value}"' for name, value in values.items())]


def undeploy(session, stack, confirmed, call):
    """Deletes a stack. The table stays in any case; its protection from deletion goes only when that was confirmed."""
    cloudformation = session.client("cloudformation")
    detail = cloudformation.describe_stack_resource(StackName=stack, LogicalResourceId="SeatsTable")
    table = detail["StackResourceDetail"]["PhysicalResourceId"]
    print(f"Deletes the stack {stack} but its table. Kept, with everything in it: {table},")
    print("its point-in-time recovery, and the bucket of sam's uploads.", flush=True)
    call(["sam", "delete", "--stack-name", stack, "--region", session.region_name])
    if not confirmed:
        print(f"{table} is still protected from deletion. `make undeploy STACK={stack} CONFIRM=yes` would have ended that.")
        return
    session.client("dynamodb").update_table(TableName=table, DeletionProtectionEnabled=False)
    print(f"{table} is no longer protected from deletion. This deletes it, for good:")
    print(f"    aws dynamodb delete-table --table-name {table} --region {session.region_name}")


def run(command):
    """Runs a command of sam's, which may ask; its failure is ours."""
    done = subprocess.run(command, cwd=ROOT, check=False)
    if done.returncode:
        sys.exit(done.returncode)


if __name__ == "__main__":
    main(sys.argv[1:])
