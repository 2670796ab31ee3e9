"""The emulator that the stack is deployed to: ministack, on 127.0.0.1 and a port of its own, while the test runs."""

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

from facts import Problem

REGION = "eu-central-1"
LONGEST_START = 120
LONGEST_END = 10


def bare_environment(home):
    """Returns the caller's environment without AWS's credentials and settings, for all processes that the test starts.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAM_", "LOCALSTACK_"))}
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        environment.pop(name, None)
        environment.pop(name.lower(), None)
    return {**environment, "HOME": str(home), "TMPDIR": str(home), "SAM_CLI_TELEMETRY": "0"}


class Emulator:
    """A context in which ministack runs. Everything that it started ends with the context."""

    def __init__(self, program, folder, log):
        self.program, self.folder, self.log = program, folder, log
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def environment(self):
        """Returns the environment in which a command uses the emulator as AWS."""
        return {
            **bare_environment(self.folder),
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def __enter__(self):
        environment = {
            **self.environment(),
            "GATEWAY_PORT": str(self.port),
            # Without it ministack listens on all addresses. Its MQTT port ignores BIND_HOST.
            "BIND_HOST": "127.0.0.1",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            # Part of the addresses that it returns, such as those of queues.
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_REGION": REGION,
            "LAMBDA_EXECUTOR": "local",
            # Roles and policies are enforced.
            "AUTH": "true",
            "STATE_DIR": str(self.folder / "state"),
            "S3_DATA_DIR": str(self.folder / "s3"),
        }
        with open(self.log, "w") as output:
            # Its own process group, so that Ctrl-C doesn't end it before the test does, and to find the functions'
            # processes.
            self.process = subprocess.Popen(
                [self.program], env=environment, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
            )
        try:
            self.wait_until_ready()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_):
        self.end()

    def wait_until_ready(self):
        end = time.monotonic() + LONGEST_START
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise Problem(f"ministack ended by itself, with {self.process.returncode}. Its log is {self.log}")
            if answers(f"{self.url}/_ministack/ready"):
                return
            time.sleep(0.1)
        raise Problem(f"ministack isn't ready after {LONGEST_START} s. Its log is {self.log}")

    def end(self):
        """Ends ministack and the functions that it started, even after a second Ctrl-C."""
        before = [(number, signal.signal(number, signal.SIG_IGN)) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
        try:
            send(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(timeout=LONGEST_END)
            except subprocess.TimeoutExpired:
                pass
            send(self.process.pid, signal.SIGKILL)
            self.process.wait()
        finally:
            for number, handler in before:
                signal.signal(number, handler)


def send(group, what):
    try:
        os.killpg(group, what)
    except ProcessLookupError:
        pass  # no process of the group is left


def answers(url):
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def reached_from_outside(port):
    """Returns whether the port answers on this machine's network address. Returns None without such an address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route:
        try:
            route.connect(("192.0.2.1", 9))  # sends nothing, and only selects the local address
        except OSError:
            return None
        address = route.getsockname()[0]
    if address.startswith("127."):
        return None
    with socket.socket() as caller:
        caller.settimeout(5)
        return caller.connect_ex((address, port)) == 0
