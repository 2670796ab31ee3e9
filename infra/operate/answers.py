"""The questions of `make deploy`, and the checks of each answer.

A question is asked if neither a flag nor infra/samconfig.toml answers it. There are at most five.
"""

import difflib
import json
import os
import re
import ssl
import sys
import urllib.error
import urllib.request

import boto3

from operate.refusal import Refusal

FIRST_STACK = "boxoffice"
FIRST_REGION = "us-east-1"
# The template's default is a serverless cache. The first deployment is quicker and cheaper without one.
FIRST_CACHE = "none"
CACHES = {
    "none": "no cache and no VPC: the quickest and cheapest way to try it",
    "serverless": "Valkey that grows by itself, for crowds",
    "node": "Valkey on two small machines, for a steady load",
    "own": "yours, at CACHE_URL",
}
EMPTY = ("none", "-")


class Terminal:
    """The operator's terminal. `interactive` is `False` if no question can be asked."""

    def __init__(self, interactive=None):
        self.interactive = sys.stdin.isatty() if interactive is None else interactive

    def ask(self, text, default, check):
        """Asks until `check` accepts the answer. Enter accepts the default."""
        while True:
            given = self.read(f"{text} [{default}]: ").strip() or default
            try:
                return check(given)
            except Refusal as refusal:
                print(f"  {refusal}", flush=True)

    def confirm(self, text, default):
        """Asks for yes or no."""
        def yes_or_no(answer):
            if answer.lower() in ("y", "yes", "n", "no"):
                return answer.lower().startswith("y")
            raise Refusal(f"{answer!r} was refused, expected y or n")

        while True:
            given = self.read(f"{text} [{'Y/n' if default else 'y/N'}]: ").strip()
            try:
                return yes_or_no(given) if given else default
            except Refusal as refusal:
                print(f"  {refusal}", flush=True)

    @staticmethod
    def read(prompt):
        """Reads one line. The end of the input ends the command, as Ctrl-C does."""
        try:
            return input(prompt)
        except EOFError:
            raise KeyboardInterrupt from None


def check_stack(name):
    """Refuses a name that CloudFormation refuses."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,127}", name):
        raise Refusal(f"stack name: {name!r} was refused, expected a letter, then letters, digits and hyphens, 128 at most")
    return name


def check_region(name):
    """Refuses a region that the AWS SDK doesn't know."""
    session = boto3.Session(region_name=FIRST_REGION)
    known = [one for partition in session.get_available_partitions() for one in session.get_available_regions("lambda", partition)]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"for example {FIRST_REGION} or eu-central-1"
        raise Refusal(f"region: {name!r} was refused, expected a region of AWS, {hint}")
    return name


def check_cache(name, environment=os.environ):
    """Refuses a kind of cache that doesn't exist, and `own` without its address."""
    if name not in CACHES:
        raise Refusal(f"cache: {name!r} was refused, expected one of {', '.join(CACHES)}")
    if name == "own" and not environment.get("CACHE_URL"):
        raise Refusal(
            "cache: own was refused, as its address is missing. The address may hold a password, so it is neither asked for nor saved. "
            "Set it in the environment: CACHE_URL=rediss://... make deploy CACHE=own"
        )
    return name


def check_issuer(url, fetch=None):
    """Refuses an issuer that API Gateway would refuse. With an empty answer callers need no token.

    API Gateway reads the issuer's OpenID configuration when it creates the authorizer, and refuses an issuer without
    one (https://github.com/haandol/cognito-kakao-example/issues/1 shows its message). That would be minutes later.
    """
    if url.lower() in EMPTY or not url:
        return ""
    if not re.fullmatch(r"https://[^\s/]\S*", url):
        raise Refusal(f"issuer: {url!r} was refused, expected an address that begins with https://, or none")
    document = f"{url.rstrip('/')}/.well-known/openid-configuration"
    try:
        said = (fetch or fetched)(document)
    except urllib.error.HTTPError as error:
        raise Refusal(f"issuer: {url} was refused, expected an OpenID configuration at {document}, got status {error.code}") from None
    except (OSError, ssl.SSLError) as error:
        print(f"  The issuer can't be checked from here ({getattr(error, 'reason', error)}): {document}", flush=True)
        return url
    try:
        named = json.loads(said)["issuer"]
    except (ValueError, KeyError, TypeError):
        raise Refusal(f"issuer: {url} was refused, expected an OpenID configuration at {document}, which names an issuer") from None
    if named != url:
        raise Refusal(f"issuer: {url} was refused, its configuration names {named!r}, and tokens must name exactly that one")
    return url


def fetched(url):
    """Fetches a URL. Returns the body of the answer."""
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - https only, as checked above
        return answer.read(1 << 20)


def check_audience(names):
    """Refuses an empty audience."""
    parts = [part.strip() for part in names.split(",")]
    if not all(parts) or any(re.search(r"\s", part) for part in parts):
        raise Refusal(f"audience: {names!r} was refused, expected one or more client ids or audiences, separated by commas")
    return ",".join(parts)
