"""`infra/capacity.py`: what it prints of what stands, without an account."""

import datetime
import io
import subprocess
import sys
import unittest
from unittest import mock

import boto3
from botocore.stub import Stubber
from template import ROOT

sys.path.insert(0, str(ROOT / "infra"))
import capacity  # noqa: E402

TIME = datetime.datetime(2027, 1, 1)
WANTED = {"ServiceNamespace": "lambda", "ScalableDimension": capacity.DIMENSION}


class Account:
    """A session whose clients answer with what stands."""

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
        def resource(kind, name):
            return {"LogicalResourceId": "Thing", "PhysicalResourceId": name, "ResourceType": kind, "LastUpdatedTimestamp": TIME, "ResourceStatus": "CREATE_COMPLETE"}

        resources = [resource("AWS::Lambda::Function", "hall-Book"), resource("AWS::IAM::Role", "hall-Role")]
        self.stubs["cloudformation"].add_response("list_stack_resources", {"StackResourceSummaries": resources}, {"StackName": "hall"})
        scaling = self.stubs["application-autoscaling"]
        listed = [{**WANTED, "ResourceId": f"function:{name}", "MinCapacity": least, "MaxCapacity": most, "RoleARN": "role", "CreationTime": TIME}
                  for name, least, most in [*targets, ("another-stack:live", 9, 9)]]
        scaling.add_response("describe_scalable_targets", {"ScalableTargets": listed}, WANTED)
        for name, _, _ in targets:
            scheduled = [{**WANTED, "ScheduledActionName": "start", "ScheduledActionARN": "arn", "ResourceId": f"function:{name}", "CreationTime": TIME,
                          "Schedule": schedule, "Timezone": "Europe/Berlin", "ScalableTargetAction": {"MinCapacity": number, "MaxCapacity": number}}
                         for schedule, number in actions]
            scaling.add_response("describe_scheduled_actions", {"ScheduledActions": scheduled}, {**WANTED, "ResourceId": f"function:{name}"})
        functions = self.stubs["lambda"]
        arn = "arn:aws:lambda:eu-central-1:111122223333:function:hall-Book"
        standing = [{"FunctionArn": f"{arn}:{qualifier}", "RequestedProvisionedConcurrentExecutions": requested,
                     "AllocatedProvisionedConcurrentExecutions": allocated, "Status": status, "StatusReason": "not enough concurrency"}
                    for qualifier, requested, allocated, status in configs]
        functions.add_response("list_provisioned_concurrency_configs", {"ProvisionedConcurrencyConfigs": standing}, {"FunctionName": "hall-Book"})
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
        self.assertIn("hall-Book:live: none; the target is 0 to 0", printed)

    def test_what_stands_is_printed_with_its_cost(self):
        right, printed = report(Account([("live", 100, 100, "READY")], [("hall-Book:live", 100, 100)]))
        self.assertTrue(right)
        self.assertIn("100 of 100 instances stand (ready), about $548 a month; the target is 100 to 100", printed)

    def test_the_schedule_is_printed(self):
        _, printed = report(Account(targets=[("hall-Book:live", 0, 0)], actions=[("at(2027-03-01T09:45:00)", 20)]))
        self.assertIn("at(2027-03-01T09:45:00) Europe/Berlin: 20 to 20", printed)

    def test_what_stands_without_a_target_is_wrong_and_the_command_that_ends_it_is_printed(self):
        for configs in [[("live", 100, 100, "READY")], [("7", 100, 100, "READY")]]:
            right, printed = report(Account(configs))
            self.assertFalse(right)
            self.assertIn("WRONG: no scalable target, so nothing takes it away", printed)
            command = "delete-provisioned-concurrency-config --region eu-central-1 --function-name hall-Book --qualifier"
            self.assertIn(f"{command} {configs[0][0]}", printed)

    def test_other_than_the_target_is_wrong(self):
        for configs, targets in [([("live", 100, 100, "READY")], [("hall-Book:live", 0, 0)]), ([], [("hall-Book:live", 5, 5)])]:
            right, printed = report(Account(configs, targets))
            self.assertFalse(right)
            self.assertIn("WRONG: not what the target says", printed)

    def test_what_lambda_could_not_provide_is_wrong_with_its_reason(self):
        right, printed = report(Account([("live", 100, 0, "FAILED")], [("hall-Book:live", 100, 100)]))
        self.assertFalse(right)
        self.assertIn("not enough concurrency", printed)

    def test_it_waits_while_something_is_wrong(self):
        with mock.patch.object(capacity, "PAUSE", 0.3):
            right, printed = report(Account([], [("hall-Book:live", 5, 5)], rounds=3), wait=0.75)
        self.assertFalse(right)
        self.assertEqual(printed.count("Waiting for Application Auto Scaling: hall-Book:live"), 2)

    def test_a_stack_without_functions_to_provision(self):
        self.assertEqual(report(Account()), (True, "Provisioned concurrency of hall in eu-central-1:\n  none, and no scalable targets\n"))


class Command(unittest.TestCase):
    def test_what_aws_refuses_ends_it_with_one_line(self):
        environment = {"PATH": "/usr/bin:/bin", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_MAX_ATTEMPTS": "1",
                       "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
        command = [sys.executable, str(ROOT / "infra/capacity.py"), "hall", "--region", "eu-central-1"]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        self.assertEqual((ended.returncode, ended.stdout), (1, ""))
        self.assertRegex(ended.stderr, r"^capacity.py: hall: .*127\.0\.0\.1:9.*\n$")


if __name__ == "__main__":
    unittest.main()
