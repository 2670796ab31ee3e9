"""`make deploy` without an account: questions, flags, the file of the answers, states of a stack."""

import contextlib
import io
import itertools
import json
import subprocess
import tempfile
import unittest
import urllib.error
from pathlib import Path
from unittest import mock

import tomlkit
from combinations import CACHES, OTHERS
from commands import CONFIG, TEMPLATE, Account, Run, Typist, account, answers
from operate import deploy as command
from operate import template as operate_template
from operate.refusal import Refusal
from operate.settings import Settings
from template import ROOT
from template import stack as decided_by_tests

SAVED = CONFIG.read_text().replace('stack_name = "boxoffice"', 'stack_name = "hall"\nregion = "eu-central-1"') + (
    "parameter_overrides = ['Cache=\"none\"', 'OnSaleEnd=\"cron(0 1 * * ? *)\"', 'OnSaleStart=\"cron(0 0 * * ? *)\"']\n")


def makes(name, account_, **parameters):
    """Returns a simulated sam that deploys the given release."""
    def sam(words):
        if words[1] == "deploy":
            given = json.loads(Path(words[-1].removeprefix("file://")).read_text())
            account_.has(name, **{**parameters, **given})
            limit = {"AccountLimit": {"ConcurrentExecutions": 10}}
            account_.stubs["lambda"].add_response("get_account_settings", limit)
        return 0
    return sam


def first(*lines, words=(), name="boxoffice", environment=None, config=None, standing=None):
    """Runs a first deployment in a terminal."""
    made, typist = Account(), Typist(*lines)
    made.has_not(name)
    ran = Run(["deploy", *words], made, typist, config, environment, makes(name, made), standing)
    return ran, typist


class Questions(unittest.TestCase):
    def test_enter_alone_makes_a_stack_with_five_prompts(self):
        ran, typist = first()
        self.assertEqual((ran.status, len(typist.prompts)), (0, 5), ran.text)
        self.assertEqual(len(set(typist.prompts)), 5)
        for prompt, default in zip(typist.prompts, ["boxoffice", "us-east-1", "none", "none", "Y/n"]):
            self.assertTrue(prompt.endswith(f"[{default}]: "), prompt)

    def test_the_region_of_the_profile_is_the_default(self):
        ran, typist = first(environment={"AWS_REGION": "eu-west-1"})
        self.assertIn("[eu-west-1]", typist.prompts[1])
        self.assertIn("--region eu-west-1", " ".join(ran.sam[-1]))

    def test_a_bad_answer_is_refused_and_asked_again(self):
        lines = ["1hall", "hall", "eu-centrl-1", "eu-central-1", "redis", "own", "none"]
        ran, typist = first(*lines, name="hall")
        self.assertEqual((ran.status, len(typist.prompts)), (0, 9), ran.text)
        self.assertIn("stack name: '1hall' was refused, expected a letter", ran.text)
        self.assertIn("did you mean eu-central-1?", ran.text)
        self.assertIn("cache: 'redis' was refused, expected one of none, serverless, node, own", ran.text)
        self.assertIn("CACHE_URL=rediss://", ran.text)

    def test_an_issuer_brings_the_question_for_the_audience(self):
        with mock.patch.object(answers, "fetched", lambda url: b'{"issuer": "https://login.example.com"}'):
            ran, typist = first("", "", "", "https://login.example.com", "", "web, app")
        self.assertEqual((ran.status, len(typist.prompts)), (0, 7), ran.text)
        self.assertIn("audience: '' was refused", ran.text)
        given = json.loads(ran.overrides[0])
        self.assertEqual((given["JwtIssuer"], given["JwtAudience"]), ("https://login.example.com", "web,app"))
        self.assertNotIn("WARNING", ran.text)

    def test_no_to_the_last_question_deploys_nothing(self):
        ran, _ = first("", "", "", "", "n")
        self.assertEqual((ran.status, ran.sam), (1, []))
        self.assertEqual(ran.saved, CONFIG.read_text())

    def test_the_end_of_the_input_ends_quietly(self):
        with mock.patch("builtins.input", side_effect=EOFError), self.assertRaises(KeyboardInterrupt):
            answers.Terminal.read("")

    def test_a_flag_answers_its_question(self):
        words = ["--stack", "hall", "--region", "eu-central-1", "--cache", "serverless", "--issuer", ""]
        ran, typist = first(words=words, name="hall")
        self.assertEqual(typist.prompts, ["\nDeploy it? [Y/n]: "], ran.text)
        self.assertEqual(json.loads(ran.overrides[0])["Cache"], "serverless")

    def test_the_second_time_nothing_is_asked(self):
        ran, typist = first(config=SAVED, name="hall")
        self.assertEqual(typist.prompts, ["\nDeploy it? [Y/n]: "], ran.text)
        self.assertEqual(json.loads(ran.overrides[0])["OnSaleEnd"], "cron(0 1 * * ? *)")


