"""`infra/first-account` on a simulated account, and on an emulator if ministack is installed."""

import contextlib
import functools
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import zipfile
from pathlib import Path

from template import ROOT

sys.path += [str(ROOT / "infra"), str(ROOT / "infra/deploy_test")]
from first_account import __main__ as command  # noqa: E402
from first_account import offline, plan, product, reads, results  # noqa: E402
from first_account.account import WRITES, Account, NotOurs, refuse_what_is_not_ours, run_prefix  # noqa: E402
from first_account.removal import remove_all  # noqa: E402
from first_account.results import AS_EXPECTED, DIFFERS, NOT_TRIED  # noqa: E402
from first_account.run import Options, Run  # noqa: E402
from first_account.simulated import ACCOUNT, Clock, Failure, Simulated, SimulatedWeb  # noqa: E402
from first_account.state import State, StateProblem, Thing, unfinished  # noqa: E402

REGION = "eu-central-1"
PREFIX = run_prefix("ab12")
README = ROOT / "infra/README.md"
# Checks that create one of each kind: an imported API, a stack, a bucket with code, a kept table, a restored table.
EVERY_KIND = ["import-with-issuer", "hidden-parameter", "denial", "restored-table"]


class Killed(BaseException):
    """Raised to end a process in the middle of a call."""


class Trial:
    """A run on a simulated account."""

    def __init__(self, folder, names=(), on_call=lambda *_: None):
        self.clock, self.results, self.calls, self.events = Clock(), {}, [], []
        self.path = Path(folder) / "ab12.state"
        self.checks, self.on_call = plan.select(list(names)), on_call
        self.aws = Simulated(self.clock, self.called)
        self.run = self.begin(State.begin(self.path, ACCOUNT, REGION))

    def begin(self, state):
        account = Account(REGION, PREFIX, state.ids.__contains__, self.aws.session(REGION))
        options = Options(REGION, ROOT / "infra", domain="api.example.com", certificate="arn:aws:acm:x", without_code=True)
        return Run(state, account, options, self.clock, SimulatedWeb(denied=lambda: bool(self.aws.policies)), say=lambda text: None)

    def called(self, service, operation, params):
        self.calls.append((service, operation, params))
        self.on_call(len(self.calls), service, operation, params)

    def try_out(self):
        plan.run_all(self.run, self.checks, lambda result: self.results.__setitem__(result.name, result), side_by_side=False)

    def after_a_kill(self):
        """Returns the run that `--clean` reads from the disk."""
        self.on_call = lambda *_: None
        return self.begin(State.read(self.path))


@contextlib.contextmanager
def trial(*names, on_call=lambda *_: None):
    with tempfile.TemporaryDirectory() as folder:
        yield Trial(folder, names, on_call)


@functools.cache
def whole():
    """Runs the whole plan, once for all tests that only read its results."""
    with trial() as one:
        one.try_out()
        made = list(one.run.state.things)
        left = remove_all(one.run)
        return one, made, left


def run_command(*words):
    """Runs the command in this process. Returns its status and what it printed."""
    said, complained = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
        try:
            status = command.main(list(words))
        except SystemExit as end:
            status = end.code
    return status, said.getvalue(), complained.getvalue()


