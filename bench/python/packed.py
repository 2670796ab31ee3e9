"""The cached string of a theater: a header, then a slot for each seat. shared/src/cache/protocol/packed.rs describes its bytes."""

import re
import struct
from pathlib import Path

import xxhash

# The sizes come from the script that makes all changes, so this module follows a change of the format.
SCRIPT = (Path(__file__).resolve().parents[2] / "shared/src/cache/protocol/availability.lua").read_text()
_sizes = re.search(r"^local FORMAT, HEADER, SLOT = (\d+), (\d+), (\d+)$", SCRIPT, re.MULTILINE)
FORMAT, HEADER_BYTES, SLOT_BYTES = map(int, _sizes.groups())

AVAILABLE, RESERVED, BOOKED = 0, 1, 2

# Readers need only the state of a slot and the end of its reservation.
_SHOWN = struct.Struct(">6xBIx")
_SLOT = struct.Struct(">6sBIx")
_ENTRY = struct.Struct(">I6sBIx")


def is_complete(packed, layout):
    """Returns whether the string has this format and layout, and is complete."""
    return (
        packed is not None
        and len(packed) == HEADER_BYTES + SLOT_BYTES * len(layout.seats)
        and packed[0] == FORMAT
        and packed[1] == 1
        and int.from_bytes(packed[4:10], "big") == layout.version
    )


def states(packed):
    """Returns state and end of every seat in layout order."""
    return _SHOWN.iter_unpack(memoryview(packed)[HEADER_BYTES:])


def slots(seats):
    """Returns the body of a string: slots of (changed_at in ms, state, expires_at in s)."""
    return b"".join(_SLOT.pack(stamp.to_bytes(6, "big"), state, ends) for stamp, state, ends in seats)


def revision(body, layout_version):
    """Returns the revision of these slots (shared/src/cache/protocol/revision.rs)."""
    return xxhash.xxh3_64_digest(body, seed=layout_version)


def states_of_slots(body):
    """Like `states`, for slots without a header."""
    return _SHOWN.iter_unpack(body)


def entry(position, stamp, state, ends):
    """Returns an entry for a merge: the seat index and the slot."""
    return _ENTRY.pack(position, stamp.to_bytes(6, "big"), state, ends)


def positions(numbers):
    """Encodes seat indices for the script."""
    return struct.pack(f">{len(numbers)}I", *numbers)
