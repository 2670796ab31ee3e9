"""infra/restore.py: the stop of selling, and the properties of a restored table."""

import contextlib
import io
import sys
import types
import unittest

from botocore.stub import Stubber
from template import ROOT, stack

sys.path.insert(0, str(ROOT / "infra"))
import restore  # noqa: E402
from restoring import stacks  # noqa: E402

ARN = "arn:aws:dynamodb:eu-central-1:111122223333:table/new"
READS = {"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:ConditionCheckItem"}


def actions_on_the_table(made):
    """Returns the actions that each role may do on the table."""
    for name, role in made.of_type("AWS::IAM::Role").items():
        statements = [part for policy in role["Properties"].get("Policies", []) for part in policy["PolicyDocument"]["Statement"]]
        for statement in statements:
            if statement["Sid"] == "Table":
                yield name, set(statement["Action"])


class Stopped(unittest.TestCase):
    def left(self, made):
        """Returns the writes that roles may still make while selling is stopped."""
        found = dict(actions_on_the_table(made))
        denied = {name: set(restore.denial(name)["Statement"][0]["Action"]) for name in stacks.WRITERS}
        return {name: actions - READS - denied.get(name, set()) for name, actions in found.items()}

    def test_no_role_may_change_a_seat_then(self):
        left = {name: actions for name, actions in self.left(stack()).items() if actions}
        # Records of reservations. The check before a release writes one, because it releases an unknown reservation.
        self.assertEqual(left, {"ReservationsRole": {"dynamodb:PutItem"}})

    def test_a_role_that_is_forgotten_is_found(self):
        writers = stacks.WRITERS
        try:
            stacks.WRITERS = [name for name in writers if name != "BookingsRole"]
            self.assertEqual(self.left(stack())["BookingsRole"], {"dynamodb:UpdateItem"})
        finally:
            stacks.WRITERS = writers


class Account:
    """A session whose DynamoDB returns prepared answers in order."""

    def __init__(self):
        self.dynamodb = stacks.Session("key", "secret", region_name="eu-central-1").client("dynamodb")
        self.stub = Stubber(self.dynamodb)
        self.stub.activate()

    def client(self, _service):
        return self.dynamodb

    def table(self, **more):
        described = {"TableName": "new", "TableStatus": "ACTIVE", "TableArn": ARN, "LatestStreamArn": f"{ARN}/stream/1", **more}
        self.stub.add_response("describe_table", {"Table": described}, {"TableName": "new"})


class Prepared(unittest.TestCase):
    """A restored table gets each missing property once."""

    def prepare(self, account, table="new"):
        said = io.StringIO()
        found = types.SimpleNamespace(name="hall", table="old", own_table="own")
        with contextlib.redirect_stdout(said):
            restore.prepare(account, found, types.SimpleNamespace(table=table))
        account.stub.assert_no_pending_responses()
        return said.getvalue()

    def add_rest(self, account, status="DISABLED"):
        stub = account.stub
        stub.add_response("describe_time_to_live", {"TimeToLiveDescription": {"TimeToLiveStatus": status}}, {"TableName": "new"})
        if status == "DISABLED":
            wanted = {"TableName": "new", "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "expires_at"}}
            stub.add_response("update_time_to_live", {}, wanted)
        recovery = {"TableName": "new", "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}
        stub.add_response("update_continuous_backups", {}, recovery)
        stub.add_response("describe_table", {"Table": {"TableArn": "arn:own-table-of-the-stack"}}, {"TableName": "own"})
        tags = [{"Key": "owner", "Value": "house"}, {"Key": "aws:cloudformation:stack-name", "Value": "hall"}]
        stub.add_response("list_tags_of_resource", {"Tags": tags}, {"ResourceArn": "arn:own-table-of-the-stack"})
        stub.add_response("tag_resource", {}, {"ResourceArn": ARN, "Tags": tags[:1]})

    def test_a_new_table_gets_everything_one_after_the_other(self):
        account = Account()
        account.table()
        stream = {"TableName": "new", "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}}
        account.stub.add_response("update_table", {}, stream)
        account.table(StreamSpecification={"StreamEnabled": True})
        account.stub.add_response("update_table", {}, {"TableName": "new", "DeletionProtectionEnabled": True})
        account.table(StreamSpecification={"StreamEnabled": True}, DeletionProtectionEnabled=True)
        self.add_rest(account)
        self.assertIn(f"TableName=new TableStreamArn={ARN}/stream/1", self.prepare(account))

    def test_a_prepared_table_keeps_its_stream(self):
        account = Account()
        account.table(StreamSpecification={"StreamEnabled": True}, DeletionProtectionEnabled=True)
        self.add_rest(account, "ENABLED")
        self.assertIn(f"TableStreamArn={ARN}/stream/1", self.prepare(account))

    def test_the_table_in_use_is_refused(self):
        with self.assertRaisesRegex(stacks.Unsuitable, "old is the table in use already"):
            self.prepare(Account(), "old")


class Words(unittest.TestCase):
    def test_bad_words_are_refused_by_name(self):
        for words, named in [(["restore", "hall", "new"], "--second"), (["restore", "hall", "new", "--second", "now"], "--second"),
                             (["stop", "hall", "--settle", "x"], "--settle"), (["undo", "hall"], "command")]:
            said = io.StringIO()
            with contextlib.redirect_stderr(said), self.assertRaises(SystemExit):
                restore.main(words)
            self.assertIn(named, said.getvalue())


if __name__ == "__main__":
    unittest.main()