class Plan(unittest.TestCase):
    def test_every_check_is_complete_and_has_a_source(self):
        for check in plan.CHECKS:
            with self.subTest(check.name):
                self.assertTrue(check.question.endswith("?"))
                self.assertTrue(check.expected and check.how)
                self.assertRegex(check.source, r"^https://(docs\.aws\.amazon\.com|aws\.amazon\.com|www\.amazontrust\.com|github\.com)/")
                self.assertIn(check.lane, (plan.FIRST, *plan.LANES))

    def test_names_are_unique_and_a_check_follows_what_it_builds_on(self):
        names = [check.name for check in plan.CHECKS]
        self.assertEqual(len(names), len(set(names)))
        for place, check in enumerate(plan.CHECKS):
            for before in check.after:
                self.assertLess(names.index(before), place)
                self.assertEqual(plan.CHECKS[names.index(before)].lane, check.lane)

    def test_the_readme_leads_from_each_thing_not_shown_to_a_check(self):
        section = README.read_text().split("### Not shown without an account", 1)[1].split("\n## ", 1)[0]
        rows = [line.split("|")[1:-1] for line in section.splitlines() if line.startswith("| ") and not line.startswith("| ---")][1:]
        named = set()
        for row in rows:
            found = re.findall(r"`([a-z0-9-]+)`", row[1])
            self.assertTrue(found, f"no check for: {row[0]}")
            named |= set(found)
        self.assertEqual(named, {check.name for check in plan.CHECKS})

    def test_docs_lead_from_what_was_not_seen_on_aws_to_the_checks(self):
        unseen = re.compile(r"hasn't been run on AWS|wasn't seen in an account|No account was there|not been deployed to AWS|not seen on AWS")
        for page in [ROOT / "README.md", README, *(ROOT / "docs").rglob("*.md")]:
            paragraphs = re.split(r"\n#+ ", page.read_text())
            for paragraph in filter(unseen.search, paragraphs):
                self.assertRegex(paragraph, r"first-account|not-shown-without-an-account", f"{page.name}: {paragraph[:60]}")

    def test_budgets_are_allowed_where_the_rule_names_the_region(self):
        def rules(assertion):
            return {"Budget": {"RuleCondition": {"Fn::Not": [{"Ref": "MonthlyBudget"}]}, "Assertions": [{"Assert": assertion}]}}

        listed = {"Fn::Contains": [["eu-west-1", "us-east-1"], {"Ref": "AWS::Region"}]}
        for assertion, region, allowed in [
            (listed, "eu-west-1", True), (listed, "eu-north-1", False), ({"Fn::Not": [listed]}, "eu-north-1", True),
            ({"Fn::Not": [listed]}, "us-east-1", False), ({"Ref": "AlarmEmail"}, "eu-north-1", True),
        ]:
            self.assertEqual(reads.budget_allowed(rules(assertion), region), allowed)

    def test_it_fits_into_an_hour_and_a_few_dollars(self):
        self.assertLessEqual(plan.minutes(plan.CHECKS), 65)
        self.assertLess(plan.dollars(plan.CHECKS), 5)

    def test_only_brings_along_what_a_check_builds_on(self):
        names = [check.name for check in plan.select(["restored-stack"])]
        self.assertEqual(names, ["sale-stack", "api-calls", "restore-begins", "restored-table", "restored-stack"])
        with self.assertRaisesRegex(ValueError, "no check is called no-such"):
            plan.select(["no-such"])


