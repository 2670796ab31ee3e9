"""The template's parameters, conditions and rules, decided without AWS.

This finds a wrong value before the build, which takes minutes, and lists the resources of a deployment. CloudFormation
decides again.
"""

import collections
import difflib
import re
from pathlib import Path

from samtranslator.yaml_helper import yaml_parse

from operate.refusal import Refusal

# Readable names of the kinds of resources. Other kinds are listed by their type.
KINDS = {
    "AWS::Serverless::HttpApi": "HTTP API",
    "AWS::Serverless::Function": "Lambda function",
    "AWS::Lambda::Function": "Lambda function",
    "AWS::Lambda::EventSourceMapping": "event source mapping",
    "AWS::Lambda::Permission": "permission to call a function",
    "AWS::IAM::Role": "IAM role",
    "AWS::IAM::ManagedPolicy": "IAM policy",
    "AWS::DynamoDB::Table": "DynamoDB table",
    "AWS::SQS::Queue": "SQS queue",
    "AWS::SNS::Topic": "SNS topic",
    "AWS::SNS::Subscription": "mail subscription",
    "AWS::Logs::LogGroup": "log group",
    "AWS::Logs::MetricFilter": "metric filter",
    "AWS::CloudWatch::Alarm": "alarm",
    "AWS::CloudWatch::Dashboard": "dashboard",
    "AWS::CloudWatch::InsightRule": "ranking of shows",
    "AWS::ElastiCache::ServerlessCache": "serverless Valkey cache",
    "AWS::ElastiCache::ReplicationGroup": "Valkey cache on nodes",
    "AWS::ElastiCache::User": "cache user",
    "AWS::ElastiCache::UserGroup": "cache user group",
    "AWS::ElastiCache::SubnetGroup": "cache subnet group",
    "AWS::EC2::VPC": "VPC",
    "AWS::EC2::Subnet": "subnet",
    "AWS::EC2::RouteTable": "route table",
    "AWS::EC2::SubnetRouteTableAssociation": "route table association",
    "AWS::EC2::VPCEndpoint": "gateway endpoint",
    "AWS::EC2::SecurityGroup": "security group",
    "AWS::EC2::SecurityGroupIngress": "security group rule",
    "AWS::EC2::FlowLog": "flow log",
    "AWS::ApiGatewayV2::DomainName": "domain name of the API",
    "AWS::ApiGatewayV2::ApiMapping": "API mapping",
    "AWS::Route53::RecordSet": "DNS record",
    "AWS::ApplicationAutoScaling::ScalableTarget": "scaling target",
    "AWS::Budgets::Budget": "budget",
    "AWS::Events::Archive": "event archive",
    "AWS::Events::Rule": "event rule",
    "AWS::CodeDeploy::DeploymentConfig": "deployment configuration",
}
# Parameters that had another name before 0.1.0, by that name. `make deploy` passes the value that a stack has
# under the old name as the new parameter. Without it the new parameter would get its default, and a protected stack
# would become open. The old names are written in two parts so that a search for them, or a replacement, doesn't find
# this table.
RENAMED_PARAMETERS = {
    "Protect" + "Looks": "ProtectReads",
    "Looks" + "PerMinute": "ReadsPerMinute",
    "Looks" + "Burst": "ReadsBurst",
}
GONE = object()


class Undecided(Exception):
    """A part of CloudFormation's language that isn't evaluated here."""


class Template:
    """A template, read from its file."""

    def __init__(self, path):
        self.source = yaml_parse(Path(path).read_text())
        self.parameters = self.source.get("Parameters", {})

    def check_name(self, name):
        """Refuses a name that isn't a parameter of the template."""
        if self.new_name(name):
            raise Refusal(f"{name} is not a parameter of the template any more: its name is now {self.new_name(name)}")
        if name not in self.parameters:
            near = difflib.get_close_matches(name, self.parameters, n=1)
            hint = f"did you mean {near[0]}?" if near else "infra/README.md lists all parameters"
            raise Refusal(f"{name} is not a parameter of the template: {hint}")

    def check(self, name, value):
        """Refuses a value that CloudFormation would refuse for this parameter."""
        self.check_name(name)
        declared = self.parameters[name]
        shown = "the value" if self.is_secret(name) else repr(value)
        allowed = [str(one) for one in declared.get("AllowedValues", [])]
        if allowed and value not in allowed:
            raise Refusal(f"{name}: {shown} was refused, expected one of {', '.join(allowed)}")
        pattern = declared.get("AllowedPattern")
        if pattern and not re.fullmatch(pattern, value):
            raise Refusal(f"{name}: {shown} was refused, it {declared.get('ConstraintDescription', f'must match {pattern}')}")
        if declared["Type"] == "Number":
            check_number(name, declared, value)

    def new_name(self, name):
        """Returns the new name of a renamed parameter. Returns None for any other parameter."""
        new = RENAMED_PARAMETERS.get(name)
        return new if new in self.parameters and name not in self.parameters else None

    def with_new_names(self, values):
        """Returns the values with old parameter names replaced.

        A value under the new name wins over one under the old name.
        """
        renamed = {self.new_name(name): value for name, value in values.items() if self.new_name(name)}
        return {**renamed, **{name: value for name, value in values.items() if not self.new_name(name)}}

    def is_secret(self, name):
        """Returns whether the parameter's value must never be shown or written."""
        return bool(self.parameters.get(name, {}).get("NoEcho"))

    def default(self, name):
        """Returns the parameter's default as text."""
        return str(self.parameters[name].get("Default", ""))

    def decided(self, values, region):
        """Returns the template with these values. Other parameters have their defaults."""
        return Decided(self.source, {name: str(values.get(name, self.default(name))) for name in self.parameters}, region)


