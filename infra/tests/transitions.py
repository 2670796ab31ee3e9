"""Steps that CloudFormation takes from one stack to another, and checks for faults on the way.

CloudFormation creates and updates resources in the order of their references. A change of a create-only property makes
a new resource beside the old one. The alias of a function moves to the new version during the update, over ten minutes
or more. Until then the old version has traffic, with roles, policies and rules that are already updated. Resources that
the new template lacks are deleted at the end, in the cleanup phase:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html

Every transition is also a release, because `make deploy` names a new Release each time. So each function gets a new
version.

    transitions.py record     writes last_release.json: the permissions that this release needs of roles, cache user and endpoint
"""

import fnmatch
import functools
import graphlib
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from template import REGION, references, stack

LAST_RELEASE = Path(__file__).resolve().parent / "last_release.json"

# Properties that have to be unique in AWS if they are set. They replace the identifier of the registry's schema.
UNIQUE = {
    "AWS::SQS::Queue": ["QueueName"],
    "AWS::EC2::Subnet": ["VpcId", "CidrBlock"],
    "AWS::Lambda::EventSourceMapping": ["EventSourceArn", "FunctionName"],
}

# Permissions that the last release had and didn't use, by role and action, with the reason. They can be removed now.
NO_LONGER_USED = {
    ("PublishEventsRole", "sqs:SendMessage"): "its queue is UndeliveredEvents. A note to UndeliveredChanges in the minute of the update may be lost",
}


@dataclass(frozen=True)
class Finding:
    """A fault that a transition causes."""

    check: str
    resource: str
    text: str


@functools.cache
def schema(kind):
    """Returns the registry's schema of a type, from cfn-lint."""
    return PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind).schema


@functools.cache
def paths(kind, *names):
    """Returns the paths to properties that a schema lists under some names, without `/properties`."""
    return [path.split("/")[2:] for name in names for path in schema(kind).get(name, [])]


def at(value, path):
    """Returns the value at a path, or None."""
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def text(value):
    """Returns a value as one text. The zones that AWS lists first have fixed names here."""
    written = json.dumps(value, sort_keys=True)
    for number, letter in enumerate("abc"):
        written = written.replace(json.dumps({"Fn::Select": [number, {"Fn::GetAZs": ""}]}), f'"{REGION}{letter}"')
    return written


@dataclass(frozen=True)
class Written:
    """A property of a template: its text, and the resources that it refers to."""

    text: str
    refers_to: frozenset


@functools.cache
def written(made):
    """Returns the properties of each resource of a stack, by name and property.

    Cached, because each stack is in many transitions.
    """
    known = {}
    for name, resource in made.resources.items():
        properties = resource.get("Properties", {}).items()
        known[name] = {part: Written(text(value), frozenset(references(value))) for part, value in properties}
    return known


class Transition:
    """An update from one stack to another."""

    def __init__(self, old, new):
        self.old, self.new = old, new
        self.created = set(new.resources) - set(old.resources)
        self.deleted = set(old.resources) - set(new.resources)
        self.replaced, self.updated, self.order = set(), set(), []
        for name in in_order(new):
            if name in self.created or self._changes(name):
                self.order.append(name)

    def _changes(self, name):
        """Notes whether a resource of both stacks is updated or replaced. Those that it refers to are already known."""
        before, after = self.old.resources[name], self.new.resources[name]
        if before["Type"] != after["Type"]:
            raise AssertionError(f"{name} changes its type, which CloudFormation refuses")
        kind = after["Type"]
        one, other = written(self.old)[name], written(self.new)[name]
        changed = {part for part in {*one, *other} if self._differs(one.get(part), other.get(part))}
        fixed = [path for path in paths(kind, "createOnlyProperties", "conditionalCreateOnlyProperties") if path[0] in changed]
        if kind == "AWS::Lambda::Version" or any(self._differs_at(path, before, after) for path in fixed):
            self.replaced.add(name)
        elif changed or kind == "AWS::Lambda::Function":  # a variable has the name of the release
            self.updated.add(name)
        return name in self.replaced | self.updated

    def _differs(self, before, after):
        if before is None or after is None or before.text != after.text:
            return True
        return not after.refers_to.isdisjoint(self.replaced | self.created)

    def _differs_at(self, path, before, after):
        one, other = at(before.get("Properties"), path), at(after.get("Properties"), path)
        return text(one) != text(other) or bool(references(other) & (self.replaced | self.created))

    def steps(self):
        """Returns the steps of the update phase, then those of the cleanup phase in the reverse order of references."""
        named = [("create", self.created), ("update", self.updated), ("replace", self.replaced)]
        verbs = {name: verb for verb, names in named for name in names}
        cleanup = [name for name in reversed(in_order(self.old)) if name in self.deleted | self.replaced]
        return [(verbs[name], name) for name in self.order] + [("delete", name) for name in cleanup]

    def physical(self, value, side):
        """Returns a value as text in which a replaced resource has different names before and after."""
        renamed = text(value)
        for name in (references(value) & self.replaced if isinstance(value, (dict, list)) else ()):
            renamed = re.sub(rf'(["{{]){name}(["}}.])', rf"\1{name} ({side})\2", renamed)
        return renamed

    def in_both(self, kind):
        """Returns the names of a type's resources that exist before and after."""
        return [name for name in self.new.of_type(kind) if name in self.old.resources and name not in self.replaced]


