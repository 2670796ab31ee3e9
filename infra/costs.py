"""Computes what a stack costs, from the template, one table of prices, and the measured lengths of log lines.

    infra/python infra/costs.py [Parameter=value ...]     an idle month of a stack with these parameters
    infra/python infra/costs.py --sale seats=10000 buyers=50000 [...] [Parameter=value ...]     an on-sale
    infra/python infra/costs.py --write                   writes the tables of docs/costs.md
    infra/python infra/costs.py --check                   compares them

The prices are in bench/prices.toml. The lengths are in infra/log_lines.json, which a test of the functions checks.
Alarms, metrics, queues, caches and the access log's format are counted in the template, so a change of the template
changes the page. `make deploy` prints `idle_month` before it deploys.
"""

import dataclasses
import json
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/costs.md"
HOURS = 730
DAYS = 30
GB = 1e9
# The members of shared/src/observability/metrics.rs that hold metrics: ("Bookings", self.bookings).
METRIC = re.compile(r'\("([A-Z][A-Za-z]+)", self\.')
# Lambda keeps five long polls of 20 s open on an idle queue:
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html (batches of five at a time) and
# https://repost.aws/knowledge-center/sqs-high-charges (empty receives are billed).
POLLS_A_MONTH = 5 * 3 * 60 * 24 * DAYS
# DynamoDB asks KMS for a table's key at most once in five minutes for each caller:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.howitworks.html
KEY_REQUESTS_A_MONTH = 12 * 24 * DAYS
# Stored log lines are compressed. JSON of this kind shrinks to less than a fifth.
STORED_PART = 0.2
# Lambda lets X-Ray keep one request a second and 5 % of the others, and has no setting for that:
# https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html
SAMPLED_PART = 0.05
# A member `trace` of an access log line: {"trace":"1-6b02a851-685086388ec9bdc5f7ee87a5",...
TRACE_BYTES = 46
# Seconds of a call: round trips of 1 ms to the cache and 6 ms to DynamoDB (bench/prices.toml, assumed), doubled for the
# rest.
SECONDS = {"hit": 0.005, "miss": 0.015, "reserve": 0.02, "book": 0.02, "batch": 0.02}
# A booking or a cancellation in the archive: the event, as EventBridge delivers it.
ARCHIVED_BYTES = 650
# Values of the access log's fields as they usually are, for its length.
ACCESS_VALUES = {
    "requestId": "LrZ3ggX8joEEPVw=", "requestTime": "30/Nov/2026:15:32:07 +0000", "routeKey": "GET /theaters/{theaterId}/seats",
    "status": "200", "integration.requestId": "b3609307-da3e-4bd8-87ea-c54135553a98", "responseLength": "14023", "responseLatency": "12", "integrationLatency": "10", "integrationStatus": "200",
    "error.responseType": "-",
}


@dataclasses.dataclass(frozen=True)
class Item:
    """One line of a bill.

    `price` is for one unit, and None if it isn't known. The first `free` units of a month cost nothing.
    """

    what: str
    quantity: float
    unit: str
    price: float | None
    free: float = 0

    @property
    def dollars(self):
        """The list price."""
        return None if self.price is None else self.quantity * self.price

    @property
    def after_free(self):
        """The price after AWS's free amounts, in an account that has nothing else."""
        return None if self.price is None else max(0, self.quantity - self.free) * self.price


@dataclasses.dataclass(frozen=True)
class Traffic:
    """The calls of a month, or of a sale."""

    seats: int
    hits: float
    misses: float
    reserves: float
    refused: float
    books: float
    seats_a_call: int
    taken: int
    answer_kb: float
    hours: float
    stored_gb: float
    stands_ready: float = 0.0

    @property
    def looks(self):
        return self.hits + self.misses

    @property
    def requests(self):
        return self.looks + self.reserves + self.refused + self.books


def prices():
    """Returns the table of prices."""
    return tomllib.loads((ROOT / "bench/prices.toml").read_text())


def lines():
    """Returns the bytes of each kind of line that the functions write."""
    return json.loads((ROOT / "infra/log_lines.json").read_text())["bytes"]


