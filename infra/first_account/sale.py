"""Checks on the box office without a cache: deployed, called, released, restored."""

import datetime
import json

from botocore.exceptions import ClientError

from first_account import offline
from first_account.check import Check
from first_account.probes import provisioned
from first_account.product import Product, upload
from first_account.removal import DENIAL
from first_account.results import Seen
from first_account.run import ROOT, CannotTry, error_code
from first_account.stacks import MINUTE, Refused, made
from first_account.templates import listener

SEATS = ["A1", "A2", "A3", "B1", "B2", "B3"]
RESERVED, BOOKED = "6f1d6f0a-3c0e-4d5b-9a55-0c8f6d1b7e21", "0b9f3c1e-52a7-4f86-b1d0-7c3e9a5d2f64"
CANARY = "Canary10Percent5Minutes"
DONE = ("CREATE_COMPLETE", "UPDATE_COMPLETE")


def product(run):
    """Returns the stack of this lane. Raises CannotTry if it was not made."""
    if "sale" not in run.shared:
        raise CannotTry("the stack was not made")
    return run.shared["sale"]


def begin_listening(run):
    """Creates the event bus and its listener, which take a minute and are needed before the stack."""
    run.once("listener", lambda: made(run, "bus", listener(run.name("bus"))))


def create(run):
    """Deploys the box office without a cache, and puts theaters into it."""
    bus = run.once("listener", lambda: made(run, "bus", listener(run.name("bus")))).outputs()["Bus"]
    sale = Product(run, "sale")
    parameters = {"Cache": "none", "Deployment": "AllAtOnce", "Release": "first", "EventBusName": bus, "LogRetentionDays": 1}
    try:
        status = sale.stack.create(sale.template, parameters, 20 * MINUTE)
    except Refused as problem:
        return Seen(f"Refused: {problem}", False)
    if status != "CREATE_COMPLETE":
        return Seen(f"{status}: {sale.stack.why()}", False)
    put_theater(run, sale)
    run.shared["sale"] = sale
    without = " It was made without FailOnWarnings." if run.shared.get("import-warns") else ""
    return Seen(f"{status}, {len(sale.stack.resources())} resources.{without}", not without)


def put_theater(run, sale):
    """Puts theater 1 by calling the function, with the claims that an authorizer would have verified."""
    event = json.loads((ROOT / "events/theaters.put.json").read_text())
    event |= {"pathParameters": {"theaterId": "1"}, "rawPath": "/v1/theaters/1"}
    event["requestContext"]["http"]["path"] = "/v1/theaters/1"
    event["body"] = json.dumps({"name": "Theater 1", "seats": SEATS})
    answer = run.client("lambda").invoke(FunctionName=sale.function("TheatersFunction"), Qualifier="live", Payload=json.dumps(event))
    status = json.loads(answer["Payload"].read()).get("statusCode")
    if status not in (200, 201):
        raise CannotTry(f"theaters answered {status} when a theater was put")


def api_calls(run):
    """Makes the calls of a sale through the API."""
    url = product(run).url()
    calls = [
        ("GET", "/theaters", None, 200),
        ("HEAD", "/theaters/1", None, 200),
        ("GET", "/theaters/1/seats", None, 200),
        ("POST", "/theaters/1/reserve", {"seats": ["B1", "B2"], "expires_in": 900, "reservation_id": RESERVED}, 201),
        ("POST", "/theaters/1/book", {"seats": ["B1", "B2"], "booking_id": BOOKED, "reservation_id": RESERVED}, 201),
        ("POST", "/theaters/1/book", {"seats": ["B1", "B2"], "booking_id": BOOKED, "reservation_id": RESERVED}, 200),
        ("GET", f"/theaters/1/bookings/{BOOKED}", None, 200),
        ("POST", "/theaters/1/book", {"seat": "B1"}, 409),
        # The shortest reservation, which expires while other checks go on.
        ("POST", "/theaters/1/reserve", {"seat": "A3", "expires_in": 10}, 201),
        ("GET", "/nothing", None, 404),
    ]
    wrong = []
    for method, path, body, status in calls:
        answer = run.web.call(method, url + path, body)
        if answer.status != status:
            wrong.append(f"{method} {path}: {answer.status} in place of {status}: {answer.text[:120]}")
    run.shared["booked"] = run.clock.now()
    return Seen("; ".join(wrong) or f"All {len(calls)} calls were answered so.", not wrong)


