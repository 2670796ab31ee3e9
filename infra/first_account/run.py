"""Tools of a check: the account, names, waits, stacks, calls over HTTP, and the list of created things."""

import http.client
import json
import socket
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from botocore.exceptions import ClientError

from first_account.account import run_prefix

ROOT = Path(__file__).resolve().parents[2]


class Stopped(BaseException):
    """Raised when the run has to end. Not an Exception, so that no check treats it as a result."""


class CannotTry(Exception):
    """The reason in one sentence why a check could not be tried."""


@dataclass
class Options:
    """The caller's options."""

    region: str
    built: Path | None = None
    issuer: str = "https://accounts.google.com"
    domain: str = ""
    certificate: str = ""
    # Whether uploads contain no code, because nothing is sent.
    without_code: bool = False


@dataclass
class Answer:
    """An answer over HTTP."""

    status: int
    headers: dict = field(default_factory=dict)
    text: str = ""

    def json(self):
        """Returns the body as a JSON object, or an empty one."""
        try:
            return json.loads(self.text)
        except ValueError:
            return {}


class Clock:
    """The time, and waiting that ends at once when the run has to end."""

    def __init__(self):
        self.stop = threading.Event()

    def now(self):
        """Returns the seconds since the epoch."""
        return time.time()

    def sleep(self, seconds):
        """Waits, or raises Stopped."""
        if self.stop.wait(seconds):
            raise Stopped


class Web:
    """Calls over HTTPS, without credentials."""

    def call(self, method, url, body=None, headers=None):
        """Sends a request. Returns the answer of any status. Status 0 means no answer."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data=data, method=method, headers={"content-type": "application/json", **(headers or {})})
        try:
            with urllib.request.urlopen(request, timeout=35) as answer:
                return Answer(answer.status, lower(answer.headers), answer.read().decode(errors="replace"))
        except urllib.error.HTTPError as answer:
            return Answer(answer.code, lower(answer.headers), answer.read().decode(errors="replace"))
        except OSError as problem:
            return Answer(0, {}, str(problem))


    def call_at(self, host, url):
        """Sends a GET for a URL to another host, whose certificate is the URL's. No record in DNS is needed."""
        wanted = urllib.parse.urlsplit(url)
        connection = http.client.HTTPSConnection(wanted.hostname, timeout=35)
        try:
            plain = socket.create_connection((host, 443), timeout=35)
            connection.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=wanted.hostname)
            connection.request("GET", wanted.path)
            answer = connection.getresponse()
            return Answer(answer.status, lower(answer.headers), answer.read().decode(errors="replace"))
        except OSError as problem:
            return Answer(0, {}, str(problem))
        finally:
            connection.close()

    def distrust(self, host, authorities):
        """Connects to a host with only these authorities. Returns the reason why it isn't trusted, or None."""
        try:
            context = ssl.create_default_context(cafile=str(authorities))
            with socket.create_connection((host, 443), timeout=20) as plain, context.wrap_socket(plain, server_hostname=host):
                return None
        except OSError as problem:
            return str(problem)


def lower(headers):
    return {name.lower(): value for name, value in headers.items()}


class Run:
    """One run of the tool, shared by its lanes."""

    def __init__(self, state, account, options, clock=None, web=None, say=print):
        self.state, self.account, self.options = state, account, options
        self.clock, self.web, self._say = clock or Clock(), web or Web(), say
        self.prefix = run_prefix(state.run)
        self.shared = {}
        self.lane = threading.local()
        self.lock, self.locks = threading.RLock(), {}

    def client(self, service):
        return self.account.client(service)

    def name(self, part):
        """Returns the name of something of this run."""
        return f"{self.prefix}-{part}"

    def tags(self):
        """Returns the tags of everything that a run makes."""
        return [{"Key": "boxoffice-first-account", "Value": self.state.run}]

    def say(self, text):
        """Prints progress, with its lane."""
        minutes, seconds = divmod(int(self.clock.now() - self.shared.setdefault("started", self.clock.now())), 60)
        self._say(f"[{minutes:2d}:{seconds:02d}] {getattr(self.lane, 'name', 'run')}: {text}")

    def until(self, what, condition, longest, every=10):
        """Waits for a condition and returns its value. Returns None once `longest` seconds are over."""
        end, told = self.clock.now() + longest, self.clock.now()
        while True:
            found = condition()
            if found:
                return found
            if self.clock.now() >= end:
                return None
            if self.clock.now() - told >= 60:
                told = self.clock.now()
                self.say(f"waits for {what}")
            self.clock.sleep(every)

    def making(self, kind, name):
        """Records a thing before it is made."""
        with self.lock:
            return self.state.make(kind, name)

    def learn(self, *values):
        """Records ids that AWS gave to things of this run."""
        with self.lock:
            self.state.learn([value for value in values if value])

    def once(self, key, make):
        """Creates something that several checks use. If that fails, none of them can be tried."""
        with self.lock:
            lock = self.locks.setdefault(key, threading.RLock())
        with lock:
            if key not in self.shared:
                try:
                    self.shared[key] = make()
                except (CannotTry, ClientError) as problem:
                    self.shared[key] = problem
            found = self.shared[key]
        if isinstance(found, Exception):
            raise CannotTry(str(found))
        return found

    def bucket(self):
        """Returns the bucket of templates and code, made at first use."""
        return self.once("bucket", self._make_bucket)

    def _make_bucket(self):
        # Names of buckets are unique across all accounts. The account's id keeps this name free.
        name = self.name(f"code-{self.state.account}")
        self.making("bucket", name)
        place = {} if self.options.region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": self.options.region}}
        self.client("s3").create_bucket(Bucket=name, **place)
        self.client("s3").put_bucket_tagging(Bucket=name, Tagging={"TagSet": self.tags()})
        return name


def error_code(problem):
    """Returns the code of an AWS error."""
    return problem.response.get("Error", {}).get("Code", "")


def error_text(problem):
    """Returns the text of an AWS error, without the operation's name."""
    return problem.response.get("Error", {}).get("Message") or str(problem)
