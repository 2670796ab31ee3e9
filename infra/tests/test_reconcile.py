"""infra/reconcile.py: sales from events, and the outcome of each sale."""

import contextlib
import io
import re
import sys
import tempfile
import time
import unittest
import uuid
from pathlib import Path

import dynamodb as local
from template import ROOT

sys.path.insert(0, str(ROOT / "infra"))
import reconcile  # noqa: E402
from restoring import account, events, names, table, writes  # noqa: E402

BOOKING = "0b9f3c1e-52a7-4f86-b1d0-7c3e9a5d2f64"
OTHER = "6f1d6f0a-3c0e-4d5b-9a55-0c8f6d1b7e21"
SECOND = events.millis("2027-01-01T10:00:00Z")
FUTURE = int(time.time()) + 1000


def booked(booking=BOOKING, seats=("A1",), after=5_000, kind="booking.created", stamp=None, theater="1", reservation=None):
    """Returns an event of a booking, some milliseconds after the second."""
    event = {"version": 1, "id": str(uuid.uuid4()), "type": kind, "theater_id": theater, "occurred_at": events.text(SECOND + after),
             "sequence": 2 * (stamp or SECOND + after), "seats": list(seats), "booking": names.reference(booking)}
    return {**event, "reservation": names.reference(reservation)} if reservation else event


def sold_in_show(show="evening-1", **more):
    """Returns the event of a booking of a show with prices."""
    event = booked(**more)
    del event["theater_id"]
    lines = [{"seat": "A1", "section": "Stalls", "row": "A", "number": "1", "category": "premium", "ticket_type": "child", "price": 4500}]
    return {**event, "show_id": show, "lines": lines, "total": 4500, "currency": "EUR", "reference": "order-4711"}


def cancelled(booking=BOOKING, seats=("A1",), after=9_000, **more):
    return booked(booking, seats, after, "booking.cancelled", **more)


def seat(status, at=0, **more):
    """Returns a seat's item, written some milliseconds after the second."""
    return {"status": {"S": status}, "changed_at": {"N": str(SECOND + at)}, **more}


class Names(unittest.TestCase):
    def test_namespaces_are_those_of_the_functions(self):
        for file, constant, value in [("shared/src/events.rs", "REFERENCE", names.REFERENCE), ("shared/src/domain/caller.rs", "OWNER", names.OWNER)]:
            (found,) = re.findall(rf'const {constant}: Uuid = uuid!\("([0-9a-f-]+)"\)', (ROOT / file).read_text())
            self.assertEqual(found, str(value))

    def test_a_name_is_that_of_pythons_own_uuid5(self):
        self.assertEqual(names.owner_of("ann"), uuid.uuid5(names.OWNER, "ann"))

    def test_no_caller_can_have_the_owner_of_placeholders(self):
        self.assertEqual((names.HOUSE.version, names.owner_of("house").version), (4, 5))