def resolved(parameters):
    """Returns the stack of these parameters, by the module that the tests of the template use."""
    sys.path.insert(0, str(ROOT / "infra/tests"))
    from template import stack
    return stack(**parameters)


def of_type(stack, kind):
    return [thing.get("Properties", {}) for thing in stack.resources.values() if thing["Type"] == kind]


# ---- Counts from the template.

def alarm_metrics(stack):
    """Returns the metrics that alarms are billed for: each metric of each alarm."""
    return sum(sum("MetricStat" in part for part in alarm.get("Metrics", [])) or 1 for alarm in of_type(stack, "AWS::CloudWatch::Alarm"))


def own_metrics(stack):
    """Returns the names of the custom metrics of the functions and of metric filters.

    Several filters may share one metric.
    """
    source = (ROOT / "shared/src/observability/metrics.rs").read_text()
    filters = of_type(stack, "AWS::Logs::MetricFilter")
    filtered = [part["MetricName"] for one in filters for part in one["MetricTransformations"]]
    return list(dict.fromkeys(METRIC.findall(source) + filtered))


def polled(stack, service, kind):
    """Returns the mappings by which Lambda polls a service, for a resource of this stack or a given address."""
    for mapping in of_type(stack, "AWS::Lambda::EventSourceMapping"):
        source = str(mapping["EventSourceArn"])
        named = re.findall(r"'(?:Ref|Fn::GetAtt)': \[?'(\w+)'", source)
        is_of = f":{service}:" in source or any(stack.resources.get(name, {}).get("Type") == kind for name in named)
        if is_of and str(mapping.get("Enabled", True)).lower() == "true":
            yield mapping


def polled_queues(stack):
    """Returns the number of queues that Lambda polls."""
    return len(list(polled(stack, "sqs", "AWS::SQS::Queue")))


def polled_streams(stack):
    """Returns the number of functions that Lambda reads the table's stream for."""
    return len(list(polled(stack, "dynamodb", "AWS::DynamoDB::Table")))


def access_log_bytes(stack):
    """Returns the length of a line of the API's access log."""
    stages = of_type(stack, "AWS::ApiGatewayV2::Stage")
    texts = [stage["AccessLogSettings"]["Format"] for stage in stages if "AccessLogSettings" in stage]
    known = re.compile(r"\$context\.([A-Za-z]+(?:\.[A-Za-z]+)*)")
    return sum(len(known.sub(lambda found: ACCESS_VALUES.get(found[1], "-"), text)) + 1 for text in texts)


def has_cache(stack):
    return stack.values["Cache"] != "none"


def instances_always_ready(stack):
    if stack.values.get("OnSaleStart"):
        return 0
    return sum(int(stack.values.get(f"Provisioned{name}", 0)) for name in ("GetSeats", "Reserve", "Book"))


# ---- Bills.

def standing(stack, table):
    """Returns the monthly cost without any call, except for the data in the table and the logs."""
    free = table["free"]
    cloudwatch = table["cloudwatch"]
    yield Item("alarms, by the metrics that they read", alarm_metrics(stack), "metrics", cloudwatch["alarm_metric_month"], free["alarm_metrics"])
    yield Item("dashboard", len(of_type(stack, "AWS::CloudWatch::Dashboard")), "", cloudwatch["dashboard_month"], free["dashboards"])
    # No public text with the price was found (docs/costs.md), so the item has none.
    yield Item("Contributor Insights: rankings of shows", len(of_type(stack, "AWS::CloudWatch::InsightRule")), "rules", None)
    polls = polled_queues(stack) * POLLS_A_MONTH
    yield Item("SQS: Lambda polls the idle queue", polls, "requests", table["sqs"]["million_requests"] / 1e6, free["sqs_requests"])
    yield from standing_cache(stack, table)
    instances = instances_always_ready(stack)
    price = table["lambda"][f"{'arm64_' if stack.values['Architecture'] == 'arm64' else ''}provisioned_gb_second"]
    seconds = instances * int(stack.values["MemorySize"]) / 1024 * HOURS * 3600
    yield Item(f"Lambda: {instances} instances that always stand ready", seconds, "GB-seconds", price)


