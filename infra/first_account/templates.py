"""Small templates of the probes."""

import json

EMPTY = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
ECHO_ROUTES = ("/echo/{id}", "/raises", "/nonsense", "/nothing")
ECHO = """
import json
def handler(event, context):
    if event["rawPath"].endswith("/raises"):
        raise Exception('an error with "quotes"')
    if event["rawPath"].endswith("/nonsense"):
        return {"statusCode": 'no "number"'}
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(event)}
"""
LAMBDA = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}


def role(log_group):
    """Returns a role that may write to one log group."""
    statement = {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": {"Fn::GetAtt": [log_group, "Arn"]}}
    policy = {"PolicyName": "logs", "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
    return {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": LAMBDA, "Policies": [policy]}}


def log_group(name):
    return {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": name, "RetentionInDays": 1}}


def function(name, code):
    """Returns a function in Python, whose log group is the stack's."""
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "FunctionName": name, "Runtime": "python3.12", "Handler": "index.handler", "Code": {"ZipFile": code},
            "Role": {"Fn::GetAtt": ["Role", "Arn"]}, "LoggingConfig": {"LogGroup": {"Ref": "Logs"}},
        },
    }


def rule(assertion):
    """Returns an empty stack with a rule about a list."""
    assertions = [{"Assert": assertion, "AssertDescription": "the rule fails"}]
    return {
        "Parameters": {"List": {"Type": "CommaDelimitedList", "Default": ""}},
        "Rules": {"Asked": {"Assertions": assertions}},
        "Resources": {"Nothing": EMPTY},
    }


def hidden(resources):
    """Returns an empty stack with a parameter that isn't shown."""
    return {
        "Parameters": {"Secret": {"Type": "String", "NoEcho": True}},
        "Resources": {f"Nothing{number}": EMPTY for number in range(resources)},
        "Outputs": {"Parts": {"Value": {"Fn::Sub": "${Secret}"}}},
    }


def warm():
    """Returns a table with warm throughput from parameters."""
    units = {"ReadUnitsPerSecond": {"Ref": "Reads"}, "WriteUnitsPerSecond": {"Ref": "Writes"}}
    return {
        "Parameters": {"Reads": {"Type": "Number"}, "Writes": {"Type": "Number"}},
        "Resources": {"Table": table(WarmThroughput=units)},
        "Outputs": {"Table": {"Value": {"Ref": "Table"}}},
    }


def ttl():
    """Returns a table with a stream and TTL."""
    return {
        "Resources": {
            "Table": table(
                StreamSpecification={"StreamViewType": "NEW_AND_OLD_IMAGES"},
                TimeToLiveSpecification={"AttributeName": "expires_at", "Enabled": True},
            ),
        },
        "Outputs": {"Table": {"Value": {"Ref": "Table"}}, "Stream": {"Value": {"Fn::GetAtt": ["Table", "StreamArn"]}}},
    }


def table(**more):
    keys = {"AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}], "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]}
    return {"Type": "AWS::DynamoDB::Table", "Properties": {"BillingMode": "PAY_PER_REQUEST", **keys, **more}}


def users(name, user):
    """Returns the cache's user as the template has it, and a group of this user alone."""
    return {
        "Resources": {
            "User": {"Type": "AWS::ElastiCache::User", "Properties": {**user, "UserId": name, "UserName": name, "AccessString": in_use(user, name)}},
            "Users": {"Type": "AWS::ElastiCache::UserGroup", "Properties": {"UserGroupId": name, "Engine": "valkey", "UserIds": [{"Ref": "User"}]}},
        },
    }


def in_use(user, name):
    """Returns the access string for keys of this run. The resolved template names the stack `hall`."""
    return user["AccessString"].replace("~hall:*", f"~{name}:*")


def zones(names):
    """Returns a network with a subnet in each zone."""
    resources = {"Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.43.0.0/24"}}}
    for number, zone in enumerate(names):
        properties = {"VpcId": {"Ref": "Vpc"}, "AvailabilityZone": zone, "CidrBlock": f"10.43.0.{16 * number}/28"}
        resources[f"Subnet{number}"] = {"Type": "AWS::EC2::Subnet", "Properties": properties}
    return {"Resources": resources, "Outputs": {"Zones": {"Value": {"Fn::Join": [", ", {"Fn::GetAZs": ""}]}}}}


