"""Checks on small separate stacks, which don't need the box office."""

import json
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import ClientError

from first_account import offline
from first_account.check import Check
from first_account.product import upload
from first_account.results import Seen
from first_account.run import CannotTry, error_code, error_text
from first_account.stacks import MINUTE, Refused, Stack, made
from first_account.templates import ECHO_ROUTES, echo, hidden, ready, rule, ttl, users, warm, zones

AUDIENCE = "boxoffice"
ORIGIN = "https://tickets.example.com"


def import_api(run, part, fail, **parameters):
    """Imports the box office's API under a name of this run. Returns AWS's answer."""
    name = run.name(part)
    body = offline.api_body(run, **parameters)
    body["info"]["title"] = name
    run.making("api", name)
    answer = run.client("apigatewayv2").import_api(Body=json.dumps(body), FailOnWarnings=fail)
    run.learn(answer["ApiId"])
    return answer


def imported(part, **parameters):
    """Returns a check that imports the API with FailOnWarnings."""

    def check(run):
        given = {**parameters, **({"JwtIssuer": run.options.issuer} if "JwtAudience" in parameters else {})}
        wanted = sum(len([m for m in methods if m in METHODS]) for methods in offline.api_body(run, **given)["paths"].values())
        try:
            answer = import_api(run, part, True, **given)
        except ClientError as problem:
            if error_code(problem) != "BadRequestException":
                raise
            run.shared["import-warns"] = True  # the stacks of this run are created without FailOnWarnings, so that the other checks can run
            return Seen(f"Refused: {error_text(problem)}", False)
        pages = run.client("apigatewayv2").get_paginator("get_routes").paginate(ApiId=answer["ApiId"])
        routes = sum(len(page["Items"]) for page in pages)
        warnings = [*answer.get("Warnings", []), *answer.get("ImportInfo", [])]
        return Seen(f"Imported, {routes} of {wanted} routes, {len(warnings)} warnings. {' '.join(warnings)}", routes == wanted and not warnings)

    return check


METHODS = {"get", "head", "put", "post", "delete", "patch", "options", "x-amazon-apigateway-any-method"}


def tokens_and_cors(run):
    """Calls an API with an issuer without a token, and from a page of another origin."""
    answer = import_api(run, "tokens", False, JwtIssuer=run.options.issuer, JwtAudience=AUDIENCE, CorsOrigins=ORIGIN)
    run.client("apigatewayv2").create_stage(ApiId=answer["ApiId"], StageName="v1", AutoDeploy=True)
    base = f"{answer['ApiEndpoint']}/v1"
    # A new stage answers 404 for some seconds.
    book = run.until("the stage", lambda: answered(run.web.call("POST", f"{base}/theaters/1/book", {"seat": "A1"})), 2 * MINUTE, every=5)
    preflight = run.web.call("OPTIONS", f"{base}/theaters/1/book", headers={"origin": ORIGIN, "access-control-request-method": "POST"})
    seats = run.web.call("GET", f"{base}/theaters/1/seats")
    allowed = preflight.headers.get("access-control-allow-origin")
    status = book.status if book else 0
    text = f"book without a token: {status}. Preflight: {preflight.status}, allowed origin {allowed}. Seats without a token: {seats.status}."
    return Seen(text, status == 401 and allowed == ORIGIN and seats.status not in (401, 403, 404))


def answered(answer):
    return answer if answer.status not in (0, 404) else None


def empty_list(run):
    """Creates stacks whose rules test a list."""
    equals, contains = {"Fn::EachMemberEquals": [{"Ref": "List"}, ""]}, {"Fn::Contains": [{"Ref": "List"}, ""]}
    seen = {
        "EachMemberEquals [list, ''] of an empty list": holds(run, "rule-a", equals, ""),
        "EachMemberEquals [list, ''] of the list a,b": holds(run, "rule-b", equals, "a,b"),
        "Contains [list, ''] of an empty list": holds(run, "rule-c", contains, ""),
    }
    words = "; ".join(f"{what} {'holds' if it_holds else 'fails'}" for what, it_holds in seen.items())
    return Seen(f"{words}.", list(seen.values())[:2] == [True, False])


