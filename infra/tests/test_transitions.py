"""Transitions from one combination of parameters to another: nothing breaks, and transitions in two steps are
documented.

Each check has a control, which changes the template in memory so that it has the fault again that the check looks for.
"""

import copy
import json
import unittest

from combinations import RESTORED, transitions
from template import ROOT, Stack, _transformed, stack
from transitions import BLOCKING, HARMING, LAST_RELEASE, Transition, findings, narrowed, needs

NONE, SERVERLESS, NODE = {"Cache": "none"}, {}, {"Cache": "node"}

# Mappings that begin with the oldest record on purpose.
FROM_THE_OLDEST = {
    "PublishEventsFunctionChanges": "an event that is lost is worse than one that is a day old, and receivers know each by its id",
}


def values(parameters):
    return stack(**parameters).values


def makes_cache(parameters):
    return values(parameters)["Cache"] in ("serverless", "node")


def brings_network(parameters):
    return values(parameters)["SubnetIds"] != [""]


def subnets(parameters):
    """Returns the subnets of functions and cache, as a list of identifying texts."""
    known = values(parameters)
    if brings_network(parameters):
        return known["SubnetIds"]
    zones = known["AvailabilityZones"].split(",") if known["AvailabilityZones"] else [f"eu-central-1{letter}" for letter in "abc"]
    return [(known["VpcCidr"], zone) for zone in zones[: int(known["Zones"])]]


def both(test):
    return lambda old, new: makes_cache(old) and makes_cache(new) and test(old, new)


def same_cache(old, new, kind):
    return values(old)["Cache"] == values(new)["Cache"] == kind


def moves_made_subnets(old, new):
    if brings_network(old) or brings_network(new):
        return False
    return any(one != other for one, other in zip(subnets(old), subnets(new), strict=False))


# Transitions that take two deployments, the first one to Cache=none: the name in infra/README.md, and the condition. No
# other transition takes two.
TWO_STEPS = {
    "other addresses or zones of the made VPC": both(moves_made_subnets),
    "a serverless cache in other subnets": both(lambda old, new: same_cache(old, new, "serverless") and subnets(old) != subnets(new)),
    "nodes in subnets of which one is missing": both(
        lambda old, new: same_cache(old, new, "node") and not set(subnets(old)) <= set(subnets(new))),
}


class Transitions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        ways = [(old, new, Transition(stack(**old), stack(**new))) for old, new in transitions()]
        cls.ways = [(old, new, transition, findings(BLOCKING, transition)) for old, new, transition in ways]

    def test_just_the_listed_transitions_take_two_steps(self):
        unused = set(TWO_STEPS)
        for old, new, _, found in self.ways:
            listed = {name for name, applies in TWO_STEPS.items() if applies(old, new)}
            unused -= listed
            self.assertEqual(bool(found), bool(listed), f"{old} to {new}: {found}")
        self.assertEqual(unused, set(), "listed, and never the case")

    def test_the_listed_transitions_work_by_way_of_none(self):
        ends = {json.dumps(end): end for old, new, _, found in self.ways if found for end in (old, new)}
        for end in ends.values():
            without = {**end, **NONE}
            for one, other in [(end, without), (without, end)]:
                found = findings(BLOCKING + HARMING, Transition(stack(**one), stack(**other)))
                self.assertEqual(found, [], f"{one} to {other}")

    def test_the_readme_has_them_with_their_reasons(self):
        for name in TWO_STEPS:
            self.assertTrue(f"| {name} |" in (ROOT / "infra/README.md").read_text(), name)

    def test_nothing_breaks_in_the_others(self):
        for old, new, transition, blocking in self.ways:
            if old.get("TableName") != new.get("TableName"):
                continue  # has its own test, below
            found = [finding for finding in findings(HARMING, transition) if finding.resource not in FROM_THE_OLDEST]
            self.assertTrue(blocking or not found, f"{old} to {new}: {found}")

    def test_old_versions_are_deleted_before_the_network_that_they_are_in(self):
        steps = Transition(stack(), stack(**NONE)).steps()
        order = [name for verb, name in steps if verb == "delete"]
        versions = [name for name in order if stack().resources[name]["Type"] == "AWS::Lambda::Version"]
        self.assertEqual(len(versions), len(stack().of_type("AWS::Lambda::Version")))
        for name in ["SubnetA", "SubnetB", "FunctionsGroup", "CacheGroup", "Vpc"]:
            self.assertTrue(all(order.index(version) < order.index(name) for version in versions), name)

    def test_targets_wait_for_the_alias_to_move(self):
        steps = Transition(stack(), stack(ProvisionedBook=5)).steps()
        self.assertLess(steps.index(("update", "BookFunctionAliaslive")), steps.index(("update", "BookCapacity")))