@functools.cache
def in_order(made):
    """Returns the names of a stack's resources, each after those that it refers to."""
    needed_by = {name: references(resource) & set(made.resources) for name, resource in made.resources.items()}
    return tuple(graphlib.TopologicalSorter(needed_by).static_order())


# ---- Permissions.


def policies_of(made, role):
    """Returns the names of the policies that are attached to a role."""
    return [policy["Ref"] for policy in made.properties(role).get("ManagedPolicyArns", [])]


def grants(made, role):
    """Returns the statements of a role's own policies and of the attached ones."""
    documents = [policy["PolicyDocument"] for policy in made.properties(role).get("Policies", [])]
    documents += [made.properties(name)["PolicyDocument"] for name in policies_of(made, role)]
    return [statement for document in documents for statement in document["Statement"]]


def as_list(value):
    """Returns a list unchanged, and any other value as a list of one."""
    return value if isinstance(value, list) else [value]


def allowed(statements, physical):
    """Returns the allowed pairs of action and resource, each as text."""
    return {(action, physical(resource)) for statement in statements if statement["Effect"] == "Allow"
            for action in as_list(statement["Action"]) for resource in as_list(statement["Resource"])}


def covers(pair, other):
    """Returns whether one permission includes another. Both may have wildcards."""
    both = ((given.strip('"').replace("[", "[[]"), needed.strip('"')) for given, needed in zip(pair, other, strict=True))
    return all(fnmatch.fnmatchcase(needed, given) for given, needed in both)


def missing(before, after):
    """Returns the permissions of the first set that no permission of the second set includes."""
    return {needed for needed in before - after if not any(covers(given, needed) for given in after)}


def permissions_lost(transition):
    """Checks that no role, cache user or endpoint loses what the old version needs.

    They are updated before the alias moves.
    """
    old, new = transition.old, transition.new
    leaving = transition.deleted & set(old.of_type("AWS::Lambda::Function"))
    for role in transition.in_both("AWS::IAM::Role"):
        if not {role, *policies_of(new, role)} & (transition.updated | transition.replaced | transition.created):
            continue
        before = allowed(grants(old, role), lambda value: transition.physical(value, "old"))
        after = allowed(grants(new, role), lambda value: transition.physical(value, "new"))
        for action, resource in sorted(missing(before, after)):
            # A deleted function gets no more calls. Other deleted resources are in use until the old version has no
            # more traffic.
            if not any(f'"{name}"' in resource or f"{{{name}." in resource for name in leaving):
                yield Finding("permissions", role, f"loses {action} on {resource}")
        denied = {text(part) for part in grants(old, role) if part["Effect"] == "Deny"}
        if any(part["Effect"] == "Deny" and text(part) not in denied for part in grants(new, role)):
            yield Finding("permissions", role, "is denied more than before")
    for function in transition.in_both("AWS::Lambda::Function"):
        # https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
        role = [transition.physical(made.properties(function)["Role"], side) for made, side in [(old, "old"), (new, "new")]]
        if role[0] != role[1]:
            yield Finding("permissions", function, "has another role, and an alias can't be shared by versions of two roles")
    for name in transition.in_both("AWS::EC2::VPCEndpoint"):
        policies = [made.properties(name)["PolicyDocument"]["Statement"] for made in (old, new)]
        for action, resource in sorted(missing(*(allowed(policy, text) for policy in policies))):
            yield Finding("permissions", name, f"no longer lets through {action} on {resource}")
    for name in transition.in_both("AWS::ElastiCache::User"):
        words = [set(made.properties(name)["AccessString"].split()) for made in (old, new)]
        for word in sorted(words[0] - words[1]):
            yield Finding("permissions", name, f"loses {word}")