def holds(run, part, assertion, value):
    """Returns whether a rule holds for CloudFormation."""
    stack = Stack(run, part)
    try:
        status = stack.create(rule(assertion), {"List": value}, 5 * MINUTE)
    except Refused as problem:
        if "the rule fails" in str(problem):
            return False
        raise CannotTry(str(problem)) from problem
    if status != "CREATE_COMPLETE":
        raise CannotTry(f"{status}: {stack.why()}")
    return True


# Parameters that contradict each other, and the texts of the rules that refuse them.
REFUSED = [
    ({"Cache": "own"}, "Cache=own needs CacheUrl"),
    ({"Cache": "none", "ProtectReads": "true"}, "ProtectReads needs JwtIssuer"),
    ({"Cache": "none", "JwtIssuer": "https://login.example.com"}, "JwtIssuer needs JwtAudience"),
    ({"Cache": "serverless", "SubnetIds": "subnet-00000000,subnet-11111111"}, "needs VpcId"),
    ({"Cache": "none", "OnSaleStart": "at(2099-01-01T09:00:00)"}, "OnSaleStart needs OnSaleEnd"),
]


def rules_refuse(run):
    """Tries to create stacks that the template's rules refuse."""
    template = run.once("template", lambda: upload(run))
    wrong = []
    for parameters, text in REFUSED:
        stack = Stack(run, "refused")
        try:
            stack.create(template, parameters, longest=0)
        except Refused as problem:
            if text not in str(problem):
                wrong.append(f"{parameters}: refused with {problem}")
        else:
            stack.delete()
            wrong.append(f"{parameters}: not refused")
            run.until("its end", stack.is_gone, 10 * MINUTE)
    return Seen("; ".join(wrong) or f"All {len(REFUSED)} refused, each with its text.", not wrong)


def echo_stack(run):
    """Returns the stack of an API that answers with the event that its function got."""
    options = run.options
    return run.once("echo", lambda: made(run, "echo", echo(run.name("echo"), offline.access_log_format(), options.domain, options.certificate)))


def event_of(answer):
    """Returns the event that the function got. Raises CannotTry if it wasn't called."""
    event = answer.json()
    if answer.status != 200 or "rawPath" not in event:
        raise CannotTry(f"the echo function answered {answer.status}: {answer.text[:200]}")
    return event


def paths(run):
    """Calls the echo API at the address that AWS assigned."""
    url = echo_stack(run).outputs()["Url"]
    call = f"{url}/echo/grand%20hall?view=map"
    first = run.until("the API", lambda: answered(run.web.call("GET", call)), 2 * MINUTE, every=5)
    event = event_of(first or run.web.call("GET", call))
    context = event["requestContext"]
    seen = {
        "rawPath": event["rawPath"], "requestContext.http.path": context["http"]["path"], "stage": context["stage"],
        "routeKey": event["routeKey"], "pathParameters": event["pathParameters"],
    }
    agrees = event["rawPath"].startswith("/v1/echo/") and context["stage"] == "v1" and event["pathParameters"] == {"id": "grand hall"}
    return Seen(json.dumps(seen), agrees)


def domain_paths(run):
    """Calls the echo API under the caller's own domain, without a record in DNS."""
    outputs, domain = echo_stack(run).outputs(), run.options.domain

    def call():
        answer = run.web.call_at(outputs["DomainTarget"], f"https://{domain}/v1/echo/1")
        return answer if answer.status == 200 else None

    answer = run.until("the domain", call, 10 * MINUTE, every=15)
    if answer is None:
        raise CannotTry(f"{domain} didn't answer within ten minutes")
    event = event_of(answer)
    context = event["requestContext"]
    holds_it = event["rawPath"].startswith("/v1/")
    return Seen(
        f"rawPath is {event['rawPath']}, requestContext.http.path is {context['http']['path']}, stage is {context['stage']}: "
        f"{'the base path is in it' if holds_it else 'the base path is not in it'}.", context["stage"] == "v1",
    )


