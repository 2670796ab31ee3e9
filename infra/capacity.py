"""Prints the provisioned concurrency of a stack's functions, its target and its cost.

    capacity.py STACK [--region REGION] [--wait SECONDS]

Ends with 1 if the provisioned concurrency differs from its target. Application Auto Scaling needs some minutes after a
deployment. `--wait` checks again until everything is right. The command changes nothing.
"""

import argparse
import sys
import time
from dataclasses import dataclass

import boto3
from botocore.exceptions import BotoCoreError, ClientError

DIMENSION = "lambda:function:ProvisionedConcurrency"
# Dollars for a GB-second of provisioned concurrency, us-east-1 (https://aws.amazon.com/lambda/pricing/).
PRICES = {"x86_64": 0.0000041667, "arm64": 0.0000033334}
SECONDS_A_MONTH = 730 * 3600
PAUSE = 10


@dataclass(frozen=True)
class Target:
    """The bounds in which Application Auto Scaling keeps an alias, and the schedule that changes them."""

    least: int
    most: int
    schedule: tuple = ()


@dataclass(frozen=True)
class Standing:
    """The provisioned concurrency of one alias or version, and its target."""

    function: str
    qualifier: str
    requested: int
    allocated: int
    status: str
    reason: str
    target: Target | None
    dollars: float

    @property
    def problem(self):
        """The problem, or None."""
        if self.status == "FAILED":
            return f"Lambda could not provide it: {self.reason}"
        if self.target is None:
            return "no scalable target, so nothing removes it"
        if not self.target.least <= self.requested <= self.target.most:
            return "it differs from the target"
        return None


def report(session, stack, wait=0, out=print):
    """Prints what is provisioned for each alias of a stack. Returns `True` if all of it matches its targets.

    While it doesn't, checks again for up to `wait` seconds."""
    until = time.monotonic() + wait
    while True:
        found = standing(session, stack)
        wrong = [part for part in found if part.problem]
        if not wrong or time.monotonic() + PAUSE > until:
            break
        out(f"Waiting for Application Auto Scaling: {', '.join(f'{part.function}:{part.qualifier}' for part in wrong)}")
        time.sleep(PAUSE)
    out(f"Provisioned concurrency of {stack} in {session.region_name}:")
    for part in found:
        for line in lines(part, session.region_name):
            out(f"  {line}")
    if not found:
        out("  none, and no scalable targets")
    return not wrong


def lines(part, region):
    """Returns the text for one alias or version."""
    amount = "none"
    if part.requested:
        amount = f"{part.allocated} of {part.requested} instances are provisioned ({part.status.lower()}), about ${part.dollars:.0f} a month"
    bounds = f"the target is {part.target.least} to {part.target.most}" if part.target else "no target"
    yield f"{part.function}:{part.qualifier}: {amount}, {bounds}"
    for action in part.target.schedule if part.target else ():
        yield f"    {action}"
    if part.problem:
        yield f"    WRONG: {part.problem}"
    if part.requested and (part.target is None or part.target.most == 0):
        yield "    to remove it and end its cost:"
        yield (f"    aws lambda delete-provisioned-concurrency-config --region {region} "
               f"--function-name {part.function} --qualifier {part.qualifier}")


def standing(session, stack):
    """Returns all provisioned concurrency of a stack's functions, and every target without provisioned concurrency."""
    functions = physical_names(session, stack)
    targets = scalable_targets(session, functions)
    found = {}
    client = session.client("lambda")
    for function in functions:
        configs = client.get_paginator("list_provisioned_concurrency_configs").paginate(FunctionName=function)
        for config in (config for page in configs for config in page["ProvisionedConcurrencyConfigs"]):
            qualifier = config["FunctionArn"].rsplit(":", 1)[1]
            found[function, qualifier] = Standing(
                function, qualifier,
                requested=config["RequestedProvisionedConcurrentExecutions"],
                allocated=config["AllocatedProvisionedConcurrentExecutions"],
                status=config["Status"],
                reason=config.get("StatusReason", ""),
                target=targets.get((function, qualifier)),
                dollars=monthly_cost(client, function, qualifier, config),
            )
    for (function, qualifier), target in targets.items():
        found.setdefault((function, qualifier), Standing(function, qualifier, 0, 0, "", "", target, dollars=0.0))
    return [found[key] for key in sorted(found)]


def physical_names(session, stack):
    """Returns the names of a stack's functions."""
    pages = session.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    resources = [resource for page in pages for resource in page["StackResourceSummaries"]]
    return sorted(resource["PhysicalResourceId"] for resource in resources
                  if resource["ResourceType"] == "AWS::Lambda::Function" and resource.get("PhysicalResourceId"))


def scalable_targets(session, functions):
    """Returns the targets of these functions' aliases and versions, by function and qualifier."""
    client = session.client("application-autoscaling")
    wanted = {"ServiceNamespace": "lambda", "ScalableDimension": DIMENSION}
    pages = client.get_paginator("describe_scalable_targets").paginate(**wanted)
    found = {}
    for target in (target for page in pages for target in page["ScalableTargets"]):
        _, function, qualifier = target["ResourceId"].split(":", 2)
        if function in functions:
            actions = client.get_paginator("describe_scheduled_actions").paginate(**wanted, ResourceId=target["ResourceId"])
            schedule = tuple(described(action) for page in actions for action in page["ScheduledActions"])
            found[function, qualifier] = Target(target["MinCapacity"], target["MaxCapacity"], schedule)
    return found


def described(action):
    """Returns one scheduled action as text."""
    bounds = action.get("ScalableTargetAction", {})
    return f"{action['Schedule']} {action.get('Timezone', 'UTC')}: {bounds.get('MinCapacity', '?')} to {bounds.get('MaxCapacity', '?')}"


def monthly_cost(client, function, qualifier, config):
    """Returns the dollars per month at the list prices of us-east-1, if the instances are always provisioned."""
    settings = client.get_function_configuration(FunctionName=function, Qualifier=qualifier)
    price = PRICES[settings.get("Architectures", ["x86_64"])[0]]
    return config["RequestedProvisionedConcurrentExecutions"] * settings["MemorySize"] / 1024 * price * SECONDS_A_MONTH


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stack", metavar="STACK")
    parser.add_argument("--region", help="else the one of the environment or the profile")
    parser.add_argument("--wait", type=int, default=0, metavar="SECONDS")
    options = parser.parse_args()
    try:
        sys.exit(0 if report(boto3.Session(region_name=options.region), options.stack, options.wait) else 1)
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"capacity.py: {options.stack}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