class History(unittest.TestCase):
    def history(self, *details, **options):
        return events.history(details, SECOND, **options)

    def test_order_and_doubles_do_not_matter(self):
        made, gone = booked(), cancelled()
        for order in ([made, gone], [gone, made], [made, made, gone, gone], [gone, made, gone]):
            (sale,) = self.history(*order).sales.values()
            self.assertEqual((sale.booked_at, sale.cancelled_at), (SECOND + 5_000, SECOND + 9_000))

    def test_a_booking_that_was_made_again_keeps_its_first_stamp(self):
        (sale,) = self.history(booked(stamp=SECOND + 99_000), booked()).sales.values()
        self.assertEqual(sale.stamp, SECOND + 5_000)

    def test_earlier_bookings_count_only_their_cancellations(self):
        found = self.history(booked(after=-1), cancelled())
        self.assertEqual((len(found.sales), len(found.cancellations)), (0, 1))
        self.assertEqual(len(self.history(booked(after=-2), cancelled(after=-1)).cancellations), 0)

    def test_cancellations_by_the_damage_can_be_ignored(self):
        (sale,) = self.history(booked(), cancelled(), cancellations_until=SECOND + 8_999).sales.values()
        self.assertIsNone(sale.cancelled_at)

    def test_placeholders_are_no_sales(self):
        (sale,) = self.history(booked()).sales.values()
        held = names.placeholder(sale)
        found = self.history(booked(), booked(held, after=5_000), cancelled(held, after=60_000))
        self.assertEqual((len(found.sales), len(found.cancellations)), (1, 0))

    def test_equal_ids_in_two_theaters_are_two_sales(self):
        self.assertEqual(len(self.history(booked(), booked(theater="2")).sales), 2)

    def test_a_show_and_a_theater_of_one_id_are_two(self):
        found = self.history(booked(), sold_in_show("1"))
        self.assertEqual({sale.inventory for sale in found.sales.values()}, {"1", "show/1"})

    def test_lines_are_stored_without_what_is_absent(self):
        line = {"section": "Stalls", "row": "A", "number": "1", "category": "premium", "price": 8500, "ticket_type": "standard"}
        self.assertEqual(events.stored_line(line), ["Stalls", "A", "1", "premium", 8500])
        self.assertEqual(events.stored_line({"number": "1"}), [None, None, "1"])
        self.assertEqual(events.stored_line({"price": 0, "ticket_type": "child"}), [None, None, None, None, 0, "child"])

    def test_changes_of_shows_and_sales_are_named(self):
        show = {"type": "show.changed", "show_id": "evening-1", "theater_id": "1", "occurred_at": events.text(SECOND + 1)}
        sale = {"type": "sale.changed", "theater_id": "1", "occurred_at": events.text(SECOND + 1)}
        earlier = {**sale, "theater_id": "2", "occurred_at": events.text(SECOND - 1)}
        found = self.history(show, sale, earlier)
        self.assertEqual(set(found.others), {("show.changed", "show/evening-1"), ("sale.changed", "1")})
        self.assertEqual([reconcile.named(inventory) for _, inventory in found.others], ["show evening-1", "theater 1"])

    def test_line_without_event_is_refused(self):
        for line in ["x", "[]", '{"type": "booking.created"}', '{"detail": {"type": "booking.created", "occurred_at": "2027-01-01T10:00:00Z"}}']:
            with self.assertRaises(events.Unreadable):
                events.detail(line)


class InTheWay(unittest.TestCase):
    """A seat of the restored table, and a sale five seconds after the chosen second."""

    def refusal(self, item, marks=(), **sale):
        (found,) = events.history([booked(**sale)], SECOND).sales.values()
        return account.in_the_way(found, "A1", item, list(marks))

    def test_free_seats_are_not(self):
        for item in [None, seat("available"), seat("reserved", -9_000, expires_at={"N": "1"}), seat("removed", -1, expires_at={"N": "1"})]:
            self.assertIsNone(self.refusal(item))

    def test_earlier_state_had_ended_before_the_sale(self):
        running = {"expires_at": {"N": str(FUTURE)}, "reservation_id": {"S": OTHER}}
        self.assertIsNone(self.refusal(seat("reserved", 4_999, **running)))
        self.assertEqual(self.refusal(seat("reserved", 5_001, **running)), "A1 is reserved")
        self.assertIsNone(self.refusal(seat("reserved", 5_001, **running), reservation=OTHER))

    def test_booked_seats_are_unless_they_are_its_own(self):
        self.assertEqual(self.refusal(seat("booked", -1, booking_id={"S": OTHER})), "A1 is booked")
        self.assertIsNone(self.refusal(seat("booked", -1, booking_id={"S": OTHER}), marks=[OTHER]))
        self.assertIsNone(self.refusal(seat("booked", -1, booking_id={"S": BOOKING})))