class Plan(unittest.TestCase):
    def test_plan_names_resources_cost_and_callers(self):
        ran, _ = first()
        before = ran.text[: ran.text.index("boxoffice is deployed")]
        functions = len(decided_by_tests(Cache="none").of_type("AWS::Lambda::Function"))
        items = command.costs.idle(command.costs.resolved({"Cache": "none"}))
        for text in ["stack boxoffice in us-east-1, account 111122223333", f"{functions} Lambda functions", "1 HTTP API", "1 DynamoDB table",
                     f"costs ${sum(item.dollars for item in items):.2f} a month", f"lower that to ${sum(item.after_free for item in items):.2f}",
                     *(item.what for item in items), command.costs.prices()["date"],
                     "WARNING: there is no issuer of tokens, so everyone who knows the address can read, reserve and book"]:
            self.assertIn(text, before)

    def test_next_steps_are_printed(self):
        ran, _ = first()
        after = ran.text[ran.text.index("boxoffice is deployed"):]
        for text in ["https://api.example.com/v1", "curl https://api.example.com/v1/theaters", "make load FILE=local/theaters.json",
                     "Provisioned concurrency of boxoffice in us-east-1", "at most 10 functions at once", "make logs STACK=boxoffice", "make undeploy STACK=boxoffice"]:
            self.assertIn(text, after)

    def test_missing_permission_for_capacity_is_tolerated(self):
        denied = account.exceptions.ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "ListProvisionedConcurrencyConfigs")
        ran, _ = first(standing=mock.Mock(side_effect=denied))
        self.assertEqual(ran.status, 0)
        self.assertIn("The provisioned concurrency of boxoffice couldn't be read", ran.text)
        self.assertIn("infra/capacity.py boxoffice --region us-east-1", ran.text)

    def test_every_kind_of_resource_has_a_name(self):
        for parameters in [{**cache, **other} for cache, other in itertools.product(CACHES, OTHERS)]:
            kinds = TEMPLATE.decided(parameters, "eu-central-1").kinds()
            self.assertEqual([kind for _, kind in kinds if "::" in kind], [], parameters)

    def test_conditions_and_rules_are_decided_as_by_the_tests(self):
        for parameters in [{**cache, **other} for cache, other in itertools.product(CACHES, OTHERS)]:
            ours, theirs = TEMPLATE.decided(parameters, "eu-central-1"), decided_by_tests(**parameters)
            for name in TEMPLATE.source["Conditions"]:
                self.assertEqual(ours.holds(name), theirs.holds(name), (name, parameters))
            self.assertEqual(ours.refusals(), theirs.refusals())

    def test_rules_are_broken_before_the_build(self):
        ran = Run(["deploy", "--yes", "--region", "eu-central-1", "--set", "ProtectReads=true"], gone("boxoffice"))
        self.assertEqual((ran.status, ran.sam), (2, []))
        self.assertIn("ProtectReads needs JwtIssuer", ran.text)

    def test_it_costs_more_with_a_cache(self):
        def said(cache):
            ran, _ = first(words=["--cache", cache])
            return float(ran.text.split("it costs $")[1].split()[0])

        self.assertGreater(said("serverless"), said("none") + 6)

    def test_unknown_price_is_printed_without_error(self):
        ran, _ = first(words=["--cache", "node", "--set", "CacheNodeType=cache.x9.huge"])
        self.assertIn("cache: 2 x cache.x9.huge: unknown", ran.text)


def gone(name):
    """Returns an account without the stack."""
    made = Account()
    made.has_not(name)
    return made


