"""Removes everything that a run made, in an order that works, with repeats where needed."""

from botocore.exceptions import ClientError

from first_account.run import error_code, error_text

MINUTE = 60
# Lambda may take 40 minutes to give back network interfaces, and a VPC can't be deleted sooner.
LONGEST_STACK = 60 * MINUTE
LONGEST_TABLE = 10 * MINUTE
# The name of the policy by which a check takes the table from a role.
DENIAL = "first-account-denial"
GONE = {"ResourceNotFoundException", "NotFoundException", "NoSuchBucket", "TableNotFoundException", "404"}


def remove_all(run):
    """Removes everything on the run's list. Returns what could not be removed, each with the reason."""
    left = []
    # A role can't be deleted with a policy that isn't its stack's. Stacks end before tables and bucket: their functions
    # use the tables, and they read their code from the bucket while they change.
    for kind in ("policy", "api", "stack", "table", "bucket"):
        if kind == "stack":
            begin_stacks(run)
        for thing in [thing for thing in run.state.things if thing.kind == kind]:
            try:
                REMOVERS[kind](run, thing.name)
            except Exception as problem:  # a failure must not stop the removal of the others
                left.append((thing, str(problem)))
                run.say(f"could not remove the {kind} {thing.name}: {problem}")
            else:
                with run.lock:
                    run.state.removed(thing)
                run.say(f"removed the {kind} {thing.name}")
    return left


class Remains(Exception):
    """Raised when a thing still exists after the longest wait."""


def begin_stacks(run):
    """Begins to delete all stacks at once. Stacks that refuse are tried again later, one after the other."""
    for thing in run.state.things:
        if thing.kind == "stack":
            try:
                if stack_status(run, thing.name):
                    run.client("cloudformation").delete_stack(StackName=thing.name)
            except Exception:  # it is tried again, and reported then
                continue


def stack_status(run, name):
    """Returns the status of a stack, or None if there is no such stack."""
    try:
        (stack,) = run.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except ClientError as problem:
        if error_code(problem) == "ValidationError" and "does not exist" in error_text(problem):
            return None
        raise
    return None if stack["StackStatus"] == "DELETE_COMPLETE" else stack["StackStatus"]


def remove_policy(run, stack):
    """Takes the denial from the role of a stack's book function."""
    if not stack_status(run, stack):
        return
    pages = run.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    for one in (one for page in pages for one in page["StackResourceSummaries"]):
        if one["LogicalResourceId"] == "BookRole" and one.get("PhysicalResourceId"):
            run.learn(one["PhysicalResourceId"])
            try:
                run.client("iam").delete_role_policy(RoleName=one["PhysicalResourceId"], PolicyName=DENIAL)
            except ClientError as problem:
                if error_code(problem) != "NoSuchEntity":
                    raise


def remove_stack(run, name):
    """Deletes a stack, then the tables that it keeps."""

    def gone():
        status = stack_status(run, name)
        if status is None:
            return True
        if status == "UPDATE_IN_PROGRESS":
            attempt(run.client("cloudformation").cancel_update_stack, StackName=name)
        elif status != "DELETE_IN_PROGRESS":
            # A deletion fails while interfaces are in the network. So the call is repeated.
            attempt(run.client("cloudformation").delete_stack, StackName=name)
        return False

    if not run.until(f"the end of {name}", gone, LONGEST_STACK, every=15):
        raise Remains(f"the stack is {stack_status(run, name)} after {LONGEST_STACK // MINUTE} minutes")
    for table in tables(run, f"{name}-"):
        remove_table(run, table)
    for group in log_groups(run, name):
        run.client("logs").delete_log_group(logGroupName=group)
    for vpc in networks(run, name):
        remove_network(run, vpc)


def attempt(call, **arguments):
    """Sends a call that AWS may refuse for now."""
    try:
        call(**arguments)
    except ClientError as problem:
        if error_code(problem) != "ValidationError":
            raise


def tables(run, beginning):
    """Returns the names of tables that begin with a prefix. AWS returns names in order, so one call is enough."""
    answer = run.client("dynamodb").list_tables(ExclusiveStartTableName=beginning, Limit=100)
    return [name for name in answer["TableNames"] if name.startswith(beginning)]


def log_groups(run, stack):
    """Returns the names of log groups that a stack keeps."""
    pages = run.client("logs").get_paginator("describe_log_groups").paginate(logGroupNamePattern=stack)
    found = [group["logGroupName"] for page in pages for group in page["logGroups"]]
    return [name for name in found if stack in name.split("/")]