# ---- Network.


def rules(made, group):
    """Returns the rules inside a security group."""
    properties = made.properties(group)
    return [(direction, rule) for direction in ["SecurityGroupIngress", "SecurityGroupEgress"] for rule in properties.get(direction, [])]


def includes(rule, other):
    """Returns whether a rule lets through everything that another rule does.

    Any address and a prefix list both mean DynamoDB here, because no other address has a route.
    """
    apart = {"Description", "FromPort", "ToPort"}
    peers = [{name: text(value) for name, value in part.items() if name not in apart} for part in (rule, other)]
    for peer in peers:
        if peer.get("CidrIp") == '"0.0.0.0/0"' or "DestinationPrefixListId" in peer:
            peer.pop("CidrIp", None)
            peer["DestinationPrefixListId"] = "DynamoDB"
    return peers[0] == peers[1] and rule["FromPort"] <= other["FromPort"] and rule["ToPort"] >= other["ToPort"]


def ways_closed(transition):
    """Checks that the old version reaches the cache and the table until it has no more traffic."""
    for group in transition.in_both("AWS::EC2::SecurityGroup"):
        after = rules(transition.new, group)
        for direction, rule in rules(transition.old, group):
            if not any(direction == other and includes(wider, rule) for other, wider in after):
                yield Finding("ways", group, f"no longer has the rule {rule['Description']} ({rule['FromPort']} to {rule['ToPort']})")


def routes_removed(transition):
    """Checks that no subnet loses its routes while functions are in it.

    CloudFormation replaces some resources by deleting them first.
    """
    for name in sorted(transition.replaced):
        kind = transition.old.resources[name]["Type"]
        if kind == "AWS::EC2::SubnetRouteTableAssociation" and schema(kind).get("replacementStrategy") == "delete_then_create":
            yield Finding("routes", name, "is deleted before the old version has left its subnet")


# ---- Names, and refusals of AWS.


def identity(transition, name, side):
    """Returns the identifier of a resource in AWS, if the template sets it, or None."""
    made = transition.old if side == "old" else transition.new
    kind, properties = made.resources[name]["Type"], made.properties(name)
    identifiers = [at(properties, path) for path in paths(kind, "primaryIdentifier")]
    if kind in UNIQUE:
        identifiers = [properties.get(part) for part in UNIQUE[kind]]
    if any(part is None for part in identifiers):
        return None
    return (kind, *(transition.physical(part, side) for part in identifiers))


def names_taken(transition):
    """Checks that no resource is created under a name that the old one still has.

    The old one is deleted only in the cleanup phase.
    """
    leaving = {}
    for name in transition.deleted | transition.replaced:
        kind = transition.old.resources[name]["Type"]
        if schema(kind).get("replacementStrategy") != "delete_then_create":
            leaving[identity(transition, name, "old")] = name
    leaving.pop(None, None)
    for name in sorted(transition.created | transition.replaced):
        taken = leaving.get(identity(transition, name, "new"))
        if taken:
            yield Finding("names", name, f"can't be made while {taken} has its name")


def subnet_groups_narrowed(transition):
    """Checks that no subnet leaves a subnet group of ElastiCache.

    A cache may have a node in it, and all subnets have to be in one VPC:
    https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ModifyCacheSubnetGroup.html
    """
    for name in transition.in_both("AWS::ElastiCache::SubnetGroup"):
        before, after = ({transition.physical(subnet, side) for subnet in made.properties(name)["SubnetIds"]}
                         for made, side in [(transition.old, "old"), (transition.new, "new")])
        for subnet in sorted(before - after):
            yield Finding("subnets", name, f"loses {subnet}, in which a node may be")


# ---- Remains.


def versions_kept(transition):
    """Checks that no kept version is in a subnet, or has a security group, that the update deletes."""
    leaving = transition.deleted | transition.replaced
    for name, version in transition.old.of_type("AWS::Lambda::Version").items():
        kept = {version.get(policy, "Delete") for policy in ("DeletionPolicy", "UpdateReplacePolicy")} != {"Delete"}
        function = version["Properties"]["FunctionName"]["Ref"]
        held = references(transition.old.properties(function).get("VpcConfig", {})) & leaving
        if kept and held:
            yield Finding("versions", name, f"is kept, and keeps interfaces in {', '.join(sorted(held))}")


