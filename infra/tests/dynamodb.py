"""Amazon's DynamoDB Local on this machine, with an empty table."""

import shutil
import socket
import subprocess
import time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from template import ROOT

FOLDER = ROOT / ".tools/dynamodb-local"
TABLE = "seats"


def available():
    """Returns whether it is installed."""
    return (FOLDER / "DynamoDBLocal.jar").exists() and shutil.which("java") is not None


class DynamoDb:
    """A DynamoDB Local that keeps everything in memory, on a free port of 127.0.0.1."""

    def __init__(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        command = ["java", f"-Djava.library.path={FOLDER}/DynamoDBLocal_lib", "-jar", str(FOLDER / "DynamoDBLocal.jar"), "-inMemory", "-port", str(port)]
        self.process = subprocess.Popen(command, cwd=FOLDER, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.client = boto3.client(
            "dynamodb", endpoint_url=f"http://127.0.0.1:{port}", region_name="eu-central-1", aws_access_key_id="test",
            aws_secret_access_key="test", config=Config(retries={"max_attempts": 1}, connect_timeout=2, proxies={}))
        self.wait()

    def wait(self):
        end = time.monotonic() + 60
        while True:
            try:
                return self.client.list_tables()
            except BotoCoreError:
                if time.monotonic() > end or self.process.poll() is not None:
                    self.stop()
                    raise
                time.sleep(0.2)

    def clear(self):
        """Deletes the table and creates it again."""
        if TABLE in self.client.list_tables()["TableNames"]:
            self.client.delete_table(TableName=TABLE)
        names = ("pk", "HASH"), ("sk", "RANGE")
        self.client.create_table(
            TableName=TABLE, BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in names],
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in names])

    def stop(self):
        self.process.terminate()
        self.process.wait()
