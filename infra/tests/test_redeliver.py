"""redeliver.py: the records that it reads from the stream, and the messages that it deletes."""

import contextlib
import datetime
import io
import json
import sys
import unittest

from botocore.exceptions import ClientError
from template import ROOT, stack

sys.path.insert(0, str(ROOT / "infra"))
import redeliver  # noqa: E402

TIME = datetime.datetime(2026, 11, 22, 18, 0, tzinfo=datetime.timezone.utc)


def record(sequence, key="SEAT#A1", **more):
    image = {"pk": {"S": "THEATER#1"}, "sk": {"S": key}, "plan": {"B": b"\x01\x02"}}
    dynamodb = {"SequenceNumber": str(sequence), "Keys": {"pk": {"S": "THEATER#1"}, "sk": {"S": key}}, "NewImage": image,
                "ApproximateCreationDateTime": TIME}
    return {"eventID": str(sequence), "eventName": "MODIFY", "dynamodb": dynamodb, **more}


class Cloud:
    """CloudFormation, SQS, the stream and Lambda, as far as the command uses them."""

    def __init__(self, bodies, records=(), taken=True, gone=False, outputs=None):
        self.messages = [{"MessageId": str(n), "ReceiptHandle": str(n), "Body": body} for n, body in enumerate(bodies)]
        self.records, self.taken, self.gone = list(records), taken, gone
        named = {"UndeliveredEventsUrl": "queue", "PublishEventsFunctionName": "publish"} if outputs is None else outputs
        self.outputs = [{"OutputKey": key, "OutputValue": value} for key, value in named.items()]
        self.deleted, self.delivered = [], []

    def client(self, _):
        return self

    def describe_stacks(self, StackName):
        return {"Stacks": [{"Outputs": self.outputs}]}

    def receive_message(self, **_):
        received, self.messages = self.messages[:10], self.messages[10:]
        return {"Messages": received} if received else {}

    def delete_message(self, QueueUrl, ReceiptHandle):
        self.deleted.append(ReceiptHandle)

    def get_shard_iterator(self, ShardIteratorType, SequenceNumber, **_):
        if self.gone:
            raise ClientError({"Error": {"Code": "TrimmedDataAccessException", "Message": "too old"}}, "GetShardIterator")
        assert ShardIteratorType == "AT_SEQUENCE_NUMBER"
        return {"ShardIterator": SequenceNumber}

    def get_records(self, ShardIterator):
        # Two at a time, and an empty answer before each.
        if not ShardIterator.endswith("!"):
            return {"Records": [], "NextShardIterator": ShardIterator + "!"}
        start = int(ShardIterator.rstrip("!"))
        rest = [part for part in self.records if int(part["dynamodb"]["SequenceNumber"]) >= start]
        answer = {"Records": rest[:2]}
        return answer | ({"NextShardIterator": rest[2]["dynamodb"]["SequenceNumber"]} if rest[2:] else {})

    def invoke(self, FunctionName, Qualifier, Payload):
        assert (FunctionName, Qualifier) == ("publish", "live")
        self.delivered.append(json.loads(Payload)["Records"])
        failures = [] if self.taken else [{"itemIdentifier": "1"}]
        return {"Payload": io.BytesIO(json.dumps({"batchItemFailures": failures}).encode())}


def message(first, last):
    return json.dumps({"DDBStreamBatchInfo": {
        "streamArn": "arn", "shardId": "shard-1", "startSequenceNumber": str(first), "endSequenceNumber": str(last),
        "approximateArrivalOfFirstRecord": "18:00", "approximateArrivalOfLastRecord": "18:01"}})


