"""DynamoDB: the layout, the Query after a miss, and the conditional writes.

Items and conditions are those of shared/src/store.
"""

import json
import os
import time
import uuid
from dataclasses import dataclass

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

import packed

LAYOUT_SECONDS = 60
RECORD_SECONDS = 3_600
ATTEMPTS = 5
STATES = {"available": packed.AVAILABLE, "reserved": packed.RESERVED, "removed": packed.RESERVED, "booked": packed.BOOKED}
CAN_BE_HAD = "(#status = :available OR (#status IN (:reserved, :removed) AND expires_at <= :now))"
RESERVE = (
    "SET #status = :reserved, reservation_id = :reservation, request_token = :token, expires_at = :expires_at, "
    "changed_at = :stamp REMOVE owner_id, layout_version"
)
BOOK = (
    "SET #status = :booked, booking_id = :booking, changed_at = :stamp "
    "REMOVE reservation_id, request_token, owner_id, layout_version, expires_at"
)

_table = os.environ["TABLE_NAME"]
_client = boto3.client(
    "dynamodb",
    config=Config(connect_timeout=1, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 2}),
)
_layouts = {}


class Refused(Exception):
    """A write whose conditions failed. Its items are in the order of the write, with None for a condition that held."""

    def __init__(self, items):
        super().__init__()
        self.items = items


@dataclass
class Layout:
    theater: str
    name: str
    version: int
    seats: list
    positions: dict
    until: float


def layout(theater):
    """Returns the theater's layout, cached for a minute, or None if there is no such theater."""
    known = _layouts.get(theater)
    if known and known.until > time.monotonic():
        return known
    item = _client.get_item(TableName=_table, Key=_key(theater, "LAYOUT")).get("Item")
    if not item:
        return None
    seats = item["seats"]["S"].split(" ")
    positions = {label: position for position, label in enumerate(seats)}
    until = time.monotonic() + LAYOUT_SECONDS
    _layouts[theater] = Layout(theater, item["name"]["S"], int(item["layout_version"]["N"]), seats, positions, until)
    return _layouts[theater]


def slots(layout):
    """Returns (changed_at, state, expires_at) of every seat, from all pages of one strongly consistent Query."""
    found = [(0, packed.AVAILABLE, 0)] * len(layout.seats)
    pages = _client.get_paginator("query").paginate(
        TableName=_table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :seat)",
        ExpressionAttributeValues={":pk": {"S": f"THEATER#{layout.theater}"}, ":seat": {"S": "SEAT#"}},
        ProjectionExpression="sk, #status, expires_at, changed_at",
        ExpressionAttributeNames={"#status": "status"},
        ConsistentRead=True,
    )
    for page in pages:
        for item in page["Items"]:
            position = layout.positions.get(item["sk"]["S"].removeprefix("SEAT#"))
            if position is not None:
                found[position] = slot(item)
    return found


def slot(item):
    """Returns (changed_at, state, expires_at) of a seat's item."""
    state = STATES[item["status"]["S"]]
    return int(item["changed_at"]["N"]), state, int(item["expires_at"]["N"]) if state == packed.RESERVED else 0


def reserve(theater, seats, reservation, expires_at, now_ms):
    """Reserves in one transaction that puts the reservation's record and updates its seats. Returns the stamp."""
    values = _values(now_ms) | {
        ":reservation": {"S": reservation},
        ":token": {"S": str(uuid.uuid4())},
        ":expires_at": {"N": str(expires_at)},
    }

    def record(stamp):
        holdings = [[now_ms, stamp, expires_at, None, " ".join(seats)]]
        return {
            "pk": {"S": f"RESERVATION#{theater}#-#{reservation}"},
            "sk": {"S": "RESERVATION"},
            "status": {"S": "open"},
            "turn": {"N": "1"},
            "expires_at": {"N": str(expires_at + RECORD_SECONDS)},
            "holdings": {"S": json.dumps(holdings, separators=(",", ":"))},
        }

    put = {
        "ConditionExpression": "attribute_not_exists(pk) OR expires_at <= :now",
        "ExpressionAttributeValues": {":now": values[":now"]},
    }
    condition = f"attribute_not_exists(pk) OR (changed_at < :stamp AND {CAN_BE_HAD})"
    return _write(put, record, theater, seats, RESERVE, condition, values, now_ms)


