"""The account of every sale after the chosen second: its outcome, and the remaining work."""

import collections
import csv
import dataclasses
import time
import uuid

from restoring import writes
from restoring.events import Cancellation, Sale
from restoring.names import HOUSE, mark, owner_of, placeholder, reference
from restoring.table import Changed

# Attempts to decide about a sale while something keeps changing its items.
MOST_ATTEMPTS = 8

# Outcomes of a sale, in the order of the account.
KEPT = "kept"
BOOKED_AGAIN = "lost: booked again"
SEATS_KEPT = "lost: id unknown, seats kept"
TO_COMPLETE = "torn: seats to be booked again"
TO_BOOK = "lost: to be booked again"
TO_KEEP = "lost: id unknown, seats to be kept"
TO_HAND_OVER = "lost: seats kept, id known now"
TAKEN = "lost: seats taken by another since"
NO_SEATS = "lost: seats not in the layout"
TO_CANCEL = "cancelled by its buyer: to be cancelled again"
CANCELLED = "cancelled by its buyer"
UNKNOWN = "cancelled by its buyer: not in the table"
OUTCOMES = [KEPT, BOOKED_AGAIN, SEATS_KEPT, TO_COMPLETE, TO_BOOK, TO_KEEP, TO_HAND_OVER, TAKEN, NO_SEATS, TO_CANCEL, CANCELLED, UNKNOWN]


class BadList(Exception):
    """A list of bookings that can't be read."""


@dataclasses.dataclass
class Identity:
    """The data of a booking that events lack: its id and its owner."""

    id: str
    owner: str | None = None
    reservation: str | None = None
    request_token: str | None = None
    counted: bool = False


@dataclasses.dataclass
class Finding:
    """The outcome of one sale, and its reason."""

    outcome: str
    why: str = ""


def listed(path):
    """Reads a list of bookings as CSV. A line has a booking's id, and the token's subject if there was a token."""
    known = {}
    with open(path, encoding="utf-8", newline="") as lines:
        for number, row in enumerate(csv.reader(lines), 1):
            if not row or not row[0].strip():
                continue
            try:
                booking = str(uuid.UUID(row[0].strip()))
            except ValueError:
                raise BadList(f"{path}, line {number}: booking_id {row[0]!r} is no UUID") from None
            if len(row) > 2:
                raise BadList(f"{path}, line {number}: expected booking_id or booking_id,subject and found {len(row)} fields")
            subject = row[1].strip() if len(row) == 2 else ""
            known[reference(booking)] = Identity(booking, str(owner_of(subject)) if subject else None)
    return known


def add_old_table(history, bookings, since, cancellations_until):
    """Adds the sales of the lost table, and returns the identities of its bookings.

    Its items contain ids and owners, and also sales and cancellations that were never archived.
    """
    identities, sales, cancellations = {}, 0, 0
    for booking in bookings:
        if booking.owner == str(HOUSE):
            continue
        item, booked_at = booking.item, int(booking.item["booked_at"]["N"])
        identities[booking.key] = Identity(
            booking.id, booking.owner, item.get("reservation_id", {}).get("S"), item.get("request_token", {}).get("S"), booking.counted)
        stamp, reservation = int(item["changed_at"]["N"]), item.get("reservation_id", {}).get("S")
        # The role of a cancelled booking is that of its cancellation.
        kept = ("lines", "currency", "reference") if booking.cancelled else ("lines", "currency", "reference", "by")
        if booked_at >= since and booking.key not in history.sales:
            history.sales[booking.key] = Sale(booking.inventory, reference(booking.id), booking.seats, booked_at, stamp,
                                              reservation and reference(reservation),
                                              money={name: item[name] for name in kept if name in item})
            sales += 1
        at = int(item["cancelled_at"]["N"]) if booking.cancelled else None
        if at is None or at < since or (cancellations_until is not None and at > cancellations_until):
            continue
        if booking.key in history.sales:
            if history.sales[booking.key].cancelled_at is None:
                history.sales[booking.key].cancelled_at = at
                cancellations += 1
        elif booking.key not in history.cancellations:
            history.cancellations[booking.key] = Cancellation(booking.inventory, reference(booking.id), booking.seats, at)
            cancellations += 1
    return identities, sales, cancellations


