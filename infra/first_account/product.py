"""The box office's own stack, made from what `sam build` built."""

import io
import zipfile
from pathlib import Path

import yaml

from first_account.run import ROOT, CannotTry
from first_account.stacks import Stack

BROKEN = b"#!/bin/sh\necho 'a version that fails every call' >&2\nexit 1\n"


class Product:
    """The box office, deployed under a name of this run."""

    def __init__(self, run, part):
        self.run, self.stack = run, Stack(run, part)
        self.template = run.once("template", lambda: upload(run))

    def knows(self, parameter):
        """Returns whether the template has a parameter."""
        return parameter in parameters(self.run)

    def need(self, *names):
        """Raises CannotTry unless the template has these parameters."""
        missing = [name for name in names if not self.knows(name)]
        if missing:
            raise CannotTry(f"the template has no parameter {' and '.join(missing)}")

    def function(self, logical):
        """Returns the name of a function."""
        return self.stack.resources()[logical]

    def url(self):
        """Returns the address of the API, stage included."""
        return self.stack.outputs()["ApiUrl"]

    def table(self):
        """Returns the name of the table that the functions use."""
        return self.stack.outputs()["TableName"]


def template_node(run):
    """Returns the built template as YAML nodes, which keep CloudFormation's tags."""
    return yaml.compose((built(run) / "template.yaml").read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def parameters(run):
    """Returns the names of the template's parameters."""
    return run.once("parameters", lambda: {name.value for name, _ in child(template_node(run), "Parameters").value})


def built(run):
    """Returns the folder of `sam build`."""
    folder = run.options.built or ROOT / ".aws-sam" / "build"
    if not (folder / "template.yaml").is_file():
        raise CannotTry(f"{folder} has no template.yaml: run `sam build --template infra/template.yaml` first")
    return folder


def upload(run, broken=None):
    """Uploads code and template.

    Returns the template's address. `broken` names a function that gets a bootstrap that fails.
    """
    folder, bucket, s3 = built(run), run.bucket(), run.client("s3")
    root = template_node(run)
    # The earlier import of the API decides whether FailOnWarnings can stay.
    if run.shared.get("import-warns"):
        drop(child(child(root, "Resources"), "HttpApi"), "FailOnWarnings")
    for name, resource in child(root, "Resources").value:
        for kind in ("CodeUri", "Code"):
            code = child(child(resource, "Properties"), kind)
            if not isinstance(code, yaml.ScalarNode):
                continue
            key = f"{name.value}.zip" if name.value != broken else f"{name.value}.broken.zip"
            if broken in (None, name.value):
                body = broken_zip() if broken else b"" if run.options.without_code else zipped(folder / code.value)
                run.say(f"uploads {key}, {len(body) // 1024} KB")
                s3.put_object(Bucket=bucket, Key=key, Body=body)
            if kind == "CodeUri":
                code.value = f"s3://{bucket}/{key}"
            else:  # AWS::Lambda::Function knows no addresses
                set_child(child(resource, "Properties"), kind, {"S3Bucket": bucket, "S3Key": key})
    key = f"template{'.broken' if broken else ''}.yaml"
    s3.put_object(Bucket=bucket, Key=key, Body=yaml.serialize(root, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper)).encode())
    return f"{s3.meta.endpoint_url}/{bucket}/{key}"


def zipped(folder):
    """Returns a function's folder as a zip that keeps the permissions to execute."""
    if Path(folder).is_file():
        return Path(folder).read_bytes()
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                add(archive, path.relative_to(folder).as_posix(), path.read_bytes(), path.stat().st_mode)
    return memory.getvalue()


def broken_zip():
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        add(archive, "bootstrap", BROKEN, 0o755)
    return memory.getvalue()


def add(archive, name, content, mode):
    entry = zipfile.ZipInfo(name)  # with a fixed time, so that the same code is the same zip
    entry.external_attr = (mode & 0o777) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)


def child(node, name):
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for key, value in node.value if key.value == name), None)


def set_child(node, name, values):
    pairs = [(yaml.ScalarNode("tag:yaml.org,2002:str", key), yaml.ScalarNode("tag:yaml.org,2002:str", value)) for key, value in values.items()]
    node.value = [(key, yaml.MappingNode("tag:yaml.org,2002:map", pairs) if key.value == name else value) for key, value in node.value]


def drop(resource, name):
    properties = child(resource, "Properties")
    properties.value = [pair for pair in properties.value if pair[0].value != name]
