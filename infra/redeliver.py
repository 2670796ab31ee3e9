"""Delivers the records of the table's stream again to publish-events that the queue UndeliveredEvents names.

    infra/python infra/redeliver.py STACK [--region REGION]

A message names a shard and the first and last sequence number of a batch that Lambda gave up. The records are in the
stream for 24 hours after they were written. They go to the live version of publish-events, as Lambda delivers them. A
message is deleted when all of its records were taken. Others stay in the queue, and the command ends with 1. Running it
again is safe: an event that is published twice has the same id. Runbook: docs/runbooks/undelivered-events.md.
"""

import argparse
import base64
import datetime
import json
import sys

import boto3
from botocore.exceptions import BotoCoreError, ClientError

# A message that fails isn't received again while the command runs.
HIDDEN_SECONDS = 900
# As in the mapping of the function (infra/template.yaml).
BATCH = 100
# A shard may answer without records for a while, until the iterator gets to them.
MOST_EMPTY_ANSWERS = 200
GONE = {"TrimmedDataAccessException", "ResourceNotFoundException"}


class NotDelivered(Exception):
    """The reason in one line why the records of a message were not delivered."""


def main(words):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stack", help="name of the stack")
    parser.add_argument("--region", help="region of the stack, if it isn't the default one")
    given = parser.parse_args(words)
    try:
        return redeliver(boto3.Session(region_name=given.region).client, given.stack)
    except (BotoCoreError, ClientError) as error:
        return f"redeliver: {error}"
    except KeyboardInterrupt:
        return "redeliver: interrupted. Messages whose records were not delivered stay in the queue"


def redeliver(client, stack):
    """Handles every message of the queue. Returns the exit code: 0 when all records were taken."""
    outputs = outputs_of(client("cloudformation"), stack)
    missing = {"UndeliveredEventsUrl", "PublishEventsFunctionName"} - set(outputs)
    if missing:
        return f"redeliver: the stack {stack} has no output {' and no '.join(sorted(missing))}: does it publish events?"
    queue, function = outputs["UndeliveredEventsUrl"], outputs["PublishEventsFunctionName"]
    sqs, streams, lambdas = client("sqs"), client("dynamodbstreams"), client("lambda")
    delivered, failed = 0, 0
    while messages := receive(sqs, queue):
        for message in messages:
            try:
                batch = batch_of(message)
                records = [as_delivered(record) for record in read(streams, batch) if is_of_interest(record)]
                deliver(lambdas, function, records)
            except NotDelivered as error:
                failed += 1
                print(f"not delivered, and still in the queue: {error}", flush=True)
                continue
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            delivered += 1
            print(f"delivered: {len(records)} records of {describe(batch)}", flush=True)
    print(f"{delivered} messages delivered and deleted, {failed} left")
    return 1 if failed else 0


def outputs_of(cloudformation, stack):
    """Returns the stack's outputs, by their names."""
    (found,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}


def receive(sqs, queue):
    """Returns some messages of the queue. An empty list means that the queue is empty."""
    answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=2, VisibilityTimeout=HIDDEN_SECONDS)
    return answer.get("Messages", [])


def batch_of(message):
    """Returns the records that a message names
    (https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html has an example)."""
    try:
        batch = json.loads(message["Body"])["DDBStreamBatchInfo"]
        int(batch["startSequenceNumber"]), int(batch["endSequenceNumber"])
        batch["streamArn"], batch["shardId"]
    except (ValueError, KeyError, TypeError) as error:
        raise NotDelivered(f"message {message.get('MessageId')} doesn't name records of a stream: {error!r}") from error
    return batch


def describe(batch):
    return f"{batch['shardId']}, {batch['startSequenceNumber']} to {batch['endSequenceNumber']}"


def read(streams, batch):
    """Reads the records of a batch from the stream."""
    start, end = batch["startSequenceNumber"], int(batch["endSequenceNumber"])
    records, empty = [], 0
    try:
        iterator = streams.get_shard_iterator(
            StreamArn=batch["streamArn"], ShardId=batch["shardId"], ShardIteratorType="AT_SEQUENCE_NUMBER", SequenceNumber=start,
        )["ShardIterator"]
        while iterator and empty < MOST_EMPTY_ANSWERS:
            answer = streams.get_records(ShardIterator=iterator)
            iterator = answer.get("NextShardIterator")
            empty = 0 if answer["Records"] else empty + 1
            for record in answer["Records"]:
                sequence = int(record["dynamodb"]["SequenceNumber"])
                if sequence > end:
                    return records
                records.append(record)
                if sequence == end:
                    return records
    except ClientError as error:
        if error.response["Error"]["Code"] not in GONE:
            raise
        first, last = batch.get("approximateArrivalOfFirstRecord"), batch.get("approximateArrivalOfLastRecord")
        raise NotDelivered(f"{describe(batch)}: no longer in the stream. They were written from {first} to {last}") from error
    raise NotDelivered(f"{describe(batch)}: the stream ended before the last record")


def is_of_interest(record):
    """Returns whether the mapping's filter passes a record."""
    key = record["dynamodb"]["Keys"]["sk"].get("S", "")
    return key.startswith("SEAT#") or key in ("BOOKING", "LAYOUT", "SHOW", "SALE")


def as_delivered(value):
    """Returns a record as Lambda delivers it, with times as seconds, bytes in base64, and the identity of the TTL in
    lower case.
    """
    if isinstance(value, dict):
        fields = {name: as_delivered(field) for name, field in value.items()}
        if "userIdentity" in fields:
            fields["userIdentity"] = {name[0].lower() + name[1:]: field for name, field in fields["userIdentity"].items()}
        return fields
    if isinstance(value, list):
        return [as_delivered(item) for item in value]
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode()
    return value


def deliver(lambdas, function, records):
    """Invokes the live version of the function with records. It must accept all of them."""
    for start in range(0, len(records), BATCH):
        payload = json.dumps({"Records": records[start:start + BATCH]})
        answer = lambdas.invoke(FunctionName=function, Qualifier="live", Payload=payload)
        body = json.loads(answer["Payload"].read() or b"null")
        if "FunctionError" in answer or body != {"batchItemFailures": []}:
            raise NotDelivered(f"{function} answered {json.dumps(body)}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
