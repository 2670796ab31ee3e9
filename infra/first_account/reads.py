"""Checks that only read limits of the account, types of the region, and certificates. They cost nothing."""

import re

from botocore.exceptions import ClientError

from first_account import offline
from first_account.check import Check
from first_account.results import Seen
from first_account.run import ROOT, CannotTry, error_code

AMAZON = ROOT / "shared/src/aws/authorities/amazon.pem"


def api_limits(run):
    """Compares the account's limits of API Gateway with the template's defaults."""
    client, found = run.client("service-quotas"), {}
    # An account that never changed a limit has only the defaults.
    for operation in ("list_aws_default_service_quotas", "list_service_quotas"):
        for page in client.get_paginator(operation).paginate(ServiceCode="apigateway"):
            found |= {quota["QuotaName"]: quota["Value"] for quota in page["Quotas"]}
    rate = next((value for name, value in found.items() if re.fullmatch(r"(?i)throttle rate", name)), None)
    burst = next((value for name, value in found.items() if re.fullmatch(r"(?i)throttle burst rate", name)), None)
    if rate is None or burst is None:
        raise CannotTry(f"Service Quotas lists no throttle rate of API Gateway, only: {', '.join(sorted(found))}")
    rates = {name: int(offline.default(name)) for name in ("ReadRate", "WriteRate")}
    bursts = {name: int(offline.default(name)) for name in ("ReadBurst", "WriteBurst")}
    fits = max(rates.values()) <= rate and max(bursts.values()) <= burst
    wanted = ", ".join(f"{name} {value}" for name, value in (rates | bursts).items())
    return Seen(f"The account has a rate of {rate:.0f} and a burst of {burst:.0f}. The template: {wanted}.", fits)


def concurrency_limit(run):
    """Reads the account's limit of concurrent functions."""
    limit = run.client("lambda").get_account_settings()["AccountLimit"]
    at_once, free = limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"]
    return Seen(f"{at_once} at once, {free} of them not reserved.", at_once >= 1000)


def budget_region(run):
    """Compares the types that CloudFormation has in this region with the template's rules."""
    try:
        run.client("cloudformation").describe_type(Type="RESOURCE", TypeName="AWS::Budgets::Budget")
        there = True
    except ClientError as problem:
        if error_code(problem) not in ("TypeNotFoundException", "TypeNotFound"):
            raise
        there = False
    allowed = budget_allowed(offline.rules(), run.options.region)
    words = ("exists" if there else "doesn't exist", "allow" if allowed else "refuse")
    text = f"AWS::Budgets::Budget {words[0]} in {run.options.region}, and the template's rules {words[1]} MonthlyBudget there."
    return Seen(text, there == allowed)


def budget_allowed(rules, region):
    """Returns whether the rules allow MonthlyBudget in a region."""
    for rule in rules.values():
        for part in rule["Assertions"]:
            text = str(part["Assert"])
            if "MonthlyBudget" in str(rule.get("RuleCondition", "")) + text and "AWS::Region" in text:
                contains = "Fn::Not" not in text
                return (f"'{region}'" in text) == contains
    return True


def tls_roots(run):
    """Connects with Amazon's roots only, as the functions do."""
    hosts = [f"{service}.{run.options.region}.amazonaws.com" for service in ("dynamodb", "sqs", "events")]
    refused = {host: why for host in hosts if (why := run.web.distrust(host, AMAZON))}
    if not refused:
        return Seen(f"All trusted: {', '.join(hosts)}.", True)
    return Seen("; ".join(f"{host}: {why}" for host, why in refused.items()), False)


CHECKS = (
    Check(
        "api-limits", "first", "Do the default rates fit into the limits of this account and region?",
        "ReadRate, WriteRate and both bursts are at most the account's rate and burst. Newer regions have 2,500 and 1,250.",
        "Service Quotas lists the limits of API Gateway", "https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html",
        0, 0, api_limits,
    ),
    Check(
        "concurrency-limit", "first", "How many functions may run at once in this account?",
        "1000 or more. A new account may have 10 until AWS raises it on request.",
        "Lambda's account settings", "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html", 0, 0, concurrency_limit,
    ),
    Check(
        "budget-region", "first", "Does AWS::Budgets::Budget exist in this region?",
        "It exists exactly where the template's rules allow MonthlyBudget.",
        "CloudFormation's registry", "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-budgets-budget.html",
        0, 0, budget_region,
    ),
    Check(
        "tls-roots", "first", "Are Amazon's own root certificates enough for the services that the functions call?",
        "DynamoDB, SQS and EventBridge of this region are trusted with these roots alone.",
        "A TLS handshake with each, from this machine", "https://www.amazontrust.com/repository/", 0, 0, tls_roots,
    ),
)
