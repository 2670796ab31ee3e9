"""The template as CloudFormation gets it: transformed by SAM's own translator, with its conditions decided by
parameters.

Only those parts of CloudFormation's language are implemented that the template uses. All other parts are an error, so
that an undecided part can't pass for a decided one.
"""

import copy
import functools
import io
import contextlib
import re
from pathlib import Path

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parent.parent.parent
REGION = "eu-central-1"
PSEUDO = {
    "AWS::StackName": "hall",
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:111122223333:stack/hall/0a1b2c3d-1111-2222-3333-444455556666",
    "AWS::Region": REGION,
    "AWS::AccountId": "111122223333",
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}
GONE = object()


def source():
    """Returns the source template."""
    return yaml_parse((ROOT / "infra/template.yaml").read_text())


def transform(**parameters):
    """Returns the template that SAM makes of it.

    The parameters affect only names of versions and the kind of deployment.
    """
    template = source()
    for resource in template["Resources"].values():
        if "CodeUri" in resource.get("Properties", {}):
            resource["Properties"]["CodeUri"] = "s3://code/function.zip"  # the address after `sam deploy`
    values = {name: str(value) for name, value in parameters.items()}
    with contextlib.redirect_stderr(io.StringIO()):
        return Translator({}, Parser(), boto_session=boto3.Session(region_name=REGION)).translate(template, values)


@functools.cache
def _transformed():
    return transform()


@functools.cache
def _stack(parameters):
    return Stack(copy.deepcopy(_transformed()), dict(parameters))


def stack(**parameters):
    """Returns the stack of these parameters, with defaults for all others."""
    return _stack(tuple(sorted(parameters.items())))


class Stack:
    """The resources and outputs of a stack, with all conditions decided."""

    def __init__(self, template, given):
        declared = template["Parameters"]
        unknown = set(given) - set(declared)
        assert not unknown, f"no such parameters: {unknown}"
        self.values = {name: self._value(kind, given.get(name, kind.get("Default"))) for name, kind in declared.items()}
        self.conditions = template["Conditions"]
        self.rules = template.get("Rules", {})
        self.resources = self._kept(template["Resources"])
        self.outputs = self._kept(template["Outputs"])

    @staticmethod
    def _value(kind, value):
        return str(value).split(",") if kind["Type"] == "CommaDelimitedList" else str(value)

    def _kept(self, things):
        kept = {name: thing for name, thing in things.items() if "Condition" not in thing or self.holds(thing["Condition"])}
        return {name: self.resolve(thing) for name, thing in kept.items()}

    def holds(self, condition):
        """Returns whether a condition, or the condition of a name, is true."""
        if isinstance(condition, str):
            return self.holds(self.conditions[condition])
        (function, argument), = condition.items()
        if function == "Condition":
            return self.holds(argument)
        if function == "Fn::Equals":
            one, other = (self.resolve(side) for side in argument)
            return str(one) == str(other)
        if function == "Fn::Contains":
            return self.resolve(argument[1]) in self.resolve(argument[0])
        if function == "Fn::EachMemberEquals":
            return all(member == self.resolve(argument[1]) for member in self.resolve(argument[0]))
        return {
            "Fn::Not": lambda: not self.holds(argument[0]),
            "Fn::And": lambda: all(self.holds(part) for part in argument),
            "Fn::Or": lambda: any(self.holds(part) for part in argument),
        }[function]()

    def refusals(self):
        """Returns CloudFormation's messages about these parameters before it creates anything."""
        applied = [rule for rule in self.rules.values() if self.holds(rule["RuleCondition"])]
        asserted = [part for rule in applied for part in rule["Assertions"]]
        return [part["AssertDescription"] for part in asserted if not self.holds(part["Assert"])]

    def resolve(self, value):
        """Returns a value without conditions and parameters. References to created resources stay."""
        if isinstance(value, list):
            items = [self.resolve(item) for item in value]
            return [item for item in items if item is not GONE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (function, argument), = value.items()
            if function == "Ref":
                return self._reference(argument)
            if function == "Fn::If":
                return self.resolve(argument[1 if self.holds(argument[0]) else 2])
            if function in ("Fn::Join", "Fn::Select", "Fn::Split", "Fn::Sub"):
                return self._text(function, self.resolve(argument))
        items = ((name, self.resolve(item)) for name, item in value.items())
        return {name: item for name, item in items if item is not GONE}

    def _reference(self, name):
        if name == "AWS::NoValue":
            return GONE
        return self.values.get(name, PSEUDO.get(name, {"Ref": name}))

    def _text(self, function, argument):
        if function == "Fn::Sub":
            text, names = argument if isinstance(argument, list) else (argument, {})
            known = {**PSEUDO, **self.values, **{name: value for name, value in names.items() if isinstance(value, str)}}
            text = re.sub(r"\$\{([^!}]+)\}", lambda found: str(known.get(found[1], found[0])), text)
            later = {name: value for name, value in names.items() if name not in known}
            return text if "${" not in text else {"Fn::Sub": [text, later] if later else text}
        first, second = argument
        if function == "Fn::Join" and all(isinstance(part, str) for part in second):
            return first.join(second)
        if function == "Fn::Split" and isinstance(second, str):
            return second.split(first)
        if function == "Fn::Select" and isinstance(second, list):
            return second[int(first)]
        return {function: argument}

    def of_type(self, kind):
        """Returns the resources of a type, by name."""
        return {name: thing for name, thing in self.resources.items() if thing["Type"] == kind}

    def properties(self, name):
        """Returns a resource's properties."""
        return self.resources[name].get("Properties", {})

    def variables(self, function):
        """Returns a function's environment."""
        return self.properties(function)["Environment"]["Variables"]


def references(value):
    """Returns the names that a value refers to."""
    if isinstance(value, list):
        return set().union(*map(references, value))
    if not isinstance(value, dict):
        return set()
    found = set()
    for name, part in value.items():
        if name == "Ref":
            found.add(part)
        elif name == "Fn::GetAtt":
            found.add(part[0] if isinstance(part, list) else part.split(".")[0])
        elif name == "Fn::Sub":
            text, names = part if isinstance(part, list) else (part, {})
            found |= {target.split(".")[0] for target in re.findall(r"\$\{([^!}]+)\}", text) if target not in names}
            found |= references(names)
        elif name == "DependsOn":
            found |= {part} if isinstance(part, str) else set(part)
        else:
            found |= references(part)
    return found - set(PSEUDO)


def leads_to(value, conditions):
    """Returns the names that a value refers to, also in its conditions."""
    found = references(value)
    asked = _conditions(value)
    while asked:
        condition = conditions[asked.pop()]
        found |= references(condition)
        asked |= _conditions(condition)
    return found


def _conditions(value):
    if isinstance(value, list):
        return set().union(*map(_conditions, value))
    if not isinstance(value, dict):
        return set()
    named = {part if name == "Condition" else part[0] for name, part in value.items()
             if name == "Fn::If" or (name == "Condition" and isinstance(part, str))}
    return named.union(*map(_conditions, value.values()))