def networks(run, stack):
    """Returns the ids of VPCs that CloudFormation failed to delete, with the tags of this run and this stack."""
    filters = [
        {"Name": "tag:boxoffice-first-account", "Values": [run.state.run]},
        {"Name": "tag:aws:cloudformation:stack-name", "Values": [stack]},
    ]
    return [vpc["VpcId"] for vpc in run.client("ec2").describe_vpcs(Filters=filters)["Vpcs"]]


def remove_network(run, vpc):
    """Deletes a VPC and everything in it, after Lambda has released its network interfaces."""
    ec2, here = run.client("ec2"), [{"Name": "vpc-id", "Values": [vpc]}]
    run.learn(vpc)

    def free():
        interfaces = ec2.describe_network_interfaces(Filters=here)["NetworkInterfaces"]
        for one in interfaces:
            if one["Status"] == "available":  # used by nothing, and left behind
                run.learn(one["NetworkInterfaceId"])
                ec2.delete_network_interface(NetworkInterfaceId=one["NetworkInterfaceId"])
        return not interfaces

    if not run.until(f"network interfaces in {vpc}", free, LONGEST_STACK, every=30):
        raise Remains(f"{vpc} has network interfaces that are in use")
    endpoints = [one["VpcEndpointId"] for one in ec2.describe_vpc_endpoints(Filters=here)["VpcEndpoints"]]
    subnets = [one["SubnetId"] for one in ec2.describe_subnets(Filters=here)["Subnets"]]
    groups = [one for one in ec2.describe_security_groups(Filters=here)["SecurityGroups"] if one["GroupName"] != "default"]
    tables = [one["RouteTableId"] for one in ec2.describe_route_tables(Filters=here)["RouteTables"] if not is_main(one)]
    run.learn(*endpoints, *subnets, *tables, *(group["GroupId"] for group in groups))
    if endpoints:
        ec2.delete_vpc_endpoints(VpcEndpointIds=endpoints)
    for subnet in subnets:
        ec2.delete_subnet(SubnetId=subnet)
    for table in tables:
        ec2.delete_route_table(RouteTableId=table)
    for group in groups:  # they refer to each other
        if group["IpPermissions"]:
            ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"])
        if group["IpPermissionsEgress"]:
            ec2.revoke_security_group_egress(GroupId=group["GroupId"], IpPermissions=group["IpPermissionsEgress"])
    for group in groups:
        ec2.delete_security_group(GroupId=group["GroupId"])
    ec2.delete_vpc(VpcId=vpc)


def is_main(route_table):
    return any(one.get("Main") for one in route_table["Associations"])


def still_tagged(run):
    """Returns the ARNs with the tag of this run in AWS's index.

    It may be some minutes behind, and list deleted resources.
    """
    pages = run.client("resourcegroupstaggingapi").get_paginator("get_resources")
    tags = [{"Key": "boxoffice-first-account", "Values": [run.state.run]}]
    return [one["ResourceARN"] for page in pages.paginate(TagFilters=tags) for one in page["ResourceTagMappingList"]]


def remove_table(run, name):
    """Turns a table's protection off and deletes the table."""
    dynamodb = run.client("dynamodb")

    def table():
        try:
            return dynamodb.describe_table(TableName=name)["Table"]
        except ClientError as problem:
            if error_code(problem) in GONE:
                return None
            raise

    def gone():
        found = table()
        if found is None:
            return True
        # A table can't be deleted while it is created, restored or changed.
        if found["TableStatus"] == "ACTIVE":
            if found.get("DeletionProtectionEnabled"):
                dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
            else:
                try:
                    dynamodb.delete_table(TableName=name)
                except ClientError as problem:
                    if error_code(problem) not in GONE | {"ResourceInUseException"}:
                        raise
        return False

    # A restore can't be cancelled, and its duration is unknown.
    if not run.until(f"the end of {name}", gone, 6 * LONGEST_TABLE, every=5):
        raise Remains("the table is still there")


def remove_bucket(run, name):
    """Empties a bucket and deletes it."""
    s3 = run.client("s3")
    try:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name):
            objects = [{"Key": one["Key"]} for one in page.get("Contents", [])]
            if objects:
                s3.delete_objects(Bucket=name, Delete={"Objects": objects})
        s3.delete_bucket(Bucket=name)
    except ClientError as problem:
        if error_code(problem) not in GONE:
            raise


def remove_api(run, name):
    """Deletes imported APIs of this name. An import whose answer was lost is found by its name, too."""
    client = run.client("apigatewayv2")
    for page in client.get_paginator("get_apis").paginate():
        for api in page["Items"]:
            if api["Name"] == name:
                run.learn(api["ApiId"])
                client.delete_api(ApiId=api["ApiId"])


REMOVERS = {"policy": remove_policy, "api": remove_api, "stack": remove_stack, "table": remove_table, "bucket": remove_bucket}
