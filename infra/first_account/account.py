"""An AWS account for a run, with clients that refuse to change anything that isn't the run's own."""

import re
import threading

import boto3
from botocore.config import Config

from first_account.state import PREFIX

READS = re.compile(r"(Get|List|Describe|Head|BatchGet|Query|Scan|Filter)[A-Z]|(Query|Scan)$")
# Every operation that changes something, and the parameters that name its targets. All others are refused.
WRITES = {
    "apigatewayv2:CreateStage": ["ApiId"],
    "apigatewayv2:DeleteApi": ["ApiId"],
    "apigatewayv2:ImportApi": ["Body"],
    "cloudformation:CancelUpdateStack": ["StackName"],
    "cloudformation:CreateStack": ["StackName"],
    "cloudformation:DeleteStack": ["StackName"],
    "cloudformation:UpdateStack": ["StackName"],
    "cloudwatch:SetAlarmState": ["AlarmName"],
    "dynamodb:DeleteTable": ["TableName"],
    "dynamodb:PutItem": ["TableName"],
    "dynamodb:RestoreTableToPointInTime": ["SourceTableName", "TargetTableName"],
    "dynamodb:UpdateContinuousBackups": ["TableName"],
    "dynamodb:UpdateTable": ["TableName"],
    "dynamodb:UpdateTimeToLive": ["TableName"],
    "ec2:DeleteNetworkInterface": ["NetworkInterfaceId"],
    "ec2:DeleteRouteTable": ["RouteTableId"],
    "ec2:DeleteSecurityGroup": ["GroupId"],
    "ec2:DeleteSubnet": ["SubnetId"],
    "ec2:DeleteVpc": ["VpcId"],
    "ec2:DeleteVpcEndpoints": ["VpcEndpointIds"],
    "ec2:RevokeSecurityGroupEgress": ["GroupId"],
    "ec2:RevokeSecurityGroupIngress": ["GroupId"],
    "iam:DeleteRolePolicy": ["RoleName"],
    "iam:PutRolePolicy": ["RoleName"],
    "lambda:Invoke": ["FunctionName"],
    "logs:DeleteLogGroup": ["logGroupName"],
    "s3:CreateBucket": ["Bucket"],
    "s3:DeleteBucket": ["Bucket"],
    "s3:DeleteObjects": ["Bucket"],
    "s3:PutBucketTagging": ["Bucket"],
    "s3:PutObject": ["Bucket"],
    "sqs:DeleteMessage": ["QueueUrl"],
    "sqs:ReceiveMessage": ["QueueUrl"],
}


class NotOurs(Exception):
    """A call that would have changed something that this run didn't make.

    It is a bug of this tool, and the call wasn't sent.
    """


class Account:
    """Clients of one account and region. Each call that changes something is checked before it is sent."""

    def __init__(self, region, prefix, is_known, session=None):
        self.region, self.prefix, self.is_known = region, prefix, is_known
        self.session = session or boto3.Session(region_name=region)
        self.session.events.register("before-parameter-build", self._guard)
        self.clients, self.lock = {}, threading.Lock()

    def client(self, service):
        """Returns a client of a service. Clients are safe to share between threads."""
        with self.lock:
            if service not in self.clients:
                settings = Config(retries={"mode": "standard", "max_attempts": 8}, connect_timeout=10, read_timeout=60)
                self.clients[service] = self.session.client(service, region_name=self.region, config=settings)
            return self.clients[service]

    def _guard(self, params, model, **_):
        refuse_what_is_not_ours(model.service_model.service_name, model.name, params, self.owns)

    def owns(self, value):
        """Returns whether a name, ARN or address belongs to something that this run made."""
        if self.is_known(value):
            return True
        return any(part.startswith(self.prefix) for part in re.split(r"[:/]", value))


def refuse_what_is_not_ours(service, operation, params, owns):
    """Raises NotOurs unless the operation only reads, or names only what is the run's own."""
    if READS.match(operation):
        return
    targets = WRITES.get(f"{service}:{operation}")
    if targets is None:
        raise NotOurs(f"{service}:{operation} isn't among the calls that this tool may send")
    for target in targets:
        value = params.get(target)
        if target == "Body":
            value = title(value)
        values = value if isinstance(value, list) else [value]
        if not values or not all(isinstance(one, str) and owns(one) for one in values):
            raise NotOurs(f"{service}:{operation} names {target}={value}, which this run didn't make")


def title(body):
    """Returns the title of an OpenAPI document, which becomes the name of an imported API."""
    found = re.search(r'"title": "([^"]*)"', body or "")
    return found[1] if found else None


def run_prefix(run):
    """Returns the prefix of all names of a run."""
    return f"{PREFIX}{run}"