def ready(name):
    """Returns a function with an alias whose provisioned concurrency a ScalableTarget sets."""
    capacity = {"Ref": "Capacity"}
    return {
        "Parameters": {"Capacity": {"Type": "Number"}},
        "Resources": {
            "Logs": log_group(f"/aws/lambda/{name}"), "Role": role("Logs"), "Function": function(name, ECHO),
            "Version": {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": "Function"}}},
            "Alias": {
                "Type": "AWS::Lambda::Alias",
                "Properties": {"FunctionName": {"Ref": "Function"}, "FunctionVersion": {"Fn::GetAtt": ["Version", "Version"]}, "Name": "live"},
            },
            "Target": {
                "Type": "AWS::ApplicationAutoScaling::ScalableTarget", "DependsOn": "Alias",
                "Properties": {
                    "ServiceNamespace": "lambda", "ScalableDimension": "lambda:function:ProvisionedConcurrency",
                    "ResourceId": {"Fn::Sub": "function:${Function}:live"}, "MinCapacity": capacity, "MaxCapacity": capacity,
                },
            },
        },
    }


def echo(name, access_log_format, domain, certificate):
    """Returns an HTTP API whose function answers with the event that it got, with an access log and a limit from a
    parameter.
    """
    route = {"uri": invoke("${Function.Arn}"), "type": "aws_proxy", "httpMethod": "POST", "payloadFormatVersion": "2.0"}
    nothing = {**route, "uri": invoke("arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:%s-none" % name)}
    paths = {path: {"get": {"x-amazon-apigateway-integration": nothing if path == "/nothing" else route}} for path in (*ECHO_ROUTES, "/limited")}
    paths["/echo/{id}"]["parameters"] = [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}]
    limit, body = {"Ref": "Limit"}, {"openapi": "3.0.1", "info": {"title": name, "version": "1"}, "paths": paths}
    resources = {
        "Logs": log_group(f"/aws/lambda/{name}"), "AccessLogs": log_group(f"/aws/vendedlogs/{name}/api"),
        "Role": role("Logs"), "Function": function(name, ECHO),
        "Permission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "Action": "lambda:InvokeFunction", "FunctionName": {"Ref": "Function"}, "Principal": "apigateway.amazonaws.com",
                "SourceArn": {"Fn::Sub": "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*"},
            },
        },
        "Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Body": body}},
        "Stage": {
            "Type": "AWS::ApiGatewayV2::Stage",
            "Properties": {
                "ApiId": {"Ref": "Api"}, "StageName": "v1", "AutoDeploy": True,
                "RouteSettings": {"GET /limited": {"ThrottlingRateLimit": limit, "ThrottlingBurstLimit": limit}},
                "AccessLogSettings": {"DestinationArn": {"Fn::GetAtt": ["AccessLogs", "Arn"]}, "Format": access_log_format},
            },
        },
    }
    outputs = {
        "Url": {"Value": {"Fn::Sub": "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/v1"}},
        "AccessLog": {"Value": {"Ref": "AccessLogs"}},
    }
    if domain:
        configuration = {"CertificateArn": certificate, "EndpointType": "REGIONAL", "SecurityPolicy": "TLS_1_2"}
        properties = {"DomainName": domain, "DomainNameConfigurations": [configuration]}
        resources["Domain"] = {"Type": "AWS::ApiGatewayV2::DomainName", "Properties": properties}
        mapping = {"ApiId": {"Ref": "Api"}, "DomainName": {"Ref": "Domain"}, "Stage": {"Ref": "Stage"}, "ApiMappingKey": "v1"}
        resources["Mapping"] = {"Type": "AWS::ApiGatewayV2::ApiMapping", "Properties": mapping}
        outputs["DomainTarget"] = {"Value": {"Fn::GetAtt": ["Domain", "RegionalDomainName"]}}
    return {"Parameters": {"Limit": {"Type": "Number", "Default": 1}}, "Resources": resources, "Outputs": outputs}


def invoke(function_arn):
    return {"Fn::Sub": "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/%s/invocations" % function_arn}


def listener(name):
    """Returns an event bus, and a queue of everything that is published on it."""
    queue = {"Fn::GetAtt": ["Queue", "Arn"]}
    statement = {
        "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": queue,
        "Condition": {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["Rule", "Arn"]}}},
    }
    return {
        "Resources": {
            "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": name}},
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name}},
            "Policy": {
                "Type": "AWS::SQS::QueuePolicy",
                "Properties": {"Queues": [{"Ref": "Queue"}], "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}},
            },
            "Rule": {
                "Type": "AWS::Events::Rule",
                "Properties": {
                    "Name": name, "EventBusName": {"Ref": "Bus"}, "EventPattern": {"source": ["boxoffice"]},
                    "Targets": [{"Id": "queue", "Arn": queue}],
                },
            },
        },
        "Outputs": {"Bus": {"Value": {"Ref": "Bus"}}, "Queue": {"Value": {"Ref": "Queue"}}},
    }
