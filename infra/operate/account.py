"""The account: credentials, the current stack, and the operations that its state allows."""

import dataclasses

import boto3
from botocore import exceptions
from botocore.config import Config

from operate.refusal import Refusal

CHECK = "`aws sts get-caller-identity` shows whether they work"
# States in which CloudFormation accepts an update. Other states are refused with the commands that help.
READY = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"}
NEVER_MADE = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"}


def session(region):
    """Returns a session with the caller's credentials."""
    try:
        return boto3.Session(region_name=region)
    except exceptions.ProfileNotFound as error:
        raise Refusal(f"credentials: {error}; AWS_PROFILE names a profile that is missing in ~/.aws/config") from None


def client(of, service):
    """Returns a client that reports an unreachable service soon."""
    return of.client(service, config=Config(connect_timeout=10, read_timeout=60, retries={"mode": "standard", "max_attempts": 3}))


def configured_region():
    """Returns the region of the caller's profile or environment, or None."""
    return session(None).region_name


def identity(of):
    """Returns the account's number. Refuses credentials that don't work in the region, with the reason."""
    try:
        return client(of, "sts").get_caller_identity()["Account"]
    except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError):
        raise Refusal(
            "credentials: there are none. `aws configure`, `aws sso login`, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY "
            f"give them; {CHECK}"
        ) from None
    except exceptions.EndpointConnectionError as error:
        raise Refusal(f"region {of.region_name}: AWS doesn't answer there ({error}). Is it the right region, and is there a network?") from None
    except exceptions.ClientError as error:
        raise Refusal(explained(of, error)) from None
    except exceptions.BotoCoreError as error:
        raise Refusal(f"credentials: {error}. An expired sign-in is renewed by `aws sso login`; {CHECK}") from None


def explained(of, error):
    """Returns the explanation of a sign-in error."""
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    if "Expired" in code:
        return f"credentials: they have expired. Sign in again, for example by `aws sso login`; {CHECK}"
    if code in ("InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure"):
        return (
            f"credentials: AWS doesn't know them in {of.region_name}. They are wrong, or the account hasn't enabled this region "
            "(https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html)"
        )
    if code == "SignatureDoesNotMatch":
        return f"credentials: the secret key is wrong, or this machine's clock is: {message}"
    return f"credentials: {code}: {message}"


@dataclasses.dataclass
class Stack:
    """An existing stack."""

    name: str
    status: str
    reason: str
    parameters: dict
    outputs: dict
    table: str | None


def find_stack(of, name):
    """Returns the stack of this name.

    Returns None without a stack, or with only the empty stack of a change set that never ran.
    """
    cloudformation = client(of, "cloudformation")
    try:
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except exceptions.ClientError as error:
        if "does not exist" in str(error):
            return None
        raise Refusal(f"stack {name}: {error}") from None
    if stack["StackStatus"] in ("REVIEW_IN_PROGRESS", "DELETE_COMPLETE"):
        return None
    parameters = {one["ParameterKey"]: one.get("ParameterValue", "") for one in stack.get("Parameters", [])}
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}
    return Stack(name, stack["StackStatus"], stack.get("StackStatusReason", ""), parameters, outputs, find_table(cloudformation, name))


def find_table(cloudformation, name):
    """Returns the name of the stack's own table, or None."""
    try:
        detail = cloudformation.describe_stack_resource(StackName=name, LogicalResourceId="SeatsTable")["StackResourceDetail"]
    except exceptions.ClientError as error:
        if "does not exist" in str(error):
            return None
        raise Refusal(f"stack {name}: {error}") from None
    return detail.get("PhysicalResourceId") or None


def require_ready(stack, region):
    """Refuses a stack whose state allows no deployment, with the commands that help."""
    name, status, options = stack.name, stack.status, f"--stack-name {stack.name} --region {region}"
    if status in READY:
        if "Release" not in stack.parameters:
            raise Refusal(f"stack {name}: a stack of this name exists in {region}, and it isn't a box office. Choose another name")
        return
    said = f" ({stack.reason})" if stack.reason else ""
    if status in NEVER_MADE:
        raise Refusal(
            f"stack {name}: it is {status}{said}. CloudFormation can only delete it:\n{removal(stack, region)}\n"
            "Then `make deploy` makes it again."
        )
    if status in ("UPDATE_ROLLBACK_FAILED", "UPDATE_FAILED"):
        verb = "continue-update-rollback" if status == "UPDATE_ROLLBACK_FAILED" else "rollback-stack"
        raise Refusal(
            f"stack {name}: it is {status}{said}. Its events name the resource that failed. Remove the cause, then:\n"
            f"    aws cloudformation describe-stack-events {options}\n"
            f"    aws cloudformation {verb} {options}"
        )
    cancel = f"    aws cloudformation cancel-update-stack {options}   # stops it\n" if status == "UPDATE_IN_PROGRESS" else ""
    raise Refusal(
        f"stack {name}: it is {status}: another operation is at work. Try again when it has ended:\n"
        f"    aws cloudformation describe-stacks {options}   # shows its status\n{cancel}".rstrip()
    )


def removal(stack, region):
    """Returns the commands that remove a stack whose creation failed, and its table."""
    lines = [f"    make undeploy STACK={stack.name} REGION={region} CONFIRM=yes"]
    if stack.table:
        lines += [
            f"    aws dynamodb delete-table --table-name {stack.table} --region {region}",
            f"The second command deletes the table {stack.table}, which the template keeps in any case and protects until then.",
        ]
    return "\n".join(lines)


def is_empty(of, table):
    """Returns whether a table is empty, or None if it can't be read."""
    try:
        return client(of, "dynamodb").scan(TableName=table, Limit=1)["Count"] == 0
    except (exceptions.ClientError, exceptions.BotoCoreError):
        return None


def concurrency(of):
    """Returns the account's limit of concurrent functions in the region, or None if it can't be read."""
    try:
        return client(of, "lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    except (exceptions.ClientError, exceptions.BotoCoreError, KeyError):
        return None