def standing_cache(stack, table):
    elasticache = table["elasticache"]
    if of_type(stack, "AWS::ElastiCache::ServerlessCache"):
        yield Item("cache: serverless, its minimum of 100 MB", elasticache["least_gb"] * HOURS, "GB-hours", elasticache["gb_hour"])
    for group in of_type(stack, "AWS::ElastiCache::ReplicationGroup"):
        kind, nodes = stack.values["CacheNodeType"], int(group["NumCacheClusters"])
        yield Item(f"cache: {nodes} x {kind}", nodes * HOURS, "hours", elasticache["nodes"].get(kind))


def key_requests(stack, table, callers, part_of_month=1.0):
    """Returns the number of requests for the table's key, if KMS encrypts it."""
    encrypted = [one for one in of_type(stack, "AWS::DynamoDB::Table") if one.get("SSESpecification", {}).get("SSEEnabled")]
    requests = len(encrypted) * callers * KEY_REQUESTS_A_MONTH * part_of_month
    return Item("KMS: the table's key", requests, "requests", table["kms"]["million_requests"] / 1e6, table["free"]["kms_requests"])


def idle(stack):
    """Returns the bill of a month without a request."""
    table = prices()
    items = [*standing(stack, table), key_requests(stack, table, polled_streams(stack))]
    return [item for item in items if item.quantity]


def idle_month(parameters):
    """Returns `(what, dollars)` for each line of the bill of a month without a request, for a stack with these
    parameters.

    List prices without AWS's free amounts. `dollars` is None where the table of prices doesn't know one.
    """
    return [(item.what, item.dollars) for item in idle(resolved(parameters))]


def used(stack, traffic):
    """Returns the cost of traffic."""
    table = prices()
    free = table["free"]
    batches = stream_batches(stack, traffic)
    calls = traffic.requests + batches
    yield Item("API Gateway", traffic.requests, "requests", table["api_gateway"]["million_requests"] / 1e6)
    yield Item("Lambda: calls", calls, "calls", table["lambda"]["million_requests"] / 1e6, free["lambda_requests"])
    yield Item("Lambda: time", gb_seconds(stack, traffic, batches), "GB-seconds", table["lambda"]["gb_second"], free["lambda_gb_seconds"])
    yield Item("Lambda: instances that stand ready", traffic.stands_ready, "GB-seconds", table["lambda"]["provisioned_gb_second"])
    yield from of_table(stack, traffic, table)
    if stack.values["Cache"] == "serverless":
        ecpus = traffic.looks * hall_kb(traffic) + 2 * (traffic.reserves + traffic.books) + traffic.refused
        yield Item("cache: ECPUs", ecpus, "ECPUs", table["elasticache"]["million_ecpus"] / 1e6)
    yield from of_events(stack, traffic, table)
    yield from of_logs(stack, traffic, table, batches)
    traces = traced(stack, traffic, calls)
    yield Item("X-Ray, at most", traces, "traces", table["xray"]["million_traces"] / 1e6, free["traces"])
    yield Item("data out to the internet", traffic.requests * traffic.answer_kb * 1e3 / GB, "GB", table["transfer"]["gb_out"], free["gb_out"])


def traced(stack, traffic, calls):
    """Returns the maximum number of calls that X-Ray keeps. Lambda's sampling rate can't be changed."""
    modes = {function.get("TracingConfig", {}).get("Mode") for function in of_type(stack, "AWS::Lambda::Function")}
    return min(calls, traffic.hours * 3600 + SAMPLED_PART * calls) if "Active" in modes else 0


def stream_batches(stack, traffic):
    """Returns the maximum number of calls by the stream and the queue, with one write per batch and one reservation per
    message.
    """
    writes = traffic.reserves + traffic.books
    # Above about four a second, they arrive in batches.
    most = traffic.hours * 3600 * 4
    return polled_streams(stack) * min(writes, most) + polled_queues(stack) * min(traffic.reserves, most)


