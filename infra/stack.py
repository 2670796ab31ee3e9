"""`make deploy`, `make undeploy` and `make logs`. `stack.py COMMAND --help` lists the options of a command."""

import argparse
import sys
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

sys.path.insert(0, str(Path(__file__).resolve().parent))

from operate.answers import Terminal  # noqa: E402
from operate.deploy import deploy  # noqa: E402
from operate.logs import logs  # noqa: E402
from operate.refusal import Refusal  # noqa: E402
from operate.undeploy import undeploy  # noqa: E402

CONFIG = Path(__file__).resolve().parent / "samconfig.toml"


def main(words=None):
    """Runs a command. Returns the exit status."""
    options = parse(words)
    try:
        if options.command == "logs":
            return logs(options)
        return {"deploy": deploy, "undeploy": undeploy}[options.command](options, Terminal())
    except Refusal as refusal:
        print(f"{options.command}: {refusal}", file=sys.stderr)
        return 2
    except (ClientError, BotoCoreError) as error:
        print(f"{options.command}: AWS refused: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        # The usual end of following logs.
        if options.command == "logs":
            return 0
        print(f"\n{options.command}: interrupted", file=sys.stderr)
        return 130


def parse(words):
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--region", help="region of AWS")
    common.add_argument("--config", type=Path, default=CONFIG, metavar="FILE", help="file of the saved answers, infra/samconfig.toml")

    one = commands.add_parser("deploy", parents=[common], help="makes or changes a stack", description="Makes or changes a stack.")
    one.add_argument("--stack", metavar="NAME", help="name of the stack")
    one.add_argument("--cache", help="none, serverless, node or own. own takes its address from CACHE_URL in the environment")
    one.add_argument("--issuer", metavar="URL", help="issuer of the callers' tokens. With none or empty, everyone can reserve and book")
    one.add_argument("--audience", metavar="IDS", help="audiences or client ids that tokens must name, separated by commas")
    one.add_argument("--set", action="append", default=[], metavar='"Name=value ..."', help="parameters of the template")
    one.add_argument("--yes", action="store_true", help="asks nothing, and uses defaults for missing answers")
    one.add_argument("--built", type=Path, metavar="FOLDER", help="folder of an earlier `sam build`, deployed without a build")

    one = commands.add_parser("undeploy", parents=[common], help="deletes a stack, keeps its table", description="Deletes a stack and keeps its table.")
    one.add_argument("--stack", required=True, metavar="NAME", help="name of the stack")
    one.add_argument("--yes", action="store_true", help="doesn't ask")
    one.add_argument("--confirm", action="store_true", help="also turns off the table's protection from deletion")

    one = commands.add_parser("logs", parents=[common], help="shows the lines of a stack", description="Shows the lines of a stack.")
    one.add_argument("--stack", required=True, metavar="NAME", help="name of the stack")
    one.add_argument("--function", metavar="NAME", help="one function, such as book, or api for the access log")
    one.add_argument("--since", default="10m", help="30s, 10m, 2h, 1d, or a time. 10m by default")
    one.add_argument("--follow", action="store_true", help="continues until Ctrl-C")
    one.add_argument("--raw", action="store_true", help="every line unchanged, including Lambda's own")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
