"""The same three calls in Python, as a reference for measurements: Lambda Powertools, boto3, redis-py with hiredis.

Events come from Amazon's own runtime client (awslambdaric). Bodies are identical to the Rust ones to the byte. So are the
items, the conditions and the calls to both engines. The ETag is a hash of the body.

Features that aren't measured are missing: 304s by the revision alone, renewing a key before its end, waiting for another
reader's fill, maps and sections, limits, recognizing a repeated reservation, best available, whole reservations, links.
"""

import json
import os
import time
import uuid
from datetime import datetime, timezone

import xxhash
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.logging import correlation_paths

import cache
import packed
import table

MOST_SEATS = int(os.environ.get("MAX_SEATS_PER_CALL") or 10)
STATUS = {packed.AVAILABLE: "available", packed.RESERVED: "reserved", packed.BOOKED: "booked"}

logger = Logger(service="boxoffice")
app = APIGatewayHttpResolver()


class Problem(Exception):
    """An error as problem details (RFC 9457)."""

    def __init__(self, status, code, title, detail, **members):
        super().__init__(detail)
        self.status, self.code, self.title, self.detail, self.members = status, code, title, detail, members


@app.exception_handler(Problem)
def tell_problem(problem):
    called = app.current_event.request_context
    body = {
        "type": f"https://{called.domain_name}/{called.stage}/errors/{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": app.current_event.raw_path,
        "code": problem.code,
        "request_id": app.lambda_context.aws_request_id,
    }
    return respond(problem.status, body | problem.members, {"cache-control": "no-store"}, "application/problem+json")


@app.get("/theaters/<theater_id>/seats")
def seats_of(theater_id):
    layout = layout_of(theater_id)
    source, seats = look(layout)
    now = int(time.time())
    states = [(label, state, ends) for label, (state, ends) in zip(layout.seats, seats, strict=True)]
    available = [
        label for label, state, ends in states if state == packed.AVAILABLE or (state == packed.RESERVED and ends <= now)
    ]
    booked = sum(state == packed.BOOKED for _, state, _ in states)
    reserved = len(states) - len(available) - booked
    body = to_json(
        {
            "theater_id": theater_id,
            "name": layout.name,
            "seats": available,
            "reserved": reserved,
            "booked": booked,
            "layout_version": layout.version,
        }
    )
    etag = f'"{xxhash.xxh3_64_hexdigest(body.encode())}"'
    headers = {"etag": etag, "cache-control": "no-cache", "x-cache": source}
    logger.info("request", route="get-seats", theater=theater_id, cache=source)
    wanted = app.current_event.headers.get("if-none-match", "")
    if wanted == "*" or etag in [tag.strip().removeprefix("W/") for tag in wanted.split(",")]:
        return Response(status_code=304, headers=headers)
    return Response(status_code=200, content_type="application/json", body=body, headers=headers)


def look(layout):
    """Returns the source of the seats' states, and the states."""
    known = cache.read(layout.theater)
    if packed.is_complete(known, layout):
        return "hit", packed.states(known)
    token, known = cache.begin(layout)
    if packed.is_complete(known, layout):
        return "hit", packed.states(known)
    slots = table.slots(layout)
    if token:
        cache.end(layout, token, slots, now_ms())
    return "miss" if token else "bypass", [(state, ends) for _, state, ends in slots]


