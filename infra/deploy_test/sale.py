"""Calls of the deployed functions: those of events/README.md in its order, batches of the stream, and their results."""

import base64
import json
import re
import time
from pathlib import Path

from facts import Problem

ROOT = Path(__file__).resolve().parents[2]
EVENTS = ROOT / "events"
LONGEST_WAIT = 60
ANSWERED = re.compile(r"\| `(?P<file>[^`]+\.json)` \| (?P<status>\d{3}) \|\s+(?:`(?P<code>\w+)`)?\s*\|")
# The kinds of docs/events.md. The calls of events/README.md lead to all of them.
TOLD = {
    "booking.cancelled", "booking.created", "reservation.expired", "seats.released", "seats.reserved", "seats.reserved, extended",
    "theater.changed",
}


class Sale:
    """Calls the functions of a stack by their alias, as API Gateway and the stream do."""

    def __init__(self, stack, facts):
        self.stack, self.facts = stack, facts
        self.functions = stack.functions()
        self.called = set()
        self.sent = set()
        self.lambdas = stack.client("lambda")

    def invoke(self, function, payload):
        """Invokes a function and returns its answer."""
        self.called.add(function)
        answer = self.lambdas.invoke(FunctionName=self.functions[function], Qualifier="live", Payload=payload)
        body = json.loads(answer["Payload"].read())
        return {"failed": answer["FunctionError"], "with": body} if "FunctionError" in answer else body

    def requests(self):
        """Sends every request that events/README.md has an answer for."""
        rows = [row for row in map(ANSWERED.match, (EVENTS / "README.md").read_text().splitlines()) if row]
        for row in rows:
            self.sent.add(row["file"])
            expected = (int(row["status"]), row["code"])
            answer = self.invoke(row["file"].split(".")[0], (EVENTS / row["file"]).read_bytes())
            self.facts.expect(f"{row['file']} is answered by status and code", expected, status_and_code(answer))

    def batches(self):
        """Delivers the stream's batches to both functions on the stream."""
        for path in sorted([*EVENTS.glob("sync-cache.*.json"), *EVENTS.glob("publish-events.*.json")]):
            self.sent.add(path.name)
            of_queue = path.name.startswith("publish-events.")
            for function in ["publish-events"] if of_queue else ["sync-cache", "publish-events"]:
                answer = self.invoke(function, path.read_bytes())
                self.facts.expect(f"{path.name} is accepted by {function}", {"batchItemFailures": []}, answer)

    def denied(self, role):
        """Denies get-seats its table through its role. So functions use their roles."""
        iam = self.stack.client("iam")
        look = (EVENTS / "get-seats.consistent.json").read_bytes()
        denial = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "dynamodb:*", "Resource": "*"}]}
        iam.put_role_policy(RoleName=role, PolicyName="denial", PolicyDocument=json.dumps(denial))
        answer = status_and_code(self.invoke("get-seats", look))
        self.facts.expect("get-seats can't read when its role is denied the table", (500, "internal"), answer)
        live = self.lambdas.get_function_configuration(FunctionName=self.functions["get-seats"], Qualifier="live")
        release = live["Environment"]["Variables"]["RELEASE"]
        self.facts.expect("it logs the release that failed, which the alarms of a release count", [release], self.failed_releases(look))
        iam.delete_role_policy(RoleName=role, PolicyName="denial")
        answer = status_and_code(self.invoke("get-seats", look))
        self.facts.expect("get-seats can read again when its role is allowed the table", (200, None), answer)

    def failed_releases(self, payload):
        """Invokes get-seats, and returns the releases that its log names for failed requests."""
        name = self.functions["get-seats"]
        answer = self.lambdas.invoke(FunctionName=name, Qualifier="live", Payload=payload, LogType="Tail")
        lines = base64.b64decode(answer["LogResult"]).decode().splitlines()
        lines = [json.loads(line) for line in lines if line.startswith("{")]
        return [line.get("release") for line in lines if line.get("status", 0) >= 500]

    def all_were_called(self):
        self.facts.expect("every function of the stack was called", sorted(self.functions), sorted(self.called))
        self.facts.expect("every event was sent", sorted(path.name for path in EVENTS.glob("*.json")), sorted(self.sent))

    def table(self, name):
        """Checks the table against events/README.md."""
        items = [item for page in self.stack.client("dynamodb").get_paginator("scan").paginate(TableName=name) for item in page["Items"]]
        taken = {
            f"{text(item, 'pk')} {text(item, 'sk')}": text(item, "status")
            for item in items
            if text(item, "sk").startswith("SEAT#") and text(item, "status") in ("reserved", "booked")
        }
        expected = {"THEATER#1 SEAT#A1": "reserved", "THEATER#2 SEAT#C1": "booked"}
        self.facts.expect("in the table A1 of theater 1 is reserved and C1 of theater 2 booked, and no other seat", expected, taken)
        listed = sorted(text(item, "sk") for item in items if text(item, "pk") == "THEATERS")
        self.facts.expect("the table lists the theaters of local/theaters.json", ["1", "2", "grand-hall"], listed)
        bookings = sorted(text(item, "pk").split("#")[1] for item in items if text(item, "sk") == "BOOKING")
        self.facts.expect("the table has a booking of theater 1 and one of theater 2", ["1", "2"], bookings)
        return items

    def wake_up(self, items, queue):
        """Delivers the expiry message of A1's reservation too early. It has to be in the queue again afterwards."""
        seat = next((item for item in items if (text(item, "pk"), text(item, "sk")) == ("THEATER#1", "SEAT#A1")), None)
        if seat is None or "expires_at" not in seat:
            raise Problem("expected A1 of theater 1 to be reserved, for its expiry message")
        body = {"theater_id": "1", "seat": "A1", "changed_at": int(seat["changed_at"]["N"]), "expires_at": int(seat["expires_at"]["N"])}
        before = self.delayed(queue)
        message = {"messageId": "early", "eventSource": "aws:sqs", "body": json.dumps(body)}
        answer = self.invoke("publish-events", json.dumps({"Records": [message]}))
        self.facts.expect("publish-events accepts an early expiry message", {"batchItemFailures": []}, answer)
        self.facts.expect("ExpiryQueue has one message more", before + 1, self.delayed(queue))

    def delayed(self, queue):
        return self.count(queue, "ApproximateNumberOfMessagesDelayed")

    def count(self, queue, of_what="ApproximateNumberOfMessages"):
        answer = self.stack.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=[of_what])
        return int(answer["Attributes"][of_what])


class Listener:
    """A queue with a rule on the event bus, as a subscriber would have."""

    def __init__(self, stack):
        self.sqs, bus = stack.client("sqs"), stack.client("events")
        self.queue = self.sqs.create_queue(QueueName="listener")["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        bus.put_rule(Name="listener", EventPattern=json.dumps({"source": ["boxoffice"]}))
        bus.put_targets(Rule="listener", Targets=[{"Id": "queue", "Arn": arn}])

    def forget(self):
        """Deletes the events in the queue."""
        while messages := self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages"):
            for message in messages:
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])

    def kinds(self, awaited):
        """Returns the kinds of published events, once all awaited kinds arrived or the longest wait is over."""
        told, end = set(), time.monotonic() + LONGEST_WAIT
        while not awaited <= told and time.monotonic() < end:
            answer = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            for message in answer.get("Messages", []):
                event = json.loads(message["Body"])
                told.add(event["detail-type"] + (", extended" if event["detail"].get("extended") else ""))
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return told


def status_and_code(answer):
    if "statusCode" not in answer:
        return answer
    status = answer["statusCode"]
    return status, json.loads(answer["body"])["code"] if status >= 400 else None


def text(item, name):
    return item.get(name, {}).get("S", "")
