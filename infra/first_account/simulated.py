"""A simulated account that answers as AWS should. `--dry-run` and the tests run the whole plan against it.

Calls are checked against the services' models, and none is sent.
"""

import datetime
import io
import json
import re
import types

import boto3
import botocore.loaders
import botocore.session
from botocore.response import StreamingBody

from first_account import offline
from first_account.run import Answer

ACCOUNT = "111122223333"
# The services' models, read once for all sessions.
LOADER = botocore.loaders.create_loader()
SECONDS = 30


class Clock:
    """A clock that advances only by waiting."""

    def __init__(self, start=1_800_000_000):
        self.time, self.stop = start, types.SimpleNamespace(set=lambda: None)

    def now(self):
        """Returns the seconds since the epoch."""
        return self.time

    def sleep(self, seconds):
        """Lets time pass."""
        self.time += seconds


class Failure(Exception):
    """An error from AWS."""

    def __init__(self, code, message="", status=400):
        super().__init__(message)
        self.code, self.message, self.status = code, message or code, status


class Simulated:
    """The services, as far as a run calls them."""

    def __init__(self, clock, on_call=lambda service, operation, params: None):
        self.clock, self.on_call = clock, on_call
        self.stacks, self.tables, self.buckets, self.apis = {}, {}, {}, {}
        self.versions, self.log_groups, self.policies, self.received = {}, set(), set(), 0

    def session(self, region):
        """Returns a session whose calls end here."""
        core = botocore.session.Session()
        core.register_component("data_loader", LOADER)
        session = boto3.Session("simulated", "simulated", region_name=region, botocore_session=core)
        session.events.register_last("before-parameter-build", self._keep)
        session.events.register_first("before-call", self._answer)
        return session

    @staticmethod
    def _keep(params, context, **_):
        context["simulated"] = params

    def _answer(self, model, context, **_):
        service, params = model.service_model.service_name, context["simulated"]
        method = getattr(self, f"{service.replace('-', '_')}_{model.name}", None)
        try:
            self.on_call(service, model.name, params)
            if method is None:
                raise AssertionError(f"the simulation has no {service}:{model.name}")
            parsed, status = method(**params) or {}, 200
        except Failure as failure:
            parsed, status = {"Error": {"Code": failure.code, "Message": failure.message}}, failure.status
        return types.SimpleNamespace(status_code=status, headers={}), {**parsed, "ResponseMetadata": {"HTTPStatusCode": status}}

    def left(self):
        """Returns everything that exists."""
        return [*self.stacks, *self.tables, *self.buckets, *self.log_groups, *self.policies, *(api["Name"] for api in self.apis.values())]

    # ---- CloudFormation

    def cloudformation_CreateStack(self, StackName, Parameters, TemplateBody=None, **_):
        values = {one["ParameterKey"]: one["ParameterValue"] for one in Parameters}
        template = json.loads(TemplateBody) if TemplateBody else None
        if template is None:
            refusals = offline.resolved(**values).refusals()
            if refusals:
                raise Failure("ValidationError", refusals[0])
        elif "Rules" in template and "Fn::EachMemberEquals" in str(template) and values["List"]:
            raise Failure("ValidationError", "the rule fails")
        self.stacks[StackName] = {
            "template": template, "values": values, "then": "CREATE_COMPLETE", "now": "CREATE_IN_PROGRESS", "at": self.clock.now(),
        }
        self._make_tables(StackName)
        if template is None:  # the stack keeps this one
            self.log_groups.add(f"/aws/events/{StackName}/archive")
        self.versions[StackName] = 1
        return {"StackId": f"arn:aws:cloudformation:eu-central-1:{ACCOUNT}:stack/{StackName}/0"}

    def _kinds(self, name):
        stack = self.stacks[name]
        if stack["template"]:
            return {logical: one["Type"] for logical, one in stack["template"]["Resources"].items()}
        return {logical: one["Type"] for logical, one in offline.resolved(**stack["values"]).resources.items()}

    def _make_tables(self, name):
        for logical, kind in self._kinds(name).items():
            if kind == "AWS::DynamoDB::Table":
                kept = self.stacks[name]["template"] is None
                self.tables.setdefault(f"{name}-{logical}-0", {"DeletionProtectionEnabled": kept, "kept": kept, "units": self.stacks[name]["values"]})

    def _stack(self, name):
        name = name.split("/")[1] if "/" in name else name
        stack = self.stacks.get(name)
        if stack and self.clock.now() - stack["at"] >= SECONDS:
            stack["now"] = stack["then"]
            if stack["now"] == "DELETE_COMPLETE":
                del self.stacks[name]
                self.tables = {table: one for table, one in self.tables.items() if one["kept"] or not table.startswith(f"{name}-")}
                stack = None
        if stack is None:
            raise Failure("ValidationError", f"Stack with id {name} does not exist")
        return stack

    def cloudformation_UpdateStack(self, StackName, Parameters, TemplateBody=None, **_):
        stack = self._stack(StackName)
        values = {one["ParameterKey"]: one.get("ParameterValue", stack["values"].get(one["ParameterKey"])) for one in Parameters}
        release = values.get("Release")
        failed = release in ("broken", "during-an-alarm")
        if not failed:
            stack["values"] = values
            stack["template"] = json.loads(TemplateBody) if TemplateBody else stack["template"]
            self.versions[StackName] += 1
            self._make_tables(StackName)
        stack |= {"now": "UPDATE_IN_PROGRESS", "then": "UPDATE_ROLLBACK_COMPLETE" if failed else "UPDATE_COMPLETE", "at": self.clock.now()}

    def cloudformation_CancelUpdateStack(self, StackName):
        self._stack(StackName)

    def cloudformation_DeleteStack(self, StackName):
        if StackName in self.stacks:
            stack = self._stack(StackName)
            if stack["now"] == "UPDATE_IN_PROGRESS":
                raise Failure("ValidationError", "the stack is being updated")
            if stack["then"] != "DELETE_COMPLETE":
                stack |= {"now": "DELETE_IN_PROGRESS", "then": "DELETE_COMPLETE", "at": self.clock.now()}

    def cloudformation_DescribeStacks(self, StackName):
        stack = self._stack(StackName)
        if stack["template"]:
            outputs = {name: self._output(StackName, name, one["Value"]) for name, one in stack["template"].get("Outputs", {}).items()}
        else:
            table = stack["values"].get("TableName") or f"{StackName}-SeatsTable-0"
            outputs = {
                "ApiUrl": f"https://api.example.com/{StackName}", "TableName": table, "UndeliveredChangesUrl": f"https://sqs/{StackName}",
                "EventArchiveName": f"/aws/events/{StackName}/archive",
            }
        shown = [{"ParameterKey": name, "ParameterValue": "****" if name == "Secret" else value} for name, value in stack["values"].items()]
        listed = [{"OutputKey": name, "OutputValue": value} for name, value in outputs.items()]
        return {"Stacks": [{"StackName": StackName, "StackStatus": stack["now"], "Outputs": listed, "Parameters": shown}]}

    def _output(self, stack, name, value):
        if name == "Parts":
            return self.stacks[stack]["values"]["Secret"]
        if name == "Url":
            return "https://echo.example.com/v1"
        return f"{stack}-{value['Ref']}-0" if "Ref" in value else f"{stack}-{name}"

    def cloudformation_ListStackResources(self, StackName, **_):
        self._stack(StackName)
        kinds = self._kinds(StackName)
        listed = [{"LogicalResourceId": name, "PhysicalResourceId": f"{StackName}-{name}-0", "ResourceType": kind} for name, kind in kinds.items()]
        return {"StackResourceSummaries": listed}

    def cloudformation_DescribeStackEvents(self, StackName, **_):
        self._stack(StackName)
        event = {"LogicalResourceId": "GetSeatsFunctionAliaslive", "ResourceStatus": "UPDATE_FAILED", "ResourceStatusReason": "CodeDeploy stopped it"}
        return {"StackEvents": [event]}

    def cloudformation_DescribeType(self, **_):
        return {}

    # ---- DynamoDB

    def _table(self, name):
        if name not in self.tables:
            raise Failure("ResourceNotFoundException")
        return self.tables[name]

    def dynamodb_DescribeTable(self, TableName):
        table = self._table(TableName)
        units = table.get("units", {})
        warm = {"ReadUnitsPerSecond": int(units.get("Reads", 0)), "WriteUnitsPerSecond": int(units.get("Writes", 0)), "Status": "ACTIVE"}
        stream = {"LatestStreamArn": f"arn:aws:dynamodb:eu-central-1:{ACCOUNT}:table/{TableName}/stream/1"}
        return {"Table": {"TableStatus": "ACTIVE", "DeletionProtectionEnabled": table["DeletionProtectionEnabled"], "WarmThroughput": warm, **stream}}

    def dynamodb_ListTables(self, ExclusiveStartTableName, **_):
        return {"TableNames": sorted(name for name in self.tables if name > ExclusiveStartTableName)}

    def dynamodb_UpdateTable(self, TableName, **changes):
        self._table(TableName).update({name: value for name, value in changes.items() if name == "DeletionProtectionEnabled"})

    def dynamodb_DeleteTable(self, TableName):
        if self._table(TableName)["DeletionProtectionEnabled"]:
            raise Failure("ValidationException", "the table is protected")
        del self.tables[TableName]

    def dynamodb_RestoreTableToPointInTime(self, TargetTableName, SourceTableName, **_):
        self._table(SourceTableName)
        self.tables[TargetTableName] = {"DeletionProtectionEnabled": False, "kept": True}

    def dynamodb_DescribeContinuousBackups(self, TableName):
        latest = datetime.datetime.fromtimestamp(self.clock.now() - 5, datetime.timezone.utc)
        status = "DISABLED" if TableName.endswith("-restored") else "ENABLED"
        recovery = {"PointInTimeRecoveryStatus": status, "LatestRestorableDateTime": latest}
        return {"ContinuousBackupsDescription": {"PointInTimeRecoveryDescription": recovery}}

    def dynamodb_DescribeTimeToLive(self, **_):
        return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}

    def dynamodb_Scan(self, **_):
        return {"Count": 12}

    def dynamodb_UpdateTimeToLive(self, **_):
        return {}

    def dynamodb_UpdateContinuousBackups(self, **_):
        return {}

    def dynamodb_PutItem(self, TableName, **_):
        self._table(TableName)

    def dynamodbstreams_DescribeStream(self, **_):
        return {"StreamDescription": {"Shards": [{"ShardId": "shardId-00000000000000000000-00000000"}]}}

    def dynamodbstreams_GetShardIterator(self, **_):
        return {"ShardIterator": "next"}

    def dynamodbstreams_GetRecords(self, **_):
        return {"Records": [{"eventName": "REMOVE", "userIdentity": {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}}]}

    # ---- API Gateway

    def apigatewayv2_ImportApi(self, Body, **_):
        document, number = json.loads(Body), f"api{len(self.apis) + 1}"
        known = ("get", "head", "put", "post", "delete")
        routes = [f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods if method in known]
        self.apis[number] = {"ApiId": number, "Name": document["info"]["title"], "routes": routes}
        return {"ApiId": number, "ApiEndpoint": f"https://{number}.example.com"}

    def apigatewayv2_GetRoutes(self, ApiId, **_):
        return {"Items": [{"RouteKey": route} for route in self.apis[ApiId]["routes"]]}

    def apigatewayv2_CreateStage(self, **_):
        return {}

    def apigatewayv2_GetApis(self, **_):
        return {"Items": list(self.apis.values())}

    def apigatewayv2_DeleteApi(self, ApiId):
        del self.apis[ApiId]

    def apigatewayv2_GetStage(self, ApiId, **_):
        if "-echo-" in ApiId:
            return {"RouteSettings": {"GET /limited": {"ThrottlingRateLimit": 1.0, "ThrottlingBurstLimit": 1}}}
        limits = {name: int(offline.default(name)) for name in ("ReadRate", "ReadBurst", "WriteRate", "WriteBurst")}
        seats = {"ThrottlingRateLimit": float(limits["ReadRate"]), "ThrottlingBurstLimit": limits["ReadBurst"]}
        others = {"ThrottlingRateLimit": float(limits["WriteRate"]), "ThrottlingBurstLimit": limits["WriteBurst"]}
        return {"RouteSettings": {"GET /theaters/{theaterId}/seats": seats}, "DefaultRouteSettings": others}

    # ---- S3

    def s3_CreateBucket(self, Bucket, **_):
        self.buckets[Bucket] = set()

    def s3_PutBucketTagging(self, **_):
        return {}

    def s3_PutObject(self, Bucket, Key, **_):
        self.buckets[Bucket].add(Key)

    def s3_ListObjectsV2(self, Bucket, **_):
        if Bucket not in self.buckets:
            raise Failure("NoSuchBucket", status=404)
        return {"Contents": [{"Key": key} for key in sorted(self.buckets[Bucket])]}

    def s3_DeleteObjects(self, Bucket, Delete, **_):
        self.buckets[Bucket] -= {one["Key"] for one in Delete["Objects"]}

    def s3_DeleteBucket(self, Bucket):
        if self.buckets[Bucket]:
            raise Failure("BucketNotEmpty", status=409)
        del self.buckets[Bucket]

    # ---- Lambda and services around it

    def lambda_Invoke(self, **_):
        body = json.dumps({"statusCode": 201}).encode()
        return {"Payload": StreamingBody(io.BytesIO(body), len(body))}

    def lambda_GetAccountSettings(self):
        return {"AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}}

    def lambda_GetAlias(self, FunctionName, **_):
        return {"FunctionVersion": str(self.versions[re.sub("-[A-Za-z]+-0$", "", FunctionName)])}

    def lambda_GetProvisionedConcurrencyConfig(self, FunctionName, **_):
        stack = self.stacks.get(FunctionName) or self.stacks[re.sub("-[A-Za-z]+-0$", "", FunctionName)]
        standing = int(stack["values"].get("ProvisionedGetSeats", stack["values"].get("Capacity", 0)))
        if not standing:
            raise Failure("ProvisionedConcurrencyConfigNotFoundException", status=404)
        return {"AllocatedProvisionedConcurrentExecutions": standing}

    def iam_PutRolePolicy(self, RoleName, PolicyName, **_):
        self.policies.add((RoleName, PolicyName))

    def iam_DeleteRolePolicy(self, RoleName, PolicyName):
        if (RoleName, PolicyName) not in self.policies:
            raise Failure("NoSuchEntity", status=404)
        self.policies.remove((RoleName, PolicyName))

    def codedeploy_ListDeploymentGroups(self, **_):
        return {"deploymentGroups": ["get-seats"]}

    def codedeploy_BatchGetDeploymentGroups(self, applicationName, **_):
        stack = applicationName.rsplit("-", 2)[0]
        alarm = next(name for name, kind in self._kinds(stack).items() if kind == "AWS::CloudWatch::Alarm")
        return {"deploymentGroupsInfo": [{"alarmConfiguration": {"alarms": [{"name": f"{stack}-{alarm}-0"}]}}]}

    def service_quotas_ListServiceQuotas(self, **_):
        return {"Quotas": [{"QuotaName": "Throttle rate", "Value": 10000.0}, {"QuotaName": "Throttle burst rate", "Value": 5000.0}]}

    service_quotas_ListAWSDefaultServiceQuotas = service_quotas_ListServiceQuotas

    def ec2_DescribeAvailabilityZones(self, **_):
        return {"AvailabilityZones": [{"ZoneName": f"eu-central-1{letter}", "State": "available"} for letter in "abc"]}

    def ec2_DescribeNetworkInterfaces(self, **_):
        return {"NetworkInterfaces": []}

    def ec2_DescribeSubnets(self, **_):
        return {"Subnets": []}

    def ec2_DescribeVpcs(self, VpcIds=None, **_):
        if VpcIds:
            raise Failure("InvalidVpcID.NotFound")
        return {"Vpcs": []}

    def logs_DescribeLogGroups(self, logGroupNamePattern, **_):
        return {"logGroups": [{"logGroupName": name} for name in sorted(self.log_groups) if logGroupNamePattern in name]}

    def logs_DeleteLogGroup(self, logGroupName):
        self.log_groups.remove(logGroupName)

    def resourcegroupstaggingapi_GetResources(self, **_):
        return {"ResourceTagMappingList": []}

    def sqs_ReceiveMessage(self, **_):
        kinds = ["seats.reserved", "booking.created", "reservation.expired"]
        self.received += 1
        return {"Messages": [{"Body": json.dumps({"detail-type": kinds[self.received % 3]}), "ReceiptHandle": "one"}]}

    def sqs_DeleteMessage(self, **_):
        return {}

    def sqs_GetQueueAttributes(self, **_):
        return {"Attributes": {"ApproximateNumberOfMessages": "0"}}

    def xray_GetTraceSummaries(self, **_):
        return {"TraceSummaries": [{"Id": "1"}]}

    def logs_FilterLogEvents(self, **_):
        reserve = {"_aws": {}, "Reservations": 1}
        lines = [reserve, *({"routeKey": f"GET {route}"} for route in ("/echo/{id}", "/raises", "/nonsense", "/nothing"))]
        return {"events": [{"message": json.dumps(line)} for line in [*lines, {"detail-type": "booking.created"}]]}

    def cloudwatch_SetAlarmState(self, **_):
        return {}

    def cloudwatch_DescribeAlarms(self, **_):
        metrics = offline.alarm_metrics(Cache="none")
        return {"MetricAlarms": [{"AlarmName": "all", "Metrics": [{"Id": f"m{number}", "MetricStat": {}} for number in range(metrics)]}]}

    def cloudwatch_ListMetrics(self, **_):
        return {"Metrics": [{"MetricName": "Bookings"}, {"MetricName": "CacheHits"}]}

    def cloudwatch_GetMetricStatistics(self, **_):
        return {"Datapoints": []}


class SimulatedWeb:
    """Expected answers to calls over HTTPS."""

    def __init__(self, say=lambda text: None, denied=lambda: False):
        self.say, self.limited, self.booked, self.denied = say, 0, set(), denied

    def call(self, method, url, body=None, headers=None):
        """Answers a request."""
        self.say(f"{method} {url}")
        path = url.split("example.com", 1)[1]
        if method == "OPTIONS":
            return Answer(204, {"access-control-allow-origin": headers["origin"]})
        if path.startswith("/v1/echo/"):
            return Answer(200, {}, json.dumps(echoed(path)))
        if path == "/v1/limited":
            self.limited += 1
            return Answer(200 if self.limited < 3 else 429)
        if path == "/v1/theaters/1/book":
            return Answer(401)
        return Answer(self.status(method, path, body), {"x-cache": "hit"}, json.dumps({"seats": ["A1", "A2"]}))

    def status(self, method, path, body):
        """Returns the status of a call to the box office."""
        if path.endswith("/nothing"):
            return 404
        if method != "POST":
            return 200
        if body.get("seat") == "B1":
            return 500 if self.denied() else 409
        booking = body.get("booking_id")
        repeated = booking is not None and booking in self.booked
        self.booked.add(booking)
        return 200 if repeated else 201

    def call_at(self, host, url):
        """Answers a request under a domain."""
        self.say(f"GET {url} at {host}")
        return Answer(200, {}, json.dumps(echoed("/v1/echo/1")))

    def distrust(self, host, authorities):
        """Trusts every host."""
        self.say(f"TLS handshake with {host}, trusting {authorities.name} alone")


def echoed(path):
    """Returns the event behind a call to the echo function."""
    return {
        "rawPath": path.split("?")[0].replace("%20", " "), "routeKey": "GET /echo/{id}", "pathParameters": {"id": "grand hall"},
        "requestContext": {"stage": "v1", "http": {"path": path.split("?")[0].replace("%20", " ")}},
    }
