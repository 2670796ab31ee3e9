"""Checks on the box office with a serverless cache: turned on later, under a canary, and turned off again."""

import datetime

from botocore.exceptions import ClientError

from first_account.check import Check
from first_account.product import Product
from first_account.results import Seen
from first_account.run import CannotTry, error_code
from first_account.sale import CANARY, DONE, put_theater
from first_account.stacks import MINUTE, Refused


# The alarm on CacheErrors goes off above this number in a minute.
FEW = 20


def product(run):
    """Returns the stack of this lane. Raises CannotTry if it was not made."""
    if "network" not in run.shared:
        raise CannotTry("the stack was not made")
    return run.shared["network"]


def create(run):
    """Deploys the box office without a cache, and writes to its table, so that its stream has records."""
    network = Product(run, "net")
    # Without events. The account's event bus may have other listeners.
    parameters = {"Cache": "none", "Deployment": "AllAtOnce", "Release": "first", "PublishEvents": "false", "LogRetentionDays": 1}
    try:
        status = network.stack.create(network.template, parameters, 20 * MINUTE)
    except Refused as problem:
        return Seen(f"Refused: {problem}", False)
    if status != "CREATE_COMPLETE":
        return Seen(f"{status}: {network.stack.why()}", False)
    put_theater(run, network)
    run.shared["network"] = network
    booked = [run.web.call("POST", f"{network.url()}/theaters/1/book", {"seat": seat}).status for seat in ("A1", "A2")]
    return Seen(f"{status}. Two bookings: {booked}.", booked == [201, 201])


def cache_on(run):
    """Turns the cache on under a canary, while a caller reads the seats."""
    network, statuses = product(run), []
    url = f"{network.url()}/theaters/1/seats"
    began = run.clock.now()
    try:
        network.stack.begin_update(network.template, Cache="serverless", Deployment=CANARY, Release="second")
    except Refused as problem:
        raise CannotTry(str(problem)) from problem
    status = network.stack.settle(45 * MINUTE, lambda: statuses.extend(run.web.call("GET", url).status for _ in range(5)))
    run.shared["under-canary"], run.shared["cache-on"] = statuses, status in DONE
    if status not in DONE:
        return Seen(f"{status}: {network.stack.why()}", False)
    age = oldest_record(run, network.function("SyncCacheFunction"), began)
    queue = network.stack.outputs()["UndeliveredChangesUrl"]
    answer = run.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"])
    waiting = int(answer["Attributes"]["ApproximateNumberOfMessages"])
    # Nothing was written since the deployment began, minutes ago. So every delivered record is old.
    text = f"{status}. Oldest record delivered: {f'{age} s' if age else 'none'}. {waiting} messages in UndeliveredChanges."
    return Seen(text, waiting == 0 and age == 0)


def oldest_record(run, function, since):
    """Returns the age in seconds of the oldest record that the function got, by Lambda's metric, or 0 if it got no
    record.
    """
    now = datetime.datetime.fromtimestamp(run.clock.now(), datetime.timezone.utc)
    answer = run.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda", MetricName="IteratorAge", Dimensions=[{"Name": "FunctionName", "Value": function}],
        StartTime=datetime.datetime.fromtimestamp(since, datetime.timezone.utc), EndTime=now + datetime.timedelta(minutes=1),
        Period=60, Statistics=["Maximum"],
    )
    return int(max((point["Maximum"] for point in answer["Datapoints"]), default=0) / 1000)


def under_canary(run):
    """Counts the answers while two versions ran side by side, one with a cache and one without."""
    network, statuses = product(run), run.shared.get("under-canary")
    if not statuses or not run.shared.get("cache-on"):
        raise CannotTry("the cache was not turned on")
    errors = own_metric(run, network, "CacheErrors")
    failed = sum(one != 200 for one in statuses)
    return Seen(f"{failed} of {len(statuses)} calls were not answered 200. {errors} errors of the cache.", failed == 0 and errors < FEW)


