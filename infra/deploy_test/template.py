"""The template of `sam build`, without the parts that ministack doesn't know.

Each change is named here, and in infra/README.md. Everything else is deployed as it is on AWS.
"""

from pathlib import Path

import yaml

INFRA = Path(__file__).resolve().parents[1]


def adapt(built):
    """Returns the adapted text of `sam build`'s template, and the names of the resources that are left out."""
    root = yaml.compose((Path(built) / "template.yaml").read_text())
    # The emulator has no CodeDeploy, so the aliases move at once.
    drop_keys(root, "DeploymentPreference")
    # The emulator authorizes SendMessageBatch by an action of that name. On AWS it is authorized as SendMessage
    # (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html), and has no other action.
    allow_with(root, "sqs:SendMessage", "sqs:SendMessageBatch")
    resources = child(root, "Resources")
    left_out = [name.value for name, resource in resources.value if is_scalable_target(resource) or has_metric_math(resource)]
    resources.value = [pair for pair in resources.value if pair[0].value not in left_out]
    for _, resource in resources.value:
        # Only CheckRelease has `Code`, and it isn't built.
        for name in ("CodeUri", "Code"):
            code = child(child(resource, "Properties"), name)
            if isinstance(code, yaml.ScalarNode):
                built_code = (Path(built) / code.value).resolve()
                code.value = str(built_code if built_code.is_dir() else (INFRA / code.value).resolve())
    return yaml.serialize(root), left_out


def is_scalable_target(resource):
    """Returns whether a resource is of Application Auto Scaling, which ministack doesn't know."""
    return child(resource, "Type").value == "AWS::ApplicationAutoScaling::ScalableTarget"


def has_metric_math(resource):
    """Returns whether an alarm has an expression, which ministack refuses."""
    alarm = child(resource, "Type").value == "AWS::CloudWatch::Alarm"
    return alarm and child(child(resource, "Properties"), "Metrics") is not None


def child(node, name):
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for key, value in node.value if key.value == name), None)


def drop_keys(node, name):
    if isinstance(node, yaml.MappingNode):
        node.value = [(key, value) for key, value in node.value if key.value != name]
    for below in nodes_below(node):
        drop_keys(below, name)


def allow_with(node, action, further):
    """Adds an action to each list that has another one."""
    if isinstance(node, yaml.SequenceNode) and any(value.value == action for value in node.value):
        node.value.append(yaml.ScalarNode("tag:yaml.org,2002:str", further))
    for below in nodes_below(node):
        allow_with(below, action, further)


def nodes_below(node):
    if isinstance(node, yaml.MappingNode):
        return [value for _, value in node.value]
    return node.value if isinstance(node, yaml.SequenceNode) else []