class Flags(unittest.TestCase):
    def deploy(self, *words, environment=None, account_=None, name="boxoffice"):
        made = account_ or gone(name)
        return Run(["deploy", "--yes", *words], made, environment=environment, sam=makes(name, made))

    def test_flags_alone_deploy_without_a_terminal(self):
        ran = self.deploy("--stack", "hall", "--region", "eu-central-1", "--cache", "none", "--set", "LogLevel=debug", name="hall")
        self.assertEqual(ran.status, 0, ran.text)
        deployed = ran.sam[-1]
        self.assertIn("--no-confirm-changeset", deployed)
        self.assertEqual(deployed[deployed.index("--s3-prefix") + 1], "hall")
        given = json.loads(ran.overrides[0])
        self.assertEqual((given["Cache"], given["LogLevel"]), ("none", "debug"))
        self.assertRegex(given["Release"], r"\d{8}T\d{6}Z")

    def test_without_a_terminal_and_without_yes_it_explains(self):
        ran = Run(["deploy"], Account())
        self.assertEqual((ran.status, ran.sam), (2, []))
        self.assertIn("there is no terminal to ask on", ran.text)
        self.assertIn("YES=1", ran.text)

    def test_a_missing_region_is_named(self):
        ran = self.deploy()
        self.assertEqual(ran.status, 2)
        self.assertIn("region: it is missing", ran.text)

    def test_wrong_values_are_refused_by_name_before_the_build(self):
        for words, expected in [
            (["--set", "Memory=1"], "Memory is not a parameter of the template: did you mean MemorySize?"),
            (["--set", "MemorySize=64"], "MemorySize: '64' was refused, expected a whole number of at least 128 and at most 10240"),
            (["--set", "LogLevel=loud"], "LogLevel: 'loud' was refused, expected one of error, warn, info, debug, trace"),
            (["--set", "AlarmEmail=me"], "AlarmEmail: 'me' was refused, it must be empty or an e-mail address"),
            (["--set", "LogLevel"], "SET: 'LogLevel' was refused, expected Name=value"),
            (["--set", 'LogLevel="debug'], "SET: "),
            (["--cache", "big"], "cache: 'big' was refused"),
            (["--cache", "own"], "CACHE_URL"),
            (["--cache", "none", "--set", "Cache=node"], "CACHE and SET Cache=... were both given"),
            (["--issuer", "http://a"], "issuer: 'http://a' was refused"),
            (["--region", "mars-1"], "region: 'mars-1' was refused"),
            (["--stack", "a_b"], "stack name: 'a_b' was refused"),
        ]:
            ran = Run(["deploy", "--yes", *words], Account())
            self.assertEqual((ran.status, ran.sam), (2, []), words)
            self.assertIn(expected, ran.text)

    def test_values_with_spaces_reach_sam_as_they_are(self):
        text = 'OnSaleStart="cron(45 9 ? * SAT *)" OnSaleEnd="cron(0 11 ? * SAT *)"'
        ran = self.deploy("--region", "eu-central-1", "--set", text)
        self.assertEqual(json.loads(ran.overrides[0])["OnSaleStart"], "cron(45 9 ? * SAT *)")
        self.assertIn("""'OnSaleStart="cron(45 9 ? * SAT *)"'""", ran.saved)

    def test_the_address_of_an_own_cache_is_neither_shown_nor_saved(self):
        secret = "rediss://user:s3cr3t@cache:6379"
        ran = self.deploy("--region", "eu-central-1", "--cache", "own", environment={"CACHE_URL": secret})
        self.assertEqual(ran.status, 0, ran.text)
        self.assertEqual(json.loads(ran.overrides[0])["CacheUrl"], secret)
        for place in [ran.text, ran.saved, str(ran.sam)]:
            self.assertNotIn("s3cr3t", place)
        self.assertIn("""'Cache="own"'""", ran.saved)

    def test_make_hands_every_variable_on(self):
        words = ["STACK=hall", "REGION=eu-west-1", "CACHE=none", "ISSUER=", "AUDIENCE=web app", "SET=A=\"it's\" B=2", "YES=1"]
        said = subprocess.run(["make", "-n", "deploy", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        line = said.replace("\\\n", " ")
        for text in ["--stack 'hall'", "--region 'eu-west-1'", "--cache 'none'", "--issuer ''", "--audience 'web app'", "--yes",
                     "--set 'A=\"it'\\''s\" B=2'"]:
            self.assertIn(text, line)
        said = subprocess.run(["make", "-n", "deploy", "YES=0"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        self.assertNotIn("--yes", said)


class Renamed(unittest.TestCase):
    """A parameter that had another name when the stack was deployed."""

    def setUp(self):
        former = mock.patch.dict(operate_template.RENAMED_PARAMETERS, {"Former": "LogLevel"})
        former.start()
        self.addCleanup(former.stop)

    def test_a_stack_keeps_the_value_under_the_new_name(self):
        made = Account()
        made.has("hall", Former="warn")
        ran = Run(["deploy", "--yes"], made, config=SAVED, sam=makes("hall", made))
        self.assertEqual(ran.status, 0, ran.text)
        given = json.loads(ran.overrides[0])
        self.assertEqual((given["LogLevel"], "Former" in given), ("warn", False))
        self.assertIn("the template calls Former now LogLevel. The stack keeps its value under the new name: warn.", ran.text)
        self.assertNotIn("Former", ran.saved)
        self.assertNotIn("LogLevel", ran.saved)

    def test_rules_see_the_value_that_is_kept(self):
        made = Account()
        made.has("hall", FormerAudience="", JwtIssuer="https://login.example.com")
        with mock.patch.dict(operate_template.RENAMED_PARAMETERS, {"FormerAudience": "JwtAudience"}):
            ran = Run(["deploy", "--yes"], made, config=SAVED)
        self.assertEqual(ran.status, 2)
        self.assertIn("JwtIssuer needs JwtAudience", ran.text)

    def test_a_new_value_wins_over_the_kept_one(self):
        made = Account()
        made.has("hall", Former="warn")
        ran = Run(["deploy", "--yes", "--set", "LogLevel=debug"], made, config=SAVED, sam=makes("hall", made))
        self.assertEqual(json.loads(ran.overrides[0])["LogLevel"], "debug")
        self.assertIn("LogLevel: warn -> debug", ran.text)

    def test_the_old_name_is_refused_with_the_new_one(self):
        ran = Run(["deploy", "--yes", "--set", "Former=warn"], Account())
        self.assertEqual((ran.status, ran.sam), (2, []))
        self.assertIn("Former is not a parameter of the template any more: its name is now LogLevel", ran.text)

    def test_saved_answers_get_the_new_name(self):
        ran, _ = first(config=SAVED.replace("'Cache=", "'Former=\"warn\"', 'Cache="), name="hall")
        self.assertEqual(json.loads(ran.overrides[0])["LogLevel"], "warn")
        self.assertIn("""'LogLevel="warn"'""", ran.saved)
        self.assertNotIn("Former", ran.saved)

    def test_each_entry_names_a_parameter_that_can_be_carried_over(self):
        with mock.patch.dict(operate_template.RENAMED_PARAMETERS):
            del operate_template.RENAMED_PARAMETERS["Former"]
            for old, new in operate_template.RENAMED_PARAMETERS.items():
                # CloudFormation shows asterisks in place of a secret, so its value can't be passed on.
                self.assertFalse(TEMPLATE.is_secret(new), new)
                self.assertNotEqual(old in TEMPLATE.parameters, new in TEMPLATE.parameters, (old, new))


class Existing(unittest.TestCase):
    def test_a_stack_keeps_what_is_not_given(self):
        made = Account()
        made.has("hall", ProvisionedBook="10", LogLevel="warn")
        ran = Run(["deploy", "--yes", "--set", "MemorySize=1024"], made, config=SAVED, sam=makes("hall", made))
        self.assertEqual(ran.status, 0, ran.text)
        self.assertEqual(set(json.loads(ran.overrides[0])), {"MemorySize", "Release"})
        self.assertIn("All other parameters keep the values", ran.text)

    def test_the_build_is_for_the_processor_that_the_stack_has(self):
        made = Account()
        made.has("hall", Architecture="arm64")
        ran = Run(["deploy", "--yes"], made, config=SAVED, sam=makes("hall", made))
        self.assertEqual(ran.sam[0], ["sam", "build", "--template", "infra/template.yaml", "--parameter-overrides", "Architecture=arm64"])

    def test_a_release_without_alarms_is_the_only_one(self):
        made = Account()
        made.has("hall", LogLevel="warn", ReleaseAlarms="true")
        ran = Run(["deploy", "--yes", "--set", "ReleaseAlarms=false"], made, config=SAVED, sam=makes("hall", made))
        self.assertEqual(json.loads(ran.overrides[0])["ReleaseAlarms"], "false", ran.text)
        self.assertNotIn("ReleaseAlarms", ran.saved)
        made = Account()
        made.has("hall", LogLevel="warn", ReleaseAlarms="false")
        ran = Run(["deploy", "--yes"], made, config=SAVED, sam=makes("hall", made))
        self.assertEqual(json.loads(ran.overrides[0])["ReleaseAlarms"], "true", ran.text)
        self.assertIn("ReleaseAlarms: false -> true", ran.text)

    def test_sam_sends_what_is_not_given_as_the_previous_value(self):
        from samcli.commands.deploy.deploy_context import DeployContext
        sent = DeployContext.merge_parameters(TEMPLATE.source, {"Release": "2"})
        self.assertIn({"ParameterKey": "Release", "ParameterValue": "2"}, sent)
        self.assertIn({"ParameterKey": "ProvisionedBook", "UsePreviousValue": True}, sent)

    def test_difference_between_file_and_stack_is_printed(self):
        made = Account()
        made.has("hall", Cache="serverless")
        ran = Run(["deploy", "--yes"], made, config=SAVED, sam=makes("hall", made, Cache="serverless"))
        self.assertIn("has Cache=none, the stack has serverless, which stays", ran.text)

    def test_changes_are_shown(self):
        made = Account()
        made.has("hall", LogLevel="warn")
        ran = Run(["deploy", "--yes", "--set", "LogLevel=debug"], made, config=SAVED, sam=makes("hall", made))
        self.assertIn("LogLevel: warn -> debug", ran.text)
        self.assertIn("""'LogLevel="debug"'""", ran.saved)

    def test_in_a_terminal_sam_asks_and_a_no_changes_nothing(self):
        made, typist = Account(), Typist()
        made.has("hall")

        def no(words):
            if words[1] == "deploy":
                made.has("hall")
            return 0

        ran = Run(["deploy", "--set", "LogLevel=debug"], made, typist, SAVED, sam=no)
        self.assertEqual((ran.status, typist.prompts), (1, []), ran.text)
        self.assertIn("--confirm-changeset", ran.sam[-1])
        self.assertIn("Nothing was changed", ran.text)
        self.assertEqual(ran.saved, SAVED)

    def test_its_values_are_the_defaults_of_questions(self):
        made, typist = Account(), Typist("boxoffice", "eu-central-1")
        made.has("boxoffice", Cache="node", JwtIssuer="https://login.example.com", JwtAudience="web")
        ran = Run(["deploy"], made, typist, sam=makes("boxoffice", made, JwtIssuer="https://login.example.com", Cache="node"))
        self.assertEqual(ran.status, 0, ran.text)
        self.assertEqual([prompt.rsplit("[")[1] for prompt in typist.prompts[2:]], ["node]: ", "https://login.example.com]: "])
        self.assertEqual(set(json.loads(ran.overrides[0])), {"Release"})

    def test_a_saved_release_is_not_used_again(self):
        ran, _ = first(config=SAVED.replace("['", "['Release=\"1\"', '"), name="hall")
        self.assertRegex(json.loads(ran.overrides[0])["Release"], r"\d{8}T\d{6}Z")
        self.assertNotIn("Release", ran.saved)

    def test_a_missing_sam_is_named(self):
        with self.assertRaises(Refusal) as refused:
            command.run(["no-such-sam", "deploy"])
        self.assertIn("no-such-sam is missing", str(refused.exception))

    def test_another_stack_leaves_the_file_alone(self):
        ran = Run(["deploy", "--yes", "--stack", "other", "--region", "eu-central-1"], made := gone("other"), config=SAVED,
                  sam=makes("other", made))
        self.assertEqual((ran.status, ran.saved), (0, SAVED), ran.text)
        self.assertIn("doesn't change: it belongs to the stack hall in eu-central-1", ran.text)
        self.assertNotIn("OnSaleEnd", ran.overrides[0])

    def test_foreign_stack_is_refused(self):
        made = Account()
        made.stubs["cloudformation"].add_response("describe_stacks", {"Stacks": [
            {"StackName": "hall", "StackStatus": "CREATE_COMPLETE", "CreationTime": 0}]}, {"StackName": "hall"})
        made.stubs["cloudformation"].add_client_error("describe_stack_resource", "ValidationError", "SeatsTable does not exist")
        ran = Run(["deploy", "--yes"], made, config=SAVED)
        self.assertEqual((ran.status, ran.sam), (2, []))
        self.assertIn("isn't a box office", ran.text)

    def test_states_that_take_no_update_are_refused_with_what_to_do(self):
        for status, expected in [
            ("ROLLBACK_COMPLETE", "make undeploy STACK=hall REGION=eu-central-1 CONFIRM=yes"),
            ("ROLLBACK_FAILED", "aws dynamodb delete-table --table-name hall-seats"),
            ("CREATE_FAILED", "make undeploy STACK=hall"),
            ("DELETE_FAILED", "make undeploy STACK=hall"),
            ("UPDATE_ROLLBACK_FAILED", "aws cloudformation continue-update-rollback --stack-name hall --region eu-central-1"),
            ("UPDATE_FAILED", "aws cloudformation rollback-stack --stack-name hall"),
            ("UPDATE_IN_PROGRESS", "aws cloudformation cancel-update-stack --stack-name hall"),
            ("CREATE_IN_PROGRESS", "another operation is at work"),
            ("UPDATE_ROLLBACK_IN_PROGRESS", "another operation is at work"),
            ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "another operation is at work"),
        ]:
            made = Account()
            made.has("hall", status)
            ran = Run(["deploy", "--yes"], made, config=SAVED)
            self.assertEqual((ran.status, ran.sam), (2, []), status)
            self.assertIn(expected, ran.text)
            self.assertIn(status, ran.text)


class Failed(unittest.TestCase):
    def fails(self, before, after):
        made = Account()
        before(made)

        def sam(words):
            if words[1] == "deploy":
                after(made)
                return 1
            return 0

        return Run(["deploy", "--yes"], made, config=SAVED, sam=sam)

    def test_a_failed_creation_says_what_is_left_and_how_to_remove_it(self):
        def after(made):
            made.has("hall", "ROLLBACK_COMPLETE")
            made.stubs["dynamodb"].add_response("scan", {"Count": 0}, {"TableName": "hall-seats", "Limit": 1})

        ran = self.fails(lambda made: made.has_not("hall"), after)
        self.assertEqual(ran.status, 1)
        for text in ["table hall-seats remains: empty, and protected", "make undeploy STACK=hall REGION=eu-central-1 CONFIRM=yes",
                     "aws dynamodb delete-table --table-name hall-seats --region eu-central-1"]:
            self.assertIn(text, ran.text)

    def test_a_failed_update_says_that_the_stack_is_as_before(self):
        ran = self.fails(lambda made: made.has("hall"), lambda made: made.has("hall", "UPDATE_ROLLBACK_COMPLETE"))
        self.assertEqual(ran.status, 1)
        self.assertIn("it works as before", ran.text)


class Credentials(unittest.TestCase):
    def identity(self, code=None, error=None):
        made = Account()
        if code:
            made.stubs["sts"].add_client_error("get_caller_identity", code, "no")
        session = mock.Mock(region_name="eu-central-1")
        client = made.clients["sts"]
        if error:
            client = mock.Mock()
            client.get_caller_identity.side_effect = error
        with mock.patch.object(account, "client", lambda *_: client), self.assertRaises(Refusal) as refused:
            account.identity(session)
        return str(refused.exception)

    def test_each_failure_has_its_remedy(self):
        exceptions = account.exceptions
        self.assertIn("there are none. `aws configure`", self.identity(error=exceptions.NoCredentialsError()))
        self.assertIn("AWS doesn't answer there", self.identity(error=exceptions.EndpointConnectionError(endpoint_url="https://x")))
        self.assertIn("aws sso login", self.identity(error=exceptions.UnauthorizedSSOTokenError()))
        self.assertIn("they have expired", self.identity("ExpiredToken"))
        self.assertIn("hasn't enabled this region", self.identity("InvalidClientTokenId"))
        self.assertIn("clock", self.identity("SignatureDoesNotMatch"))

    def test_missing_tools_are_named_before_the_build(self):
        with mock.patch.object(command.shutil, "which", lambda name: None if name == "zig" else name), self.assertRaises(Refusal) as refused:
            command.require_tools("x86_64")
        self.assertIn("zig is missing", str(refused.exception))

    def test_arm64_needs_its_target(self):
        done = mock.Mock(stdout="/nowhere\n")
        with mock.patch.object(command.shutil, "which", lambda name: name), \
                mock.patch.object(command.subprocess, "run", lambda *_, **__: done), self.assertRaises(Refusal) as refused:
            command.require_tools("arm64")
        self.assertIn("rustup target add aarch64-unknown-linux-gnu", str(refused.exception))


class Issuer(unittest.TestCase):
    URL = "https://login.example.com/"

    def test_an_issuer_with_its_configuration_is_taken(self):
        asked = []

        def fetch(url):
            asked.append(url)
            return json.dumps({"issuer": self.URL}).encode()

        self.assertEqual(answers.check_issuer(self.URL, fetch), self.URL)
        self.assertEqual(asked, ["https://login.example.com/.well-known/openid-configuration"])

    def test_one_that_api_gateway_would_refuse_is_refused(self):
        missing = urllib.error.HTTPError(self.URL, 404, "no", None, None)
        for fetch, expected in [
            (mock.Mock(side_effect=missing), "got status 404"),
            (lambda _: b"<html>", "which names an issuer"),
            (lambda _: b'{"issuer": "https://login.example.com"}', "tokens must name exactly that one"),
        ]:
            with self.assertRaises(Refusal) as refused:
                answers.check_issuer(self.URL, fetch)
            self.assertIn(expected, str(refused.exception))

    def test_unreachable_issuer_is_accepted_with_a_note(self):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            self.assertEqual(answers.check_issuer(self.URL, mock.Mock(side_effect=urllib.error.URLError("no network"))), self.URL)
        self.assertIn("can't be checked from here", said.getvalue())


class File(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "samconfig.toml"
        self.path.write_text(CONFIG.read_text())

    def test_answers_are_written_and_everything_else_stays(self):
        before = [line for line in CONFIG.read_text().splitlines() if "stack_name" not in line]
        Settings(self.path).save("hall", "eu-central-1", {"Cache": "none", "OnSaleEnd": "cron(0 1 * * ? *)"})
        after = self.path.read_text().splitlines()
        self.assertEqual([line for line in before if line not in after], [])
        self.assertGreater(sum(line.startswith("#") for line in after), 4)
        read = Settings(self.path)
        self.assertTrue(read.describes("hall", "eu-central-1"))
        self.assertEqual(read.parameters, {"Cache": "none", "OnSaleEnd": "cron(0 1 * * ? *)"})

    def test_saving_twice_changes_nothing(self):
        for _ in range(2):
            Settings(self.path).save("hall", "eu-central-1", {"Cache": "none"})
        once = self.path.read_text()
        Settings(self.path).save("hall", "eu-central-1", {"Cache": "none"})
        self.assertEqual(self.path.read_text(), once)

    def test_values_with_quotes_are_read_as_they_were_written(self):
        values = {"EventBusName": "it's \"one\" \\ path", "WarmTheaters": "a, b"}
        Settings(self.path).save("hall", "eu-central-1", values)
        self.assertEqual(Settings(self.path).parameters, values)

    def test_each_form_that_sam_takes_is_read(self):
        expected = {"Cache": "none", "OnSaleEnd": "cron(0 1 * * ? *)"}
        for form in ['Cache="none" OnSaleEnd="cron(0 1 * * ? *)"', ['Cache="none"', 'OnSaleEnd="cron(0 1 * * ? *)"'], expected]:
            document = tomlkit.parse(CONFIG.read_text())
            document["default"]["deploy"]["parameters"]["parameter_overrides"] = form
            self.path.write_text(tomlkit.dumps(document))
            self.assertEqual(Settings(self.path).parameters, expected)

    def test_sam_reads_what_was_written(self):
        from samcli.cli.types import CfnParameterOverridesType
        values = {"Cache": "none", "OnSaleEnd": "cron(0 1 * * ? *)"}
        Settings(self.path).save("hall", "eu-central-1", values)
        entries = tomlkit.parse(self.path.read_text())["default"]["deploy"]["parameters"]["parameter_overrides"].unwrap()
        self.assertEqual(CfnParameterOverridesType().convert(entries, None, None), values)

    def test_guided_answers_do_not_hide_saved_ones(self):
        self.path.write_text(CONFIG.read_text() + 'stack_name = "old"\nregion = "us-east-1"\n')
        self.assertTrue(Settings(self.path).describes("old", "us-east-1"))
        Settings(self.path).save("hall", "eu-central-1", {})
        self.assertTrue(Settings(self.path).describes("hall", "eu-central-1"))

    def test_a_broken_file_is_named(self):
        for text in ["[default", 'version = 0.1\n[default.deploy.parameters]\nparameter_overrides = "Cache"\n']:
            self.path.write_text(text)
            with self.assertRaises(Refusal) as refused:
                _ = Settings(self.path).parameters
            self.assertIn("samconfig.toml", str(refused.exception))


if __name__ == "__main__":
    unittest.main()
