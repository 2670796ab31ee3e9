"""`make undeploy`: deletes a stack, and keeps its table."""

from operate import account, answers
from operate.deploy import run
from operate.refusal import Refusal
from operate.settings import Settings

BUSY = "_IN_PROGRESS"


def undeploy(options, terminal, call=None):
    """Deletes a stack and always keeps its table. `--confirm` turns off the table's protection from deletion."""
    answers.check_stack(options.stack)
    region = region_of(options, Settings(options.config))
    session = account.session(region)
    number = account.identity(session)
    stack = account.find_stack(session, options.stack)
    if stack is None:
        raise Refusal(f"stack {options.stack}: there is none of this name in {region}, account {number}")
    if "Release" not in stack.parameters:
        raise Refusal(f"stack {options.stack}: it isn't a box office, and wasn't touched")
    if stack.status.endswith(BUSY):
        account.require_ready(stack, region)
    describe(options, stack, region, number)
    if not options.yes:
        if not terminal.interactive:
            raise Refusal(f"there is no terminal to ask on. YES=1 confirms: make undeploy STACK={options.stack} REGION={region} YES=1")
        if not terminal.confirm(f"\nDelete the stack {options.stack} in {region}?", default=False):
            print("Nothing was deleted.")
            return 1
    command = ["sam", "delete", "--stack-name", options.stack, "--region", region, "--no-prompts"]
    status = (call or run)(command, may_fail=True)
    left = account.find_stack(session, options.stack)
    if left is not None:
        print(f"\nThe stack is {left.status}. {left.reason}".rstrip())
        print(
            "Its events name the resources that couldn't be deleted:\n"
            f"    aws cloudformation describe-stack-events --stack-name {options.stack} --region {region}\n"
            "Functions that leave a VPC hold its network interfaces for up to 40 minutes. `make undeploy` can be repeated."
        )
        return status or 1
    print(f"\nThe stack {options.stack} is deleted.")
    if stack.table:
        keep_table(options, session, stack.table, region)
    return 0


def region_of(options, settings):
    """Returns the region from the flag, from the saved answers of this stack, or from the caller's profile."""
    if options.region is not None:
        return answers.check_region(options.region)
    if settings.answered and settings.stack == options.stack:
        return answers.check_region(settings.region)
    configured = account.configured_region()
    if configured is None:
        raise Refusal("region: it is missing. Expected REGION=..., AWS_REGION in the environment, or a region in the AWS profile")
    return answers.check_region(configured)


def describe(options, stack, region, number):
    """Prints the things that are deleted and those that are kept."""
    print(f"Deletes the stack {stack.name} in {region}, account {number}: API, functions, queues, logs, alarms, and the cache if it made one.")
    if stack.table:
        print(f"Kept: the table {stack.table}, with everything in it and its point-in-time recovery.")
        if options.confirm:
            print("CONFIRM=yes: this table loses its protection from deletion. It isn't deleted.")
    sold_from = stack.outputs.get("TableName")
    if sold_from and sold_from != stack.table:
        print(f"Kept: the table {sold_from}, from which the stack sells. It isn't part of the stack.")
    print("Kept: the bucket of sam, which other stacks of the region share.")
    print("It takes some minutes. With a VPC it takes up to an hour, because Lambda releases its network interfaces late.", flush=True)


def keep_table(options, session, table, region):
    """Prints the commands that delete the table. With `--confirm` turns off its protection."""
    if not options.confirm:
        print(f"{table} is still protected from deletion, and costs its storage. This turns the protection off:")
        print(f"    aws dynamodb update-table --table-name {table} --no-deletion-protection-enabled --region {region}")
        print("and this deletes it, for good:")
    else:
        account.client(session, "dynamodb").update_table(TableName=table, DeletionProtectionEnabled=False)
        print(f"{table} is no longer protected from deletion. This deletes it, for good:")
    print(f"    aws dynamodb delete-table --table-name {table} --region {region}")
