"""Archived events, and the sales that result from them."""

import dataclasses
import datetime
import json

from restoring.names import placeholder, reference

# An event is archived after it happened. The clock of a function may be ahead of the archive's by some seconds.
CLOCKS_DIFFER_MS = 60_000


class Unreadable(Exception):
    """Raised for a line that isn't an event."""


@dataclasses.dataclass
class Sale:
    """A booking that was made after the chosen second, as its events describe it."""

    # The theater's id, or `show/` and the show's id, as in the keys of the table.
    inventory: str
    reference: str
    seats: tuple
    booked_at: int
    # The stamp that the booking gave to its seats. A state of a seat with a smaller stamp is older than the sale.
    stamp: int
    reservation: str | None = None
    cancelled_at: int | None = None
    # The attributes `lines`, `currency`, `reference` and `by` of the booking's item, as far as it has them.
    money: dict = dataclasses.field(default_factory=dict)

    @property
    def key(self):
        """Identifies a sale. Callers of different theaters and shows, or different callers, may use the same id."""
        return key(self.inventory, self.reference, self.seats)


@dataclasses.dataclass
class Cancellation:
    """A cancellation of a booking that was made before the chosen second."""

    inventory: str
    reference: str
    seats: tuple
    cancelled_at: int

    @property
    def key(self):
        return key(self.inventory, self.reference, self.seats)


@dataclasses.dataclass
class History:
    """The events from the chosen second on."""

    sales: dict
    cancellations: dict
    # The newest change of each theater's layout.
    layouts: dict
    # The newest change of each show and of each sale, by the event's type and the inventory.
    others: dict


def key(inventory, booking, seats):
    """Identifies a booking by what its events contain."""
    return inventory, booking, tuple(sorted(seats))


def inventory_of(event):
    """Returns the theater or show whose seats an event is about, as the keys of the table have it."""
    return f"show/{event['show_id']}" if "show_id" in event else event["theater_id"]


def money_of(event):
    """Returns the attributes of a booking's item that its event has beside its seats (shared/src/domain/lines/codec.rs)."""
    money = {}
    if "lines" in event:
        money["lines"] = {"S": json.dumps([stored_line(line) for line in event["lines"]], separators=(",", ":"), ensure_ascii=False)}
        money["currency"] = {"S": event["currency"]}
    if "reference" in event:
        money["reference"] = {"S": event["reference"]}
    if "by" in event:
        money["by"] = {"S": event["by"]}
    return money


def stored_line(line):
    """Returns the array of a line: section, row, number, category, price and ticket type, without absent ones at its end.

    The ticket type is absent if it is `standard`.
    """
    values = [line.get(name) for name in ("section", "row", "number", "category", "price", "ticket_type")]
    if values[-1] == "standard":
        values[-1] = None
    while values and values[-1] is None:
        values.pop()
    return values


def millis(text):
    """Converts an instant, such as 2027-01-01T09:59:30Z, to milliseconds."""
    instant = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    if instant.tzinfo is None:
        raise ValueError("names no time zone, such as the Z in 2027-01-01T09:59:30Z")
    return round(instant.timestamp() * 1000)


def text(instant):
    """Converts milliseconds to an instant in UTC."""
    return datetime.datetime.fromtimestamp(instant / 1000, datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_log_group(logs, group, since, progress):
    """Reads the archived events of a log group, each as its `detail`.

    An event may occur twice, and the order is undefined.
    """
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=max(0, since - CLOCKS_DIFFER_MS))
    count = 0
    for page in pages:
        for event in page["events"]:
            count += 1
            yield detail(event["message"])
        progress(f"{count} archived events read")


def from_file(path):
    """Reads events from a file, one per line: whole events or their `detail`."""
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                if line.strip():
                    yield detail(line)
            except Unreadable as error:
                raise Unreadable(f"line {number}: {error}") from error


def detail(message):
    """Reads an event's text."""
    try:
        event = json.loads(message)
        found = event.get("detail", event)
        if found["type"] in ("booking.created", "booking.cancelled"):
            key(inventory_of(found), found["booking"], found["seats"])
            int(found["sequence"])
            money_of(found)
        millis(found["occurred_at"])
        return found
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unreadable(f"is no event of the box office ({error}): {message[:200]}") from error


def history(details, since, cancellations_until=None):
    """Combines events to sales. Their order and repetitions don't matter.

    Bookings count from `since` on. Cancellations after `cancellations_until` are ignored: damage may have cancelled
    bookings.
    """
    created, cancelled, layouts, others = {}, {}, {}, {}
    for event in details:
        at = millis(event["occurred_at"])
        if event["type"] == "booking.created":
            sale = Sale(inventory_of(event), event["booking"], tuple(event["seats"]), at, event["sequence"] // 2, event.get("reservation"),
                        money=money_of(event))
            # A booking that was made again has the same event with a larger stamp. Its first stamp is the time of the
            # sale.
            if sale.key not in created or sale.stamp < created[sale.key].stamp:
                created[sale.key] = sale
        elif event["type"] == "booking.cancelled":
            if cancellations_until is None or at <= cancellations_until:
                cancelled[key(inventory_of(event), event["booking"], event["seats"])] = at, event
        elif event["type"] == "theater.changed" and at >= since:
            newest = layouts.get(event["theater_id"])
            if newest is None or newest["layout_version"] <= event["layout_version"]:
                layouts[event["theater_id"]] = event
        elif event["type"] in ("show.changed", "sale.changed") and at >= since:
            changed = event["type"], inventory_of(event)
            if changed not in others or millis(others[changed]["occurred_at"]) <= at:
                others[changed] = event
    return combined(created, cancelled, layouts, others, since)


def combined(created, cancelled, layouts, others, since):
    """Joins bookings with their cancellations, and leaves out placeholders of an earlier run."""
    sales = {name: sale for name, sale in created.items() if sale.booked_at >= since}
    placeholders = {reference(placeholder(sale)) for sale in sales.values()}
    sales = {name: sale for name, sale in sales.items() if sale.reference not in placeholders}
    cancellations = {}
    for name, (at, event) in cancelled.items():
        if name in sales:
            sales[name].cancelled_at = at
        elif at >= since and event["booking"] not in placeholders:
            cancellations[name] = Cancellation(inventory_of(event), event["booking"], tuple(event["seats"]), at)
    return History(sales, cancellations, layouts, others)
