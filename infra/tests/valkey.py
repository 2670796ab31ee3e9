"""A real Valkey on this machine, and a minimal client."""

import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

PROGRAM = shutil.which("valkey-server") or shutil.which(str(Path(__file__).resolve().parents[2] / ".tools/bin/valkey-server"))


def available():
    """Returns whether it is installed."""
    return PROGRAM is not None


class Refused(Exception):
    """Raised for an error from Valkey."""


class Connection:
    """A connection that sends one call after the other. A character of a text is one byte on the wire."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.settimeout(10)  # so that no test hangs
        self.answers = self.socket.makefile("rb")

    def call(self, *words):
        parts = [word if isinstance(word, bytes) else word.encode("latin-1") for word in words]
        packed = b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        self.socket.sendall(b"*%d\r\n" % len(parts) + packed)
        return self._answer()

    def _answer(self):
        line = self.answers.readline().rstrip(b"\r\n")
        kind, rest = line[:1], line[1:]
        if kind == b"-":
            raise Refused(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.answers.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self._answer() for _ in range(int(rest))]
        return rest

    def close(self):
        self.answers.close()
        self.socket.close()


class Valkey:
    """A Valkey that listens on a socket in its own folder, and on no port."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = f"{self.folder.name}/valkey"
        command = [PROGRAM, "--port", "0", "--unixsocket", self.path, "--save", "", "--dir", self.folder.name]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for line in self.process.stdout:
            if "ready to accept connections" in line.lower():
                break
        self.connections = []
        self.call = self.connect().call

    def connect(self):
        """Returns another connection that isn't signed in."""
        self.connections.append(Connection(self.path))
        return self.connections[-1]

    def stop(self):
        for connection in self.connections:
            connection.close()
        self.process.terminate()
        self.process.communicate()
        self.folder.cleanup()