def own_metric(run, network, name):
    """Returns the sum of one of the functions' own metrics in the last hour."""
    now = datetime.datetime.fromtimestamp(run.clock.now(), datetime.timezone.utc)
    answer = run.client("cloudwatch").get_metric_statistics(
        Namespace="boxoffice", MetricName=name, Dimensions=[{"Name": "Service", "Value": network.stack.name}],
        StartTime=now - datetime.timedelta(hours=1), EndTime=now + datetime.timedelta(minutes=1), Period=3600, Statistics=["Sum"],
    )
    return int(sum(point["Sum"] for point in answer["Datapoints"]))


def cache_answers(run):
    """Reads seats until the cache answers."""
    network, seen = product(run), []
    if not run.shared.get("cache-on"):
        raise CannotTry("the cache was not turned on")
    url = f"{network.url()}/theaters/1/seats"

    def hit():
        seen.append(run.web.call("GET", url).headers.get("x-cache"))
        return seen[-1] == "hit"

    found = run.until("an answer from the cache", hit, 2 * MINUTE, every=3)
    return Seen(f"X-Cache: {', '.join(str(one) for one in seen[-4:])}.", bool(found))


def leave(run):
    """Turns the cache off, and waits until CloudFormation has removed the network."""
    network = product(run)
    vpc = network.stack.resources().get("Vpc")
    if not vpc:
        raise CannotTry("the stack made no network")
    began = run.clock.now()
    try:
        network.stack.begin_update(network.template, Cache="none", Deployment="AllAtOnce", Release="third")
    except Refused as problem:
        raise CannotTry(str(problem)) from problem
    status = network.stack.settle(55 * MINUTE)
    minutes = int((run.clock.now() - began) / 60)
    here = [{"Name": "vpc-id", "Values": [vpc]}]
    interfaces = run.client("ec2").describe_network_interfaces(Filters=here)["NetworkInterfaces"]
    subnets = run.client("ec2").describe_subnets(Filters=here)["Subnets"]
    still = there(run, vpc)
    text = f"{status} after {minutes} minutes. Left: {len(interfaces)} interfaces, {len(subnets)} subnets, {'the' if still else 'no'} VPC."
    return Seen(text, status in DONE and not interfaces and not subnets and not still)


def there(run, vpc):
    try:
        return bool(run.client("ec2").describe_vpcs(VpcIds=[vpc])["Vpcs"])
    except ClientError as problem:
        if error_code(problem) == "InvalidVpcID.NotFound":
            return False
        raise


CHECKS = (
    Check(
        "network-stack", "network", "Can a second stack exist beside the first?", "CREATE_COMPLETE, and both bookings are 201.",
        "CreateStack with another name in the same account", "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacks.html",
        5, 0.10, create,
    ),
    Check(
        "cache-on-later", "network", "Does turning the cache on later deliver old records of the stream?",
        "No record from before the change, and nothing in UndeliveredChanges.", "Cache=serverless on a stack that sold without one",
        "https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html", 16, 0.10, cache_on, ("network-stack",),
    ),
    Check(
        "cache-under-canary", "network", "Do callers notice a change of the cache while old and new versions run side by side?",
        "Every call is answered 200, and the cache has fewer than 20 errors.", "Calls while both have traffic",
        "https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/automating-updates-to-serverless-apps.html",
        0, 0, under_canary, ("cache-on-later",),
    ),
    Check(
        "cache-answers", "network", "Do the functions reach ElastiCache, with its certificate, its user and their tokens?",
        "X-Cache is hit.", "Calls to the API", "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html", 1, 0.01, cache_answers,
        ("cache-on-later",),
    ),
    Check(
        "leave-vpc", "network", "Are interfaces, subnets and VPC deleted after the functions left the network?",
        "UPDATE_COMPLETE within 55 minutes, usually 20 to 40. No interface, no subnet, no VPC.", "Cache=none again",
        "https://github.com/aws/aws-cdk/issues/34400", 30, 0.01, leave, ("cache-on-later",),
    ),
)