def throttling(run):
    """Reads the stage's limits, and calls a route more often than its limit."""
    stack = echo_stack(run)
    stage = run.client("apigatewayv2").get_stage(ApiId=stack.resources()["Api"], StageName="v1")
    limits = stage["RouteSettings"].get("GET /limited", {})
    url = f"{stack.outputs()['Url']}/limited"
    with ThreadPoolExecutor(20) as callers:
        statuses = [answer.status for answer in callers.map(lambda _: run.web.call("GET", url), range(100))]
    refused = statuses.count(429)
    text = f"The stage has {json.dumps(limits)}. Of 100 calls at once {refused} were answered 429."
    return Seen(text, limits.get("ThrottlingRateLimit") == 1.0 and limits.get("ThrottlingBurstLimit") == 1 and refused > 0)


def limit_zero(run):
    """Sets a route's limit to 0, and calls it."""
    stack = echo_stack(run)
    options = run.options
    template = echo(stack.name, offline.access_log_format(), options.domain, options.certificate)
    status = stack.update(template, 10 * MINUTE, Limit=0)
    if status != "UPDATE_COMPLETE":
        return Seen(f"{status}: {stack.why()}", False)
    url, began = f"{stack.outputs()['Url']}/limited", run.clock.now()

    def all_refused():
        return [run.web.call("GET", url).status for _ in range(10)] == [429] * 10

    closed = run.until("the limit", all_refused, 3 * MINUTE, every=5)
    text = f"Ten of ten calls were answered 429 after {int(run.clock.now() - began)} s." if closed else "Calls still get through after 3 minutes."
    return Seen(text, bool(closed))


def access_log(run):
    """Makes calls fail in several ways and reads the access log."""
    stack = echo_stack(run)
    url, group = stack.outputs()["Url"], stack.outputs()["AccessLog"]
    for route in ECHO_ROUTES:
        run.web.call("GET", f"{url}{route.replace('{id}', '1')}")

    def lines():
        pages = run.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
        found = [event["message"] for page in pages for event in page["events"]]
        return found if all(any(f"GET {route}" in line for line in found) for route in ECHO_ROUTES) else None

    found = run.until("the access log", lines, 6 * MINUTE, every=15)
    if not found:
        raise CannotTry(f"no line for one of the routes {', '.join(ECHO_ROUTES)} after six minutes")
    broken = [line for line in found if not is_json(line)]
    return Seen(f"{len(found)} lines, {len(broken)} of them no JSON. {' '.join(broken[:2])}", not broken)


def is_json(line):
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def target_zero(run):
    """Moves a ScalableTarget from 0..0 to 1..1 and back."""
    name, steps = run.name("ready"), []
    stack = made(run, "ready", ready(name), {"Capacity": 0})
    steps.append("0..0 is accepted")
    for capacity, longest in ((1, 10 * MINUTE), (0, 10 * MINUTE)):
        started = run.clock.now()
        status = stack.update(ready(name), 10 * MINUTE, Capacity=capacity)
        if status != "UPDATE_COMPLETE":
            return Seen(f"{', '.join(steps)}; {capacity}..{capacity}: {status}: {stack.why()}", False)
        reached = run.until("provisioned concurrency", lambda wanted=capacity: provisioned(run, name) == wanted, longest, every=10)
        seconds = int(run.clock.now() - started)
        if not reached:
            return Seen(f"{', '.join(steps)}; {capacity}..{capacity}: still {provisioned(run, name)} after {seconds} s", False)
        steps.append(f"{capacity}..{capacity}: {capacity} after {seconds} s")
    return Seen(", ".join(steps) + ".", True)


def provisioned(run, function, qualifier="live"):
    """Returns Lambda's number of provisioned instances. Returns 0 if the alias has no such setting."""
    try:
        config = run.client("lambda").get_provisioned_concurrency_config(FunctionName=function, Qualifier=qualifier)
    except ClientError as problem:
        if error_code(problem) == "ProvisionedConcurrencyConfigNotFoundException":
            return 0
        raise
    return config.get("AllocatedProvisionedConcurrentExecutions", 0) or None


def valkey_users(run):
    """Creates the cache's user and group."""
    resources = offline.resolved(Cache="serverless")
    stack = Stack(run, "users")
    status = stack.create(users(run.prefix, resources.properties("ValkeyUser")), {}, 10 * MINUTE)
    return Seen(f"{status} {stack.why() if status != 'CREATE_COMPLETE' else ''}", status == "CREATE_COMPLETE")


