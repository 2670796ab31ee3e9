"""The cost of an idle month: what stands by and is paid for without a single request.

List prices of us-east-1, as they were known in mid 2025. Other regions differ, mostly upwards by a tenth to a third.
"""

import dataclasses

AS_OF = "list prices of us-east-1, mid 2025"
HOURS = 730
PRICES = {
    # https://aws.amazon.com/cloudwatch/pricing/: an alarm is billed by metric, a dashboard by month.
    "alarm metric": 0.10,
    "dashboard": 3.00,
    # https://aws.amazon.com/sqs/pricing/: a million requests.
    "sqs requests": 0.40,
    # https://aws.amazon.com/elasticache/pricing/: Valkey, serverless, a GB-hour; at least 100 MB are billed.
    "serverless cache": 0.084,
    # https://aws.amazon.com/lambda/pricing/: a GB-second of provisioned concurrency.
    "provisioned x86_64": 0.0000041667,
    "provisioned arm64": 0.0000033334,
}
# https://aws.amazon.com/elasticache/pricing/: an hour of a Valkey node.
NODES = {"cache.t4g.micro": 0.0128, "cache.t4g.small": 0.0256, "cache.t4g.medium": 0.0520}
# An account has these for nothing, whatever its age: https://aws.amazon.com/cloudwatch/pricing/ and https://aws.amazon.com/sqs/pricing/.
FREE = {"alarm metric": 10, "dashboard": 3, "sqs requests": 1.0}
# Lambda reads a queue with five long polls of 20 s
# (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html), which is 650,000 requests a month, in millions.
POLLING = 5 * 3 * 60 * HOURS / 1e6
SERVERLESS_LEAST_GB = 0.1


@dataclasses.dataclass
class Line:
    """One cost. `dollars` is without free allowances, `saved` is the part that they cover. None is a price that isn't known."""

    what: str
    dollars: float | None
    saved: float = 0.0


def idle(decided):
    """The costs of an idle month of a stack, by a template whose conditions are decided."""
    lines = [*alarms(decided), *polling(decided), *cache(decided), *provisioned(decided)]
    return [line for line in lines if line.dollars is None or line.dollars > 0]


def totals(lines):
    """The least and the most that an idle month costs, as far as prices are known."""
    most = sum(line.dollars or 0 for line in lines)
    return most - sum(line.saved for line in lines), most


def of_type(decided, kind):
    return [one.get("Properties", {}) for one in decided.resources.values() if one["Type"] == kind]


def alarms(decided):
    """Alarms and dashboards."""
    metrics = sum(metrics_of(alarm) for alarm in of_type(decided, "AWS::CloudWatch::Alarm"))
    boards = len(of_type(decided, "AWS::CloudWatch::Dashboard"))
    for name, count, what in [("alarm metric", metrics, f"{metrics} metrics that alarms watch"), ("dashboard", boards, "dashboard")]:
        yield Line(what, count * PRICES[name], min(count, FREE[name]) * PRICES[name])


def metrics_of(alarm):
    """The number of metrics that an alarm is billed for."""
    return sum("MetricStat" in one for one in decided_list(alarm.get("Metrics", []))) or 1


def decided_list(entries):
    """The entries of a list, the ones inside a condition included."""
    for entry in entries:
        if isinstance(entry, dict) and "Fn::If" in entry:
            yield from (one for one in entry["Fn::If"][1:] if isinstance(one, dict) and "Ref" not in one)
        else:
            yield entry


def polling(decided):
    """Queues that Lambda reads."""
    queues = sum(
        any(event.get("Type") == "SQS" for event in function.get("Events", {}).values())
        for function in of_type(decided, "AWS::Serverless::Function")
    )
    millions = queues * POLLING
    yield Line("Lambda's reading of an empty queue", millions * PRICES["sqs requests"], min(millions, FREE["sqs requests"]) * PRICES["sqs requests"])


def cache(decided):
    """A cache that the stack makes."""
    if of_type(decided, "AWS::ElastiCache::ServerlessCache"):
        yield Line("serverless cache, its least", SERVERLESS_LEAST_GB * HOURS * PRICES["serverless cache"])
    if of_type(decided, "AWS::ElastiCache::ReplicationGroup"):
        kind, nodes = decided.values["CacheNodeType"], 2 if decided.values["CacheMultiAZ"] == "true" else 1
        hourly = NODES.get(kind)
        yield Line(f"{nodes} x {kind}", hourly and nodes * hourly * HOURS)


def provisioned(decided):
    """Instances that always stand ready. Those of a sale are paid while it lasts."""
    values = decided.values
    if values.get("OnSaleStart"):
        return
    instances = sum(int(values.get(f"Provisioned{name}", 0)) for name in ("GetSeats", "Reserve", "Book"))
    price = PRICES[f"provisioned {values['Architecture']}"]
    yield Line(f"{instances} instances that stand ready", instances * int(values["MemorySize"]) / 1024 * HOURS * 3600 * price)
