"""Accounts for every booking that was made after the point to which the table was restored.

    reconcile.py STACK --since 2027-01-01T09:59:30Z [--book-again] [--cancel-again]

Run it with `infra/python infra/reconcile.py`. Without the last two options it only reads. docs/backup.md explains when
to run it. It reads the archived events of the stack, the table that the stack uses now, and the stack's own table where
that is another one. It can be repeated at any time, also after an interruption. It continues with the bookings that
aren't done yet.
"""

import argparse
import sys
import time

from botocore.exceptions import BotoCoreError, ClientError
from restoring import account as accounts
from restoring import events
from restoring.stacks import Stack, Unsuitable, connected
from restoring.table import Changed, Table

# The longest time in which a restore may tear a transaction.
MARGIN_SECONDS = 60


def instant(text):
    """Reads an instant of the command line."""
    try:
        return events.millis(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from error


def parser():
    described = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    described.add_argument("stack", help="name of the stack")
    described.add_argument("--region", help="the stack's region")
    described.add_argument("--since", type=instant, required=True, help="the second to which the table was restored, such as 2027-01-01T09:59:30Z")
    described.add_argument("--margin", type=int, default=MARGIN_SECONDS, help="seconds before it from which bookings count already (%(default)s)")
    described.add_argument("--old-table", help="the lost table, if it isn't the stack's own. `none` reads no lost table")
    described.add_argument("--bookings", help="CSV of booking ids that buyers or the shop know: booking_id, or booking_id,subject")
    described.add_argument("--events", help="file of events, a line each, in place of the archive")
    described.add_argument("--cancellations-until", type=instant, help="ignores later cancellations, for damage that cancelled bookings")
    described.add_argument("--book-again", action="store_true", help="books lost sales again, or keeps their seats where the id isn't known")
    described.add_argument("--cancel-again", action="store_true", help="cancels again what buyers had cancelled")
    return described


class Progress:
    """Progress output of at most one line in five seconds."""

    def __init__(self):
        self.printed = time.monotonic()

    def __call__(self, line):
        if time.monotonic() - self.printed >= 5:
            say(line)
            self.printed = time.monotonic()


def say(line):
    print(f"reconcile: {line}", flush=True)


def main(words):
    options = parser().parse_args(words)
    try:
        return reconcile(options, connected(options.region))
    except (Unsuitable, accounts.BadList, events.Unreadable, Changed, OSError, BotoCoreError, ClientError) as error:
        sys.exit(f"reconcile: {error}")
    except KeyboardInterrupt:
        print("reconcile: interrupted. All writes so far are complete. Repeat the command to continue.", file=sys.stderr)
        sys.exit(130)


def reconcile(options, session):
    stack, progress = Stack(session, options.stack), Progress()
    since = options.since - options.margin * 1000
    table = Table(session.client("dynamodb"), stack.table)
    if options.events:
        details = events.from_file(options.events)
        say(f"reading the events of {options.events}")
    else:
        say(f"reading the events archived in {stack.archive} since {events.text(since)}")
        details = events.from_log_group(session.client("logs"), stack.archive, since, progress)
    history = events.history(details, since, options.cancellations_until)
    say(f"the events contain {len(history.sales)} bookings, and {len(history.cancellations)} cancellations of earlier ones")
    identities = accounts.listed(options.bookings) if options.bookings else {}
    identities |= read_old_table(options, session, stack, history, since, progress)
    say(f"reading the bookings of {table.name}, the table in use")
    account = accounts.Account(table, history, identities, table.bookings(progress))
    print_layouts(history)
    account.run(options.book_again, options.cancel_again, Findings(len(history.sales) + len(history.cancellations), progress))
    print_totals(account, options)
    return 0


def read_old_table(options, session, stack, history, since, progress):
    """Reads the lost table, if there is one. It may still have the ids."""
    name = stack.own_table if options.old_table is None else options.old_table
    if name in ("none", stack.table):
        say("no lost table is read. Ids are known only from --bookings")
        return {}
    say(f"reading the bookings of {name}, the lost table")
    try:
        bookings = Table(session.client("dynamodb"), name).bookings(progress)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        say(f"{name} doesn't exist any more")
        return {}
    identities, sales, cancellations = accounts.add_old_table(history, bookings, since, options.cancellations_until)
    say(f"it has {len(identities)} bookings. {sales} bookings and {cancellations} cancellations in it are not archived")
    return identities


def named(inventory):
    """Returns `theater 1` or `show evening-1`."""
    return inventory.replace("/", " ", 1) if "/" in inventory else f"theater {inventory}"


def print_layouts(history):
    for theater, event in sorted(history.layouts.items()):
        became = "was removed" if event["deleted"] else f"got the layout of version {event['layout_version']}"
        say(f"theater {theater} {became} at {event['occurred_at']}: compare, and put that layout again before you book again")
    for (kind, inventory), event in sorted(history.others.items()):
        say(f"{kind} of {named(inventory)} at {event['occurred_at']}: compare, and put it again before you book again")


class Findings:
    """Output of each finding except bookings that are as they were sold."""

    def __init__(self, expected, progress):
        self.expected, self.progress, self.count = expected, progress, 0

    def __call__(self, what, finding):
        self.count += 1
        self.progress(f"{self.count} of {self.expected} accounted for")
        if finding.outcome == accounts.KEPT:
            return
        at = what.booked_at if isinstance(what, events.Sale) else what.cancelled_at
        why = f" ({finding.why})" if finding.why else ""
        print(f"{events.text(at)}  {named(what.inventory)}  {' '.join(what.seats)}  {what.reference}  {finding.outcome}{why}", flush=True)


def print_totals(account, options):
    sold, earlier = account.totals()
    print(f"\nBookings since {options.margin} s before {events.text(options.since)}:")
    for outcome in accounts.OUTCOMES:
        if sold[outcome]:
            print(f"{sold[outcome]:8} {outcome}")
    print(f"{sum(sold.values()):8} in all, of {len(account.history.sales)} sold")
    if earlier:
        print("Cancellations of earlier bookings since then:")
        for outcome in accounts.OUTCOMES:
            if earlier[outcome]:
                print(f"{earlier[outcome]:8} {outcome}")
        print(f"{sum(earlier.values()):8} in all, of {len(account.history.cancellations)} cancelled", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
