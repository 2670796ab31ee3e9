"""Items of the table, read and written as the functions do (shared/src/store/schema has their format)."""

import dataclasses
import uuid

from botocore.exceptions import ClientError

from restoring.events import key
from restoring.names import mark, reference

# BatchGetItem takes 100 keys (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html).
MOST_KEYS = 100


class Changed(Exception):
    """Raised when an item changed in between. Reading and deciding again is safe."""


@dataclasses.dataclass
class Booking:
    """A booking's item."""

    # The theater's id, or `show/` and the show's id.
    inventory: str
    id: str
    owner: str | None
    item: dict

    @property
    def seats(self):
        return tuple(self.item["seats"]["S"].split(" "))

    @property
    def cancelled(self):
        return "cancelled_at" in self.item

    @property
    def counted(self):
        return "counted" in self.item

    @property
    def booked_again(self):
        return "booked_again_at" in self.item

    @property
    def mark(self):
        return mark(self.id, self.owner)

    @property
    def key(self):
        return key(self.inventory, reference(self.id), self.seats)

    @staticmethod
    def read(item):
        """Reads an item. Returns None if it can't be read, as in a damaged table."""
        try:
            _, inventory, owner, booking = item["pk"]["S"].split("#")
            found = Booking(inventory, str(uuid.UUID(booking)), None if owner == "-" else str(uuid.UUID(owner)), item)
            return found if all(found.seats) and int(item["booked_at"]["N"]) and int(item["changed_at"]["N"]) else None
        except (KeyError, ValueError):
            return None


def booking_key(inventory, owner, booking):
    return {"pk": {"S": f"BOOKING#{inventory}#{owner or '-'}#{booking}"}, "sk": {"S": "BOOKING"}}


def partition(inventory):
    """Returns the partition of a theater or show."""
    return f"SHOW#{inventory.removeprefix('show/')}" if inventory.startswith("show/") else f"THEATER#{inventory}"


def seat_key(inventory, label):
    return {"pk": {"S": partition(inventory)}, "sk": {"S": f"SEAT#{label}"}}


def count_key(inventory, owner):
    return {"pk": {"S": f"CALLER#{owner}"}, "sk": {"S": f"BOOKED#{inventory}"}}


class Table:
    """The table that is reconciled, or the one that was lost."""

    def __init__(self, dynamodb, name):
        self.dynamodb, self.name = dynamodb, name

    def bookings(self, progress):
        """Reads all bookings by a strongly consistent scan of the whole table."""
        pages = self.dynamodb.get_paginator("scan").paginate(
            TableName=self.name, ConsistentRead=True, FilterExpression="sk = :booking", ExpressionAttributeValues={":booking": {"S": "BOOKING"}})
        read, found = 0, []
        for page in pages:
            read += page["ScannedCount"]
            found += filter(None, map(Booking.read, page["Items"]))
            progress(f"{self.name}: {read} items read, {len(found)} bookings")
        return found

    def get(self, *keys):
        """Reads items, strongly consistent. A missing item is None."""
        found, left = {}, list(keys)
        while left:
            some, left = left[:MOST_KEYS], left[MOST_KEYS:]
            answer = self.dynamodb.batch_get_item(RequestItems={self.name: {"Keys": some, "ConsistentRead": True}})
            found |= {name(item): item for item in answer["Responses"].get(self.name, [])}
            left += answer.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
        return [found.get(name(wanted)) for wanted in keys]

    def booking(self, inventory, owner, booking):
        """Reads a booking."""
        (item,) = self.get(booking_key(inventory, owner, booking))
        return item and Booking.read(item)

    def seats(self, inventory, labels):
        """Reads seats by label, and the labels of the layout.

        They are None without a layout, and empty in a packed layout.
        """
        layout = self.layout(inventory)
        items = self.get(*(seat_key(inventory, label) for label in labels))
        known = None if layout is None else set(layout.get("seats", {"S": ""})["S"].split())
        return known, dict(zip(labels, items))

    def layout(self, inventory):
        """Reads the layout of a theater, or the layout version that a show uses. A missing one is None."""
        if not inventory.startswith("show/"):
            (found,) = self.get({"pk": {"S": partition(inventory)}, "sk": {"S": "LAYOUT"}})
            return found
        (show,) = self.get({"pk": {"S": partition(inventory)}, "sk": {"S": "SHOW"}})
        if show is None:
            return None
        (found,) = self.get({"pk": {"S": partition(show["theater_id"]["S"])}, "sk": {"S": f"LAYOUT#{show['layout_version']['N']}"}})
        return found

    def transact(self, *writes):
        """Writes everything or nothing, in one transaction."""
        try:
            self.dynamodb.transact_write_items(TransactItems=[{kind: {"TableName": self.name, **rest} for kind, rest in write.items()} for write in writes])
        except ClientError as error:
            if error.response["Error"]["Code"] in ("TransactionCanceledException", "TransactionInProgressException"):
                raise Changed(error.response["Error"]["Message"]) from error
            raise


def name(item):
    return item["pk"]["S"], item["sk"]["S"]