def route_limits(run):
    """Reads the limits of the deployed stage."""
    api = product(run).stack.resources()["HttpApi"]
    stage = run.client("apigatewayv2").get_stage(ApiId=api, StageName="v1")
    seats, others = stage.get("RouteSettings", {}).get("GET /theaters/{theaterId}/seats", {}), stage.get("DefaultRouteSettings", {})
    pairs = {
        "ReadRate": seats.get("ThrottlingRateLimit"), "ReadBurst": seats.get("ThrottlingBurstLimit"),
        "WriteRate": others.get("ThrottlingRateLimit"), "WriteBurst": others.get("ThrottlingBurstLimit"),
    }
    agrees = all(value == int(offline.default(name)) for name, value in pairs.items())
    return Seen(", ".join(f"{name} {value}" for name, value in pairs.items()) + ".", agrees)


KINDS = {"seats.reserved", "booking.created", "reservation.expired"}


def events(run):
    """Receives events from the bus, until the end of the short reservation is published."""
    product(run)
    queue, sqs, kinds = run.shared["listener"].outputs()["Queue"], run.client("sqs"), set()
    run.learn(queue)

    def all_came():
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            kinds.add(json.loads(message["Body"])["detail-type"])
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return kinds >= KINDS

    run.until("events", all_came, 4 * MINUTE, every=3)
    return Seen(f"Received: {', '.join(sorted(kinds)) or 'none'}.", kinds >= KINDS)


def event_archive(run):
    """Reads the archive of bookings, which a restore is compared with."""
    name = product(run).stack.outputs().get("EventArchiveName")
    if not name:
        raise CannotTry("the stack has no archive of events")

    def archived():
        pages = run.client("logs").get_paginator("filter_log_events").paginate(logGroupName=name)
        return [event for page in pages for event in page["events"] if "booking.created" in event["message"]]

    found = run.until("the archive", archived, 4 * MINUTE, every=15)
    return Seen(f"{len(found or [])} bookings in the archive.", bool(found))


def function_logs(run):
    """Reads the lines of reserve, and the metrics that CloudWatch made of them."""
    sale = product(run)
    group = f"/aws/lambda/{sale.stack.name}/reserve"

    def lines():
        pages = run.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
        return [event["message"] for page in pages for event in page["events"] if '"_aws"' in event["message"]]

    def metrics():
        pages = run.client("cloudwatch").get_paginator("list_metrics").paginate(Dimensions=[{"Name": "Service", "Value": sale.stack.name}])
        return sorted({metric["MetricName"] for page in pages for metric in page["Metrics"]})

    found = run.until("lines with metrics", lines, 3 * MINUTE, every=10) or []
    whole = [line for line in found if is_object(line)]
    # CloudWatch lists a metric up to 15 minutes after its first value.
    named = run.until("metrics", metrics, 15 * MINUTE, every=30) or []
    return Seen(
        f"{len(found)} lines with metrics, {len(whole)} of them JSON. Metrics: {', '.join(named) or 'none'}.",
        bool(found) and len(whole) == len(found) and bool(named),
    )


def is_object(line):
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def denial(run):
    """Denies a function's role the table, and measures how soon the denial and its removal take effect."""
    sale = product(run)
    role, url, iam = sale.function("BookRole"), f"{sale.url()}/theaters/1/book", run.client("iam")
    denied = {"Effect": "Deny", "Action": ["dynamodb:PutItem", "dynamodb:UpdateItem"], "Resource": "*"}

    def lately(expected):
        # B1 is booked. So the answer without the denial is 409, and no call writes anything.
        answers = [run.web.call("POST", url, {"seat": "B1"}).status for _ in range(5)]
        return all(expected(status) for status in answers)

    run.making("policy", sale.stack.name)
    iam.put_role_policy(RoleName=role, PolicyName=DENIAL, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [denied]}))
    began = run.clock.now()
    stopped = run.until("the denial", lambda: lately(lambda status: status >= 500), 3 * MINUTE, every=2)
    stopping = int(run.clock.now() - began)
    iam.delete_role_policy(RoleName=role, PolicyName=DENIAL)
    began = run.clock.now()
    back = run.until("its end", lambda: lately(lambda status: status == 409), 3 * MINUTE, every=2)
    text = f"Stopped after {stopping} s, back after {int(run.clock.now() - began)} s." if stopped and back else "Not within three minutes."
    return Seen(text, bool(stopped and back) and stopping <= 60)


