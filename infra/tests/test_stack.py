"""`make deploy` and `make undeploy`, without an account."""

import contextlib
import io
import sys
import unittest

from botocore.stub import Stubber
from template import ROOT

sys.path.insert(0, str(ROOT / "infra"))
import stack as commands  # noqa: E402

ANSWERED = {"default": {"deploy": {"parameters": {"region": "eu-central-1", "parameter_overrides": 'Cache="none" OnSaleEnd="cron(0 1 * * ? *)"'}}}}


class Deploy(unittest.TestCase):
    def test_the_first_time_it_asks(self):
        config = commands.tomlkit.parse((ROOT / "infra/samconfig.toml").read_text()).unwrap()
        self.assertEqual(commands.deploy_options(config, [], "now"), ["--guided"])

    def test_then_it_takes_the_answers_and_names_a_new_release(self):
        options = commands.deploy_options(ANSWERED, [], "now")
        self.assertEqual(options, ["--parameter-overrides", 'Cache="none"', 'OnSaleEnd="cron(0 1 * * ? *)"', 'Release="now"'])

    def test_what_is_given_counts_more_than_what_was_answered(self):
        options = commands.deploy_options(ANSWERED, ["Cache=node", "LogLevel=debug"], "now")
        self.assertEqual([options[1], options[3]], ['Cache="node"', 'LogLevel="debug"'])

    def test_the_region_may_stand_with_what_holds_for_all_commands(self):
        config = {"default": {"global": {"parameters": {"region": "eu-central-1"}}}}
        self.assertEqual(commands.deploy_options(config, [], "now"), ["--parameter-overrides", 'Release="now"'])


class Account:
    """A session whose clients answer what was put into them."""

    region_name = "eu-central-1"

    def __init__(self):
        session = commands.boto3.Session("key", "secret", region_name=self.region_name)
        self.clients = {name: session.client(name) for name in ["cloudformation", "dynamodb"]}
        self.stubs = {name: Stubber(client) for name, client in self.clients.items()}
        for stub in self.stubs.values():
            stub.activate()
        detail = {"LogicalResourceId": "SeatsTable", "ResourceType": "AWS::DynamoDB::Table", "PhysicalResourceId": "hall-seats",
                  "ResourceStatus": "CREATE_COMPLETE", "LastUpdatedTimestamp": 0}
        wanted = {"StackName": "hall", "LogicalResourceId": "SeatsTable"}
        self.stubs["cloudformation"].add_response("describe_stack_resource", {"StackResourceDetail": detail}, wanted)

    def client(self, name):
        return self.clients[name]


class Undeploy(unittest.TestCase):
    def undeploy(self, account, confirmed):
        ran, said = [], io.StringIO()
        with contextlib.redirect_stdout(said):
            commands.undeploy(account, "hall", confirmed, ran.append)
        self.assertEqual(ran, [["sam", "delete", "--stack-name", "hall", "--region", "eu-central-1"]])
        account.stubs["dynamodb"].assert_no_pending_responses()
        return said.getvalue()

    def test_it_says_what_is_kept_and_leaves_the_table_protected(self):
        said = self.undeploy(Account(), False)
        self.assertIn("Kept, with everything in it: hall-seats", said)
        self.assertIn("still protected", said)

    def test_only_confirmed_it_takes_the_protection_away_and_deletes_nothing(self):
        account = Account()
        account.stubs["dynamodb"].add_response("update_table", {}, {"TableName": "hall-seats", "DeletionProtectionEnabled": False})
        self.assertIn("no longer protected", self.undeploy(account, True))


if __name__ == "__main__":
    unittest.main()