def hidden_parameter(run):
    """Reads a NoEcho parameter, and changes the stack without giving it again."""
    stack = made(run, "hidden", hidden(1), {"Secret": "kept"})
    (described,) = run.client("cloudformation").describe_stacks(StackName=stack.name)["Stacks"]
    shown = described["Parameters"][0]["ParameterValue"]
    run.client("cloudformation").update_stack(
        StackName=stack.name, TemplateBody=json.dumps(hidden(2)), Parameters=[{"ParameterKey": "Secret", "UsePreviousValue": True}],
        Tags=run.tags(),
    )
    stack.settle(5 * MINUTE)
    kept = stack.outputs()["Parts"] == "kept"
    text = f"Shown as {shown}. A change without the value {'kept it' if kept else 'lost it'}."
    return Seen(text, shown == "****" and kept)


def warm_table(run):
    """Creates a table with warm throughput, with its numbers as text."""
    stack = made(run, "warm", warm(), {"Reads": 12000, "Writes": 4000})
    table = run.client("dynamodb").describe_table(TableName=stack.outputs()["Table"])["Table"]
    units = table.get("WarmThroughput", {})
    seen = (units.get("ReadUnitsPerSecond", 0), units.get("WriteUnitsPerSecond", 0))
    return Seen(f"{seen[0]} read units and {seen[1]} write units, {units.get('Status')}.", seen >= (12000, 4000))


def ttl_begins(run):
    """Writes an item that has already expired."""
    stack = run.once("ttl", lambda: made(run, "ttl", ttl()))
    item = {"pk": {"S": "one"}, "expires_at": {"N": str(int(run.clock.now()) - 60)}}
    run.client("dynamodb").put_item(TableName=stack.outputs()["Table"], Item=item)