class OnASimulatedAccount(unittest.TestCase):
    def test_every_check_agrees_where_aws_does_as_expected(self):
        one, _, left = whole()
        others = {name: (result.outcome, result.seen) for name, result in one.results.items() if result.outcome != AS_EXPECTED}
        if "TableName" not in offline.parameters():  # a template from before restored tables
            others = {name: result for name, result in others.items() if name not in ("restored-stack", "own-table-again")}
        self.assertEqual(others, {})
        self.assertEqual(set(one.results), {check.name for check in plan.CHECKS})
        self.assertEqual((left, one.aws.left(), one.run.state.things), ([], [], []))

    def test_everything_is_listed_before_it_is_made(self):
        made = {
            "CreateStack": ("stack", "StackName"), "CreateBucket": ("bucket", "Bucket"),
            "RestoreTableToPointInTime": ("table", "TargetTableName"), "ImportApi": ("api", None), "PutRolePolicy": ("policy", None),
        }
        seen = []

        def listed(number, service, operation, params):
            if operation in made:
                kind, name = made[operation]
                own = {"ImportApi": lambda: json.loads(params["Body"])["info"]["title"], "PutRolePolicy": lambda: f"{PREFIX}-sale"}
                name = params[name] if name else own[operation]()
                seen.append(operation)
                self.assertIn(Thing(kind, name), State.read(one.path).things)

        with trial(*EVERY_KIND, on_call=listed) as one:
            one.try_out()
        self.assertEqual(set(seen), set(made))

    def test_all_names_follow_from_the_run(self):
        _, made, _ = whole()
        self.assertTrue(all(thing.name.startswith(PREFIX) for thing in made))
        self.assertEqual(set(made), set(plan.everything("ab12", ACCOUNT)))

    def test_what_it_makes_is_tagged(self):
        one, _, _ = whole()
        tag = [{"Key": "boxoffice-first-account", "Value": "ab12"}]
        stacks = [params for _, operation, params in one.calls if operation in ("CreateStack", "UpdateStack")]
        self.assertTrue(stacks)
        self.assertTrue(all(params["Tags"] == tag for params in stacks))

    def test_a_check_that_fails_keeps_no_other_from_being_tried(self):
        def fail(number, service, operation, params):
            if operation == "DescribeTable":
                raise RuntimeError("a bug")

        with trial("warm-table", "hidden-parameter", on_call=fail) as one:
            one.try_out()
        self.assertEqual({name: result.outcome for name, result in one.results.items()}, {"warm-table": NOT_TRIED, "hidden-parameter": AS_EXPECTED})

    def test_different_answer_is_reported(self):
        with trial("route-limits", "import-with-issuer") as one:
            one.aws.apigatewayv2_GetStage = lambda **_: {"RouteSettings": {}, "DefaultRouteSettings": {}}
            one.aws.apigatewayv2_ImportApi = refuse_import
            one.try_out()
        self.assertEqual(one.results["route-limits"].outcome, DIFFERS)
        self.assertEqual((one.results["import-with-issuer"].outcome, one.results["import-with-issuer"].seen), (DIFFERS, "Refused: flows is missing"))

    def test_refused_import_leads_to_stack_without_fail_on_warnings(self):
        templates = []

        def keep(number, service, operation, params):
            if operation == "PutObject" and params["Key"] == "template.yaml":
                templates.append(params["Body"].read().decode())

        with trial("import-with-issuer", "sale-stack", on_call=keep) as one:
            one.aws.apigatewayv2_ImportApi = refuse_import
            one.try_out()
        self.assertNotIn("FailOnWarnings", templates[0])
        self.assertEqual(one.results["sale-stack"].outcome, DIFFERS)

    def test_without_a_domain_the_check_of_domains_says_what_it_needs(self):
        with trial("domain-paths") as one:
            one.run.options.domain = one.run.options.certificate = ""
            one.try_out()
        self.assertEqual(one.results["domain-paths"].seen, "it needs --domain and --certificate")


def refuse_import(**_):
    raise Failure("BadRequestException", "flows is missing")


class Removal(unittest.TestCase):
    def test_after_a_failure_in_the_middle_nothing_is_left(self):
        for number in range(1, self.calls() + 1, 5):
            with self.subTest(call=number), trial(*EVERY_KIND, on_call=failing_at(number)) as one:
                one.try_out()
                left = remove_all(one.run)
                # A failure within the removal is reported, and the next attempt goes on.
                left and remove_all(one.after_a_kill())
                self.assertEqual(one.aws.left(), [])

    def test_after_a_kill_in_the_middle_clean_removes_all(self):
        for number in range(2, self.calls() + 1, 5):
            with self.subTest(call=number), trial(*EVERY_KIND, on_call=killing_at(number)) as one:
                with contextlib.suppress(Killed):
                    one.try_out()
                    remove_all(one.run)
                self.assertEqual(remove_all(one.after_a_kill()), [])
                self.assertEqual(one.aws.left(), [])
                self.assertEqual(State.read(one.path).things, [])

    def test_thing_is_removed_although_its_answer_was_lost(self):
        for operation in ("CreateStack", "CreateBucket", "RestoreTableToPointInTime", "ImportApi", "PutRolePolicy"):
            with self.subTest(operation), trial(*EVERY_KIND) as one:
                lose_the_answer(one.aws, operation)
                with contextlib.suppress(Killed):
                    one.try_out()
                self.assertTrue(one.aws.left())
                self.assertEqual(remove_all(one.after_a_kill()), [])
                self.assertEqual(one.aws.left(), [])

    def test_a_lost_state_file_can_be_replaced(self):
        with trial(*EVERY_KIND) as one:
            one.try_out()
            one.path.unlink()
            state = State.begin(one.path, ACCOUNT, REGION)
            for thing in plan.everything("ab12", ACCOUNT):
                state.make(thing.kind, thing.name)
            self.assertEqual(remove_all(one.after_a_kill()), [])
            self.assertEqual(one.aws.left(), [])

    def test_a_network_that_cloudformation_gave_up_on_is_removed(self):
        vpc, calls = StrandedNetwork(), []
        with trial("hidden-parameter", on_call=lambda number, service, operation, params: calls.append((operation, params))) as one:
            one.try_out()
            for name in dir(vpc):
                if name.startswith("ec2_"):
                    setattr(one.aws, name, getattr(vpc, name))
            self.assertEqual(remove_all(one.run), [])
        self.assertEqual(vpc.there, set())
        filters = next(params["Filters"] for operation, params in calls if operation == "DescribeVpcs")
        self.assertEqual([one["Values"] for one in filters], [["ab12"], [f"{PREFIX}-hidden"]])

    def test_removal_knows_all_kept_resources(self):
        text = (ROOT / "infra/template.yaml").read_text()
        kept = re.findall(r"(?m)^    Type: (\S+)\n(?:    Condition: .*\n|    Metadata: .*\n)*    DeletionPolicy: Retain", text)
        self.assertTrue(kept)
        self.assertLessEqual(set(kept), {"AWS::DynamoDB::Table", "AWS::Logs::LogGroup"})

    @functools.cache
    def calls(self):
        with trial(*EVERY_KIND) as one:
            one.try_out()
            remove_all(one.run)
            return len(one.calls)


