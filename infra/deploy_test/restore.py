#!/usr/bin/env python3
"""Rehearses docs/backup.md on an emulator of AWS: sells, loses the table, restores it, and accounts for every booking.

    restore.py                    `sam build` first
    restore.py --built FOLDER     deploys the folder, such as .aws-sam/build, without a build

Called by `make restore-test`. It runs the commands of docs/backup.md: infra/restore.py, `sam deploy` and
infra/reconcile.py. It needs no account. It always ends what it started, also after Ctrl-C. Logs:
target/tmp/restore-test.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid

import run as deploy_test
from archive import Archive
from buyers import Buyers
from emulator import Emulator
from facts import Problem
from stack import NAME, Stack
from template import adapt

ROOT = deploy_test.ROOT
deploy_test.LOGS = deploy_test.TARGET / "tmp" / "restore-test"
# infra/ has modules of the same names. Those of this folder come first.
sys.path.append(str(ROOT / "infra"))

from restoring.names import reference  # noqa: E402

HALL = "grand-hall"
RESTORED = "boxoffice-restored"
LINE = re.compile(r"^\S+Z  theater (?P<theater>\S+)  (?P<seats>[^ ].*?)  (?P<reference>[0-9a-f-]{36})  (?P<outcome>[^(\n]+?)(?: \((?P<why>.*)\))?$")
TOTAL = re.compile(r"^ +(\d+) (.+)$")
TAGS = [{"Key": "owner", "Value": "house"}]


class Rehearsal:
    """The rehearsal, step by step. It compares the account with its own list of sales."""

    def __init__(self, facts, folder, stack):
        self.facts, self.folder, self.stack = facts, folder, stack
        self.dynamodb = stack.client("dynamodb")
        self.sold, self.expected = {}, {}

    # ---- The box office sells.

    def deploy(self):
        self.facts.step("sam deploy, and loading theaters")
        self.stack.deploy(Cache="none", Deployment="AllAtOnce")
        self.lost = self.stack.outputs()["TableName"]
        self.load(self.lost, deploy_test.THEATERS)
        arn = self.dynamodb.describe_table(TableName=self.lost)["Table"]["TableArn"]
        self.dynamodb.tag_resource(ResourceArn=arn, Tags=TAGS)
        self.buyers, self.archive = Buyers(self.stack), Archive(self.stack)
        group = f"arn:aws:logs:eu-central-1:000000000000:log-group:{self.archive.group}"
        self.facts.expect("the rule's only target is the archive's log group", [group], self.archive.targets)
        (stack,) = self.stack.client("cloudformation").describe_stacks(StackName=NAME)["Stacks"]
        self.facts.expect("the rule takes events of this stack alone", [stack["StackId"]], self.archive.pattern["resources"])

    def load(self, table, file):
        environment = {**self.stack.emulator.environment(), "TABLE_NAME": table}
        done = subprocess.run([deploy_test.LOAD_THEATERS, file], env=environment, capture_output=True, text=True, check=False)
        self.facts.expect("load-theaters succeeds", (0, ""), (done.returncode, done.stderr))

    def book(self, name, outcome, seats, theater=HALL, **how):
        """Sells seats, and records the expected outcome."""
        self.sold[name] = self.buyers.book(name, theater, seats, **how)
        self.expected[name] = outcome
        return self.sold[name]

    def sell_before(self):
        self.facts.step("selling, and choosing the second")
        _, free = self.buyers.seats(HALL)
        self.free = iter(free)
        self.early = self.buyers.book("early", HALL, self.take(2))
        self.early_cancelled = self.buyers.book("early, cancelled later", HALL, self.take(1))
        self.held = self.buyers.reserve(HALL, self.take(2))
        time.sleep(4)
        self.book("near", "kept", self.take(1))
        self.torn = self.book("torn", "lost: booked again", self.take(2))
        time.sleep(0.05)
        self.second = time.time()
        backup = self.dynamodb.create_backup(TableName=self.lost, BackupName="second")
        self.backup = backup["BackupDetails"]["BackupArn"]
        time.sleep(0.05)

    def take(self, count):
        return [next(self.free) for _ in range(count)]

    def sell_after(self):
        self.facts.step("selling more after the second")
        again, kept, cancelled = "lost: booked again", "lost: id unknown, seats kept", "cancelled by its buyer"
        for number in range(4):
            self.book(f"plain {number}", again, self.take(1))
        self.book("several", again, self.take(3))
        self.book("with a token", again, self.take(2), subject="ann")
        self.book("with a key", again, self.take(1), key="order-2027-000001")
        self.book("whole reservation", again, [], reservation=self.held, whole=True)
        for number in range(3):
            self.book(f"deleted {number}", kept, self.take(1))
        self.book("deleted, listed", again, self.take(1), subject="bob")
        for name in ("cancelled", "deleted, cancelled"):
            self.buyers.cancel(self.book(name, cancelled, self.take(1)))
        twice = self.take(1)
        self.buyers.cancel(self.book("seat sold twice, first", cancelled, twice))
        self.book("seat sold twice, second", again, twice)
        self.buyers.cancel(self.early_cancelled)
        for number in range(2):
            self.book(f"taken {number}", "lost: seats taken by another since", self.take(1))
        late = self.folder / "late.json"
        late.write_text(json.dumps({"theaters": [{"theater_id": "late", "name": "Late", "seats": ["A1", "A2"]}]}))
        self.load(self.lost, late)
        self.late = late
        self.book("late theater", "lost: seats not in the layout", ["A1"], theater="late")
        self.reserved = self.buyers.reserve(HALL, self.take(2))
        self.archived(*self.sold.values(), self.early, self.early_cancelled)
        gone = [sold for name, sold in self.sold.items() if self.expected[name] == cancelled]
        self.archived(self.early_cancelled, *gone, kind="booking.cancelled")

    def archived(self, *bookings, kind="booking.created"):
        """Waits until bookings are archived."""
        missing = self.archive.carry(kind, {reference(sold.id) for sold in bookings})
        self.facts.expect(f"bookings whose {kind} isn't archived", set(), missing)

    # ---- The table is lost.

    def lose(self):
        self.facts.step("losing the hall: all of its seats, its layout, and some bookings")
        gone = {f"BOOKING#{HALL}#-#{self.sold[name].id}" for name in self.sold if name.startswith("deleted")}
        gone |= {key["pk"]["S"] for key in self.scan(self.lost) if key["pk"]["S"].endswith(f"#{self.sold['deleted, listed'].id}")}
        for item in self.scan(self.lost):
            if item["pk"]["S"] == f"THEATER#{HALL}" or item["pk"]["S"] in gone:
                self.dynamodb.delete_item(TableName=self.lost, Key={"pk": item["pk"], "sk": item["sk"]})
        self.facts.expect("seats that were sold are for sale again", True, set(self.early.seats) <= set(self.buyers.seats(HALL)[1]))

    def scan(self, table):
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        return sorted((item for page in pages for item in page["Items"]), key=lambda item: (item["pk"]["S"], item["sk"]["S"]))

    # ---- The commands of docs/backup.md.

    def command(self, script, *words):
        """Runs a command of docs/backup.md, and returns what it prints."""
        done = subprocess.run(self.words(script, *words), cwd=ROOT, env=self.stack.emulator.environment(), capture_output=True, text=True, check=False)
        with open(deploy_test.LOGS / "restore.log", "a", encoding="utf-8") as log:
            log.write(f"$ {script} {' '.join(words)}\n{done.stdout}{done.stderr}\n")
        if done.returncode:
            raise Problem(f"expected {script} {words[0]} to succeed, and it ended with {done.returncode}: {done.stdout[-500:]}{done.stderr[-2000:]}")
        return done.stdout

    @staticmethod
    def words(script, *words):
        return [str(ROOT / "infra/python"), str(ROOT / "infra" / script), *words]

    def stop(self):
        self.facts.step("restore.py stop")
        self.command("restore.py", "stop", NAME, "--settle", "1")
        stopped = "stopped for 5 of 5" in self.command("restore.py", "status", NAME)
        self.facts.expect("status says that selling is stopped", True, stopped)
        self.facts.expect("nothing is sold any more", (500, "internal"), self.refused("2", ["C1"]))
        self.facts.expect("seat maps can be read", 200, self.buyers.seats("2")[0])
        self.facts.expect("a reservation can't be given back", 500, self.release(self.reserved))
        self.facts.expect("the API lets no write through", (0, 0), self.rates())
        # The check before a release makes this call. It changes no seat.
        self.facts.expect("an unknown reservation is answered", 204, self.release(str(uuid.uuid4())))

    def release(self, reservation):
        parameters = {"theaterId": HALL, "reservationId": reservation}
        return self.buyers.call("reservations", "DELETE", "/theaters/{theaterId}/reservations/{reservationId}", parameters)[0]

    def refused(self, theater, seats):
        status, answer = self.buyers.post_booking(theater, {"seats": seats})
        return status, answer.get("code")

    def parameters_of_stack(self):
        (stack,) = self.stack.client("cloudformation").describe_stacks(StackName=NAME)["Stacks"]
        return {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in stack["Parameters"]}

    def rates(self):
        api = self.stack.resources()["HttpApi"]
        settings = self.stack.client("apigatewayv2").get_stage(ApiId=api, StageName="v1")["DefaultRouteSettings"]
        return settings.get("ThrottlingRateLimit"), settings.get("ThrottlingBurstLimit")

    def restore(self):
        self.facts.step("restore.py restore")
        self.wreck = self.scan(self.lost)
        said = self.command("restore.py", "restore", NAME, RESTORED, "--backup", self.backup)
        (self.parameters,) = re.findall(r"TableName=\S+ TableStreamArn=\S+", said)
        again = self.command("restore.py", "restore", NAME, RESTORED, "--backup", self.backup)
        self.facts.expect("repeating it changes nothing", True, "exists already" in again and self.parameters in again)
        table = self.dynamodb.describe_table(TableName=RESTORED)["Table"]
        stream = table.get("StreamSpecification", {})
        self.facts.expect("its stream has both images", (True, "NEW_AND_OLD_IMAGES"), (stream.get("StreamEnabled"), stream.get("StreamViewType")))
        self.facts.expect("it is protected", True, table.get("DeletionProtectionEnabled"))
        lifetime = self.dynamodb.describe_time_to_live(TableName=RESTORED)["TimeToLiveDescription"]
        self.facts.expect("its TTL is on", ("ENABLED", "expires_at"), (lifetime["TimeToLiveStatus"], lifetime.get("AttributeName")))
        backups = self.dynamodb.describe_continuous_backups(TableName=RESTORED)["ContinuousBackupsDescription"]
        self.facts.expect("its point-in-time recovery is on", "ENABLED", backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"])
        tags = self.dynamodb.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]
        lacking = [tag for tag in TAGS if tag not in tags]
        self.facts.expect("tags of the stack's own table that it lacks", [], lacking)
        # A restore may hold a part of a transaction of that time.
        self.dynamodb.delete_item(TableName=RESTORED, Key={"pk": {"S": f"THEATER#{HALL}"}, "sk": {"S": f"SEAT#{self.torn.seats[1]}"}})

    def point(self):
        self.facts.step("sam deploy with the restored table")
        parameters = dict(word.split("=", 1) for word in self.parameters.split())
        # `make deploy` names a new release by itself.
        self.stack.deploy(**parameters, Deployment="AllAtOnce", Release="restored")
        self.facts.expect("the stack's table is the restored one", RESTORED, self.stack.outputs()["TableName"])
        lambdas, functions = self.stack.client("lambda"), self.stack.functions()
        for function, name in functions.items():
            variables = lambdas.get_function_configuration(FunctionName=name, Qualifier="live")["Environment"]["Variables"]
            if "TABLE_NAME" in variables:
                got = variables["TABLE_NAME"], variables["CACHE_KEY_PREFIX"]
                self.facts.expect(f"{function} uses it, with cache keys of its own", (RESTORED, f"{NAME}:{RESTORED}"), got)
        sources = {mapping["EventSourceArn"] for mapping in lambdas.list_event_source_mappings()["EventSourceMappings"]}
        streams = {source for source in sources if ":dynamodb:" in source}
        self.facts.expect("its stream is the only one that is delivered", {parameters["TableStreamArn"]}, streams)
        policies = [str(self.stack.client("iam").get_role_policy(RoleName=self.stack.resources()[role], PolicyName=policy)["PolicyDocument"])
                    for role, policy in [("BookRole", "book"), ("SyncCacheRole", "sync-cache"), ("PublishEventsRole", "publish-events")]]
        self.facts.expect("roles allow no other table", [True] * 3, [RESTORED in policy and self.lost not in policy for policy in policies])
        self.facts.expect("still nothing is sold", (500, "internal"), self.refused("2", ["C1"]))
        if check := self.stack.resources().get("CheckReleaseFunction"):
            answer = lambdas.invoke(FunctionName=check, Payload=b"{}")
            found = json.loads(answer["Payload"].read())
            wrong = [finding for finding in found["findings"] if not finding["ok"]]
            self.facts.expect("the check before a release passes while selling is stopped", [], wrong)

    # ---- Reconciling.

    def reconcile(self, *options):
        since = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(self.second)) + f".{int(self.second % 1 * 1000):03}Z"
        return self.read(self.command("reconcile.py", NAME, "--since", since, "--margin", "2", *options))

    def read(self, said):
        """Returns the outcome of each sale, by name, and the totals."""
        found = [line for line in map(LINE.match, said.splitlines()) if line]
        by_seats = {(line["theater"], frozenset(line["seats"].split()), line["reference"]): line["outcome"].strip() for line in found}
        totals = {match[2]: int(match[1]) for match in map(TOTAL.match, said.split("\nBookings since ")[1].splitlines()) if match}
        return Said(by_seats, totals, said)

    def account(self, said, expected, what):
        """Compares an account with what was sold: each booking, and the sum."""
        references = {name: reference(sold.id) for name, sold in self.sold.items()}
        got = {name: said.lines.get((sold.theater, frozenset(sold.seats), references[name]), "kept") for name, sold in self.sold.items()}
        self.facts.expect(f"{what}: the outcome of each booking", expected, got)
        count = len(self.sold)
        self.facts.expect(f"{what}: the total is what was sold", count, said.totals.get(f"in all, of {count} sold"))

    def dry_run(self):
        self.facts.step("reconcile.py, only reading, without and with the lost table")
        before = self.scan(RESTORED)
        to_do = {"lost: booked again": "lost: to be booked again", "lost: id unknown, seats kept": "lost: id unknown, seats to be kept"}
        expected = {name: to_do.get(outcome, outcome) for name, outcome in self.expected.items()}
        expected |= {"torn": "torn: seats to be booked again", "deleted, listed": "lost: id unknown, seats to be kept"}
        expected |= {f"taken {number}": "lost: to be booked again" for number in range(2)}
        self.account(self.reconcile(), expected, "with the lost table")
        unknown = {name: "lost: id unknown, seats to be kept" if outcome == "lost: to be booked again" else outcome for name, outcome in expected.items()}
        self.account(self.reconcile("--old-table", "none"), unknown, "from the archive alone")
        self.facts.expect("nothing was written", before, self.scan(RESTORED))

    def sell_too_early(self):
        self.facts.step("selling too early: two seats of lost bookings go to others")
        self.command("restore.py", "resume", NAME)
        # It was made after the chosen second, so the restored table doesn't have it, and there is nothing to give back.
        self.facts.expect("the lost reservation is answered", 204, self.release(self.reserved))
        self.reserved = self.buyers.reserve(HALL, self.take(2))
        stack = {key: float(self.parameters_of_stack()[key]) for key in ("WriteRate", "WriteBurst")}
        self.facts.expect("the API lets writes through again", tuple(stack.values()), self.rates())
        self.others = [self.buyers.book(f"other {number}", HALL, self.sold[f"taken {number}"].seats) for number in range(2)]
        self.stop()

    def interrupt(self, *options):
        """Kills a run after its first write."""
        self.facts.step("reconcile.py --book-again, killed in the middle")
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.second))
        words = self.words("reconcile.py", NAME, "--since", since, "--margin", "2", "--book-again", *options)
        with subprocess.Popen(words, cwd=ROOT, env=self.stack.emulator.environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            written = 0
            for line in process.stdout:
                written += "now)" in line
                if written == 3:
                    os.kill(process.pid, signal.SIGKILL)
                    break
            process.stdout.read()
        self.facts.expect("it was killed after three bookings", (-signal.SIGKILL, 3), (process.returncode, written))

    def book_again(self):
        bookings = self.folder / "bookings.csv"
        listed = self.sold["deleted, listed"]
        bookings.write_text(f"{listed.id},{listed.subject}\n")
        self.interrupt("--bookings", str(bookings))
        self.facts.step("reconcile.py --book-again --cancel-again, to the end, and once more")
        # The two sales to others count as sold, too.
        for number, other in enumerate(self.others):
            self.sold[f"other {number}"], self.expected[f"other {number}"] = other, "kept"
        self.archived(*self.others)
        said = self.reconcile("--book-again", "--cancel-again", "--bookings", str(bookings))
        self.account(said, self.expected, "after booking again")
        self.facts.expect("the cancellation of an earlier booking is repeated", 1, said.totals.get("in all, of 1 cancelled"))
        after = self.scan(RESTORED)
        self.account(self.reconcile("--book-again", "--cancel-again", "--bookings", str(bookings)), self.expected, "once more")
        self.facts.expect("once more, nothing was written", after, self.scan(RESTORED))

    def put_layout(self):
        self.facts.step("putting the layout that was lost, and reconciling again")
        self.load(RESTORED, self.late)
        self.expected["late theater"] = "lost: booked again"
        self.account(self.reconcile("--book-again", "--cancel-again"), self.expected, "with the layout")

    def hand_over(self):
        self.facts.step("a buyer turns up whose seats were kept")
        sold = self.sold["deleted 0"]
        self.facts.expect("no caller finds the booking yet", 404, self.buyers.get(sold)[0])
        bookings = self.folder / "buyer.csv"
        bookings.write_text(f"{sold.id}\n")
        self.expected["deleted 0"] = "lost: booked again"
        self.account(self.reconcile("--book-again", "--bookings", str(bookings)), self.expected, "with the buyer's id")

    # ---- Selling again.

    def resume(self):
        self.facts.step("restore.py resume, and every buyer asks for their booking")
        self.command("restore.py", "resume", NAME)
        self.book("new", "kept", self.take(1))
        for name, sold in self.sold.items():
            outcome = self.expected[name]
            if outcome in ("kept", "lost: booked again"):
                self.facts.expect(f"{name}: the buyer finds it", (200, sorted(sold.seats)), self.buyers.get(sold))
                self.facts.expect(f"{name}: a repeat changes nothing", (200, sold.id), self.buyers.repeat(sold))
            elif outcome == "cancelled by its buyer":
                self.facts.expect(f"{name}: it is not there", 404, self.buyers.get(sold)[0])
            elif outcome.endswith("seats kept"):
                self.facts.expect(f"{name}: its seats are kept", 409, self.buyers.repeat(sold)[0])
        self.facts.expect("other callers don't find a caller's booking", 404, self.buyers.get(self.sold["with a token"], subject="eve")[0])
        self.facts.expect("the earlier booking still exists", 200, self.buyers.get(self.early)[0])
        self.buyers.cancel(self.sold["several"])
        free = self.buyers.seats(HALL)[1]
        self.facts.expect("a booking that was made again can be cancelled", True, set(self.sold["several"].seats) <= set(free))
        self.facts.expect("the seat of the cancelled earlier booking is available", True, self.early_cancelled.seats[0] in free)
        now = self.scan(self.lost)
        self.facts.expect("items of the lost table that changed", [], [item for item in [*now, *self.wreck] if item not in now or item not in self.wreck])

    def events(self):
        self.facts.step("what listeners got")
        self.archived(self.sold["new"])
        again = [event for event in self.archive.events if event["detail"].get("booking") == reference(self.sold["plain 0"].id)]
        self.facts.expect("a booking that was made again has the same event twice", (2, 1), (len(again), len({event["detail"]["id"] for event in again})))


    def trial(self):
        self.facts.step("restore.py status, and trials beside the table in use")
        said = self.command("restore.py", "status", NAME)
        self.facts.expect("status names both tables, and sells", True, RESTORED in said and self.lost in said and "stopped for 0 of 5" in said)
        second = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        for table, words in [("trial-1", ["--latest"]), ("trial-2", ["--second", second])]:
            self.command("restore.py", "restore", NAME, table, *words)
            # The emulator restores the table as it is now.
            self.facts.expect(f"{' '.join(words)} restores the table in use", self.scan(RESTORED), self.scan(table))
        self.facts.expect("the stack still uses its table", RESTORED, self.stack.outputs()["TableName"])


class Said:
    """What reconcile.py printed."""

    def __init__(self, lines, totals, text):
        self.lines, self.totals, self.text = lines, totals, text


def rehearse(facts, folder, built):
    template, left_out = adapt(built)
    (folder / "template.yaml").write_text(template)
    facts.step(f"starting ministack without CodeDeploy and {', '.join(left_out) or 'no alarms'}")
    with Emulator(deploy_test.TOOLS / "bin/ministack", folder, deploy_test.LOGS / "ministack.log") as emulator:
        stack = Stack(deploy_test.TOOLS / "bin/sam", folder / "template.yaml", emulator, deploy_test.LOGS / "sam.log")
        rehearsal = Rehearsal(facts, folder, stack)
        for step in ("deploy", "sell_before", "sell_after", "lose", "stop", "restore", "point", "dry_run", "sell_too_early", "book_again",
                     "put_layout", "hand_over", "resume", "events", "trial"):
            getattr(rehearsal, step)()


if __name__ == "__main__":
    deploy_test.main("restore-test", rehearse, __doc__)