class Redelivered(unittest.TestCase):
    def run_on(self, cloud):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            code = redeliver.redeliver(cloud.client, "hall")
        return code, said.getvalue()

    def test_the_records_of_a_message_are_delivered_and_no_others(self):
        cloud = Cloud([message(2, 4)], [record(number) for number in range(1, 7)])
        self.assertEqual(self.run_on(cloud)[0], 0)
        (batch,) = cloud.delivered
        self.assertEqual([part["eventID"] for part in batch], ["2", "3", "4"])
        self.assertEqual(cloud.deleted, ["0"])

    def test_batch_without_last_record_ends_before_the_next(self):
        cloud = Cloud([message(1, 3)], [record(number) for number in (1, 2, 4, 5)])
        self.assertEqual(self.run_on(cloud)[0], 0)
        self.assertEqual([part["eventID"] for part in cloud.delivered[0]], ["1", "2"])

    def test_records_that_the_mapping_filters_out_stay_out(self):
        keys = ["SEAT#A1", "RESERVATION#1", "BOOKING", "LAYOUT", "LAYOUT#PART", "SHOW#evening-1", "SHOW", "SALE"]
        cloud = Cloud([message(1, 8)], [record(number, key) for number, key in enumerate(keys, 1)])
        self.run_on(cloud)
        self.assertEqual([part["eventID"] for part in cloud.delivered[0]], ["1", "3", "4", "7", "8"])
        filters = stack().properties("PublishEventsFunctionChanges")["FilterCriteria"]["Filters"]
        (pattern,) = [json.loads(part["Pattern"]) for part in filters]
        self.assertEqual(pattern["dynamodb"]["Keys"]["sk"]["S"], [{"prefix": "SEAT#"}, "BOOKING", "LAYOUT", "SHOW", "SALE"])

    def test_records_have_the_format_of_lambda(self):
        removed = record(1, userIdentity={"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"})
        cloud = Cloud([message(1, 1)], [removed])
        self.run_on(cloud)
        ((delivered,),) = cloud.delivered
        self.assertEqual(delivered["dynamodb"]["ApproximateCreationDateTime"], TIME.timestamp())
        self.assertEqual(delivered["dynamodb"]["NewImage"]["plan"], {"B": "AQI="})
        self.assertEqual(delivered["userIdentity"], {"principalId": "dynamodb.amazonaws.com", "type": "Service"})

    def test_many_records_go_in_batches(self):
        cloud = Cloud([message(1, 205)], [record(number) for number in range(1, 206)])
        self.assertEqual(self.run_on(cloud)[0], 0)
        self.assertEqual([len(batch) for batch in cloud.delivered], [100, 100, 5])

    def test_a_message_whose_records_were_not_taken_stays(self):
        cloud = Cloud([message(1, 1)], [record(1)], taken=False)
        code, said = self.run_on(cloud)
        self.assertEqual((code, cloud.deleted), (1, []))
        self.assertIn("still in the queue", said)

    def test_expired_records_are_named_with_their_times(self):
        cloud = Cloud([message(1, 1)], gone=True)
        code, said = self.run_on(cloud)
        self.assertEqual((code, cloud.deleted, cloud.delivered), (1, [], []))
        self.assertIn("no longer in the stream. They were written from 18:00 to 18:01", said)

    def test_a_stream_that_ends_too_early_delivers_nothing(self):
        cloud = Cloud([message(1, 3)], [record(1)])
        self.assertEqual((self.run_on(cloud)[0], cloud.delivered, cloud.deleted), (1, [], []))

    def test_a_message_that_is_none_of_lambdas_stays_and_the_others_go_on(self):
        cloud = Cloud(["hello", message(1, 1)], [record(1)])
        self.assertEqual((self.run_on(cloud)[0], cloud.deleted), (1, ["1"]))

    def test_a_stack_without_events_is_refused_in_a_line(self):
        said = redeliver.redeliver(Cloud([], outputs={}).client, "hall")
        self.assertIn("no output PublishEventsFunctionName and no UndeliveredEventsUrl", said)

    def test_the_outputs_it_needs_are_the_stacks(self):
        self.assertLessEqual({"UndeliveredEventsUrl", "PublishEventsFunctionName"}, set(stack().outputs))


if __name__ == "__main__":
    unittest.main()