def gb_seconds(stack, traffic, batches):
    seconds = (traffic.hits * SECONDS["hit"] + traffic.misses * SECONDS["miss"] + (traffic.reserves + traffic.refused) * SECONDS["reserve"]
               + traffic.books * SECONDS["book"] + batches * SECONDS["batch"])
    return seconds * int(stack.values["MemorySize"]) / 1024


def hall_kb(traffic):
    """Returns the kilobytes of a hall in the cache: 48 bytes, and 12 for each seat. Each kilobyte is an ECPU."""
    return max(1, (48 + 12 * traffic.seats) / 1024)


def of_table(stack, traffic, table):
    free, dynamodb = table["free"], table["dynamodb"]
    of_call = 2 * (traffic.seats_a_call + 1)
    # A refusal by the cache costs nothing. Without a cache the write is refused, and takes its units.
    refused = 0 if has_cache(stack) else traffic.refused * of_call
    writes = (traffic.reserves + traffic.books) * of_call + traffic.books * 2 + refused
    yield Item("DynamoDB: writes", writes, "units", dynamodb["million_write_units"] / 1e6)
    reads = traffic.misses * query_units(traffic.taken) + traffic.books
    yield Item("DynamoDB: reads", reads, "units", dynamodb["million_read_units"] / 1e6)
    if traffic.stored_gb:
        yield Item("DynamoDB: storage", traffic.stored_gb, "GB", dynamodb["gb_month"], free["table_gb"])
        yield Item("DynamoDB: point-in-time recovery", traffic.stored_gb, "GB", dynamodb["backup_gb_month"])
    callers = len(of_type(stack, "AWS::Lambda::Function"))
    yield key_requests(stack, table, callers, min(1, traffic.hours / HOURS))


def query_units(taken):
    """Returns the read units of a strongly consistent query for a hall's taken seats, from the measurement for 150
    (bench/budgets.toml).
    """
    measured = tomllib.loads((ROOT / "bench/budgets.toml").read_text())["get-seats miss, 300 seats, half sold"]["capacity_units"]
    return max(1, taken * measured / 150)


def of_events(stack, traffic, table):
    if stack.values["PublishEvents"] != "true":
        return
    seats = traffic.seats_a_call
    yield Item("EventBridge", traffic.reserves * seats + traffic.books, "events", table["eventbridge"]["million_events"] / 1e6)
    # One message for each reserved seat, which is sent, received and deleted. A request carries at most ten.
    yield Item("SQS: ends of reservations", traffic.reserves * 3, "requests", table["sqs"]["million_requests"] / 1e6)


def of_logs(stack, traffic, table, batches):
    length = lines()
    bytes_of = {
        "get-seats, hit": traffic.hits, "get-seats, miss": traffic.misses, "reserve": traffic.reserves,
        "reserve, refused": traffic.refused, "book": traffic.books,
    }
    functions = sum(count * length[name] for name, count in bytes_of.items())
    traces = traced(stack, traffic, traffic.requests) * TRACE_BYTES
    batch = batches * max(length["sync-cache"], length["publish-events"])
    access = traffic.requests * access_log_bytes(stack)
    archived = traffic.books * ARCHIVED_BYTES if of_type(stack, "AWS::Events::Rule") else 0
    written = (functions + traces + batch + access + archived) / GB
    yield Item("logs: functions, access log and archive", written, "GB", table["logs"]["gb_ingested"], table["free"]["log_gb"])
    months = int(stack.values["LogRetentionDays"]) / DAYS
    yield Item("logs: storage", written * STORED_PART * months, "GB", table["logs"]["gb_month"])


def metrics(stack, part_of_month=1.0):
    """Returns the custom metrics, each for the hours in which it has values."""
    table = prices()
    return Item("custom metrics", len(own_metrics(stack)) * part_of_month, "metrics", table["cloudwatch"]["metric_month"], table["free"]["metrics"])


# ---- The cases of the page.