def book(theater, seats, booking, reservation, now_ms):
    """Books in one transaction that puts the booking and updates its seats. Returns the stamp."""
    values = _values(now_ms) | {":booked": {"S": "booked"}, ":booking": {"S": booking}}
    item = {
        "pk": {"S": f"BOOKING#{theater}#-#{booking}"},
        "sk": {"S": "BOOKING"},
        "seats": {"S": " ".join(seats)},
        "booked_at": {"N": str(now_ms)},
        "request_token": {"S": str(uuid.uuid4())},
    }
    condition = f"attribute_not_exists(pk) OR (changed_at < :stamp AND {CAN_BE_HAD})"
    if reservation:
        values[":reservation"] = item["reservation_id"] = {"S": reservation}
        condition = (
            f"attribute_not_exists(pk) OR (changed_at < :stamp AND ({CAN_BE_HAD} OR (#status = :reserved "
            "AND reservation_id = :reservation AND attribute_not_exists(owner_id))))"
        )
    put = {"ConditionExpression": "attribute_not_exists(pk)"}

    def stamped(stamp):
        return item | {"changed_at": {"N": str(stamp)}}

    return _write(put, stamped, theater, seats, BOOK, condition, values, now_ms)


def _write(put, item, theater, seats, update, condition, values, stamp):
    # If only the stamp was too low, raise it above the stored one and repeat the write.
    for attempt in range(ATTEMPTS):
        values[":stamp"] = {"N": str(stamp)}
        first = put | {
            "TableName": _table,
            "Item": item(stamp),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        updates = [
            {
                "TableName": _table,
                "Key": _key(theater, f"SEAT#{seat}"),
                "UpdateExpression": update,
                "ConditionExpression": condition,
                "ExpressionAttributeNames": {"#status": "status"},
                "ExpressionAttributeValues": values,
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
            for seat in seats
        ]
        try:
            items = [{"Put": first}] + [{"Update": changed} for changed in updates]
            _client.transact_write_items(TransactItems=items, ClientRequestToken=str(uuid.uuid4()))
            return stamp
        except ClientError as error:
            items = _refused(error)
        if items is None:  # a conflict between transactions
            time.sleep(0.02 * 2**attempt)
            continue
        standing = items[1:]
        if items[0] or not _only_stamps(standing, values, stamp):
            raise Refused(items)
        stamp = 1 + max(int(item["changed_at"]["N"]) for item in standing if item)
    raise TimeoutError("the seats keep changing")


def _refused(error):
    """Returns the items that a write was rejected for, or None if nothing was decided. Raises other errors."""
    response = error.response
    code = response["Error"]["Code"]
    if code in ("TransactionConflictException", "TransactionInProgressException"):
        return None
    if code != "TransactionCanceledException":
        raise error
    reasons = response["CancellationReasons"]
    if any(reason["Code"] == "ConditionalCheckFailed" for reason in reasons):
        return [reason.get("Item") if reason["Code"] == "ConditionalCheckFailed" else None for reason in reasons]
    if all(reason["Code"] in ("None", "TransactionConflict") for reason in reasons):
        return None
    raise error


def _only_stamps(items, values, stamp):
    """Returns whether every conflicting seat is available, so that only its stamp caused the rejection."""
    now = int(values[":now"]["N"])
    found = [item for item in items if item]
    for item in found:
        changed_at, state, ends = slot(item)
        ours = ":reservation" in values and item.get("reservation_id") == values[":reservation"]
        free = state == packed.AVAILABLE or (state == packed.RESERVED and ends <= now)
        if changed_at < stamp or not (free or (ours and ":booking" in values)):
            return False
    return bool(found)


def _values(now_ms):
    return {
        ":reserved": {"S": "reserved"},
        ":available": {"S": "available"},
        ":removed": {"S": "removed"},
        ":now": {"N": str(now_ms // 1000)},
    }


def _key(theater, sk):
    return {"pk": {"S": f"THEATER#{theater}"}, "sk": {"S": sk}}