def ttl_stream(run):
    """Waits for TTL's deletion in the table's stream."""
    outputs, streams = run.once("ttl", lambda: made(run, "ttl", ttl())).outputs(), run.client("dynamodbstreams")

    def deletion():
        for shard in streams.describe_stream(StreamArn=outputs["Stream"])["StreamDescription"]["Shards"]:
            answer = streams.get_shard_iterator(StreamArn=outputs["Stream"], ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
            iterator, reads = answer["ShardIterator"], 0
            while iterator and reads < 5:
                page = streams.get_records(ShardIterator=iterator)
                found = next((record for record in page["Records"] if record["eventName"] == "REMOVE"), None)
                if found:
                    return found
                iterator, reads = page.get("NextShardIterator"), reads + 1
        return None

    found = run.until("TTL's deletion", deletion, 20 * MINUTE, every=60)
    if found is None:
        raise CannotTry("TTL deleted nothing in this time. DynamoDB promises no more than some days")
    identity = found.get("userIdentity", {})
    service = {name.lower(): value for name, value in identity.items()}
    return Seen(f"REMOVE with userIdentity {json.dumps(identity)}.", service == {"type": "Service", "principalid": "dynamodb.amazonaws.com"})


def subnets_in_zones(run):
    """Creates a network with a subnet in each zone."""
    answer = run.client("ec2").describe_availability_zones(Filters=[{"Name": "zone-type", "Values": ["availability-zone"]}])
    names = sorted(zone["ZoneName"] for zone in answer["AvailabilityZones"] if zone["State"] == "available")
    stack = Stack(run, "zones")
    status = stack.create(zones(names), {}, 10 * MINUTE)
    if status != "CREATE_COMPLETE":
        return Seen(f"Zones {', '.join(names)}: {stack.why()}. AvailabilityZones of the template names zones that work.", False)
    return Seen(f"Each of {', '.join(names)} took a subnet. GetAZs: {stack.outputs()['Zones']}.", True)


CHECKS = (
    Check(
        "import-without-issuer", "first", "Does API Gateway import the API with FailOnWarnings, without an issuer?",
        "Imported with every route and no warning.", "ImportApi of the body that SAM makes",
        "https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-import-api-errors-warnings.html", 0, 0,
        imported("open", Cache="none"),
    ),
    Check(
        "import-with-issuer", "first", "Does API Gateway import the API with FailOnWarnings, with an issuer?",
        "Imported with every route and no warning.", "ImportApi of the body that SAM makes, with --issuer",
        "https://github.com/aws/serverless-application-model/issues/2297", 0, 0,
        imported("signed", Cache="none", JwtAudience=AUDIENCE, CorsOrigins=ORIGIN),
    ),
    Check(
        "tokens-and-cors", "probes", "Does the API ask for a token and answer pages of other origins?",
        "book without a token is answered 401. A preflight gets its origin allowed. Seats need no token.",
        "Calls to the imported API", "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html", 2, 0.01,
        tokens_and_cors,
    ),
    Check(
        "empty-list-in-rules", "probes", "Do CloudFormation's Rules see an empty list as [] or as ['']?",
        "Fn::EachMemberEquals [list, ''] holds for an empty list and fails for a filled one. The result of Fn::Contains is unknown.",
        "Three stacks without resources", "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-rules.html",
        2, 0, empty_list,
    ),
    Check(
        "rules-refuse", "probes", "Do the template's rules refuse contradictory parameters?",
        "Each combination is refused with the rule's text before anything is created.", "CreateStack with such parameters",
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/rules-section-structure.html", 1, 0.01, rules_refuse,
    ),
    Check(
        "paths", "probes", "What do rawPath, stage and pathParameters hold?",
        "rawPath begins with the stage, /v1, and pathParameters are decoded.", "A function that answers with its event",
        "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html", 3, 0.01, paths,
    ),
    Check(
        "domain-paths", "probes", "Does rawPath hold the base path under a custom domain?",
        "Unknown. Sources disagree, and the box office doesn't depend on it. The stage is v1.",
        "The same function under --domain with --certificate",
        "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-mappings.html", 5, 0.01, domain_paths,
        needs=("domain", "certificate"),
    ),
    Check(
        "throttling", "probes", "Are limits of a route accepted as text, and kept?",
        "The stage has the numbers 1 and 1, and some calls at once are answered 429.",
        "A stage whose RouteSettings come from a parameter, and 100 calls at once",
        "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html", 1, 0.01, throttling,
    ),
    Check(
        "limit-zero", "probes", "Does a limit of 0 close a route?", "Every call is answered 429, within seconds.",
        "The same stage with 0 and 0, and ten calls", "https://github.com/hashicorp/terraform-provider-aws/pull/43307", 2, 0.01, limit_zero,
        ("throttling",),
    ),
    Check(
        "access-log", "probes", "Is each line of the access log JSON, also where an integration fails?",
        "Every line is JSON.", "Calls that succeed, raise, return an invalid answer and reach no function, with the template's format",
        "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html", 3, 0.01, access_log,
    ),
    Check(
        "target-zero", "probes", "Is a ScalableTarget of 0..0 accepted, and does setting it back remove the instances?",
        "0..0 is accepted, 1..1 adds one instance, 0..0 removes it.", "A separate function, changed twice",
        "https://github.com/aws/aws-cdk/issues/31507", 8, 0.05, target_zero,
    ),
    Check(
        "valkey-users", "probes", "Does ElastiCache accept the access string, and a Valkey group without a user called default?",
        "CREATE_COMPLETE.", "The template's user and group, without a cache",
        "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Clusters.RBAC.html", 3, 0, valkey_users,
    ),
    Check(
        "hidden-parameter", "probes", "Is a NoEcho parameter hidden, and kept by a change that doesn't name it?",
        "Shown as ****, and kept.", "A stack without resources",
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html", 1, 0, hidden_parameter,
    ),
    Check(
        "warm-table", "probes", "Does DynamoDB accept WarmThroughput with numbers from parameters?",
        "12000 read units and 4000 write units or more.", "A separate table with the lowest values, which cost nothing",
        "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/warm-throughput.html", 2, 0.01, warm_table,
    ),
    Check(
        "subnets-in-zones", "probes", "Does every zone of the region accept a subnet?",
        "Each zone accepts one.", "A separate network with a subnet in each zone",
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-getavailabilityzones.html", 2, 0,
        subnets_in_zones,
    ),
    # The last one, because its item was written when the lane started.
    Check(
        "ttl-stream", "probes", "Are deletions by TTL in the stream, with the service's identity?",
        "REMOVE with type Service and principalId dynamodb.amazonaws.com. It may take longer than this run.",
        "A separate table with an expired item",
        "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html", 20, 0.01, ttl_stream, begin=ttl_begins,
    ),
)