class Account:
    """Decides about each sale from the items of the restored table. With the options to write, corrects the table."""

    def __init__(self, table, history, identities, bookings):
        self.table, self.history, self.identities = table, history, identities
        self.standing = {booking.key: booking for booking in bookings}
        self.findings, self.earlier = {}, {}

    def identity(self, sale):
        return self.identities.get(sale.key) or self.identities.get(sale.reference)

    def run(self, book, cancel, report):
        """Handles all cancellations first, because they free seats, and then all sales.

        Of two sales of a seat the newer one is valid. The older one was cancelled before, and that may not be archived.
        """
        for name, cancellation in sorted(self.history.cancellations.items(), key=lambda pair: pair[1].cancelled_at):
            self.earlier[name] = self.settle(self.cancel_earlier, cancellation, cancel)
            report(cancellation, self.earlier[name])
        sales = sorted(self.history.sales.values(), key=lambda sale: sale.stamp, reverse=True)
        for sale in [*(sale for sale in sales if sale.cancelled_at is not None), *(sale for sale in sales if sale.cancelled_at is None)]:
            step = self.cancelled if sale.cancelled_at is not None else self.sold
            self.findings[sale.key] = self.settle(step, sale, cancel if sale.cancelled_at is not None else book)
            report(sale, self.findings[sale.key])

    @staticmethod
    def settle(step, what, apply):
        """Decides about a sale. Decides again if its items changed in between."""
        for attempt in range(MOST_ATTEMPTS):
            try:
                return step(what, apply)
            except Changed as error:
                last = error
                time.sleep(0.05 * 2**attempt)
        raise Changed(f"the seats {' '.join(what.seats)} of {what.inventory} keep changing. Is selling stopped? {last}")

    def cancel_earlier(self, cancellation, apply):
        booking = self.reread(cancellation)
        if booking is None:
            return Finding(UNKNOWN)
        return self.cancel(booking, cancellation, apply)

    def cancelled(self, sale, apply):
        booking = self.reread(sale) or self.placeholder(sale)
        if booking is None:
            return Finding(CANCELLED)
        return self.cancel(booking, sale, apply)

    def cancel(self, booking, what, apply):
        if booking.cancelled:
            return Finding(CANCELLED)
        if not apply:
            return Finding(TO_CANCEL)
        _, seats = self.table.seats(booking.inventory, booking.seats)
        writes.cancel(self.table, booking, seats, what.cancelled_at)
        return Finding(CANCELLED, "now cancelled again")

    def sold(self, sale, apply):
        booking, held, identity = self.reread(sale), self.placeholder(sale), self.identity(sale)
        if booking is None and identity is not None:
            # Independently of the scan, because an earlier attempt of this run may have written it.
            booking = self.table.booking(sale.inventory, identity.owner, identity.id)
        if booking is not None and booking.cancelled:
            return Finding(CANCELLED, "by this table, not by the events")
        marks = [booking.mark] if booking else [mark(identity.id, identity.owner)] if identity else []
        known, seats = self.table.seats(sale.inventory, sale.seats)
        if booking is None and held is not None and not held.cancelled:
            if identity is None:
                return Finding(SEATS_KEPT)
            return self.hand_over(sale, identity, held, seats, apply)
        conflicts = [why for label, seat in seats.items() if (why := in_the_way(sale, label, seat, marks))]
        if booking is not None:
            return self.standing_booking(booking, seats, conflicts, apply)
        if known is None:
            return Finding(NO_SEATS, "there is no such theater or show, or it has no layout")
        missing = [label for label in sale.seats if known and label not in known]
        if missing:
            return Finding(NO_SEATS, " ".join(missing))
        if conflicts:
            return Finding(TAKEN, "; ".join(conflicts))
        if identity is None:
            identity = self.by_seats(sale, seats)
        if not apply:
            return Finding(TO_BOOK if identity else TO_KEEP)
        if identity:
            writes.book_again(self.table, sale, identity, seats)
            return Finding(BOOKED_AGAIN, "now")
        writes.keep_seats(self.table, sale, seats)
        return Finding(SEATS_KEPT, "now")

    def standing_booking(self, booking, seats, conflicts, apply):
        if all(writes.is_under(seat, booking.mark) for seat in seats.values()):
            return Finding(BOOKED_AGAIN if booking.booked_again else KEPT)
        if conflicts:
            return Finding(TAKEN, "; ".join(conflicts))
        if not apply:
            return Finding(TO_COMPLETE)
        writes.complete(self.table, booking, seats)
        return Finding(BOOKED_AGAIN, "its missing seats, now")

    def hand_over(self, sale, identity, held, seats, apply):
        if not apply:
            return Finding(TO_HAND_OVER)
        if not all(writes.is_under(seat, held.mark) for seat in seats.values()):
            return Finding(TAKEN, "the placeholder doesn't have all of its seats")
        writes.hand_over(self.table, sale, identity, seats)
        return Finding(BOOKED_AGAIN, "its seats were kept until now")

    @staticmethod
    def by_seats(sale, seats):
        """Finds the booking of a seat that an incomplete transaction left booked.

        The seat names its booking, if that has no owner.
        """
        ids = {seat["booking_id"]["S"] for seat in seats.values() if seat and "booking_id" in seat and seat["status"]["S"] == "booked"}
        return next((Identity(found) for found in ids if reference(found) == sale.reference), None)

    def reread(self, what):
        found = self.standing.get(what.key)
        return found and self.table.booking(found.inventory, found.owner, found.id)

    def placeholder(self, sale):
        return self.table.booking(sale.inventory, HOUSE, placeholder(sale))

    def totals(self):
        """Returns the number of sales of each outcome, and the same for cancellations of earlier bookings."""
        return (collections.Counter(finding.outcome for finding in self.findings.values()),
                collections.Counter(finding.outcome for finding in self.earlier.values()))


def in_the_way(sale, label, seat, marks):
    """Returns the reason why a seat can't be booked for a sale, or None."""
    if seat is None:
        return None
    status, stamp = seat["status"]["S"], int(seat["changed_at"]["N"])
    if status == "booked":
        booking = seat.get("booking_id", {}).get("S", "")
        own = booking in marks or (is_uuid(booking) and reference(booking) == sale.reference)
        return None if own else f"{label} is booked"
    if status == "available" or stamp < sale.stamp:
        # An older state of the seat had ended when the sale was made.
        return None
    if int(seat["expires_at"]["N"]) <= time.time():
        return None
    if seat.get("reservation_id") and reference(seat["reservation_id"]["S"]) == sale.reservation:
        return None
    return f"{label} is {status}"


def is_uuid(value):
    try:
        return bool(uuid.UUID(value))
    except ValueError:
        return False
