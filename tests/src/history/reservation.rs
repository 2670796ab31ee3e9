//! The reservations of the model: their seats with their ends, and whether their ids are spent.

use boxoffice::domain::time::EpochMillis;

use super::call_log::{CallRecord, Request};
use super::price::SeatPrice;
use super::seats::Seats;

/// The state of a reservation that the seats themselves don't show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Reservation {
    entries: Vec<Entry>,
    given_back: Seats,
    /// True if the reservation was released.
    pub(super) spent: bool,
    /// The latest instant at which a caller got the answer that seats of it have expired.
    refused_at: EpochMillis,
}

/// A seat that belongs to a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Entry {
    pub(super) seat: usize,
    pub(super) reserved_at: EpochMillis,
    pub(super) expires_at: u64,
    pub(super) extended: Option<Extended>,
    pub(super) price: Option<SeatPrice>,
}

/// The key of the extension, and the index of its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Extended {
    pub(super) key: u8,
    pub(super) by: usize,
}

impl Entry {
    pub(super) fn runs(&self, now: EpochMillis) -> bool {
        now.seconds().as_secs() < self.expires_at
    }

    /// Returns the seat's end after an extension at this instant. No plan exceeds the longest total time of a
    /// reservation.
    pub(super) fn later(&self, call: &CallRecord, now: EpochMillis) -> u64 {
        let Request::Extend { expires_in, .. } = call.request else { return self.expires_at };
        now.as_millis().div_ceil(1000) + u64::from(expires_in)
    }

    pub(super) fn would_end_later(&self, call: &CallRecord, now: EpochMillis) -> bool {
        self.later(call, now) > self.expires_at
    }
}

impl Reservation {
    /// Creates a released reservation.
    pub(super) fn spent() -> Self {
        Self { spent: true, ..Self::default() }
    }

    pub(super) fn is_spent_for(&self, seats: Seats) -> bool {
        self.spent || self.given_back.0 & seats.0 != 0
    }

    /// Returns the instant at which its seats are evaluated. A clock that is behind can't revive seats after an answer
    /// that they have expired.
    pub(super) fn evaluated_at(&self, now: EpochMillis) -> EpochMillis {
        now.max(self.refused_at)
    }

    pub(super) fn refuse(&mut self, now: EpochMillis) {
        let now = self.evaluated_at(now);
        let more = self.current_entries().iter().any(|entry| entry.runs(self.refused_at) && !entry.runs(now));
        if more {
            self.refused_at = now;
        }
    }

    pub(super) fn give(&mut self, entry: Entry) {
        self.entries.retain(|had| had.seat != entry.seat);
        self.entries.push(entry);
    }

    pub(super) fn give_back(&mut self, seats: Seats) {
        self.entries.retain(|had| !seats.has(had.seat));
        self.given_back = Seats(self.given_back.0 | seats.0);
    }

    pub(super) fn book(&mut self, seats: Seats) {
        self.give_back(seats);
        self.entries.clear();
    }

    pub(super) fn extend(&mut self, seat: usize, expires_at: u64, extended: Extended) {
        for entry in self.entries.iter_mut().filter(|entry| entry.seat == seat) {
            (entry.expires_at, entry.extended) = (expires_at, Some(extended));
        }
    }

    /// Returns the earliest end of the seats that haven't expired.
    pub(super) fn end(&self, now: EpochMillis) -> Option<u64> {
        self.entries.iter().filter(|entry| entry.runs(now)).map(|entry| entry.expires_at).min()
    }

    pub(super) fn running(&self, now: EpochMillis) -> Seats {
        set(self.entries.iter().filter(|entry| entry.runs(now)))
    }

    pub(super) fn current(&self) -> Seats {
        set(self.current_entries().iter())
    }

    pub(super) fn running_of_current(&self, now: EpochMillis) -> Seats {
        set(self.current_entries().iter().filter(|entry| entry.runs(now)))
    }

    pub(super) fn entry_of_current(&self, seat: usize) -> Option<Entry> {
        self.current_entries().into_iter().find(|entry| entry.seat == seat)
    }

    /// Returns the entries of these seats. Returns `None` if a seat has none.
    pub(super) fn entries_of(&self, seats: Seats) -> Option<Vec<Entry>> {
        seats.positions().map(|seat| self.entries.iter().find(|entry| entry.seat == seat).copied()).collect()
    }

    /// Returns its current seats. A reservation that was made again after its end has none of its earlier seats.
    fn current_entries(&self) -> Vec<Entry> {
        let mut entries = self.entries.clone();
        entries.sort_by_key(|entry| entry.reserved_at);
        let (mut ends, mut begin) = (0, 0);
        for (place, entry) in entries.iter().enumerate() {
            if entry.reserved_at.seconds().as_secs() >= ends {
                begin = place;
            }
            ends = ends.max(entry.expires_at);
        }
        entries.split_off(begin)
    }
}

fn set<'a>(entries: impl Iterator<Item = &'a Entry>) -> Seats {
    entries.fold(Seats::default(), |set, entry| set.with(entry.seat))
}