def failing_at(failing):
    def on_call(number, service, operation, params):
        if number == failing:
            raise Failure("InternalError", "AWS failed", 500) if number % 2 else RuntimeError("a bug")

    return on_call


def killing_at(killing):
    def on_call(number, service, operation, params):
        if number == killing:
            raise Killed

    return on_call


def lose_the_answer(aws, operation):
    name = next(name for name in dir(aws) if name.endswith(f"_{operation}"))
    real = getattr(aws, name)

    def made_but_lost(**params):
        real(**params)
        raise Killed

    setattr(aws, name, made_but_lost)


class StrandedNetwork:
    """A VPC whose interfaces Lambda releases after a while, one of them without deleting it."""

    def __init__(self):
        self.asked, self.there = 0, {"vpc-1", "subnet-1", "sg-1", "rtb-1", "vpce-1", "eni-1"}

    def ec2_DescribeVpcs(self, **_):
        return {"Vpcs": [{"VpcId": "vpc-1"}] if "vpc-1" in self.there else []}

    def ec2_DescribeNetworkInterfaces(self, **_):
        self.asked += 1
        status = "in-use" if self.asked < 3 else "available"
        return {"NetworkInterfaces": [{"NetworkInterfaceId": "eni-1", "Status": status}] if "eni-1" in self.there else []}

    def ec2_DescribeVpcEndpoints(self, **_):
        return {"VpcEndpoints": [{"VpcEndpointId": "vpce-1"}]}

    def ec2_DescribeSubnets(self, **_):
        return {"Subnets": [{"SubnetId": "subnet-1"}]}

    def ec2_DescribeSecurityGroups(self, **_):
        rules = [{"IpProtocol": "tcp", "FromPort": 6379, "ToPort": 6379}]
        own = {"GroupId": "sg-1", "GroupName": "cache", "IpPermissions": rules, "IpPermissionsEgress": []}
        return {"SecurityGroups": [{"GroupId": "sg-0", "GroupName": "default"}, own]}

    def ec2_DescribeRouteTables(self, **_):
        return {"RouteTables": [{"RouteTableId": "rtb-0", "Associations": [{"Main": True}]}, {"RouteTableId": "rtb-1", "Associations": []}]}

    def ec2_RevokeSecurityGroupIngress(self, **_):
        return {}

    def ec2_DeleteNetworkInterface(self, NetworkInterfaceId):
        self.there.remove(NetworkInterfaceId)

    def ec2_DeleteVpcEndpoints(self, VpcEndpointIds):
        self.there -= set(VpcEndpointIds)

    def ec2_DeleteSubnet(self, SubnetId):
        self.there.remove(SubnetId)

    def ec2_DeleteRouteTable(self, RouteTableId):
        self.there.remove(RouteTableId)

    def ec2_DeleteSecurityGroup(self, GroupId):
        self.there.remove(GroupId)

    def ec2_DeleteVpc(self, VpcId):
        self.there.remove(VpcId)


