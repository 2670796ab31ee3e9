"""A stack that uses a restored table, and the archive that a restore reads."""

import copy
import unittest

from combinations import RESTORED, all_combinations
from template import Stack, _transformed, references, stack

ARN = "arn:aws:dynamodb:eu-central-1:111122223333:table/hall-restored"


def users_of_own_table(made):
    """Returns resources and outputs that still use the stack's own table."""
    things = {**made.resources, **made.outputs}
    return {name for name, thing in things.items() if name != "SeatsTable" and "SeatsTable" in references(thing)}


def table_statements(made):
    """Returns every statement about tables and streams, with the resource it belongs to."""
    for name, resource in made.resources.items():
        properties = resource.get("Properties", {})
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        documents += [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
        for statement in (part for document in documents for part in document["Statement"]):
            if any(action.startswith("dynamodb:") for action in statement["Action"]):
                yield name, statement


class Restored(unittest.TestCase):
    def test_everything_uses_it_and_nothing_the_stacks_own(self):
        for parameters in all_combinations():
            if parameters.get("TableName"):
                with self.subTest(**parameters):
                    self.assertEqual(users_of_own_table(stack(**parameters)), set())

    def test_each_use_that_is_forgotten_is_found(self):
        uses = [
            ("BookRole", lambda found: found["Policies"][0]["PolicyDocument"]["Statement"][0].update(Resource={"Fn::GetAtt": ["SeatsTable", "Arn"]})),
            ("DynamoDbEndpoint", lambda found: found["PolicyDocument"]["Statement"][0].update(Resource={"Fn::GetAtt": ["SeatsTable", "Arn"]})),
            ("PublishEventsFunctionChanges", lambda found: found.update(EventSourceArn={"Fn::GetAtt": ["SeatsTable", "StreamArn"]})),
            ("BookFunction", lambda found: found.update(Environment={"Variables": {"TABLE_NAME": {"Ref": "SeatsTable"}}})),
            ("Dashboard", lambda found: found.update(DashboardBody={"Fn::Sub": '["AWS/DynamoDB", "TableName", "${SeatsTable}"]'})),
        ]
        for name, forget in uses:
            template = copy.deepcopy(_transformed())
            forget(template["Resources"][name]["Properties"])
            self.assertEqual(users_of_own_table(Stack(template, RESTORED)), {name})

    def test_the_stacks_own_is_used_otherwise_and_stays_the_same(self):
        self.assertLessEqual({"BookRole", "BookFunction", "Dashboard", "TableThrottlesAlarm", "TableName", "DynamoDbEndpoint",
                              "PublishEventsFunctionChanges", "SeatChanges"}, users_of_own_table(stack()))
        self.assertEqual(stack().resources["SeatsTable"], stack(**RESTORED).resources["SeatsTable"])

    def test_roles_and_endpoint_allow_it_and_no_other(self):
        made = stack(**RESTORED)
        allowed = {"Table": {ARN}, "Stream": {f"{ARN}/stream/*"}, "Streams": {f"{ARN}/stream/*"}}
        found = list(table_statements(made))
        self.assertEqual(len({name for name, _ in found}), 9)
        for name, statement in found:
            resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
            self.assertEqual(set(resources), allowed[statement["Sid"]], name)

    def test_both_mappings_read_its_stream(self):
        sources = [mapping["Properties"]["EventSourceArn"] for mapping in stack(**RESTORED).of_type("AWS::Lambda::EventSourceMapping").values()]
        self.assertEqual([source for source in sources if isinstance(source, str)], [RESTORED["TableStreamArn"]] * 2)

    def test_its_cache_keys_are_others_and_still_the_stacks(self):
        own, restored = stack(), stack(**RESTORED)
        self.assertEqual(own.variables("GetSeatsFunction")["CACHE_KEY_PREFIX"], "hall")
        self.assertEqual(restored.variables("GetSeatsFunction")["CACHE_KEY_PREFIX"], "hall:hall-restored")
        # The cache's user may use keys that begin with this.
        self.assertIn("~hall:*", restored.properties("ValkeyUser")["AccessString"])

    def test_figures_and_alarms_are_its_own(self):
        made = stack(**RESTORED)
        self.assertIn('"TableName", "hall-restored"', str(made.properties("Dashboard")["DashboardBody"]))
        self.assertEqual(str(made.properties("TableThrottlesAlarm")).count("hall-restored"), 2)
        self.assertEqual(made.outputs["TableName"]["Value"], "hall-restored")


class Archive(unittest.TestCase):
    def test_bookings_and_layouts_of_this_stack_alone_are_archived(self):
        made = stack(EventBusName="house")
        rule = made.properties("EventArchiveRule")
        pattern = rule["EventPattern"]
        self.assertEqual(rule["EventBusName"], "house")
        self.assertEqual(pattern["detail-type"], ["booking.created", "booking.cancelled", "theater.changed", "show.changed", "sale.changed"])
        self.assertEqual(pattern["resources"], [made.variables("PublishEventsFunction")["EVENT_RESOURCE"]])
        self.assertIn("stack/hall/", pattern["resources"][0])

    def test_archive_accepts_account_events_and_expires_them(self):
        made = stack(EventArchiveDays=90)
        group = made.properties("EventArchive")
        self.assertEqual(group["RetentionInDays"], "90")
        (target,) = made.properties("EventArchiveRule")["Targets"]
        # Without the :* of the group's Arn, which EventBridge refuses.
        self.assertEqual(target["Arn"], {"Fn::Sub": "arn:aws:logs:eu-central-1:111122223333:log-group:${EventArchive}"})
        for statement in group["ResourcePolicyDocument"]["Statement"]:
            self.assertEqual(statement["Principal"], {"Service": ["events.amazonaws.com", "delivery.logs.amazonaws.com"]})
            self.assertEqual(statement["Resource"], f"arn:aws:logs:eu-central-1:111122223333:log-group:{group['LogGroupName']}:*")

    def test_nothing_is_archived_without_events_or_days(self):
        for parameters in [{"PublishEvents": "false"}, {"EventArchiveDays": 0}]:
            made = stack(**parameters)
            self.assertEqual([name for name in [*made.resources, *made.outputs] if name.startswith("EventArchive")], [])

    def test_the_default_keeps_what_point_in_time_recovery_reaches(self):
        self.assertGreaterEqual(int(stack().values["EventArchiveDays"]), 35)


if __name__ == "__main__":
    unittest.main()
