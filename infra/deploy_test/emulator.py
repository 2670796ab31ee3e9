"""The cloud that the stack is deployed to: ministack, on 127.0.0.1 and a port of its own, for as long as it is needed."""

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
    """The caller's environment without anything of AWS: neither credentials nor settings reach what is started here."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAM_", "LOCALSTACK_"))}
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        environment.pop(name, None)
        environment.pop(name.lower(), None)
    return {**environment, "HOME": str(home), "TMPDIR": str(home), "SAM_CLI_TELEMETRY": "0"}


class Emulator:
    """A context: ministack runs inside it, and nothing that it started outlives it."""

    def __init__(self, program, folder, log):
        self.program, self.folder, self.log = program, folder, log
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def environment(self):
        """What a command needs to take the emulator for AWS."""
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
            # It listens everywhere otherwise; and for MQTT it does, whatever BIND_HOST says.
            "BIND_HOST": "127.0.0.1",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            # Part of the addresses that it hands out, those of queues among them.
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_REGION": REGION,
            "LAMBDA_EXECUTOR": "local",
            # Roles and policies are enforced.
            "AUTH": "true",
            "STATE_DIR": str(self.folder / "state"),
            "S3_DATA_DIR": str(self.folder / "s3"),
        }
        with open(self.log, "w") as output:
            # A process group of its own: Ctrl-C doesn't end it before we do, and the functions' processes are found in it.
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
                raise Problem(f"ministack ended by itself, with {self.process.returncode}; its log is {self.log}")
            if answers(f"{self.url}/_ministack/ready"):
                return
            time.sleep(0.1)
        raise Problem(f"ministack isn't ready after {LONGEST_START} s; its log is {self.log}")

    def end(self):
        """Ends ministack and the functions that it started. A second Ctrl-C doesn't keep it from that."""
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
        pass  # nobody of it is left


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
    """Whether the port answers on this machine's address in its network. None where it has no such address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route:
        try:
            route.connect(("192.0.2.1", 9))  # sends nothing: it only looks which address would be used
        except OSError:
            return None
        address = route.getsockname()[0]
    if address.startswith("127."):
        return None
    with socket.socket() as caller:
        caller.settimeout(5)
        return caller.connect_ex((address, port)) == 0
