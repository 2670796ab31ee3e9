"""Properties of the stack with any parameters."""

import functools
import json
import re
import unittest

from combinations import all_combinations
from template import ROOT, references, stack

# Statements that name every resource, or a pattern of them, with the reason.
BROAD = {
    ("TracingAccess", "Traces"): "X-Ray knows no resources for these actions",
    ("NetworkAccess", "Interfaces"): "the interfaces don't exist yet, and Describe knows no resources",
    ("NetworkAccess", "NotTheCode"): "takes all of that from the functions' own code",
    ("DeploymentRole", "Alarms"): "CloudWatch checks DescribeAlarms for all alarms or none",
    ("DeploymentRole", "Provisioned"): "versions and aliases of the functions of this stack",
    ("CheckReleaseRole", "Versions"): "versions and aliases of the functions of this stack",
    ("CheckReleaseRole", "Deployments"): "the deployment groups of this stack's application",
    ("SyncCacheRole", "Streams"): "the streams of this table",
    ("SyncCacheRole", "Stream"): "the streams of a restored table",
    ("PublishEventsRole", "Stream"): "the streams of a restored table",
    ("EventArchive", "LogStreams"): "the log streams of this log group",
    ("EventArchive", "Events"): "the log streams of this log group",
    ("PublishEventsRole", "Streams"): "the streams of this table",
}


def statements(made):
    """Returns each statement of each policy, with the resource it belongs to."""
    for name, resource in made.resources.items():
        properties = resource.get("Properties", {})
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        documents += [properties[kind] for kind in ("PolicyDocument", "ResourcePolicyDocument") if kind in properties]
        for document in documents:
            for statement in document["Statement"]:
                yield name, statement


def each(test):
    """Makes a test of one stack run for every combination."""

    @functools.wraps(test)
    def of_all(self):
        for parameters in all_combinations():
            with self.subTest(**parameters):
                test(self, stack(**parameters))

    return of_all


class Structure(unittest.TestCase):
    """Properties of each combination."""

    @each
    def test_no_combination_is_refused(self, made):
        self.assertEqual(made.refusals(), [])

    @each
    def test_nothing_leads_to_what_is_not_made(self, made):
        for name, thing in [*made.resources.items(), *made.outputs.items()]:
            self.assertLessEqual(references(thing), set(made.resources), name)

    @each
    def test_nothing_leads_to_itself(self, made):
        left = {name: references(thing) for name, thing in made.resources.items()}
        while ready := {name for name, needs in left.items() if not needs & set(left)}:
            left = {name: needs for name, needs in left.items() if name not in ready}
        self.assertEqual(left, {}, "circular")

    @each
    def test_no_statement_allows_every_action_or_resource(self, made):
        for name, statement in statements(made):
            actions, resources = statement["Action"], statement["Resource"]
            self.assertIsInstance(actions, list, name)
            self.assertNotIn("*", "".join(actions), name)
            if "*" in json.dumps(resources):
                self.assertIn((name, statement["Sid"]), BROAD)
            if statement["Effect"] == "Deny":
                self.assertEqual(statement["Sid"], "NotTheCode")

    @each
    def test_no_role_has_a_foreign_policy(self, made):
        for name, role in made.of_type("AWS::IAM::Role").items():
            for policy in role["Properties"].get("ManagedPolicyArns", []):
                self.assertEqual(made.resources[policy["Ref"]]["Type"], "AWS::IAM::ManagedPolicy", name)

    @each
    def test_log_groups_expire_and_functions_have_their_own(self, made):
        groups = made.of_type("AWS::Logs::LogGroup")
        self.assertTrue(all("RetentionInDays" in group["Properties"] for group in groups.values()))
        functions = made.of_type("AWS::Lambda::Function").values()
        used = [function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"] for function in functions]
        self.assertEqual(len(used), len(set(used)))
        self.assertLessEqual(set(used), set(groups))

    @each
    def test_every_alarm_has_topic_and_existing_page(self, made):
        told = [{"Ref": "AlarmTopic"}] if made.values["AlarmEmail"] else None
        for name, alarm in made.of_type("AWS::CloudWatch::Alarm").items():
            properties = alarm["Properties"]
            self.assertEqual(properties.get("AlarmActions"), told, name)
            self.assertEqual(properties.get("OKActions"), told, name)
            page = re.search(r"Runbook: (docs/runbooks/[a-z-]+\.md)$", properties["AlarmDescription"])
            self.assertTrue(page, name)
            self.assertTrue((ROOT / page[1]).is_file(), page[1])

    @each
    def test_the_table_is_kept_and_protected(self, made):
        table = made.resources["SeatsTable"]
        self.assertEqual((table["DeletionPolicy"], table["UpdateReplacePolicy"]), ("Retain", "Retain"))
        properties = table["Properties"]
        self.assertTrue(properties["DeletionProtectionEnabled"])
        self.assertTrue(properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"])
        self.assertEqual(properties["TimeToLiveSpecification"], {"AttributeName": "expires_at", "Enabled": True})
        self.assertEqual(properties["StreamSpecification"]["StreamViewType"], "NEW_AND_OLD_IMAGES")

    @each
    def test_api_and_streams_call_the_alias(self, made):
        for name, mapping in made.of_type("AWS::Lambda::EventSourceMapping").items():
            self.assertRegex(mapping["Properties"]["FunctionName"]["Ref"], "Aliaslive$", name)
        for methods in made.properties("HttpApi")["Body"]["paths"].values():
            for method in methods.values():
                self.assertIn("Aliaslive}", method["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"])


class Events(unittest.TestCase):
    def test_without_events_function_and_queues_are_missing(self):
        made = stack(PublishEvents="false")
        self.assertEqual(set(made.of_type("AWS::SQS::Queue")), {"UndeliveredChanges"})
        more = set(stack().resources) - set(made.resources)
        self.assertTrue(all(re.search("PublishEvents|EventsBehind|Expir|UndeliveredEvents|EventArchive", name) for name in more), more)


class Runbooks(unittest.TestCase):
    def test_every_runbook_is_some_alarms(self):
        alarms = stack(AlarmEmail="a@b").of_type("AWS::CloudWatch::Alarm").values()
        named = {alarm["Properties"]["AlarmDescription"].rsplit("/", 1)[1] for alarm in alarms}
        # The second page is for operators, and no alarm refers to it.
        there = {page.name for page in (ROOT / "docs/runbooks").glob("*.md")} - {"README.md", "take-a-release-back.md"}
        self.assertEqual(there, named)


if __name__ == "__main__":
    unittest.main()