class Guard(unittest.TestCase):
    def refused(self, service, operation, **params):
        with self.assertRaises(NotOurs):
            refuse_what_is_not_ours(service, operation, params, self.owns)

    @staticmethod
    def owns(value):
        return Account.owns(Account(REGION, PREFIX, {"api1"}.__contains__, Simulated(Clock()).session(REGION)), value)

    def test_names_of_others_are_refused(self):
        self.refused("cloudformation", "DeleteStack", StackName="boxoffice")
        self.refused("cloudformation", "DeleteStack", StackName="boxoffice-first-account-zz99-sale")
        self.refused("dynamodb", "DeleteTable", TableName="boxoffice-SeatsTable-1")
        self.refused("dynamodb", "RestoreTableToPointInTime", SourceTableName="boxoffice-SeatsTable-1", TargetTableName=f"{PREFIX}-restored")
        self.refused("s3", "DeleteObjects", Bucket=f"my-{PREFIX}-code")
        self.refused("apigatewayv2", "DeleteApi", ApiId="api2")
        self.refused("apigatewayv2", "ImportApi", Body='{"info": {"title": "boxoffice"}}')
        self.refused("logs", "DeleteLogGroup", logGroupName="/aws/lambda/boxoffice/book")
        self.refused("ec2", "DeleteVpcEndpoints", VpcEndpointIds=["vpce-1"])
        self.refused("ec2", "DeleteVpcEndpoints", VpcEndpointIds=[])
        self.refused("cloudformation", "DeleteStack")

    def test_unlisted_writes_are_refused(self):
        self.refused("iam", "DeleteRole", RoleName=PREFIX)
        self.refused("dynamodb", "DeleteBackup", BackupArn=PREFIX)
        self.refused("dynamodb", "ExecuteStatement", Statement="DELETE")

    def test_the_runs_own_and_reads_pass(self):
        for service, operation, params in [
            ("cloudformation", "DeleteStack", {"StackName": f"{PREFIX}-sale"}),
            ("logs", "DeleteLogGroup", {"logGroupName": f"/aws/events/{PREFIX}-sale/archive"}),
            ("sqs", "ReceiveMessage", {"QueueUrl": f"https://sqs.eu-central-1.amazonaws.com/111122223333/{PREFIX}-bus"}),
            ("apigatewayv2", "DeleteApi", {"ApiId": "api1"}),
            ("dynamodb", "Scan", {"TableName": "boxoffice"}),
            ("cloudformation", "DescribeStacks", {}),
        ]:
            refuse_what_is_not_ours(service, operation, params, self.owns)

    def test_a_client_refuses_before_it_sends(self):
        with trial() as one:
            with self.assertRaises(NotOurs):
                one.run.client("dynamodb").delete_table(TableName="boxoffice-SeatsTable-1")
            self.assertEqual(one.calls, [])

    def test_no_call_is_allowed_that_no_run_sends(self):
        one, _, _ = whole()
        sent = {f"{service}:{operation}" for service, operation, _ in one.calls}
        only_in_trouble = {name for name in WRITES if name.startswith("ec2:")} | {"cloudformation:CancelUpdateStack"}
        self.assertEqual(set(WRITES) - sent, only_in_trouble)


