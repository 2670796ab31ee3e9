"""Restores the table of a stack, and stops and resumes selling around it.

    restore.py status  STACK
    restore.py stop    STACK
    restore.py restore STACK NEW_TABLE (--second 2027-01-01T09:59:30Z | --latest | --backup ARN)
    restore.py prepare STACK NEW_TABLE
    restore.py resume  STACK

Run it with `infra/python infra/restore.py`. docs/backup.md explains when to run what. Each command can be repeated,
also after it was interrupted. No command deletes anything.
"""

import argparse
import datetime
import json
import sys
import time

from botocore.exceptions import BotoCoreError, ClientError
from restoring import events
from restoring.stacks import STAGE, Stack, Unsuitable, connected

# The name of the policy that stops selling.
STOPPED = "selling-is-stopped"
WRITES = ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem"]
# Seats change only by UpdateItem. PutItem writes records of reservations, as for an unknown reservation that is
# released. The check before a release does that, and has to pass while selling is stopped.
ALLOWED = {"ReservationsRole": ["dynamodb:PutItem"]}
# IAM's changes take effect everywhere within seconds, without a guarantee
# (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency).
# Requests in progress end within 15 s.
SETTLE_SECONDS = 60


def parser():
    described = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = described.add_subparsers(dest="command", required=True)
    for name, step in [("status", status), ("stop", stop), ("restore", restore), ("prepare", prepare), ("resume", resume)]:
        command = commands.add_parser(name)
        command.set_defaults(step=step)
        command.add_argument("stack", help="name of the stack")
        command.add_argument("--region", help="the stack's region")
        if name == "stop":
            command.add_argument("--settle", type=int, default=SETTLE_SECONDS, help="seconds to wait until it takes effect (%(default)s)")
        if name in ("restore", "prepare"):
            command.add_argument("table", help="name of the restored table")
        if name == "restore":
            source = command.add_mutually_exclusive_group(required=True)
            source.add_argument("--second", type=instant, help="restores the table in use as it was at this second")
            source.add_argument("--latest", action="store_true", help="restores the latest second that can be restored")
            source.add_argument("--backup", metavar="ARN", help="restores a backup, such as that of a deleted table")
    return described


def instant(text):
    try:
        return datetime.datetime.fromtimestamp(events.millis(text) / 1000, datetime.timezone.utc)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from error


def say(line):
    print(f"restore: {line}", flush=True)


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")


def main(words):
    options = parser().parse_args(words)
    try:
        session = connected(options.region)
        options.step(session, Stack(session, options.stack), options)
    except (Unsuitable, BotoCoreError, ClientError) as error:
        sys.exit(f"restore: {error}")
    except KeyboardInterrupt:
        print("restore: interrupted. Repeat the command to continue.", file=sys.stderr)
        sys.exit(130)


def status(session, stack, _options):
    """Prints which table is in use, what can be restored, and whether selling is stopped."""
    say(f"the table in use is {stack.table}" + ("" if stack.table == stack.own_table else f", the stack's own is {stack.own_table}"))
    described = session.client("dynamodb").describe_continuous_backups(TableName=stack.table)["ContinuousBackupsDescription"]
    recovery = described.get("PointInTimeRecoveryDescription", {})
    if recovery.get("PointInTimeRecoveryStatus") != "ENABLED":
        say("its point-in-time recovery is off")
    elif "LatestRestorableDateTime" in recovery:
        say(f"it can be restored to any second from {recovery['EarliestRestorableDateTime']} to {recovery['LatestRestorableDateTime']}")
    stopped = [role for role in stack.roles().values() if is_stopped(session, role)]
    say(f"selling is stopped for {len(stopped)} of {len(stack.roles())} functions")


def is_stopped(session, role):
    try:
        session.client("iam").get_role_policy(RoleName=role, PolicyName=STOPPED)
        return True
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchEntity":
            raise
        return False


def stop(session, stack, options):
    """Stops selling. The API refuses calls, and a call that still gets through can write nothing."""
    # 429 for every route but reads of seat maps and theaters. A rate of 0 lets nothing through
    # (https://github.com/hashicorp/terraform-provider-aws/pull/43307), but API Gateway's limits are targets, not
    # guarantees (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html). So only the
    # roles
        # stop writes reliably.
    limit(session, stack, 0, 0)
    for name, role in stack.roles().items():
        session.client("iam").put_role_policy(RoleName=role, PolicyName=STOPPED, PolicyDocument=json.dumps(denial(name)))
    say(f"selling is being stopped since {now()}: the functions may change no seat in any table")
    for left in range(options.settle, 0, -10):
        say(f"{left} s until that has taken effect everywhere")
        time.sleep(min(10, left))
    say(f"selling is stopped since {now()}")