def check_number(name, declared, value):
    """Refuses a value that isn't a number, or is outside the parameter's bounds."""
    least, most = declared.get("MinValue"), declared.get("MaxValue")
    bounds = f" of at least {least}" if least is not None else ""
    bounds += f" and at most {most}" if most is not None else ""
    try:
        number = int(value)
    except ValueError:
        raise Refusal(f"{name}: {value!r} was refused, expected a whole number{bounds}") from None
    if (least is not None and number < int(least)) or (most is not None and number > int(most)):
        raise Refusal(f"{name}: {value!r} was refused, expected a whole number{bounds}")


def partition(region):
    """Returns the AWS partition of a region."""
    known = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
    return next((name for prefix, name in known.items() if region.startswith(prefix)), "aws")


class Decided:
    """A template whose conditions are decided by the values of its parameters."""

    def __init__(self, source, values, region):
        self.source = source
        self.values = values
        self.region = region
        self.resources = {name: one for name, one in source["Resources"].items() if self.is_made(one)}

    def is_made(self, resource):
        """Returns whether a resource is created.

        A resource whose condition can't be evaluated here counts as created.
        """
        try:
            return "Condition" not in resource or self.holds(resource["Condition"])
        except Undecided:
            return True

    def kinds(self):
        """Returns the number of resources of each kind, most frequent first."""
        counted = collections.Counter(KINDS.get(one["Type"], one["Type"]) for one in self.resources.values())
        return [(number, kind) for kind, number in counted.most_common()]

    def refusals(self):
        """Returns the messages of the rules that these values break.

        A rule that can't be evaluated here is left to CloudFormation.
        """
        broken = []
        for rule in self.source.get("Rules", {}).values():
            try:
                if "RuleCondition" not in rule or self.holds(rule["RuleCondition"]):
                    broken += [one["AssertDescription"] for one in rule["Assertions"] if not self.holds(one["Assert"])]
            except Undecided:
                continue
        return broken

    def holds(self, condition):
        """Returns whether a condition is true."""
        if isinstance(condition, str):
            return self.holds(self.source["Conditions"][condition])
        ((function, argument),) = condition.items()
        deciders = {
            "Condition": lambda: self.holds(argument),
            "Fn::Not": lambda: not self.holds(argument[0]),
            "Fn::And": lambda: all(self.holds(one) for one in argument),
            "Fn::Or": lambda: any(self.holds(one) for one in argument),
            "Fn::Equals": lambda: self.text(argument[0]) == self.text(argument[1]),
            "Fn::Contains": lambda: self.text(argument[1]) in self.texts(argument[0]),
            "Fn::EachMemberEquals": lambda: all(one == self.text(argument[1]) for one in self.texts(argument[0])),
            "Fn::EachMemberIn": lambda: set(self.texts(argument[0])) <= set(self.texts(argument[1])),
        }
        if function not in deciders:
            raise Undecided(function)
        return deciders[function]()

    def text(self, value):
        """Returns a value as text."""
        value = self.resolve(value)
        if isinstance(value, (dict, list)) or value is GONE:
            raise Undecided(value)
        return str(value)

    def texts(self, value):
        """Returns a list of values as texts. A list parameter has its values separated by commas."""
        value = self.resolve(value)
        if isinstance(value, str):
            return value.split(",")
        if not isinstance(value, list):
            raise Undecided(value)
        return [self.text(one) for one in value]

    def resolve(self, value):
        """Returns a value with its references to parameters replaced and its conditions decided."""
        if isinstance(value, list):
            return [one for one in map(self.resolve, value) if one is not GONE]
        if not isinstance(value, dict) or len(value) != 1:
            return value
        ((function, argument),) = value.items()
        if function == "Ref":
            known = {**self.values, "AWS::Region": self.region, "AWS::Partition": partition(self.region), "AWS::NoValue": GONE}
            return known.get(argument, value)
        if function == "Fn::If":
            return self.resolve(argument[1 if self.holds(argument[0]) else 2])
        if function == "Fn::Join":
            return argument[0].join(self.texts(argument[1]))
        if function == "Fn::FindInMap":
            name, first, second = (self.text(one) for one in argument[:3])
            return self.source["Mappings"][name][first][second]
        return value
