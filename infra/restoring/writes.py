"""Writes that put a sale into the restored table.

Each is one transaction. It fails if a seat changed since it was read.

Repeating any of them is safe. Every write of a seat raises its stamp, so the condition fails for a seat that changed in
between.
"""

import time
import uuid

from restoring.names import HOUSE, mark, placeholder
from restoring.table import booking_key, count_key, seat_key

# Seconds that the item of an available seat remains, as in shared/src/store/write/seat_write.rs.
KEPT_AVAILABLE = 600


def n(number):
    return {"N": str(number)}


def now_millis():
    return time.time_ns() // 1_000_000


def stamp_above(seats, now):
    """Returns a stamp above those of the seats."""
    return max([now, *(int(seat["changed_at"]["N"]) + 1 for seat in seats.values() if seat)])


def as_read(seat):
    """Returns the condition that a seat hasn't changed since it was read."""
    if seat is None:
        return {"ConditionExpression": "attribute_not_exists(pk)"}
    return {
        "ConditionExpression": "changed_at = :seen AND #status = :status",
        "ExpressionAttributeValues": {":seen": seat["changed_at"], ":status": seat["status"]},
    }


def book_seat(inventory, label, seat, booking_mark, stamp):
    """Books a seat as the functions do."""
    condition = as_read(seat)
    return {"Update": {
        "Key": seat_key(inventory, label),
        "UpdateExpression": "SET #status = :booked, booking_id = :booking, changed_at = :stamp "
                            "REMOVE reservation_id, request_token, owner_id, layout_version, expires_at, price, ticket_type, #by",
        "ExpressionAttributeNames": {"#status": "status", "#by": "by"},
        **condition,
        "ExpressionAttributeValues": {**condition.get("ExpressionAttributeValues", {}), ":booked": {"S": "booked"},
                                      ":booking": {"S": booking_mark}, ":stamp": n(stamp)},
    }}