class Documents(unittest.TestCase):
    def test_the_imported_body_is_complete(self):
        with trial() as one:
            for more in ({}, {"JwtIssuer": "https://login.example.com", "JwtAudience": "web", "CorsOrigins": "https://a.example"}):
                text = json.dumps(offline.api_body(one.run, Cache="none", **more))
                self.assertNotRegex(text, r'"(Fn::\w+|Ref)"')
                self.assertEqual("x-amazon-apigateway-authorizer" in text, bool(more))

    def test_upload_has_all_code(self):
        with tempfile.TemporaryDirectory() as folder, trial() as one:
            built = Path(folder)
            (built / "Get").mkdir()
            (built / "Get/bootstrap").write_bytes(b"\x7fELF")
            (built / "Get/bootstrap").chmod(0o755)
            (built / "check.py").write_text("pass")
            (built / "template.yaml").write_text(BUILT)
            one.run.options.built, one.run.options.without_code = built, False
            product.upload(one.run)
            product.upload(one.run, broken="Get")
        put = {params["Key"]: params["Body"].read() for _, operation, params in one.calls if operation == "PutObject"}
        self.assertEqual(set(put), {"Get.zip", "Check.zip", "template.yaml", "Get.broken.zip", "template.broken.yaml"})
        bucket = f"{PREFIX}-code-{ACCOUNT}"
        for name, key in (("template.yaml", "Get.zip"), ("template.broken.yaml", "Get.broken.zip")):
            text = put[name].decode()
            self.assertIn(f"CodeUri: s3://{bucket}/{key}", text.replace("'", ""))
            self.assertRegex(text, f"Code:\n +S3Bucket: {bucket}\n +S3Key: Check.zip")
            self.assertIn("MemorySize: !Ref", text)
        with zipfile.ZipFile(io.BytesIO(put["Get.zip"])) as archive:
            (entry,) = archive.infolist()
            self.assertEqual((entry.filename, entry.external_attr >> 16 & 0o111), ("bootstrap", 0o111))
        with zipfile.ZipFile(io.BytesIO(put["Get.broken.zip"])) as archive:
            self.assertIn(b"exit 1", archive.read("bootstrap"))


BUILT = """
Parameters:
  Memory: { Type: Number }
Resources:
  Get:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: Get
      MemorySize: !Ref Memory
  Check:
    Type: AWS::Lambda::Function
    Properties:
      Code: .
      Handler: check.handler
"""


class StateFile(unittest.TestCase):
    def test_a_torn_last_line_is_of_a_call_that_was_not_sent(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "ab12.state"
            State.begin(path, ACCOUNT, REGION).make("stack", f"{PREFIX}-sale")
            with open(path, "a") as file:
                file.write('{"made": ["stack", "boxoffi')
            self.assertEqual(State.read(path).things, [Thing("stack", f"{PREFIX}-sale")])

    def test_a_file_that_names_something_else_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "ab12.state"
            State.begin(path, ACCOUNT, REGION)
            with open(path, "a") as file:
                file.write('{"made": ["stack", "boxoffice"]}\n')
            with self.assertRaisesRegex(StateProblem, "can't be read"):
                State.read(path)

    def test_a_file_without_a_line_is_of_a_run_that_made_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "ab12.state").touch()
            self.assertEqual(unfinished(Path(folder)), [])

    def test_a_finished_run_left_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            state = State.begin(Path(folder) / "ab12.state", ACCOUNT, REGION)
            thing = state.make("stack", f"{PREFIX}-sale")
            self.assertEqual([one.run for one in unfinished(Path(folder))], ["ab12"])
            state.removed(thing)
            self.assertEqual(unfinished(Path(folder)), [])


class Report(unittest.TestCase):
    def test_it_names_neither_account_nor_caller_nor_domain(self):
        check = plan.CHECKS[0]
        seen = f"arn:aws:iam::{ACCOUNT}:user/jo said | no to api.example.org of {ACCOUNT}"
        found = [results.of(check, DIFFERS, seen, 3)]
        redact = results.Redactor({ACCOUNT: "ACCOUNT", f"arn:aws:iam::{ACCOUNT}:user/jo": "CALLER", "api.example.org": "DOMAIN", "": "NOTHING"})
        with tempfile.TemporaryDirectory() as folder:
            report = results.Report("ab12", REGION, found, [f"bucket x-{ACCOUNT}: why"], [f"arn:aws:sns::{ACCOUNT}:x"])
            texts = [path.read_text() for path in results.write(Path(folder), report, redact)]
        for text in texts:
            self.assertNotIn(ACCOUNT, text)
            self.assertNotIn("api.example.org", text)
            self.assertIn("CALLER said", text)
        self.assertIn("CALLER said \\| no to DOMAIN of ACCOUNT", texts[0])
        self.assertEqual(json.loads(texts[1])["results"][0]["outcome"], DIFFERS)

    def test_expected_and_seen_stand_side_by_side(self):
        text = results.side_by_side(results.of(plan.CHECKS[0], AS_EXPECTED, "word " * 30 + "x" * 100, 3))
        self.assertTrue(all(len(line) <= 2 + 46 + 2 + 46 for line in text.splitlines()[1:]), text)
        self.assertIn("expected", text.splitlines()[1])


