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
OTHERS = [
    {},
    {**TOKENS, "CorsOrigins": "https://example.com,https://www.example.com"},
    {**TOKENS, "ProtectLooks": "true", **DOMAIN, "DisableExecuteApiEndpoint": "true"},
    {**DOMAIN, "HostedZoneId": "Z1", "AlarmEmail": "on-call@example.com", "MonthlyBudget": 100},
    {"ReservedGetSeats": 100, "ReservedReserve": 50, "ReservedBook": 50, "WarmReadUnits": 12000, "WarmWriteUnits": 40000},
    {"ProvisionedGetSeats": 50, "ProvisionedReserve": 20, "ProvisionedBook": 20},
    {"ProvisionedGetSeats": 50, "ProvisionedBook": 20, "OnSaleStart": "at(2027-01-01T09:00:00)", "OnSaleEnd": "cron(0 12 * * ? *)"},
]


def all_combinations():
    """Each that CloudFormation would take: every cache, network and choice of events, with each of the others."""
    for parts in itertools.product(CACHES, NETWORKS, EVENTS, OTHERS):
        parameters = {name: value for part in parts for name, value in part.items()}
        brings_groups = "SecurityGroupIds" in parameters
        if parameters["Cache"] == "own" and "SubnetIds" in parameters and not brings_groups:
            continue  # refused, which test_parameters shows
        yield parameters
