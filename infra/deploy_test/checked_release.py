"""The check of a release on the deployed versions, which passes them and fails broken ones.

Redelivery of lost records.
"""

import contextlib
import importlib.util
import io
import json
import time
from pathlib import Path

# Not by the path, because this folder has its own stack.py.
_spec = importlib.util.spec_from_file_location("redeliver", Path(__file__).resolve().parents[1] / "redeliver.py")
redeliver = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(redeliver)

# Calls of the check, by function.
CALLS = {"get-seats": 2, "reserve": 1, "book": 1, "reservations": 2, "bookings": 2, "theaters": 3, "sync-cache": 1, "publish-events": 1}


class ReleaseCheck:
    """Invokes CheckRelease without a deployment, so that it returns its findings. The emulator has no CodeDeploy."""

    def __init__(self, stack, facts, table):
        self.stack, self.facts, self.table = stack, facts, table
        self.lambdas, self.dynamodb = stack.client("lambda"), stack.client("dynamodb")
        self.name = stack.resources()["CheckReleaseFunction"]

    def all(self):
        """Checks a healthy release, the items that the check leaves, and two broken releases."""
        before = self.for_sale()
        result = self.invoke()
        self.facts.expect("the check passes the deployed versions", [], [found for found in result["findings"] if not found["ok"]])
        self.facts.expect("it made all of its calls", sum(CALLS.values()), len(result["findings"]))
        self.facts.expect("nothing that is for sale has changed", before, self.for_sale())
        self.broken("a version with the name of a table that there isn't", {"TABLE_NAME": "no-such-table"}, "get-seats", 2)
        self.broken("a version that does not start", {"MAX_SEATS_PER_CALL": "none"}, "book", CALLS["book"])

    def invoke(self):
        answer = self.lambdas.invoke(FunctionName=self.name, Payload=b"{}")
        return json.loads(answer["Payload"].read())

    def for_sale(self):
        """Returns every item except the records of reservations that were released before they were made."""
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=self.table)
        items = [item for page in pages for item in page["Items"]]
        ours = [item for item in items if "release-check" in item["pk"]["S"]]
        kinds = {item["sk"]["S"].split("#")[0] for item in ours}
        self.facts.expect("only records of released reservations are left of checks", True, kinds <= {"RESERVATION"})
        return sorted(json.dumps(item, sort_keys=True, default=repr) for item in items if item not in ours)

    def broken(self, what, variables, function, failures):
        """Publishes a broken version of a function, checks it, and restores the right one."""
        name = self.stack.functions()[function]
        environment = self.lambdas.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        check = self.lambdas.get_function_configuration(FunctionName=self.name)["Environment"]["Variables"]
        variable = function.upper().replace("-", "_")
        self.configure(name, {**environment, **variables})
        version = self.lambdas.publish_version(FunctionName=name)["Version"]
        self.configure(self.name, {**check, variable: f"{check[variable].rsplit(':', 1)[0]}:{version}"})
        try:
            result = self.invoke()
            wrong = [found for found in result["findings"] if not found["ok"]]
            self.facts.expect(f"the check fails {what}", (False, failures), (result["succeeded"], len(wrong)))
            names = {found["call"].split(" ")[0] for found in wrong}
            self.facts.expect(f"it fails that version of {function} only", {f"{name}:{version}"}, names)
        finally:
            self.configure(name, environment)
            self.configure(self.name, check)
            self.lambdas.delete_function(FunctionName=name, Qualifier=version)

    def configure(self, function, variables):
        self.lambdas.update_function_configuration(FunctionName=function, Environment={"Variables": variables})


def redelivered(stack, facts, listener, queue):
    """Puts a message into the queue as Lambda does for records that it gave up, and delivers the records again."""
    streams, sqs = stack.client("dynamodbstreams"), stack.client("sqs")
    (stream,) = streams.list_streams(TableName=stack.outputs()["TableName"])["Streams"]
    shards = streams.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]["Shards"]
    shard = shards[0]["ShardId"]
    iterator = streams.get_shard_iterator(StreamArn=stream["StreamArn"], ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    records = [record["dynamodb"] for record in streams.get_records(ShardIterator=iterator)["Records"]]
    facts.expect("the stream has records of bookings", True, any(record["Keys"]["sk"]["S"] == "BOOKING" for record in records))
    bookings = [record for record in records if record["Keys"]["sk"]["S"] == "BOOKING"][:1]
    lost = {"shardId": shard, "streamArn": stream["StreamArn"], "startSequenceNumber": bookings[0]["SequenceNumber"],
            "endSequenceNumber": bookings[0]["SequenceNumber"], "batchSize": 1}
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"requestContext": {}, "DDBStreamBatchInfo": lost}))
    listener.forget()
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = redeliver.redeliver(stack.client, stack.name())
    facts.expect("redeliver.py delivers the record", 0, code)
    facts.expect("it says so", True, said.getvalue().startswith("delivered: 1 records of "))
    facts.expect("its event is published again", {"booking.created"}, listener.kinds({"booking.created"}))
    time.sleep(0.1)
    left = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    facts.expect("the message is deleted", ("0", "0"), (left["ApproximateNumberOfMessages"], left["ApproximateNumberOfMessagesNotVisible"]))