class CommandLine(unittest.TestCase):
    def test_dry_run_sends_nothing(self):
        sent = []
        Simulated_session = Simulated.session

        def watched(self, region):
            session = Simulated_session(self, region)
            session.events.register("before-send", lambda **_: sent.append(1))
            return session

        Simulated.session = watched
        self.addCleanup(setattr, Simulated, "session", Simulated_session)
        status, said, _ = run_command("--dry-run", "--only", *EVERY_KIND)
        self.assertEqual((status, sent), (0, []))
        calls = re.findall(r"(?m)^    (\S+:\S+) ", said)
        wanted = [
            "apigatewayv2:ImportApi", "cloudformation:CreateStack", "dynamodb:RestoreTableToPointInTime", "cloudformation:DeleteStack",
            "s3:DeleteBucket",
        ]
        self.assertEqual([call for call in dict.fromkeys(calls) if call in wanted], wanted)
        self.assertIn("Nothing was sent.", said)

    def test_the_list_has_every_check_and_the_sum(self):
        status, said, _ = run_command("--list")
        self.assertEqual(status, 0)
        for check in plan.CHECKS:
            self.assertIn(f"{check.name}  ({check.lane}", said)
            self.assertIn(check.source, said)
        self.assertIn(f"{len(plan.CHECKS)} checks, about {plan.minutes(plan.CHECKS)} minutes", said)

    def test_bad_options_are_named(self):
        for words, complaint in [
            (["--only", "no-such"], "--only: no check is called no-such"),
            (["--domain", "a.example"], "--domain needs --certificate"),
            (["--run", "ab12"], "--run goes with --clean"),
            (["--clean", "--run", "*"], "--run: four characters"),
        ]:
            status, _, complained = run_command(*words)
            self.assertEqual(status, 2)
            self.assertIn(complaint, complained)


MINISTACK = ROOT / ".tools/bin/ministack"
ON_THE_EMULATOR = ["empty-list-in-rules", "hidden-parameter", "valkey-users", "subnets-in-zones"]


