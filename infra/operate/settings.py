"""infra/samconfig.toml: the stack, its region and the saved answers.

The file is for a stack that doesn't exist yet. An existing stack keeps its own values, even if the file differs.
"""

import shlex
from collections.abc import Mapping

import tomlkit

from operate.refusal import Refusal


class Settings:
    """The file. Everything in it except the answers stays unchanged, comments included."""

    def __init__(self, path):
        self.path = path
        try:
            self.document = tomlkit.parse(path.read_text())
        except OSError as error:
            raise Refusal(f"{path} can't be read: {error.strerror}") from None
        except tomlkit.exceptions.ParseError as error:
            raise Refusal(f"{path} is no valid TOML: {error}") from None

    def _read(self, name):
        for command in ("deploy", "global"):
            found = self.document.get("default", {}).get(command, {}).get("parameters", {}).get(name)
            if found is not None:
                return found
        return None

    @property
    def region(self):
        """The saved region. None before the first deployment."""
        return self._read("region")

    @property
    def stack(self):
        """The saved name of the stack."""
        return self._read("stack_name")

    @property
    def answered(self):
        """Whether the questions were answered before."""
        return self.region is not None

    def describes(self, stack, region):
        """Returns whether the saved answers are those of this stack."""
        return self.answered and (self.stack, self.region) == (stack, region)

    @property
    def parameters(self):
        """The saved values of parameters, by name. Reads each form that sam accepts."""
        saved = self._read("parameter_overrides") or []
        if isinstance(saved, Mapping):
            return {str(name): str(value) for name, value in saved.items()}
        words = shlex.split(saved) if isinstance(saved, str) else [word for entry in saved for word in shlex.split(entry)]
        if not all("=" in word for word in words):
            raise Refusal(f"{self.path}: parameter_overrides was refused, expected entries of the form Name=value")
        return dict(word.split("=", 1) for word in words)

    def save(self, stack, region, parameters):
        """Writes the answers. The caller leaves out secrets."""
        for table, name, value in [("global", "stack_name", stack), ("global", "region", region)]:
            self._table(table)[name] = value
        # `sam deploy --guided` writes here, and these values override the global ones.
        for name in ("stack_name", "region"):
            self._table("deploy").pop(name, None)
        entries = tomlkit.array()
        for name, value in sorted(parameters.items()):
            entry = f"{name}={quoted(value)}"
            entries.append(tomlkit.string(entry, literal="'" not in entry))
        self._table("deploy")["parameter_overrides"] = entries.multiline(bool(parameters))
        try:
            self.path.write_text(tomlkit.dumps(self.document))
        except OSError as error:
            raise Refusal(f"{self.path} can't be written: {error.strerror}") from None

    def _table(self, command):
        default = self.document.setdefault("default", tomlkit.table(is_super_table=True))
        section = default.setdefault(command, tomlkit.table(is_super_table=True))
        return section.setdefault("parameters", tomlkit.table())


def quoted(value):
    """Returns a value in double quotes, as sam and shlex read it."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
