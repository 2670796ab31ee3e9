"""The combinations of parameters that are tested."""

import itertools

CACHES = [
    {"Cache": "serverless"},
    {"Cache": "node"},
    {"Cache": "node", "CacheMultiAZ": "false"},
    {"Cache": "own", "CacheUrl": "rediss://cache:6379", "CacheCluster": "true"},
    {"Cache": "none"},
]
NETWORKS = [
    {},
    {"Zones": 3, "DynamoDbPrefixListId": "pl-66a5400f"},
    {"VpcId": "vpc-1", "SubnetIds": "subnet-1,subnet-2", "SecurityGroupIds": "sg-1,sg-2"},
    {"VpcId": "vpc-1", "SubnetIds": "subnet-1,subnet-2", "Zones": 3},
]
EVENTS = [{}, {"PublishEvents": "false"}]
TOKENS = {"JwtIssuer": "https://login.example.com", "JwtAudience": "web,app"}
DOMAIN = {"DomainName": "api.example.com", "CertificateArn": "arn:aws:acm:eu-central-1:111122223333:certificate/1"}
RESTORED = {
    "TableName": "hall-restored",
    "TableStreamArn": "arn:aws:dynamodb:eu-central-1:111122223333:table/hall-restored/stream/2027-01-01T10:20:30.405",
}
OTHERS = [
    {},
    {**TOKENS, "CorsOrigins": "https://example.com,https://www.example.com"},
    {**TOKENS, "ProtectReads": "true", **DOMAIN, "DisableExecuteApiEndpoint": "true"},
    {**DOMAIN, "HostedZoneId": "Z1", "AlarmEmail": "on-call@example.com", "MonthlyBudget": 100, "ShowInsights": "yes"},
    {"ReservedGetSeats": 100, "ReservedReserve": 50, "ReservedBook": 50, "WarmReadUnits": 12000, "WarmWriteUnits": 40000},
    {"ProvisionedGetSeats": 50, "ProvisionedReserve": 20, "ProvisionedBook": 20},
    RESTORED,
    {"ProvisionedGetSeats": 50, "ProvisionedBook": 20, "OnSaleStart": "at(2027-01-01T09:00:00)", "OnSaleEnd": "cron(0 12 * * ? *)"},
]


def all_combinations():
    """Returns each combination that CloudFormation would accept: every cache, network and choice of events, with each
    of the others.
    """
    for parts in itertools.product(CACHES, NETWORKS, EVENTS, OTHERS):
        parameters = {name: value for part in parts for name, value in part.items()}
        brings_groups = "SecurityGroupIds" in parameters
        if parameters["Cache"] == "own" and "SubnetIds" in parameters and not brings_groups:
            continue  # CloudFormation refuses these
        yield parameters


# Networks that differ from each other in one property, for the transitions between them.
MADE = [
    {},
    {"Zones": 3},
    {"VpcCidr": "10.43.0.0/24"},
    {"DynamoDbPrefixListId": "pl-66a5400f"},
    {"AvailabilityZones": "eu-central-1a,eu-central-1b"},
    {"AvailabilityZones": "eu-central-1c,eu-central-1b"},
    {"Zones": 3, "AvailabilityZones": "eu-central-1a,eu-central-1b,eu-central-1c"},
]
BROUGHT = [
    {"VpcId": "vpc-1", "SubnetIds": "subnet-1,subnet-2"},
    {"VpcId": "vpc-1", "SubnetIds": "subnet-1,subnet-2,subnet-3"},
    {"VpcId": "vpc-1", "SubnetIds": "subnet-1,subnet-2", "SecurityGroupIds": "sg-1,sg-2"},
    {"VpcId": "vpc-2", "SubnetIds": "subnet-4,subnet-5"},
]


def transitions():
    """Returns ordered pairs of combinations: changes of cache and network, changes of events and the rest, and several
    at once.
    """
    made = [{**cache, **network} for cache in CACHES[:2] for network in [*MADE, *BROUGHT]]
    own = [{**CACHES[3], "SubnetIds": "subnet-1", "SecurityGroupIds": "sg-1"}]
    places = [*made, CACHES[2], CACHES[3], *own, CACHES[4], {**CACHES[4], **BROUGHT[0]}]
    yield from itertools.permutations(places, 2)
    ways = [{**events, **others} for events in EVENTS for others in OTHERS]
    for cache in [CACHES[0], CACHES[1], CACHES[4]]:
        yield from itertools.permutations([{**cache, **way} for way in ways], 2)
    mixed = [{**cache, **way} for way in ways for cache in CACHES]
    for distance in [1, 9, 23]:
        yield from zip(mixed, mixed[distance:] + mixed[:distance], strict=True)