def denial(role):
    """Returns the policy that stops a role's function from writing to any table."""
    actions = [action for action in WRITES if action not in ALLOWED.get(role, [])]
    return {"Version": "2012-10-17", "Statement": [{"Sid": "Stopped", "Effect": "Deny", "Action": actions, "Resource": "*"}]}


def resume(session, stack, _options):
    """Sells again."""
    for role in stack.roles().values():
        if is_stopped(session, role):
            session.client("iam").delete_role_policy(RoleName=role, PolicyName=STOPPED)
    rate, burst = (int(stack.parameters[name]) for name in ("WriteRate", "WriteBurst"))
    limit(session, stack, rate, burst)
    say(f"selling goes on since {now()}, into {stack.table}, with WriteRate {rate} and WriteBurst {burst}")


def limit(session, stack, rate, burst):
    session.client("apigatewayv2").update_stage(
        ApiId=stack.resources["HttpApi"], StageName=STAGE,
        DefaultRouteSettings={"ThrottlingRateLimit": rate, "ThrottlingBurstLimit": burst})


def restore(session, stack, options):
    """Restores into a new table, waits for it, and prepares it."""
    dynamodb = session.client("dynamodb")
    if described(dynamodb, options.table) is None:
        start(dynamodb, stack, options)
    else:
        say(f"{options.table} exists already. Its restore isn't started again")
    prepare(session, stack, options)


def start(dynamodb, stack, options):
    if options.backup:
        say(f"restoring the backup {options.backup} into {options.table}")
        dynamodb.restore_table_from_backup(TargetTableName=options.table, BackupArn=options.backup)
        return
    wanted = {"UseLatestRestorableTime": True} if options.latest else {"RestoreDateTime": options.second}
    say(f"restoring {stack.table} into {options.table}, {'latest second' if options.latest else options.second}")
    dynamodb.restore_table_to_point_in_time(SourceTableName=stack.table, TargetTableName=options.table, **wanted)


def prepare(session, stack, options):
    """Sets the properties that a restored table lacks.

    These are the stream, TTL, point-in-time recovery, protection and tags
    (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_RestoreTableToPointInTime.html).
    """
    dynamodb, table = session.client("dynamodb"), options.table
    if table == stack.table:
        raise Unsuitable(f"{table} is the table in use already")
    found = active(dynamodb, table)
    if not found.get("StreamSpecification", {}).get("StreamEnabled"):
        say("turning its stream on")
        dynamodb.update_table(TableName=table, StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
        found = active(dynamodb, table)
    if not found.get("DeletionProtectionEnabled"):
        say("protecting it from deletion")
        dynamodb.update_table(TableName=table, DeletionProtectionEnabled=True)
        found = active(dynamodb, table)
    lifetime = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    if lifetime.get("TimeToLiveStatus") not in ("ENABLED", "ENABLING"):
        say("turning its TTL on")
        dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"})
    recover(dynamodb, table)
    copy_tags(dynamodb, stack, found["TableArn"])
    parameters = f"TableName={table} TableStreamArn={found['LatestStreamArn']}"
    say(f"{table} is ready. This points the stack at it:\n\n"
        f'    make deploy STACK={stack.name} SET="{parameters} Deployment=AllAtOnce ReleaseAlarms=false"\n')


def recover(dynamodb, table):
    """Turns point-in-time recovery on. A new table refuses it for some seconds."""
    say("turning its point-in-time recovery on")
    while True:
        try:
            dynamodb.update_continuous_backups(TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
            return
        except ClientError as error:
            if error.response["Error"]["Code"] != "ContinuousBackupsUnavailableException":
                raise
            time.sleep(5)


def copy_tags(dynamodb, stack, arn):
    """Copies the tags of the stack's own table. Names that begin with aws: are AWS's own."""
    source = described(dynamodb, stack.own_table)
    if source is None:
        say(f"{stack.own_table} doesn't exist any more, so no tags are copied")
        return
    tags = [tag for tag in dynamodb.list_tags_of_resource(ResourceArn=source["TableArn"]).get("Tags", []) if not tag["Key"].startswith("aws:")]
    if tags:
        say(f"copying {len(tags)} tags")
        dynamodb.tag_resource(ResourceArn=arn, Tags=tags)


def described(dynamodb, table):
    try:
        return dynamodb.describe_table(TableName=table)["Table"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return None


def active(dynamodb, table):
    """Waits until a table can be used. A restore takes minutes to hours."""
    started = printed = time.monotonic()
    while True:
        found = described(dynamodb, table)
        if found is None:
            raise Unsuitable(f"there is no table {table}")
        if found["TableStatus"] == "ACTIVE":
            return found
        if time.monotonic() - printed >= 30:
            say(f"{table} is {found['TableStatus']}, for {time.monotonic() - started:.0f} s")
            printed = time.monotonic()
        time.sleep(2)


if __name__ == "__main__":
    main(sys.argv[1:])