class Restored(unittest.TestCase):
    """The switch to a restored table and back. Two tables must never sell at once."""

    def test_old_version_loses_only_writes_to_the_left_table(self):
        for cache in [SERVERLESS, NODE, NONE]:
            for old, new in [(cache, {**cache, **RESTORED}), ({**cache, **RESTORED}, cache)]:
                found = findings(BLOCKING + HARMING, Transition(stack(**old), stack(**new)))
                of_the_table = [finding for finding in found if finding.check == "permissions" and " dynamodb:" in finding.text]
                others = [finding for finding in found if finding not in of_the_table and finding.resource not in FROM_THE_OLDEST]
                self.assertEqual(others, [], f"{old} to {new}")
                for role in ["ReserveRole", "BookRole", "ReservationsRole", "BookingsRole", "TheatersRole"]:
                    lost = {finding.text.split()[1] for finding in of_the_table if finding.resource == role}
                    self.assertIn("dynamodb:UpdateItem", lost, role)


class Controls(unittest.TestCase):
    """Each fault that the checks look for, added again."""

    def stack(self, change, parameters):
        template = copy.deepcopy(_transformed())
        change(template["Resources"])
        return Stack(template, parameters)

    def found(self, change, old, new):
        transition = Transition(self.stack(change, old), self.stack(change, new))
        return {(finding.check, finding.resource) for finding in findings(BLOCKING + HARMING, transition)}

    def test_a_network_policy_that_leaves_with_the_vpc(self):
        def change(resources):
            resources["NetworkAccess"]["Condition"] = "InVpc"
            for resource in resources.values():
                arns = resource.get("Properties", {}).get("ManagedPolicyArns", [])
                if {"Ref": "NetworkAccess"} in arns:
                    arns[arns.index({"Ref": "NetworkAccess"})] = {"Fn::If": ["InVpc", {"Ref": "NetworkAccess"}, {"Ref": "AWS::NoValue"}]}

        lost = self.found(change, SERVERLESS, NONE)
        self.assertIn(("permissions", "BookRole"), lost)
        self.assertEqual({check for check, _ in lost}, {"permissions"})

    def test_access_to_the_new_cache_alone(self):
        def change(resources):
            (statement,) = resources["CacheAccess"]["Properties"]["PolicyDocument"]["Statement"]
            serverless, node, user = statement["Resource"]
            statement["Resource"] = [{"Fn::If": ["ServerlessCache", serverless, node]}, user]

        self.assertIn(("permissions", "GetSeatsRole"), self.found(change, SERVERLESS, NODE))
        self.assertIn(("permissions", "GetSeatsRole"), self.found(change, NODE, SERVERLESS))

    def test_access_to_a_cache_by_a_reference_to_one_that_is_replaced(self):
        def change(resources):
            (statement,) = resources["CacheAccess"]["Properties"]["PolicyDocument"]["Statement"]
            statement["Resource"] = [{"Fn::GetAtt": ["ValkeyServerless", "ARN"]}]

        self.assertIn(("permissions", "GetSeatsRole"), self.found(change, SERVERLESS, {"Zones": 3}))

    def test_ports_of_the_new_cache_alone(self):
        def change(resources):
            resources["FunctionsGroup"]["Properties"]["SecurityGroupEgress"][0]["ToPort"] = {"Fn::If": ["ServerlessCache", 6380, 6379]}

        self.assertEqual(self.found(change, SERVERLESS, NODE), {("ways", "FunctionsGroup")})
        self.assertEqual(self.found(change, NODE, SERVERLESS), set())

    def test_an_endpoint_that_lets_less_through(self):
        def change(resources):
            (statement,) = resources["DynamoDbEndpoint"]["Properties"]["PolicyDocument"]["Statement"]
            statement["Action"] = {"Fn::If": ["WithEvents", ["dynamodb:GetItem", "dynamodb:Query"], ["dynamodb:GetItem"]]}

        self.assertIn(("permissions", "DynamoDbEndpoint"), self.found(change, {}, {"PublishEvents": "false"}))

    def test_a_cache_user_who_may_send_less(self):
        def change(resources):
            resources["ValkeyUser"]["Properties"]["AccessString"] = {"Fn::If": ["ServerlessCache", "on +get +set", "on +get"]}

        self.assertEqual(self.found(change, SERVERLESS, NODE), {("permissions", "ValkeyUser")})

    def test_another_role(self):
        def change(resources):
            resources["BookFunction"]["Properties"]["Role"] = {"Fn::GetAtt": [{"Fn::If": ["WithCache", "BookRole", "ReserveRole"]}, "Arn"]}

        self.assertIn(("permissions", "BookFunction"), self.found(change, SERVERLESS, NONE))

    def test_more_that_is_denied(self):
        def change(resources):
            statements = resources["NetworkAccess"]["Properties"]["PolicyDocument"]["Statement"]
            statements[1]["Resource"] = {"Fn::If": ["WithCache", "arn:aws:ec2:*:*:nothing", "*"]}

        self.assertIn(("permissions", "BookRole"), self.found(change, SERVERLESS, NONE))

    def test_versions_that_are_kept(self):
        for policy in ["DeletionPolicy", "UpdateReplacePolicy"]:
            def change(resources, policy=policy):
                (name,) = [name for name in resources if name.startswith("BookFunctionVersion")]
                resources[name][policy] = "Retain"

            self.assertEqual({check for check, _ in self.found(change, SERVERLESS, NONE)}, {"versions"})
            self.assertEqual(self.found(change, NONE, SERVERLESS), set())

    def test_a_mapping_that_begins_with_a_day_of_old_records(self):
        def change(resources):
            resources["SeatChanges"]["Properties"]["StartingPosition"] = "TRIM_HORIZON"

        def change_and_always(resources):
            change(resources)
            resources["SeatChanges"].pop("Condition")
            resources["SeatChanges"]["Properties"]["Enabled"] = {"Fn::If": ["WithCache", True, False]}

        for fault in [change, change_and_always]:
            self.assertEqual(self.found(fault, NONE, SERVERLESS), {("mappings", "SeatChanges")})
            self.assertEqual(self.found(fault, SERVERLESS, NONE), set())

    def test_a_target_that_leaves_what_it_provisioned(self):
        def change(resources):
            resources["BookCapacity"]["Condition"] = "OnSale"

        sale = {"OnSaleStart": "at(2027-01-01T09:00:00)", "OnSaleEnd": "at(2027-01-01T11:00:00)", "ProvisionedBook": 5}
        self.assertEqual(self.found(change, sale, {}), {("capacity", "BookCapacity")})

    def test_provisioned_concurrency_of_the_alias_itself(self):
        def change(resources):
            alias = resources["BookFunctionAliaslive"]["Properties"]
            provisioned = {"ProvisionedConcurrentExecutions": {"Ref": "ProvisionedBook"}}
            alias["ProvisionedConcurrencyConfig"] = {"Fn::If": ["OnSale", {"Ref": "AWS::NoValue"}, provisioned]}

        self.assertEqual(self.found(change, {"ProvisionedBook": 5}, {"ProvisionedBook": 6}), {("capacity", "BookFunctionAliaslive")})

    def test_a_resource_that_is_made_under_the_name_of_its_predecessor(self):
        def renamed(resources):
            resources["BookTarget"] = resources.pop("BookCapacity")

        transition = Transition(stack(), self.stack(renamed, {}))
        self.assertEqual({(found.check, found.resource) for found in findings(BLOCKING, transition)}, {("names", "BookTarget")})

        def queue(resources):
            fifo = {"Fn::If": ["WithCache", True, {"Ref": "AWS::NoValue"}]}
            resources["ExpiryQueue"]["Properties"] |= {"QueueName": "expiries.fifo", "FifoQueue": fifo}

        self.assertIn(("names", "ExpiryQueue"), self.found(queue, SERVERLESS, NONE))

    def test_a_table_that_is_replaced(self):
        def change(resources):
            resources["SeatsTable"]["Properties"]["TableName"] = {"Fn::If": ["WithCache", "with", "without"]}

        self.assertIn(("tables", "SeatsTable"), self.found(change, SERVERLESS, NONE))

    def test_a_change_of_a_resources_type_is_an_error(self):
        def change(resources):
            resources["Dashboard"]["Type"] = "AWS::SQS::Queue"

        with self.assertRaisesRegex(AssertionError, "Dashboard changes its type"):
            Transition(stack(), self.stack(change, {}))


class Releases(unittest.TestCase):
    """From the last release to this one."""

    def test_nothing_that_the_last_release_needs_is_taken_away(self):
        lost = list(narrowed(json.loads(LAST_RELEASE.read_text()), needs()))
        hint = "Keep it for one more release, or list it in NO_LONGER_USED of transitions.py. After a release: transitions.py record"
        self.assertEqual(lost, [], hint)

    def test_removed_permission_is_found(self):
        before, after = needs(), needs()
        after["roles"]["BookRole"] = [pair for pair in after["roles"]["BookRole"] if pair[0] != "dynamodb:UpdateItem"]
        after["endpoint"] = after["endpoint"][1:]
        after["cache user"].remove("+getrange")
        lost = list(narrowed(before, after))
        self.assertEqual(len(lost), 3, lost)
        self.assertEqual(list(narrowed(after, before)), [])


if __name__ == "__main__":
    unittest.main()
