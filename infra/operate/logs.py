"""`make logs`: readable lines of all functions and of the API's access log together, newest last.

`sam logs --stack-name` can't do this: it asks for the stage `$default` of an HTTP API, and this one's is `v1`
(https://github.com/aws/aws-sam-cli/issues/3446).
"""

import datetime
import heapq
import json
import re
import time

from operate import account, answers
from operate.refusal import Refusal
from operate.settings import Settings
from operate.undeploy import region_of

ACCESS = "api"
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# Each log group takes a request, and an account may have a limit of five per second
# (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html, FilterLogEvents).
POLL_SECONDS = 5
# Lines reach CloudWatch late. So a poll reads the last seconds again, and leaves out lines that were shown.
OVERLAP_MS = 15_000
# Lambda's own lines. REPORT repeats data of the functions' lines.
PLATFORM = re.compile(r"(START|END|REPORT|INIT_START|XRAY|EXTENSION|TELEMETRY)\b")


def logs(options, now=None):
    """Prints the lines since a time. With `--follow` continues until Ctrl-C."""
    answers.check_stack(options.stack)
    since = since_ms(options.since, now or time.time())
    region = region_of(options, Settings(options.config))
    session = account.session(region)
    account.identity(session)
    client = account.client(session, "logs")
    groups = select(find_groups(client, options.stack), options)
    shown = Shown()
    show(client, groups, since, shown, options.raw)
    if not shown.lines:
        print(f"No lines since {local(since)}. SINCE=1h goes further back, FOLLOW=1 waits for new ones.", flush=True)
    while options.follow:
        time.sleep(POLL_SECONDS)
        show(client, groups, max(since, shown.newest - OVERLAP_MS), shown, options.raw)
    return 0


def since_ms(text, now):
    """Returns the start time in milliseconds, from a duration such as `10m` or an instant."""
    ago = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if ago:
        return int((now - int(ago[1]) * UNITS[ago[2]]) * 1000)
    try:
        instant = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise Refusal(f"SINCE: {text!r} was refused, expected 30s, 10m, 2h, 1d, or a time such as 2027-03-01T09:45") from None
    return int(instant.timestamp() * 1000)


def find_groups(client, stack):
    """Returns the stack's log groups, by the name of the function, or `api` for the access log."""
    found = {}
    for prefix in (f"/aws/lambda/{stack}/", f"/aws/vendedlogs/{stack}/{ACCESS}"):
        for page in client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix):
            for group in page["logGroups"]:
                found[group["logGroupName"].rsplit("/", 1)[-1]] = group["logGroupName"]
    return found


def select(groups, options):
    """Returns the groups to show."""
    if not groups:
        raise Refusal(f"stack {options.stack}: it has no logs in this region. STACK= and REGION= name another one")
    if options.function is None:
        return groups
    if options.function not in groups:
        raise Refusal(f"FUNCTION: {options.function!r} was refused, expected one of {', '.join(sorted(groups))}")
    return {options.function: groups[options.function]}


class Shown:
    """The printed lines that a poll may return again."""

    def __init__(self):
        self.lines = 0
        self.newest = 0
        self.recent = {}

    def is_new(self, group, event):
        """Returns whether a line wasn't printed before."""
        key = (group, event.get("eventId") or (event.get("logStreamName"), event["timestamp"], event["message"]))
        if key in self.recent:
            return False
        self.recent[key] = event["timestamp"]
        self.newest = max(self.newest, event["timestamp"])
        if len(self.recent) > 100_000:
            self.recent = {one: at for one, at in self.recent.items() if at >= self.newest - 2 * OVERLAP_MS}
        return True


def show(client, groups, since, shown, raw):
    """Prints the new lines of all groups by their time."""
    merged = heapq.merge(*(events(client, name, group, since) for name, group in groups.items()), key=lambda pair: pair[1]["timestamp"])
    for name, event in merged:
        if not shown.is_new(name, event):
            continue
        message = event["message"].rstrip("\n")
        if not raw and is_platform(message):
            continue
        shown.lines += 1
        print(f"{local(event['timestamp'])} {name:<14} {message if raw else readable(message)}", flush=True)


def is_platform(message):
    """Returns whether a line is Lambda's own, as text or as JSON, and reports no failure."""
    if not message.startswith("{"):
        return bool(PLATFORM.match(message))
    try:
        line = json.loads(message)
    except ValueError:
        return False
    record = line.get("record")
    status = record.get("status", "success") if isinstance(record, dict) else "success"
    return str(line.get("type", "")).startswith("platform.") and status == "success"


def events(client, name, group, since):
    """Returns the lines of a group since a time, oldest first."""
    for page in client.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=since):
        for event in page["events"]:
            yield name, event


def local(milliseconds):
    """Returns a time in the operator's time zone."""
    return datetime.datetime.fromtimestamp(milliseconds / 1000).strftime("%m-%d %H:%M:%S.%f")[:-3]


def readable(message):
    """Returns a JSON line as level, text and `name=value` pairs. Other lines stay as they are."""
    try:
        line = json.loads(message)
    except ValueError:
        return message
    if not isinstance(line, dict):
        return message
    level, text = str(line.pop("level", "")), str(line.pop("message", ""))
    # The time is printed before the line, and only CloudWatch needs the description of its metrics.
    for name in ("timestamp", "_aws"):
        line.pop(name, None)
    words = [f"{level:<5}" if level else "", text, *pairs(line)]
    return " ".join(word for word in words if word)


def pairs(fields, prefix=""):
    """Returns the fields of a line. Empty ones are left out."""
    for name, value in fields.items():
        if value in ("", None, "-"):
            continue
        if isinstance(value, dict):
            yield from pairs(value, f"{prefix}{name}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value)
            yield f"{prefix}{name}={json.dumps(text) if ' ' in text and isinstance(value, str) else text}"