@unittest.skipUnless(MINISTACK.exists(), "ministack is not installed: `python3 local/install_tools.py deploy` does")
class OnAnEmulator(unittest.TestCase):
    """The command as a process, against ministack."""

    @classmethod
    def setUpClass(cls):
        from emulator import Emulator

        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        cls.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="first-account-")))
        cls.emulator = stack.enter_context(Emulator(MINISTACK, cls.folder, cls.folder / "ministack.log"))

    def setUp(self):
        self.out = Path(tempfile.mkdtemp(dir=self.folder))
        self.foreign = self.client("cloudformation")
        with contextlib.suppress(self.foreign.exceptions.AlreadyExistsException):
            template = {"Resources": {"Table": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "boxoffice"}}}}
            self.foreign.create_stack(StackName="boxoffice", TemplateBody=json.dumps(template))

    def client(self, service):
        import boto3

        return boto3.client(service, endpoint_url=self.emulator.url, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")

    def start(self, *words):
        command_line = [ROOT / "infra/first-account", "--account", "000000000000", "--yes", "--folder", self.out, *words]
        return subprocess.Popen(
            command_line, env=self.emulator.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )

    def finish(self, process):
        said, _ = process.communicate(timeout=180)
        return process.returncode, said

    def there(self):
        stacks = self.foreign.describe_stacks()["Stacks"]
        names = [stack["StackName"] for stack in stacks if stack["StackStatus"] != "DELETE_COMPLETE"]
        tables = self.client("dynamodb").list_tables()["TableNames"]
        buckets = [bucket["Name"] for bucket in self.client("s3").list_buckets()["Buckets"]]
        return [name for name in [*names, *tables, *buckets]]

    def test_it_tries_reports_and_removes(self):
        status, said = self.finish(self.start("--only", *ON_THE_EMULATOR))
        self.assertEqual(status, 0, said)
        self.assertEqual(self.there(), ["boxoffice"])
        self.assertIn("Everything was removed.", said)
        (report,) = self.out.glob("*.json")
        found = {one["name"]: one["outcome"] for one in json.loads(report.read_text())["results"]}
        self.assertEqual(found, dict.fromkeys(ON_THE_EMULATOR, AS_EXPECTED))
        for path in [*self.out.glob("*.json"), *self.out.glob("*.md")]:
            self.assertNotIn("000000000000", path.read_text())

    def test_a_kill_leaves_a_list_and_clean_removes_what_is_on_it(self):
        for things in (1, 3, 6):
            with self.subTest(made_before_the_kill=things):
                process = self.start("--only", *ON_THE_EMULATOR)
                self.wait_for(things, process)
                process.send_signal(signal.SIGKILL)
                self.finish(process)
                self.assertTrue(unfinished(self.out))
                refused, said = self.finish(self.start("--only", "hidden-parameter"))
                self.assertEqual(refused, 1)
                self.assertIn("--clean` first", said)
                status, said = self.finish(self.start("--clean"))
                self.assertEqual(status, 0, said)
                self.assertEqual(self.there(), ["boxoffice"])
                self.assertEqual(unfinished(self.out), [])

    def test_ctrl_c_removes_everything(self):
        process = self.start("--only", "ttl-stream", "hidden-parameter")
        self.wait_for(2, process)
        process.send_signal(signal.SIGINT)
        status, said = self.finish(process)
        self.assertEqual(status, 130, said)
        self.assertIn("Everything was removed.", said)
        self.assertEqual(self.there(), ["boxoffice"])
        self.assertTrue(list(self.out.glob("*.md")))

    def test_another_account_is_refused(self):
        status, said = self.finish(self.start("--account", "999999999999"))
        self.assertEqual(status, 1)
        self.assertIn("--account says 999999999999, and the credentials are of 000000000000", said)
        self.assertEqual(list(self.out.glob("*")), [])

    def test_without_a_confirmation_nothing_is_made(self):
        process = subprocess.run(
            [ROOT / "infra/first-account", "--folder", self.out], env=self.emulator.environment(), input="123\n", capture_output=True, text=True,
            timeout=120, check=False,
        )
        self.assertEqual(process.returncode, 1)
        self.assertIn("Account 000000000000", process.stdout)
        self.assertIn("not confirmed, nothing was made", process.stderr)
        self.assertEqual(list(self.out.glob("*")), [])

    def test_every_destructive_call_that_is_sent_names_the_run(self):
        sent = []
        with tempfile.TemporaryDirectory() as folder:
            state = State.begin(Path(folder) / "ab12.state", "000000000000", REGION)
            import boto3

            session = boto3.Session("test", "test", region_name=REGION)
            session.events.register("before-call", lambda model, params, **_: sent.append((model.name, json.dumps(params.get("body"), default=str))))
            account = Account(REGION, PREFIX, state.ids.__contains__, session)
            real = session.client
            session.client = lambda service, **more: real(service, endpoint_url=self.emulator.url, **more)
            run = Run(state, account, Options(REGION), Clock(), SimulatedWeb(), say=lambda text: None)
            run.clock.sleep = lambda seconds: time.sleep(0.02)
            plan.run_all(run, plan.select(ON_THE_EMULATOR), lambda result: None, side_by_side=False)
            self.assertEqual(remove_all(run), [])
        writes = [(name, body) for name, body in sent if not re.match("(Get|List|Describe)", name)]
        self.assertTrue(any(name == "DeleteStack" for name, _ in writes))
        for name, body in writes:
            self.assertIn(PREFIX, body, name)
        self.assertEqual(self.there(), ["boxoffice"])

    def wait_for(self, things, process):
        """Waits until a run has listed a number of things."""
        end = time.monotonic() + 120
        while time.monotonic() < end and process.poll() is None:
            texts = [path.read_text() for path in self.out.glob("*.state")]
            if any(text.count('"made"') >= things for text in texts if '"removed"' not in text):
                return
            time.sleep(0.005)
        self.fail(f"the run ended before: {self.finish(process)}")


if __name__ == "__main__":
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
    unittest.main()