CACHES = ["serverless", "node", "none"]
# A quiet cinema: five halls of 200 seats and 25 shows a day, each with 80 seats sold in calls for two. For each buyer,
# two others only read the seats. Each of the three reads ten times. One try in ten is refused.
CINEMA_BUYERS = 25 * 80 / 2 * DAYS
# An on-sale: 10,000 seats, and 50,000 buyers who read the seats 20 times in ten minutes and need 1.5 tries to reserve
# two seats.
SALE = {"seats": 10_000, "buyers": 50_000, "looks": 20, "tries": 1.5, "seats_a_call": 2, "minutes": 10}


def cinema(cache):
    looks = CINEMA_BUYERS * 3 * 10
    # The cache reads a hall's seats again after 45 s. Half of the reads find no copy.
    misses = looks if cache == "none" else looks / 2
    return Traffic(seats=200, hits=looks - misses, misses=misses, reserves=CINEMA_BUYERS, refused=CINEMA_BUYERS / 10, books=CINEMA_BUYERS,
                   seats_a_call=2, taken=40, answer_kb=2, hours=14 * DAYS, stored_gb=0.1)


def on_sale(cache, sale=SALE):
    looks = sale["buyers"] * sale["looks"]
    books = sale["seats"] / sale["seats_a_call"]
    tries = max(books, sale["buyers"] * sale["tries"])
    # A fill every 45 s.
    misses = looks if cache == "none" else min(looks, sale["minutes"] * 60 / 45)
    # As in docs/on-sale.md: get-seats takes 10 ms, the others 30 ms, plus 50 %. The peak has three times the mean rate.
    instances = (looks * 0.01 + (tries + books) * 0.03) * 1.5 * 3 / (sale["minutes"] * 60)
    return Traffic(seats=int(sale["seats"]), hits=looks - misses, misses=misses, reserves=books, refused=tries - books, books=books,
                   seats_a_call=int(sale["seats_a_call"]), taken=int(sale["seats"] / 2), answer_kb=6 * sale["seats"] / 1000,
                   hours=sale["minutes"] / 60, stored_gb=0, stands_ready=instances * 0.5 * 75 * 60)


def cases():
    """Returns the tables of the page, by name: for each cache its bill."""
    stacks = {cache: resolved({"Cache": cache}) for cache in CACHES}
    yield "idle", {cache: idle(made) for cache, made in stacks.items()}
    yield "cinema", {cache: [*idle(made)[:-1], *used(made, cinema(cache)), metrics(made)] for cache, made in stacks.items()}
    yield "sale", {cache: list(used(made, on_sale(cache))) for cache, made in stacks.items()}


def money(dollars):
    if dollars is None:
        return "unknown"
    return "-" if dollars == 0 else "below $0.01" if dollars < 0.005 else f"${dollars:,.2f}"


def number(quantity):
    if quantity >= 1e6:
        return f"{quantity / 1e6:,.2f} million"
    if quantity >= 100 or quantity == int(quantity):
        return f"{quantity:,.0f}"
    return f"{quantity:,.2f}"


def bill(bills):
    """Returns a table with a row for each item and a column for each cache."""
    names = list(dict.fromkeys(item.what for items in bills.values() for item in items if item.quantity))
    rows = [f"| what | {' | '.join(f'`Cache={cache}`' for cache in bills)} |", "| --- |" + " ---: |" * len(bills)]
    for name in names:
        found = [next((item for item in items if item.what == name and item.quantity), None) for items in bills.values()]
        cells = ["-" if item is None else f"{number(item.quantity)} {item.unit}: {money(item.dollars)}".replace(" :", ":") for item in found]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    for name, field in [("**together, by list prices**", "dollars"), ("**together, in an account that has nothing else**", "after_free")]:
        sums = [sum(getattr(item, field) or 0 for item in items) for items in bills.values()]
        rows.append(f"| {name} | {' | '.join(f'**{money(total)}**' for total in sums)} |")
    return "\n".join(rows)