def traces(run):
    """Asks X-Ray for traces of the functions."""
    name = product(run).function("ReserveFunction")
    now = datetime.datetime.fromtimestamp(run.clock.now(), datetime.timezone.utc)

    def found():
        answer = run.client("xray").get_trace_summaries(
            StartTime=now - datetime.timedelta(hours=1), EndTime=now + datetime.timedelta(minutes=5), FilterExpression=f'service("{name}")',
        )
        return answer["TraceSummaries"]

    summaries = run.until("traces", found, 4 * MINUTE, every=15)
    return Seen(f"{len(summaries or [])} traces of reserve.", bool(summaries))


def billed_metrics(run):
    """Counts the metrics that CloudWatch bills, of alarms and of the functions."""
    sale, cloudwatch = product(run), run.client("cloudwatch")
    pages = cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{sale.stack.name}-")
    alarms = [alarm for page in pages for alarm in page["MetricAlarms"]]
    counted = sum(offline.count_metrics({"Metrics": alarm.get("Metrics", [])}) for alarm in alarms)
    pages = cloudwatch.get_paginator("list_metrics").paginate(Dimensions=[{"Name": "Service", "Value": sale.stack.name}])
    own = sorted({metric["MetricName"] for page in pages for metric in page["Metrics"]})
    wanted = offline.alarm_metrics(Cache="none")
    return Seen(
        f"{len(alarms)} alarms over {counted} metrics, by the template {wanted}. {len(own)} metrics of its own so far: {', '.join(own)}. "
        "The bill of tomorrow has them under CW:AlarmMonitorUsage and CW:MetricMonitorUsage.", counted == wanted,
    )


def version(run, sale, function="GetSeatsFunction"):
    """Returns the version that an alias leads to."""
    return run.client("lambda").get_alias(FunctionName=sale.function(function), Name="live")["FunctionVersion"]


def change(run, **parameters):
    """Changes the stack. Raises CannotTry if CloudFormation refuses it."""
    sale = product(run)
    sale.need(*parameters)
    try:
        return sale.stack.update(sale.template, **parameters)
    except Refused as problem:
        raise CannotTry(str(problem)) from problem


def provisioned_with_release(run):
    """Requests a provisioned instance in the deployment of a release."""
    sale = product(run)
    name, before = sale.function("GetSeatsFunction"), version(run, sale)
    status = change(run, ProvisionedGetSeats=1, Release="second")
    if status not in DONE:
        why = sale.stack.why()
        if "UnreservedConcurrentExecution" in why:
            raise CannotTry(f"the account has too little concurrency: {why}")
        return Seen(f"{status}: {why}", False)
    ready = run.until("provisioned concurrency", lambda: provisioned(run, name) == 1, 8 * MINUTE)
    after = version(run, sale)
    text = f"Version {before}, then {after}. {'One instance is provisioned.' if ready else 'No instance is provisioned.'}"
    return Seen(text, bool(ready) and after != before)


def provisioned_removed(run):
    """Removes the provisioned instance with the next release."""
    name = product(run).function("GetSeatsFunction")
    status = change(run, ProvisionedGetSeats=0, Release="third")
    gone = run.until("the end of provisioned concurrency", lambda: provisioned(run, name) == 0, 10 * MINUTE)
    return Seen(f"{status}. {'No instance is provisioned.' if gone else 'The instance is still provisioned.'}", status in DONE and bool(gone))


def restore_begins(run):
    """Starts the restore of the table, which goes on while other checks run."""
    table, target = product(run).table(), run.name("restored")

    def recent():
        answer = run.client("dynamodb").describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
        latest = answer["PointInTimeRecoveryDescription"].get("LatestRestorableDateTime")
        return latest if latest and latest.timestamp() >= run.shared["booked"] else None

    latest = run.until("a second to restore that holds the booking", recent, 12 * MINUTE, every=20)
    if latest is None:
        raise CannotTry("point-in-time recovery offered no second after the booking within twelve minutes")
    run.making("table", target)
    run.client("dynamodb").restore_table_to_point_in_time(SourceTableName=table, TargetTableName=target, RestoreDateTime=latest)
    behind = int(run.clock.now() - latest.timestamp())
    # A booking after the chosen second, which must not be in the restored table.
    run.shared["too-late"] = run.web.call("POST", f"{product(run).url()}/theaters/1/book", {"seat": "A1"}).status
    return Seen(f"Begun. The latest second was {behind} s ago. A booking made now: {run.shared['too-late']}.", behind <= 600)