def mappings_in_the_past(transition):
    """Checks that no mapping of a stream begins with old records when it is created or turned on."""
    for name, mapping in transition.new.of_type("AWS::Lambda::EventSourceMapping").items():
        properties = mapping["Properties"]
        before = transition.old.properties(name) if name in transition.old.resources else {"Enabled": False}
        begins = name in transition.replaced or not before.get("Enabled", True)
        if properties.get("StartingPosition") == "TRIM_HORIZON" and begins and properties.get("Enabled", True):
            yield Finding("mappings", name, "begins with the oldest record of the stream")


def capacity_left(transition):
    """Checks that provisioned concurrency always has a scalable target, and no other mechanism.

    Deleting a target leaves the instances running: https://github.com/aws/aws-cdk/issues/31507. A setting of the alias
    itself isn't changed along with a release: https://github.com/aws/serverless-application-model/issues/1425
    """
    for name, target in transition.old.of_type("AWS::ApplicationAutoScaling::ScalableTarget").items():
        functions = references(target["Properties"]["ResourceId"]) & set(transition.new.of_type("AWS::Lambda::Function"))
        if name in transition.deleted | transition.replaced and functions:
            yield Finding("capacity", name, "is deleted, and what it provisioned stays")
    for name in transition.in_both("AWS::Lambda::Alias"):
        before, after = (made.properties(name).get("ProvisionedConcurrencyConfig") for made in (transition.old, transition.new))
        if before != after:
            yield Finding("capacity", name, "changes its provisioned concurrency along with a release, which isn't applied")


def tables_lost(transition):
    """Checks that no table is left, or replaced by an empty one."""
    for name in sorted(transition.old.of_type("AWS::DynamoDB::Table")):
        if name in transition.deleted | transition.replaced:
            yield Finding("tables", name, "is replaced or left")


# The update fails, or cuts off the old version while it has traffic. So two steps are needed.
BLOCKING = [names_taken, subnet_groups_narrowed, routes_removed]
# The update succeeds, and breaks something or leaves something behind.
HARMING = [permissions_lost, ways_closed, versions_kept, mappings_in_the_past, capacity_left, tables_lost]


def findings(checks, transition):
    """Returns the findings of some checks about a transition."""
    return [finding for check in checks for finding in check(transition)]


# ---- From release to release.


def needs():
    """Returns the permissions that the functions need of roles, endpoint and cache user, with every kind of cache."""
    every = [stack(), stack(Cache="node")]
    roles = {role for made in every for role in made.of_type("AWS::IAM::Role")}
    by_role = {role: {pair for made in every if role in made.resources for pair in allowed(grants(made, role), text)} for role in roles}
    endpoints = {pair for made in every for endpoint in made.of_type("AWS::EC2::VPCEndpoint").values()
                 for pair in allowed(endpoint["Properties"]["PolicyDocument"]["Statement"], text)}
    users = [user["Properties"]["AccessString"] for made in every for user in made.of_type("AWS::ElastiCache::User").values()]
    return {
        "roles": {role: sorted(map(list, pairs)) for role, pairs in sorted(by_role.items())},
        "endpoint": sorted(map(list, endpoints)),
        "cache user": sorted({word for access in users for word in access.split()}),
    }


def narrowed(before, after):
    """Returns permissions that the last release needs and this release removes.

    The last one has traffic until the alias has moved.
    """
    for role, pairs in before["roles"].items():
        for action, resource in sorted(missing(set(map(tuple, pairs)), set(map(tuple, after["roles"].get(role, []))))):
            if role in after["roles"] and (role, action) not in NO_LONGER_USED:
                yield f"{role} loses {action} on {resource}"
    for action, resource in sorted(missing(set(map(tuple, before["endpoint"])), set(map(tuple, after["endpoint"])))):
        yield f"the endpoint no longer lets through {action} on {resource}"
    for word in sorted(set(before["cache user"]) - set(after["cache user"])):
        yield f"the cache user loses {word}"


def record():
    """Writes the permissions that this release needs."""
    LAST_RELEASE.write_text(json.dumps(needs(), indent=1, sort_keys=True) + "\n")
    print(f"wrote {LAST_RELEASE}")


if __name__ == "__main__":
    if sys.argv[1:] != ["record"]:
        sys.exit(__doc__)
    record()
