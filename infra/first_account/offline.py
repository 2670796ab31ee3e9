"""The template as CloudFormation gets it, made by SAM's translator as in infra/tests."""

import functools
import sys

from first_account.run import ROOT


@functools.cache
def _tests():
    sys.path.append(str(ROOT / "infra" / "tests"))
    import template

    return template


@functools.cache
def _source():
    return _tests().source()


def resolved(**parameters):
    """Returns the resources of these parameters."""
    return _tests().stack(**parameters)


def default(name):
    """Returns a parameter's default."""
    return _source()["Parameters"][name]["Default"]


def parameters():
    """Returns the names of the template's parameters."""
    return set(_source()["Parameters"])


def rules():
    """Returns the template's rules."""
    return _source().get("Rules", {})


def api_body(run, **parameters):
    """Returns the HTTP API's OpenAPI document for an import.

    Its functions don't exist, and an import doesn't check them.
    """
    body = resolved(**parameters).properties("HttpApi")["Body"]
    function = f"arn:aws:lambda:{run.options.region}:{run.state.account}:function:{run.name('none')}"
    uri = f"arn:aws:apigateway:{run.options.region}:lambda:path/2015-03-31/functions/{function}/invocations"
    return _without_functions(body, uri)


def _without_functions(value, uri):
    if isinstance(value, list):
        return [_without_functions(one, uri) for one in value]
    if not isinstance(value, dict):
        return value
    return {name: uri if name == "uri" else _without_functions(one, uri) for name, one in value.items()}


def access_log_format():
    """Returns the access log's format."""
    (stage,) = resolved(Cache="none").of_type("AWS::ApiGatewayV2::Stage").values()
    return stage["Properties"]["AccessLogSettings"]["Format"]


def alarm_metrics(**parameters):
    """Returns the number of metrics that the alarms read, which CloudWatch bills."""
    alarms = resolved(**parameters).of_type("AWS::CloudWatch::Alarm").values()
    return sum(count_metrics(alarm["Properties"]) for alarm in alarms)


def count_metrics(alarm):
    """Returns the number of metrics of one alarm."""
    return len([one for one in alarm.get("Metrics", []) if "MetricStat" in one]) or 1
