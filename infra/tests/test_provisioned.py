"""Provisioned concurrency: the scalable targets of the template, and the output of `infra/capacity.py`."""

import datetime
import io
import subprocess
import sys
import unittest
from unittest import mock

import boto3
from botocore.stub import Stubber
from combinations import all_combinations
from template import ROOT, stack

sys.path.insert(0, str(ROOT / "infra"))
import capacity  # noqa: E402

SALE = {"OnSaleStart": "at(2027-01-01T09:00:00)", "OnSaleEnd": "at(2027-01-01T11:00:00)"}
PATHS = ["GetSeats", "Reserve", "Book"]
TIME = datetime.datetime(2027, 1, 1)
WANTED = {"ServiceNamespace": "lambda", "ScalableDimension": capacity.DIMENSION}


class Targets(unittest.TestCase):
    """The scalable targets."""

    def test_provisioned_concurrency_has_one_mechanism(self):
        for parameters in all_combinations():
            made = stack(**parameters)
            for name, alias in made.of_type("AWS::Lambda::Alias").items():
                self.assertNotIn("ProvisionedConcurrencyConfig", alias["Properties"], name)
            targets = made.of_type("AWS::ApplicationAutoScaling::ScalableTarget")
            self.assertEqual(set(targets), {f"{path}Capacity" for path in PATHS})
            for path in PATHS:
                target = made.properties(f"{path}Capacity")
                self.assertEqual(target["ServiceNamespace"], "lambda")
                self.assertEqual(target["ScalableDimension"], "lambda:function:ProvisionedConcurrency")
                text, names = target["ResourceId"]["Fn::Sub"]
                self.assertEqual((text, names["Function"]), ("function:${Function}:${Alias}", {"Ref": f"{path}Function"}))
                self.assertEqual(names["Alias"]["Fn::Select"][1]["Fn::Split"][1], {"Ref": f"{path}FunctionAliaslive"})

    def capacity(self, path, **parameters):
        target = stack(**parameters).properties(f"{path}Capacity")
        self.assertEqual(target["MinCapacity"], target["MaxCapacity"])
        return int(target["MinCapacity"]), target["ScheduledActions"]

    def test_default_targets_provision_nothing(self):
        for path in PATHS:
            self.assertEqual(self.capacity(path), (0, []))

    def test_without_a_window_they_are_always_provisioned(self):
        for path in PATHS:
            self.assertEqual(self.capacity(path, **{f"Provisioned{path}": 7}), (7, []))

    def test_with_a_window_they_are_provisioned_in_it_alone(self):
        for path in PATHS:
            outside, (start, end) = self.capacity(path, **SALE, OnSaleTimezone="Europe/Berlin", **{f"Provisioned{path}": 7})
            self.assertEqual(outside, 0)
            self.assertEqual((start["Schedule"], end["Schedule"]), (SALE["OnSaleStart"], SALE["OnSaleEnd"]))
            self.assertEqual((start["Timezone"], end["Timezone"]), ("Europe/Berlin", "Europe/Berlin"))
            self.assertEqual(start["ScalableTargetAction"], {"MinCapacity": "7", "MaxCapacity": "7"})
            self.assertEqual(end["ScalableTargetAction"], {"MinCapacity": 0, "MaxCapacity": 0})


class Clock:
    """Time that passes only while something sleeps."""

    now = 0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


class Account:
    """A session whose clients return the provisioned concurrency."""

    region_name = "eu-central-1"

    def __init__(self, configs=(), targets=(), actions=(), rounds=1):
        session = boto3.Session("key", "secret", region_name=self.region_name)
        self.clients = {name: session.client(name) for name in ["cloudformation", "lambda", "application-autoscaling"]}
        self.stubs = {name: Stubber(client) for name, client in self.clients.items()}
        for stub in self.stubs.values():
            stub.activate()
        for _ in range(rounds):
            self.answer(configs, targets, actions)

    def answer(self, configs, targets, actions):
        state = {"LastUpdatedTimestamp": TIME, "ResourceStatus": "CREATE_COMPLETE"}
        resources = [{**state, "LogicalResourceId": name, "PhysicalResourceId": f"hall-{name}", "ResourceType": kind}
                     for name, kind in [("Book", "AWS::Lambda::Function"), ("Role", "AWS::IAM::Role")]]
        self.stubs["cloudformation"].add_response("list_stack_resources", {"StackResourceSummaries": resources}, {"StackName": "hall"})
        scaling = self.stubs["application-autoscaling"]
        made = {"RoleARN": "role", "CreationTime": TIME}
        listed = [{**WANTED, **made, "ResourceId": f"function:{name}", "MinCapacity": least, "MaxCapacity": most}
                  for name, least, most in [*targets, ("another-stack:live", 9, 9)]]
        scaling.add_response("describe_scalable_targets", {"ScalableTargets": listed}, WANTED)
        for name, _, _ in targets:
            of_target = {**WANTED, "ResourceId": f"function:{name}"}
            named = {**of_target, "ScheduledActionName": "start", "ScheduledActionARN": "arn", "CreationTime": TIME}
            named["Timezone"] = "Europe/Berlin"
            scheduled = [{**named, "Schedule": schedule, "ScalableTargetAction": {"MinCapacity": number, "MaxCapacity": number}}
                         for schedule, number in actions]
            scaling.add_response("describe_scheduled_actions", {"ScheduledActions": scheduled}, of_target)
        functions = self.stubs["lambda"]
        arn = "arn:aws:lambda:eu-central-1:111122223333:function:hall-Book"
        standing = [{"FunctionArn": f"{arn}:{qualifier}", "RequestedProvisionedConcurrentExecutions": requested,
                     "AllocatedProvisionedConcurrentExecutions": allocated, "Status": status, "StatusReason": "not enough concurrency"}
                    for qualifier, requested, allocated, status in configs]
        answer = {"ProvisionedConcurrencyConfigs": standing}
        functions.add_response("list_provisioned_concurrency_configs", answer, {"FunctionName": "hall-Book"})
        for qualifier, *_ in configs:
            settings = {"MemorySize": 512, "Architectures": ["x86_64"]}
            functions.add_response("get_function_configuration", settings, {"FunctionName": "hall-Book", "Qualifier": qualifier})

    def client(self, name):
        return self.clients[name]