def restored_table(run):
    """Waits for the restored table, and sets the properties that a restore loses."""
    dynamodb, name = run.client("dynamodb"), run.name("restored")
    began = run.clock.now()

    def active():
        found = dynamodb.describe_table(TableName=name)["Table"]
        return found if found["TableStatus"] == "ACTIVE" else None

    table = run.until("the restored table", active, 30 * MINUTE, every=20)
    if table is None:
        raise CannotTry("the table was not restored within thirty minutes")
    ttl = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]["TimeToLiveStatus"]
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    recovery = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
    has = {
        "stream": bool(table.get("StreamSpecification", {}).get("StreamEnabled")), "TTL": ttl == "ENABLED",
        "recovery": recovery == "ENABLED", "protection": bool(table.get("DeletionProtectionEnabled")),
    }
    when_it_can(run, dynamodb.update_table, TableName=name, StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
    run.until("its stream", active, 5 * MINUTE)
    when_it_can(run, dynamodb.update_time_to_live, TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"})
    recover = {"PointInTimeRecoveryEnabled": True}
    when_it_can(run, dynamodb.update_continuous_backups, TableName=name, PointInTimeRecoverySpecification=recover)
    run.shared["restored"] = dynamodb.describe_table(TableName=name)["Table"]["LatestStreamArn"]
    lost = [what for what, there in has.items() if not there]
    return Seen(f"Active {int(run.clock.now() - began)} s after the last read. Without {', '.join(lost) or 'nothing'}.", len(lost) == len(has))


def when_it_can(run, call, **arguments):
    """Sends a change of a table, and repeats it while an earlier change is in progress."""
    busy = ("ResourceInUseException", "ContinuousBackupsUnavailableException", "LimitExceededException")

    def sent():
        try:
            return call(**arguments) is not None
        except ClientError as problem:
            if error_code(problem) in busy:
                return False
            raise

    if not run.until("the table", sent, 5 * MINUTE):
        raise CannotTry("the restored table was busy for five minutes")


def restored_stack(run):
    """Points the stack at the restored table, and sells from it."""
    sale, name = product(run), run.name("restored")
    if "restored" not in run.shared:
        raise CannotTry("no table was restored")
    run.shared["own-table"] = sale.table()
    sale.need("TableName", "TableStreamArn")
    seats, statuses = f"{sale.url()}/theaters/1/seats", []
    try:
        sale.stack.begin_update(sale.template, TableName=name, TableStreamArn=run.shared["restored"], Release="restored")
    except Refused as problem:
        raise CannotTry(str(problem)) from problem
    status = sale.stack.settle(30 * MINUTE, lambda: statuses.append(run.web.call("GET", seats).status))
    if status not in DONE:
        return Seen(f"{status}: {sale.stack.why()}", False)
    failed = sum(one != 200 for one in statuses)
    later = "A1" in run.web.call("GET", f"{seats}?consistent=true").json().get("seats", [])
    booking = run.web.call("GET", f"{sale.url()}/theaters/1/bookings/{BOOKED}").status
    booked = run.web.call("POST", f"{sale.url()}/theaters/1/book", {"seat": "A2"}).status
    items = run.client("dynamodb").scan(TableName=name, Select="COUNT")["Count"]
    text = (
        f"{status}. {failed} of {len(statuses)} reads meanwhile failed. The earlier booking: {booking}. The seat booked after the second is "
        f"{'available' if later else 'taken'}. A new booking: {booked}. The restored table has {items} items."
    )
    return Seen(text, (booking, booked, later) == (200, 201, True))


def own_table_again(run):
    """Points the stack back at its own table."""
    sale = product(run)
    if "own-table" not in run.shared:
        raise CannotTry("the stack was not pointed at another table")
    own = run.shared["own-table"]
    status = change(run, TableName="", TableStreamArn="", Release="back")
    if status not in DONE:
        return Seen(f"{status}: {sale.stack.why()}", False)
    seats = run.web.call("GET", f"{sale.url()}/theaters/1/seats?consistent=true").json().get("seats", [])
    text = (
        f"{status}. The table is {'its own' if sale.table() == own else 'another one'}. "
        f"A2, booked in the restored table only, is {'available' if 'A2' in seats else 'taken'}."
    )
    return Seen(text, sale.table() == own and "A2" in seats)


def broken_release(run):
    """Releases a version that fails every call."""
    sale = product(run)
    before, statuses = version(run, sale), []
    template = upload(run, broken="GetSeatsFunction")
    url = f"{sale.url()}/theaters/1/seats"
    try:
        sale.stack.begin_update(template, Release="broken", Deployment=CANARY)
    except Refused as problem:
        raise CannotTry(str(problem)) from problem
    status = sale.stack.settle(40 * MINUTE, lambda: statuses.append(run.web.call("GET", url).status))
    failed, after, why = sum(one >= 500 for one in statuses), version(run, sale), sale.stack.why()
    if status in DONE:  # the broken release was accepted, and the next checks need a working one
        change(run, Release="repaired", Deployment="AllAtOnce")
    text = f"{status}. {why}. Version {before}, then {after}. {failed} of {len(statuses)} calls meanwhile failed."
    return Seen(text, status == "UPDATE_ROLLBACK_COMPLETE" and after == before and not failed)


def stopping_alarms(run, sale):
    """Returns the names of the alarms that stop a release, from CodeDeploy."""
    application = next((value for name, value in sale.stack.resources().items() if name.endswith("DeploymentApplication")), None)
    if application is None:
        raise CannotTry("the stack has no CodeDeploy application")
    deploy = run.client("codedeploy")
    groups = deploy.list_deployment_groups(applicationName=application)["deploymentGroups"]
    found = deploy.batch_get_deployment_groups(applicationName=application, deploymentGroupNames=groups)["deploymentGroupsInfo"]
    names = sorted({alarm["name"] for group in found for alarm in group.get("alarmConfiguration", {}).get("alarms", [])})
    run.learn(*(name for name in names if name in sale.stack.resources().values()))
    return names


def release_while_alarm(run):
    """Releases while an alarm is on: as usual, then with ReleaseAlarms=false."""
    sale = product(run)
    sale.need("ReleaseAlarms")
    alarms = stopping_alarms(run, sale)
    if not alarms:
        raise CannotTry("no alarm stops a release")

    def ring():
        # CloudWatch evaluates each alarm every minute, so its state is set repeatedly.
        run.client("cloudwatch").set_alarm_state(AlarmName=alarms[0], StateValue="ALARM", StateReason="first-account tries a release meanwhile")

    ring()
    try:
        sale.stack.begin_update(sale.template, Release="during-an-alarm", Deployment=CANARY)
        blocked = sale.stack.settle(30 * MINUTE, ring)
        why = sale.stack.why()
        ring()
        sale.stack.begin_update(sale.template, Release="the-fix", Deployment="AllAtOnce", ReleaseAlarms="false")
        passed = sale.stack.settle(20 * MINUTE, ring)
    except Refused as problem:
        raise CannotTry(str(problem)) from problem
    return Seen(f"As usual: {blocked}. {why}. With ReleaseAlarms=false: {passed}.", blocked == "UPDATE_ROLLBACK_COMPLETE" and passed in DONE)


def table_stays(run):
    """Deletes the stack, and asks whether its table is there."""
    sale = product(run)
    table = sale.table()
    sale.stack.delete()
    ended = run.until("the end of the stack", sale.stack.is_gone, 20 * MINUTE, every=15)
    try:
        found = run.client("dynamodb").describe_table(TableName=table)["Table"]
    except ClientError as problem:
        if error_code(problem) != "ResourceNotFoundException":
            raise
        return Seen("The table is gone.", False)
    protected = found.get("DeletionProtectionEnabled", False)
    text = f"The stack is {'gone' if ended else 'still there'}. The table is there, {'protected' if protected else 'not protected'}."
    return Seen(text, bool(ended) and protected)


CHECKS = (
    Check(
        "sale-stack", "sale", "Does AWS accept the whole template, with Cache=none?", "CREATE_COMPLETE.", "CreateStack with the output of `sam build`",
        "https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification.html", 5, 0.10, create,
        begin=begin_listening,
    ),
    Check(
        "api-calls", "sale", "Do calls through the API reach the functions, and the functions the table?",
        "Each call has the status of docs/openapi.yaml.", "Ten calls to the API",
        "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html", 1, 0.01, api_calls, ("sale-stack",),
    ),
    Check(
        "route-limits", "sale", "Does the deployed stage have the limits of the parameters?",
        "ReadRate and ReadBurst at seats, WriteRate and WriteBurst as the default.", "The stage",
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-apigatewayv2-stage.html", 0, 0, route_limits, ("sale-stack",),
    ),
    Check(
        "events", "sale", "Do events arrive on the bus, including the end of a reservation?",
        "seats.reserved, booking.created and reservation.expired. The last shows that sqs:SendMessage allows batches.",
        "A separate bus and queue",
        "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html", 2, 0.01, events, ("api-calls",),
    ),
    Check(
        "event-archive", "sale", "Does the archive get the bookings that were published?", "At least one booking.", "The log group of the archive",
        "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutResourcePolicy.html", 1, 0.01, event_archive, ("api-calls",),
    ),
    Check(
        "traces", "sale", "Do the functions' traces arrive at X-Ray?", "At least one trace.", "X-Ray's summaries",
        "https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html", 2, 0.01, traces, ("api-calls",),
    ),
    Check(
        "billed-metrics", "sale", "How many metrics do alarms and functions have?", "As many metrics of alarms as the template has.",
        "CloudWatch's lists. Their bill is visible a day later", "https://aws.amazon.com/cloudwatch/pricing/", 0, 0, billed_metrics,
        ("api-calls",),
    ),
    Check(
        "provisioned-with-release", "sale", "Is a change of Provisioned* applied in the deployment of a release?",
        "The alias leads to a new version, and one instance is provisioned.", "ProvisionedGetSeats=1 with a new Release",
        "https://github.com/aws/serverless-application-model/issues/1425", 5, 0.05, provisioned_with_release, ("sale-stack",),
    ),
    Check(
        "provisioned-removed", "sale", "Is provisioned concurrency removed when the parameter goes back to 0?",
        "No instance is provisioned.", "ProvisionedGetSeats=0 with a new Release", "https://github.com/aws/aws-cdk/issues/31507", 5, 0, provisioned_removed,
        ("provisioned-with-release",),
    ),
    Check(
        "function-logs", "sale", "Do the functions' log lines arrive unchanged, and become metrics?",
        "Lines with metrics are JSON, and CloudWatch has the metrics.", "The log group of reserve, and CloudWatch's list",
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html", 1, 0.01,
        function_logs, ("api-calls",),
    ),
    Check(
        "denial", "sale", "How soon does a policy that denies writes take effect?", "Within 60 seconds.",
        "A policy of the role of book, which is removed again",
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency", 1, 0.01, denial,
        ("api-calls",),
    ),
    Check(
        "restore-begins", "sale", "How late is the latest second that can be restored?", "At most ten minutes, usually five.",
        "Point-in-time recovery of the stack's table, into a separate table",
        "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/PointInTimeRecovery_Howitworks.html", 1, 0.05, restore_begins,
        ("api-calls",),
    ),
    Check(
        "broken-release", "sale", "Is a version that fails every call stopped before it gets traffic?",
        "UPDATE_ROLLBACK_COMPLETE, the alias as it was, and no call failed.", "A release whose get-seats ends at once",
        "https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html", 6, 0.01, broken_release,
        ("sale-stack",),
    ),
    Check(
        "restored-table", "sale", "What does a restored table lack?", "Stream, TTL, recovery and protection.", "The restored table",
        "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/PointInTimeRecovery.Tutorial.html", 4, 0.01, restored_table,
        ("restore-begins",),
    ),
    Check(
        "restored-stack", "sale", "Does the stack sell from a restored table?",
        "The earlier booking is found, the one after the chosen second isn't, and a new one is made.",
        "TableName and TableStreamArn of the restored table",
        "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/PointInTimeRecovery.html", 5, 0.01, restored_stack, ("restored-table",),
    ),
    Check(
        "own-table-again", "sale", "Can the stack go back to its own table?",
        "The same table as before, in which the seat that was booked in the restored table is available.", "TableName and TableStreamArn empty again",
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html", 5, 0, own_table_again,
        ("restored-stack",),
    ),
    Check(
        "release-while-alarm", "sale", "Is a release stopped while an alarm is on, and does ReleaseAlarms=false let the fix through?",
        "As usual: UPDATE_ROLLBACK_COMPLETE. With ReleaseAlarms=false: UPDATE_COMPLETE.", "An alarm set by hand during two releases",
        "https://github.com/aws/serverless-application-model/issues/716", 10, 0.01, release_while_alarm, ("sale-stack",),
    ),
    Check(
        "table-stays", "sale", "Does the table stay when the stack is deleted?", "The stack is deleted, and the table exists and is protected.",
        "DeleteStack. The run deletes the table afterwards",
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html",
        4, 0, table_stays, ("sale-stack",),
    ),
)
