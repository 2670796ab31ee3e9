"""Names that the functions derive from ids, derived in the same way (shared/src/events.rs,
shared/src/domain/caller.rs, shared/src/store/schema/keys.rs).
"""

import hashlib
import uuid

# Namespaces of the functions. infra/tests compares them with the sources.
REFERENCE = uuid.UUID("0d9f9a4e-1f2b-4c62-8a53-7be1f0c2d913")
OWNER = uuid.UUID("3b0f6d0e-9a3c-4c58-8f0b-5f5f0f3c2d11")

# The owner of placeholder bookings. No caller can be this owner, because owners are UUIDs of version 5 and this one has
# version 4. So no caller can read or cancel a placeholder, although its id can be derived from an event.
HOUSE = uuid.UUID("5f1a7c52-6b0d-4d0e-9c35-2f6b8e0a4d17")


def named(namespace, name):
    """Returns the UUID of version 5 for a name in bytes. `uuid.uuid5` takes bytes only from Python 3.12 on."""
    digest = bytearray(hashlib.sha1(namespace.bytes + name, usedforsecurity=False).digest()[:16])
    return uuid.UUID(bytes=bytes(digest), version=5)


def reference(booking):
    """Returns the name of a booking or reservation in events."""
    return str(named(REFERENCE, uuid.UUID(str(booking)).bytes))


def owner_of(subject):
    """Returns the owner id of a caller's subject."""
    return named(OWNER, subject.encode())


def mark(booking, owner):
    """Returns the value by which a booked seat names its booking."""
    return str(named(uuid.UUID(str(booking)), uuid.UUID(str(owner)).bytes) if owner else uuid.UUID(str(booking)))


def placeholder(sale):
    """Returns the id of the booking that keeps a sale's seats while the sale's own id isn't known.

    It is always the same for a sale.
    """
    return named(uuid.UUID(sale.reference), "\n".join([sale.inventory, *sorted(sale.seats)]).encode())