def report(account, wait=0):
    printed = io.StringIO()
    right = capacity.report(account, "hall", wait, lambda line: print(line, file=printed))
    for stub in account.stubs.values():
        stub.assert_no_pending_responses()
    return right, printed.getvalue()


class Report(unittest.TestCase):
    def test_nothing_is_provisioned_and_nothing_should_be(self):
        right, printed = report(Account(targets=[("hall-Book:live", 0, 0)]))
        self.assertTrue(right)
        self.assertIn("hall-Book:live: none, the target is 0 to 0", printed)

    def test_provisioned_instances_are_printed_with_cost(self):
        right, printed = report(Account([("live", 100, 100, "READY")], [("hall-Book:live", 100, 100)]))
        self.assertTrue(right)
        self.assertIn("100 of 100 instances are provisioned (ready), about $548 a month, the target is 100 to 100", printed)

    def test_the_schedule_is_printed(self):
        _, printed = report(Account(targets=[("hall-Book:live", 0, 0)], actions=[("at(2027-03-01T09:45:00)", 20)]))
        self.assertIn("at(2027-03-01T09:45:00) Europe/Berlin: 20 to 20", printed)

    def test_instances_without_target_are_reported_with_remedy(self):
        for configs in [[("live", 100, 100, "READY")], [("7", 100, 100, "READY")]]:
            right, printed = report(Account(configs))
            self.assertFalse(right)
            self.assertIn("WRONG: no scalable target, so nothing removes it", printed)
            command = "delete-provisioned-concurrency-config --region eu-central-1 --function-name hall-Book --qualifier"
            self.assertIn(f"{command} {configs[0][0]}", printed)

    def test_other_than_the_target_is_wrong(self):
        for configs, targets in [([("live", 100, 100, "READY")], [("hall-Book:live", 0, 0)]), ([], [("hall-Book:live", 5, 5)])]:
            right, printed = report(Account(configs, targets))
            self.assertFalse(right)
            self.assertIn("WRONG: it differs from the target", printed)

    def test_failed_provisioning_is_reported_with_reason(self):
        right, printed = report(Account([("live", 100, 0, "FAILED")], [("hall-Book:live", 100, 100)]))
        self.assertFalse(right)
        self.assertIn("not enough concurrency", printed)

    def test_it_waits_while_something_is_wrong(self):
        with mock.patch.object(capacity, "time", Clock()):
            right, printed = report(Account([], [("hall-Book:live", 5, 5)], rounds=3), wait=25)
        self.assertFalse(right)
        self.assertEqual(printed.count("Waiting for Application Auto Scaling: hall-Book:live"), 2)

    def test_a_stack_without_functions_to_provision(self):
        self.assertEqual(report(Account()), (True, "Provisioned concurrency of hall in eu-central-1:\n  none, and no scalable targets\n"))


class Command(unittest.TestCase):
    def test_refusal_of_aws_is_one_line(self):
        environment = {"PATH": "/usr/bin:/bin", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_MAX_ATTEMPTS": "1",
                       "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
        command = [sys.executable, str(ROOT / "infra/capacity.py"), "hall", "--region", "eu-central-1"]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        self.assertEqual((ended.returncode, ended.stdout), (1, ""))
        self.assertRegex(ended.stderr, r"^capacity.py: hall: .*127\.0\.0\.1:9.*\n$")


if __name__ == "__main__":
    unittest.main()