class Words(unittest.TestCase):
    def test_bad_words_are_refused_by_name(self):
        for words, named in [(["hall", "--since", "yesterday"], "--since"), (["hall", "--since", "2027-01-01T10:00:00"], "time zone"), (["hall"], "--since")]:
            said = io.StringIO()
            with contextlib.redirect_stderr(said), self.assertRaises(SystemExit):
                reconcile.main(words)
            self.assertIn(named, said.getvalue())

    def test_a_bad_list_is_refused_by_line(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "bookings.csv"
            path.write_text(f"{BOOKING},ann\n\nx\n")
            with self.assertRaisesRegex(account.BadList, "line 3: booking_id 'x'"):
                account.listed(path)


@unittest.skipUnless(local.available(), "without DynamoDB Local: python3 local/install_tools.py check")
class Written(unittest.TestCase):
    """Writes on a real DynamoDB, none of which happens twice or overwrites anything else."""

    @classmethod
    def setUpClass(cls):
        cls.dynamodb = local.DynamoDb()
        cls.addClassCleanup(cls.dynamodb.stop)

    def setUp(self):
        self.dynamodb.clear()
        self.table = table.Table(self.dynamodb.client, local.TABLE)
        self.put({"pk": {"S": "THEATER#1"}, "sk": {"S": "LAYOUT"}, "seats": {"S": "A1 A2 A3"}})

    def put(self, item):
        self.dynamodb.client.put_item(TableName=local.TABLE, Item=item)

    def account(self, *details, identities=None, book=True, cancel=True):
        """Reconciles, and returns the outcomes of sales and of earlier cancellations."""
        made = account.Account(self.table, events.history(details, SECOND), identities or {}, self.table.bookings(lambda _: None))
        made.run(book, cancel, lambda *_: None)
        return [finding.outcome for finding in made.findings.values()], [finding.outcome for finding in made.earlier.values()]

    def everything(self):
        items = self.dynamodb.client.scan(TableName=local.TABLE, ConsistentRead=True)["Items"]
        return sorted(items, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))

    def seat_of(self, label):
        return self.table.seats("1", [label])[1][label]

    def known(self, booking=BOOKING, **more):
        return {names.reference(booking): account.Identity(booking, **more)}

    def test_a_lost_booking_is_made_again_as_it_was_and_once(self):
        owner = str(names.owner_of("ann"))
        identity = self.known(owner=owner, reservation=OTHER, request_token=OTHER, counted=True)
        sale = booked(seats=("A1", "A2"))
        self.assertEqual(self.account(sale, identities=identity)[0], [account.BOOKED_AGAIN])
        item = self.table.booking("1", owner, BOOKING).item
        expected = {"seats": {"S": "A1 A2"}, "booked_at": {"N": str(SECOND + 5_000)}, "owner_id": {"S": owner},
                    "reservation_id": {"S": OTHER}, "request_token": {"S": OTHER}, "counted": {"N": "1"}}
        self.assertLessEqual(expected.items(), item.items())
        self.assertEqual(self.seat_of("A1")["booking_id"]["S"], names.mark(BOOKING, owner))
        (counted,) = self.table.get(table.count_key("1", owner))
        self.assertEqual(counted["booked_seats"], {"N": "2"})
        before = self.everything()
        self.assertEqual(self.account(sale, identities=identity)[0], [account.BOOKED_AGAIN])
        self.assertEqual(self.everything(), before)

    def test_a_lost_booking_of_a_show_is_made_again_with_its_prices(self):
        sale, identity = sold_in_show(), self.known()
        self.assertEqual(self.account(sale, identities=identity)[0], [account.NO_SEATS])
        self.put({"pk": {"S": "SHOW#evening-1"}, "sk": {"S": "SHOW"}, "theater_id": {"S": "1"}, "layout_version": {"N": "7"}})
        self.assertEqual(self.account(sale, identities=identity)[0], [account.NO_SEATS])
        self.put({"pk": {"S": "THEATER#1"}, "sk": {"S": "LAYOUT#7"}, "seats": {"S": "A1"}})
        reserved = seat("reserved", -9_000, expires_at={"N": "1"}, price={"N": "4500"}, ticket_type={"S": "child"})
        self.put({**table.seat_key("show/evening-1", "A1"), **reserved})
        self.assertEqual(self.account(sale, identities=identity)[0], [account.BOOKED_AGAIN])
        item = self.table.booking("show/evening-1", None, BOOKING).item
        money = {"lines": {"S": '[["Stalls","A","1","premium",4500,"child"]]'}, "currency": {"S": "EUR"}, "reference": {"S": "order-4711"}}
        self.assertLessEqual(money.items(), item.items())
        self.assertEqual(item["pk"]["S"], f"BOOKING#show/evening-1#-#{BOOKING}")
        (seat_item,) = self.table.get({"pk": {"S": "SHOW#evening-1"}, "sk": {"S": "SEAT#A1"}})
        self.assertEqual((seat_item["status"]["S"], "price" in seat_item, "ticket_type" in seat_item), ("booked", False, False))
        self.assertIsNone(self.seat_of("A1"))

    def test_nothing_is_written_without_the_option(self):
        before = self.everything()
        outcomes, _ = self.account(booked(), booked(OTHER, seats=("A2",)), identities=self.known(), book=False, cancel=False)
        self.assertEqual(sorted(outcomes), sorted([account.TO_BOOK, account.TO_KEEP]))
        self.assertEqual(self.everything(), before)

    def test_seats_of_an_unknown_booking_are_kept_and_handed_over_later(self):
        self.assertEqual(self.account(booked())[0], [account.SEATS_KEPT])
        self.assertEqual(self.account(booked())[0], [account.SEATS_KEPT])
        self.assertEqual(self.account(booked(), identities=self.known(), book=False)[0], [account.TO_HAND_OVER])
        self.assertEqual(self.account(booked(), identities=self.known())[0], [account.BOOKED_AGAIN])
        self.assertEqual(self.seat_of("A1")["booking_id"]["S"], BOOKING)
        (held,) = [booking for booking in self.table.bookings(lambda _: None) if booking.owner == str(names.HOUSE)]
        self.assertTrue(held.cancelled)

    def test_taken_seat_is_never_taken_away(self):
        self.put({**table.seat_key("1", "A2"), **seat("booked", 60_000, booking_id={"S": OTHER})})
        before = self.everything()
        self.assertEqual(self.account(booked(seats=("A1", "A2")), identities=self.known())[0], [account.TAKEN])
        self.assertEqual(self.account(booked(seats=("A1", "A2")))[0], [account.TAKEN])
        self.assertEqual(self.everything(), before)

    def test_a_seat_that_changes_after_it_was_read_refuses_the_write(self):
        (sale,) = events.history([booked()], SECOND).sales.values()
        for item in [None, seat("available", 1), seat("reserved", 2, expires_at={"N": "1"})]:
            if item:
                self.put({**table.seat_key("1", "A1"), **item})
            _, read = self.table.seats("1", ["A1"])
            self.put({**table.seat_key("1", "A1"), **seat("booked", 60_000, booking_id={"S": OTHER})})
            with self.assertRaises(table.Changed):
                writes.book_again(self.table, sale, account.Identity(BOOKING), read)
            self.assertEqual(self.seat_of("A1")["booking_id"]["S"], OTHER)

    def test_a_booking_that_its_buyer_makes_meanwhile_is_not_made_twice(self):
        (sale,) = events.history([booked()], SECOND).sales.values()
        _, read = self.table.seats("1", ["A1"])
        writes.book_again(self.table, sale, account.Identity(BOOKING), read)
        with self.assertRaises(table.Changed):
            writes.book_again(self.table, sale, account.Identity(BOOKING), read)

    def test_the_newer_of_two_sales_of_a_seat_has_it(self):
        older, newer = booked(after=1_000), booked(OTHER, after=2_000)
        for order in ([older, newer], [newer, older]):
            with self.subTest(first=order[0]["occurred_at"]):
                self.setUp()
                outcomes, _ = self.account(*order, identities={**self.known(), **self.known(OTHER)})
                self.assertEqual(sorted(outcomes), sorted([account.BOOKED_AGAIN, account.TAKEN]))
                self.assertEqual(self.seat_of("A1")["booking_id"]["S"], OTHER)

    def test_repeated_cancellation_frees_seats_for_the_next_sale(self):
        (sale,) = events.history([booked(after=1)], SECOND).sales.values()
        _, read = self.table.seats("1", ["A1"])
        writes.book_again(self.table, sale, account.Identity(BOOKING), read)
        # The booking is from before the chosen second. Its cancellation and the next sale of its seat are from after
        # it.
        outcomes, earlier = self.account(cancelled(), booked(OTHER, after=10_000), identities=self.known(OTHER))
        self.assertEqual((outcomes, earlier), ([account.BOOKED_AGAIN], [account.CANCELLED]))
        self.assertEqual(self.table.booking("1", None, BOOKING).item["cancelled_at"], {"N": str(SECOND + 9_000)})
        self.assertEqual(self.seat_of("A1")["booking_id"]["S"], OTHER)

    def test_cancelling_lowers_the_count_and_keeps_others_seats(self):
        owner = str(names.owner_of("ann"))
        self.account(booked(seats=("A1", "A2")), identities=self.known(owner=owner, counted=True))
        self.put({**table.seat_key("1", "A2"), **seat("booked", 60_000, booking_id={"S": OTHER})})
        outcomes, _ = self.account(booked(seats=("A1", "A2")), cancelled(seats=("A1", "A2")), identities=self.known(owner=owner))
        self.assertEqual(outcomes, [account.CANCELLED])
        self.assertEqual((self.seat_of("A1")["status"]["S"], self.seat_of("A2")["booking_id"]["S"]), ("available", OTHER))
        (counted,) = self.table.get(table.count_key("1", owner))
        self.assertEqual(counted["booked_seats"], {"N": "0"})

    def test_a_torn_booking_gets_the_seats_that_it_lacks(self):
        self.account(booked(seats=("A1", "A2")), identities=self.known())
        self.dynamodb.client.delete_item(TableName=local.TABLE, Key=table.seat_key("1", "A2"))
        self.assertEqual(self.account(booked(seats=("A1", "A2")), book=False)[0], [account.TO_COMPLETE])
        self.assertEqual(self.account(booked(seats=("A1", "A2")))[0], [account.BOOKED_AGAIN])
        self.assertEqual(self.seat_of("A2")["booking_id"]["S"], BOOKING)

    def test_a_torn_seat_names_its_booking(self):
        self.put({**table.seat_key("1", "A1"), **seat("booked", 5_000, booking_id={"S": BOOKING})})
        self.assertEqual(self.account(booked(seats=("A1", "A2")))[0], [account.BOOKED_AGAIN])
        self.assertIsNotNone(self.table.booking("1", None, BOOKING))

    def test_a_seat_outside_the_layout_is_not_booked(self):
        self.assertEqual(self.account(booked(seats=("A1", "A9")), identities=self.known())[0], [account.NO_SEATS])
        self.assertEqual(self.account(booked(theater="2"), identities=self.known())[0], [account.NO_SEATS])

    def test_lost_table_has_what_was_never_archived(self):
        self.account(booked(), cancelled(OTHER, after=9_000), identities=self.known())
        found = events.history([], SECOND)
        identities, sales, _ = account.add_old_table(found, self.table.bookings(lambda _: None), SECOND, None)
        self.assertEqual((sales, [sale.booked_at for sale in found.sales.values()]), (1, [SECOND + 5_000]))
        self.assertEqual([identity.id for identity in identities.values()], [BOOKING])


if __name__ == "__main__":
    unittest.main()
