"""Redis: one string per theater, changed by the product's own script. If it fails, DynamoDB is read."""

import os
import uuid

import redis
from aws_lambda_powertools import Logger

import packed

LEASE_MS, LONGEST_LEASE_MS, INCOMPLETE_MS, RENEWAL_MS, LIFE_MS = 500, 8_000, 10_000, 15_000, 60_000

logger = Logger(child=True)
_deadline = int(os.environ.get("CACHE_DEADLINE_MS") or 50) / 1000
_client = redis.Redis.from_url(
    os.environ["CACHE_URL"], socket_timeout=_deadline, socket_connect_timeout=_deadline, socket_keepalive=True
)
_script = _client.register_script(packed.SCRIPT)
_prefix = os.environ.get("CACHE_KEY_PREFIX") or "boxoffice"


def _key(theater):
    return f"{_prefix}:{{{theater}}}:availability"


def _call(theater, *arguments):
    try:
        return _script(keys=[_key(theater)], args=arguments)
    except redis.RedisError:
        logger.warning("the cache failed", exc_info=True)
        return None


def read(theater):
    """Returns the theater's raw string."""
    try:
        return _client.get(_key(theater))
    except redis.RedisError:
        logger.warning("the cache failed", exc_info=True)
        return None


def begin(layout):
    """Returns a token if this caller should fill the cache, otherwise a complete string or None."""
    token = uuid.uuid4().bytes[:15] + b"\x01"
    answer = _call(
        layout.theater, "begin", layout.version, len(layout.seats), token, "missing",
        LEASE_MS, LONGEST_LEASE_MS, INCOMPLETE_MS, RENEWAL_MS,
    )  # fmt: skip
    if answer == b"fill":
        return token, None
    return None, answer if isinstance(answer, bytes) and answer != b"behind" else None


def end(layout, token, slots, now_ms):
    """Completes a fill with the slots from DynamoDB."""
    body = packed.slots(slots)
    _call(layout.theater, "end", layout.version, token, body, LIFE_MS, now_ms, packed.revision(body, layout.version))


def peek(layout, seats):
    """Returns state and end of a few seats, or None if they aren't cached."""
    wanted = packed.positions([layout.positions[seat] for seat in seats])
    answer = _call(layout.theater, "peek", layout.version, wanted)
    return list(packed.states_of_slots(answer)) if answer else None


def merge(layout, learned):
    """Merges observed seats into the cache: (seat, changed_at, state, expires_at)."""
    entries = b"".join(packed.entry(layout.positions[seat], *slot) for seat, *slot in learned)
    _call(layout.theater, "merge", layout.version, entries, "drop")


def connect():
    """Connects and loads the script before the first event."""
    try:
        _client.script_load(_script.script)
    except redis.RedisError:
        logger.warning("the cache isn't there yet", exc_info=True)