def free_seat(inventory, label, seat, stamp, now):
    """Makes a booked seat available as the functions do."""
    condition = as_read(seat)
    return {"Update": {
        "Key": seat_key(inventory, label),
        "UpdateExpression": "SET #status = :available, changed_at = :stamp, expires_at = :collect "
                            "REMOVE reservation_id, request_token, booking_id, owner_id, layout_version, price, ticket_type, #by",
        "ExpressionAttributeNames": {"#status": "status", "#by": "by"},
        **condition,
        "ExpressionAttributeValues": {**condition["ExpressionAttributeValues"], ":available": {"S": "available"},
                                      ":stamp": n(stamp), ":collect": n(now // 1000 + KEPT_AVAILABLE)},
    }}


def booking_item(sale, identity, stamp, now):
    """Makes a booking's item. Its time is that of the sale, so that its event has the same id as before."""
    item = {
        **booking_key(sale.inventory, identity.owner, identity.id),
        "seats": {"S": " ".join(sale.seats)},
        "booked_at": n(sale.booked_at),
        "changed_at": n(stamp),
        "request_token": {"S": identity.request_token or str(uuid.uuid4())},
        "booked_again_at": n(now),
        **sale.money,
    }
    if identity.owner:
        item["owner_id"] = {"S": identity.owner}
    if identity.reservation:
        item["reservation_id"] = {"S": identity.reservation}
    if identity.counted:
        item["counted"] = n(1)
    return item


def count(inventory, owner, seats):
    """Changes the number of seats that a caller has booked in a theater."""
    return {"Update": {"Key": count_key(inventory, owner), "UpdateExpression": "ADD booked_seats :seats",
                       "ExpressionAttributeValues": {":seats": n(seats)}}}


def book_again(table, sale, identity, seats):
    """Books a lost sale under its own id."""
    now = now_millis()
    stamp = stamp_above(seats, now)
    counted = [count(sale.inventory, identity.owner, len(sale.seats))] if identity.counted else []
    booking_mark = mark(identity.id, identity.owner)
    table.transact(
        {"Put": {"Item": booking_item(sale, identity, stamp, now), "ConditionExpression": "attribute_not_exists(pk)"}},
        *counted, *(book_seat(sale.inventory, label, seat, booking_mark, stamp) for label, seat in seats.items()),
    )


def keep_seats(table, sale, seats):
    """Books a lost sale's seats under a placeholder, which no caller can read or cancel."""
    now = now_millis()
    stamp = stamp_above(seats, now)
    held = placeholder(sale)
    item = {
        **booking_key(sale.inventory, HOUSE, held), "seats": {"S": " ".join(sale.seats)}, "booked_at": n(sale.booked_at),
        "changed_at": n(stamp), "request_token": {"S": str(uuid.uuid4())}, "owner_id": {"S": str(HOUSE)},
        "booked_again_at": n(now), "kept_for": {"S": sale.reference},
    }
    table.transact(
        {"Put": {"Item": item, "ConditionExpression": "attribute_not_exists(pk)"}},
        *(book_seat(sale.inventory, label, seat, mark(held, HOUSE), stamp) for label, seat in seats.items()),
    )


def hand_over(table, sale, identity, seats):
    """Gives the seats of a placeholder to the sale's own booking, whose id is now known."""
    now = now_millis()
    stamp = stamp_above(seats, now)
    counted = [count(sale.inventory, identity.owner, len(sale.seats))] if identity.counted else []
    booking_mark = mark(identity.id, identity.owner)
    table.transact(
        {"Put": {"Item": booking_item(sale, identity, stamp, now), "ConditionExpression": "attribute_not_exists(pk)"}},
        end_booking(sale.inventory, HOUSE, placeholder(sale), stamp, now),
        *counted, *(book_seat(sale.inventory, label, seat, booking_mark, stamp) for label, seat in seats.items()),
    )


def complete(table, booking, seats):
    """Books the seats that a standing booking lacks: a restored table may hold a part of a transaction."""
    now = now_millis()
    stamp = stamp_above(seats, now)
    lacking = {label: seat for label, seat in seats.items() if not is_under(seat, booking.mark)}
    table.transact(
        {"Update": {"Key": booking_key(booking.inventory, booking.owner, booking.id),
                    "UpdateExpression": "SET changed_at = :stamp, booked_again_at = :now",
                    "ConditionExpression": "attribute_exists(pk) AND attribute_not_exists(cancelled_at)",
                    "ExpressionAttributeValues": {":stamp": n(stamp), ":now": n(now)}}},
        *(book_seat(booking.inventory, label, seat, booking.mark, stamp) for label, seat in lacking.items()),
    )


def cancel(table, booking, seats, cancelled_at):
    """Cancels a booking that its buyer had cancelled. Seats that it doesn't have are left alone."""
    now = now_millis()
    stamp = stamp_above(seats, now)
    counted = [count(booking.inventory, booking.owner, -len(booking.seats))] if booking.counted and booking.owner else []
    table.transact(
        end_booking(booking.inventory, booking.owner, booking.id, stamp, cancelled_at),
        *counted,
        *(free_seat(booking.inventory, label, seat, stamp, now) for label, seat in seats.items() if is_under(seat, booking.mark)),
    )


def end_booking(inventory, owner, booking, stamp, at):
    return {"Update": {"Key": booking_key(inventory, owner, booking), "UpdateExpression": "SET cancelled_at = :at, changed_at = :stamp REMOVE #by",
                       "ExpressionAttributeNames": {"#by": "by"},
                       "ConditionExpression": "attribute_exists(pk) AND attribute_not_exists(cancelled_at)",
                       "ExpressionAttributeValues": {":at": n(at), ":stamp": n(stamp)}}}


def is_under(seat, booking_mark):
    """Returns whether a seat is booked under a booking with this mark."""
    return seat is not None and seat["status"]["S"] == "booked" and seat.get("booking_id", {}).get("S") == booking_mark