def alarm_rows():
    made = resolved({"Cache": "serverless"})
    rows = ["| alarm | metrics | a month |", "| --- | ---: | ---: |"]
    price = prices()["cloudwatch"]["alarm_metric_month"]
    for name, alarm in made.of_type("AWS::CloudWatch::Alarm").items():
        count = sum("MetricStat" in part for part in alarm["Properties"].get("Metrics", [])) or 1
        rows.append(f"| {name.removesuffix('Alarm')} | {count} | {money(count * price)} |")
    return "\n".join(rows)


def line_rows():
    made = resolved({"Cache": "serverless"})
    price = prices()["logs"]["gb_ingested"]
    lengths = {**{f"function: {name}": count for name, count in lines().items()}, "access log": access_log_bytes(made)}
    rows = ["| line | bytes | a million |", "| --- | ---: | ---: |"]
    return "\n".join(rows + [f"| {name} | {count} | {money(count * 1e6 / GB * price)} |" for name, count in lengths.items()])


def metric_rows():
    made = resolved({"Cache": "serverless"})
    price = prices()["cloudwatch"]["metric_month"]
    alarms, board = str(of_type(made, "AWS::CloudWatch::Alarm")), str(of_type(made, "AWS::CloudWatch::Dashboard"))
    rows = ["| metric | read by | a month with values in every hour |", "| --- | --- | ---: |"]
    for name in own_metrics(made):
        readers = [reader for reader, text in [("alarm", alarms), ("dashboard", board)] if f"'{name}'" in text or f'"{name}"' in text]
        rows.append(f"| `{name}` | {', '.join(readers)} | {money(price)} |")
    return "\n".join(rows)


def tables():
    """Returns the computed parts of the page, by name."""
    table = prices()
    computed = {name: bill(bills) for name, bills in cases()}
    computed |= {"alarms": alarm_rows(), "lines": line_rows(), "metrics": metric_rows()}
    computed["prices"] = f"Prices: `{table['region']}`, as of {table['date']}, from [bench/prices.toml](../bench/prices.toml)."
    return computed


def page(text):
    """Returns the page with its computed parts replaced."""
    for name, computed in tables().items():
        begin, end = f"<!-- computed: {name} -->", f"<!-- end: {name} -->"
        if begin not in text or end not in text:
            raise SystemExit(f"docs/costs.md has no place for the table {name}: {begin} and {end}")
        before, rest = text.split(begin, 1)
        text = f"{before}{begin}\n{computed}\n{end}{rest.split(end, 1)[1]}"
    return text


def main(words):
    if words == ["--write"]:
        PAGE.write_text(page(PAGE.read_text()))
        return
    if words == ["--check"]:
        if page(PAGE.read_text()) != PAGE.read_text():
            sys.exit("docs/costs.md isn't what infra/costs.py computes: infra/python infra/costs.py --write")
        return
    of_sale = words[:1] == ["--sale"]
    given = words[1:] if of_sale else words
    if not all(re.fullmatch(r"\w+=.*", word) for word in given):
        sys.exit(__doc__)
    values = dict(word.split("=", 1) for word in given)
    sale = dict(SALE)
    for name in [name for name in values if of_sale and name in SALE]:
        sale[name] = positive(name, values.pop(name))
    unknown = set(values) - set(resolved({}).values)
    if unknown:
        sys.exit(f"{', '.join(sorted(unknown))}: not a parameter of infra/template.yaml{', or of a sale: ' + ', '.join(SALE) if of_sale else ''}")
    made = resolved(values)
    report(list(used(made, on_sale(made.values["Cache"], sale))) if of_sale else idle(made))


def positive(name, text):
    """Returns the positive number in a text."""
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number < 1e9:
        sys.exit(f"{name}: expected a number above 0, got {text!r}")
    return number


def report(items):
    """Prints a bill."""
    for item in items:
        if not item.quantity:
            continue
        print(f"{money(item.dollars):>12}  {item.what} ({number(item.quantity)} {item.unit})".replace(" )", ")"))
    print(f"{money(sum(item.dollars or 0 for item in items)):>12}  together, by list prices of {prices()['region']} as of {prices()['date']}")
    print(f"{money(sum(item.after_free or 0 for item in items)):>12}  together, in an account that has nothing else")


if __name__ == "__main__":
    main(sys.argv[1:])
