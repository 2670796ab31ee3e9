"""The archive of events on the emulator.

ministack matches events against the stack's own rule, but delivers to no log group. So a queue becomes a second target
of that rule. The test writes the events from the queue into the log group that the rule names, each as its whole text,
as EventBridge does. It writes every event twice and in reverse order, because AWS delivers at least once and in any
order.
"""

import json
import time

LONGEST_WAIT = 90


class Archive:
    """Copies the events that the stack's rule matches into the log group that the rule names."""

    def __init__(self, stack):
        self.sqs, self.logs, bus = stack.client("sqs"), stack.client("logs"), stack.client("events")
        rule = stack.resources()["EventArchiveRule"]
        self.pattern = json.loads(bus.describe_rule(Name=rule)["EventPattern"])
        self.targets = [target["Arn"] for target in bus.list_targets_by_rule(Rule=rule)["Targets"]]
        self.group = stack.outputs()["EventArchiveName"]
        self.queue = self.sqs.create_queue(QueueName="archive")["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        bus.put_targets(Rule=rule, Targets=[{"Id": "queue", "Arn": arn}])
        self.logs.create_log_stream(logGroupName=self.group, logStreamName="test")
        self.events = []

    def carry(self, kind, awaited):
        """Copies events until those of all awaited bookings have arrived.

        Returns the bookings whose events are missing.
        """
        end = time.monotonic() + LONGEST_WAIT
        while not awaited <= self.told(kind) and time.monotonic() < end:
            self.carry_once(1)
        return awaited - self.told(kind)

    def carry_once(self, seconds):
        answer = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10, WaitTimeSeconds=seconds)
        messages = answer.get("Messages", [])
        if not messages:
            return
        texts = [message["Body"] for message in messages]
        self.events += [json.loads(text) for text in texts]
        at = int(time.time() * 1000)
        lines = [{"timestamp": at, "message": text} for text in [*reversed(texts), *texts]]
        self.logs.put_log_events(logGroupName=self.group, logStreamName="test", logEvents=lines)
        for message in messages:
            self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])

    def told(self, kind):
        """Returns the bookings that events of a kind name."""
        return {event["detail"]["booking"] for event in self.events if event["detail-type"] == kind}