@app.post("/theaters/<theater_id>/reserve")
def reserve_seats(theater_id):
    body = read_body()
    layout = layout_of(theater_id)
    seats = wanted_seats(layout, body)
    expires_in = body.get("expires_in", 600)
    if not isinstance(expires_in, int) or isinstance(expires_in, bool) or not 1 <= expires_in <= 1800:
        raise malformed("expires_in", "a whole number of seconds from 1 to 1800")
    named = read_id(body, "reservation_id")
    if not named:
        refuse_early(layout, seats)
    reservation, now = named or str(uuid.uuid4()), now_ms()
    expires_at = -(-now // 1000) + expires_in
    try:
        stamp = table.reserve(theater_id, seats, reservation, expires_at, now)
    except table.Refused as refused:
        _, *standing = refused.items
        raise taken(layout, seats, standing) from None
    cache.merge(layout, [(seat, stamp, packed.RESERVED, expires_at) for seat in seats])
    logger.info("request", route="reserve", theater=theater_id)
    answer = {
        "message": "Seat reserved" if len(seats) == 1 else "Seats reserved",
        "reservation_id": reservation,
        "theater_id": theater_id,
        "seats": seats,
        "expires_at": rfc3339(expires_at),
        "expires_in": expires_in,
        "ends": [{"seat": seat, "expires_at": rfc3339(expires_at), "expires_in": expires_in} for seat in seats],
    }
    return respond(201, answer, {"cache-control": "no-store"})


@app.post("/theaters/<theater_id>/book")
def book_seats(theater_id):
    body = read_body()
    layout = layout_of(theater_id)
    seats = wanted_seats(layout, body)
    named, reservation = read_id(body, "booking_id"), read_id(body, "reservation_id")
    if not named and not reservation:
        refuse_early(layout, seats)
    booking, now, status = named or str(uuid.uuid4()), now_ms(), 201
    headers = {"cache-control": "no-store"}
    message = "Seat booked" if len(seats) == 1 else "Seats booked"
    try:
        stamp = table.book(theater_id, seats, booking, reservation, now)
        cache.merge(layout, [(seat, stamp, packed.BOOKED, 0) for seat in seats])
    except table.Refused as refused:
        before, *standing = refused.items
        if not before:
            raise taken(layout, seats, standing) from None
        if before["seats"]["S"].split(" ") != seats:
            raise Problem(422, "idempotency_key_reused", "This request was used for something else before", "booking_id") from None
        now, status, message = int(before["booked_at"]["N"]), 200, "Booking already exists"
        headers["idempotent-replayed"] = "true"
    logger.info("request", route="book", theater=theater_id)
    answer = {
        "message": message,
        "booking_id": booking,
        "theater_id": theater_id,
        "seats": seats,
        "booked_at": rfc3339(now // 1000),
    }
    return respond(status, answer, headers)


def layout_of(theater):
    layout = table.layout(theater)
    if layout is None:
        errors = [{"field": "theaterId", "expected": "the id of a theater"}]
        raise Problem(404, "theater_not_found", "This theater does not exist", f"there is no theater {theater}", errors=errors)
    return layout


def read_body():
    try:
        body = app.current_event.json_body
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise malformed("body", "a JSON object")
    return body


def read_id(body, field):
    try:
        return str(uuid.UUID(body[field])) if field in body else None
    except (ValueError, TypeError, AttributeError):
        raise malformed(field, "a UUID") from None


def wanted_seats(layout, body):
    """Returns the requested seats in layout order."""
    seats = [body["seat"]] if "seat" in body else body.get("seats")
    if not isinstance(seats, list) or not 1 <= len(seats) <= MOST_SEATS or len(set(map(str, seats))) != len(seats):
        raise malformed("seats", f"1 to {MOST_SEATS} different seats")
    unknown = [{"seat": str(seat)} for seat in seats if not isinstance(seat, str) or seat not in layout.positions]
    if unknown:
        raise Problem(404, "seat_not_found", "This theater does not have such a seat", "the layout lacks them", seats=unknown)
    return sorted(seats, key=layout.positions.__getitem__)


def refuse_early(layout, seats):
    """Rejects seats that are taken according to the cache. Used only if the request can't be a repeat."""
    states, now = cache.peek(layout, seats), time.time()
    if states:
        conflicts = [
            conflict(seat, state, ends)
            for seat, (state, ends) in zip(seats, states, strict=True)
            if state == packed.BOOKED or (state == packed.RESERVED and ends > now)
        ]
        if conflicts:
            raise unavailable(conflicts)


def taken(layout, seats, items):
    """Updates the cache with the conflicting seats and returns the problem for them."""
    found = [(seat, *table.slot(item)) for seat, item in zip(seats, items, strict=True) if item]
    cache.merge(layout, found)
    return unavailable([conflict(seat, state, ends) for seat, _, state, ends in found])


def unavailable(conflicts):
    return Problem(409, "seat_unavailable", "Some seats are no longer available", "others have these seats", seats=conflicts)


def conflict(seat, state, ends):
    told = {"seat": seat, "status": STATUS[state]}
    return told | {"expires_at": rfc3339(ends)} if state == packed.RESERVED else told


def malformed(field, expected):
    errors = [{"field": field, "expected": expected}]
    return Problem(400, "malformed_request", "Something in this request is not right", f"{field}: {expected}", errors=errors)


def respond(status, body, headers, content_type="application/json"):
    return Response(status_code=status, content_type=content_type, body=to_json(body), headers=headers)


def to_json(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def now_ms():
    return time.time_ns() // 1_000_000


def rfc3339(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_HTTP)
def get_seats(event, context):
    return app.resolve(event, context)


# One program serves all three functions. Lambda names the function at the start, and the event selects the route.
reserve = book = get_seats
cache.connect()
