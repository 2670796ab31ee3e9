//! The observer's knowledge of one theater: due writes, answers to callers, and the content of the table.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use boxoffice::domain::time::EpochMillis;

use crate::Reply;

/// A cached answer, as a client received it.
#[derive(Clone, Debug)]
struct CachedAnswer {
    began: Instant,
    ended: Instant,
    now: EpochMillis,
    available: Vec<bool>,
    booked: usize,
    hit: bool,
}

/// The end of a seat's reservation, or a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Taken {
    /// In epoch seconds.
    Until(u64),
    /// Booked.
    ForGood,
}

/// The state of a seat in the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct StoredSeat {
    stamp: u64,
    taken: Option<Taken>,
}

#[derive(Debug)]
pub(super) struct Theater {
    labels: Vec<String>,
    /// The ways in which each seat is known to be taken, each with its first instant.
    due: Vec<BTreeMap<Taken, Instant>>,
    /// The answers to callers for each seat.
    confirmed: Vec<Vec<(Instant, Taken)>>,
    stored: Vec<StoredSeat>,
    /// Answers that have to be compared with a read that begins after them.
    waiting: Vec<CachedAnswer>,
}

/// The results of a read of the table.
#[derive(Debug, Default)]
pub(super) struct TableRead {
    pub(super) checked: usize,
    pub(super) hits: usize,
    pub(super) invented: Vec<String>,
    pub(super) lost: Vec<String>,
    pub(super) disordered: Vec<String>,
}

impl Taken {
    fn holds(self, now: EpochMillis) -> bool {
        match self {
            Self::Until(until) => now.seconds().as_secs() < until,
            Self::ForGood => true,
        }
    }
}

impl Theater {
    pub(super) fn new(labels: &[&str]) -> Self {
        Self {
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            due: vec![BTreeMap::new(); labels.len()],
            confirmed: vec![Vec::new(); labels.len()],
            stored: vec![StoredSeat::default(); labels.len()],
            waiting: Vec::new(),
        }
    }

    pub(super) fn record_confirmed(&mut self, seats: &[&str], taken: Taken) {
        let now = Instant::now();
        for label in seats {
            let seat = self.position(label);
            self.confirmed[seat].push((now, taken));
            self.mark_due(seat, taken, now);
        }
    }

    /// Records an answer that just arrived. Returns a description of stale seats.
    pub(super) fn record_cached_answer(
        &mut self,
        began: Instant,
        now: EpochMillis,
        grace: Duration,
        reply: &Reply,
    ) -> Option<String> {
        let mut available = vec![false; self.labels.len()];
        for label in reply.seats() {
            available[self.position(label)] = true;
        }
        let booked = usize::try_from(reply.body["booked"].as_u64().unwrap_or_default()).unwrap_or_default();
        let hit = reply.header("x-cache") == "hit";
        let cached = CachedAnswer { began, ended: Instant::now(), now, available, booked, hit };
        let stale = self.stale(&cached, grace);
        self.waiting.push(cached);
        stale
    }

    /// Records a read of the table that began at `began` and just ended. With `due`, its content is due from now on.
    pub(super) fn record_table_read(
        &mut self,
        began: Instant,
        due: bool,
        items: &[HashMap<String, AttributeValue>],
    ) -> TableRead {
        let mut stored = vec![StoredSeat::default(); self.labels.len()];
        for (label, seat) in items.iter().map(read) {
            stored[self.position(label)] = seat;
        }
        let ended = Instant::now();
        for (seat, taken) in stored.iter().enumerate().filter_map(|(seat, stored)| Some((seat, stored.taken?))) {
            if due {
                self.mark_due(seat, taken, ended);
            }
        }
        let judged: Vec<_> = self.waiting.extract_if(.., |cached| cached.ended <= began).collect();
        let read = TableRead {
            checked: judged.len(),
            hits: judged.iter().filter(|cached| cached.hit).count(),
            invented: judged.iter().filter_map(|cached| self.invented(cached, &stored)).collect(),
            lost: self.lost(began, &stored),
            disordered: self.disordered(&stored),
        };
        self.stored = stored;
        read
    }

    fn position(&self, label: &str) -> usize {
        self.labels.iter().position(|known| known == label).unwrap_or_else(|| panic!("no seat {label}"))
    }

    fn mark_due(&mut self, seat: usize, taken: Taken, from: Instant) {
        self.due[seat].entry(taken).or_insert(from);
    }

    /// Describes seats that an answer should have shown as taken, or counted as booked.
    fn stale(&self, cached: &CachedAnswer, grace: Duration) -> Option<String> {
        let due = |from: &Instant| *from + grace <= cached.began;
        let taken = |seat: usize| self.due[seat].iter().any(|(taken, from)| taken.holds(cached.now) && due(from));
        let missed: Vec<_> = (0..self.labels.len()).filter(|seat| cached.available[*seat] && taken(*seat)).collect();
        let booked = self.due.iter().filter(|seat| seat.get(&Taken::ForGood).is_some_and(due)).count();
        if missed.is_empty() && cached.booked >= booked {
            return None;
        }
        let missed: Vec<_> = missed.into_iter().map(|seat| (&self.labels[seat], &self.due[seat])).collect();
        Some(format!("at {:?} {missed:?} were due as taken, and {booked} as booked", cached.now))
    }

    /// Describes seats that an answer showed as taken although they are available afterwards.
    fn invented(&self, cached: &CachedAnswer, after: &[StoredSeat]) -> Option<String> {
        let free = |seat: &usize| !after[*seat].taken.is_some_and(|taken| taken.holds(cached.now));
        let booked = after.iter().filter(|stored| stored.taken == Some(Taken::ForGood)).count();
        let invented: Vec<_> = (0..after.len()).filter(|seat| !cached.available[*seat]).filter(free).collect();
        (!invented.is_empty() || cached.booked > booked).then(|| {
            let labels: Vec<_> = invented.iter().map(|seat| &self.labels[*seat]).collect();
            format!("{labels:?} are available at {:?}, and {booked} are booked, after {cached:?}", cached.now)
        })
    }

    /// Describes writes that were confirmed to callers before a read began, and that the read doesn't show.
    fn lost(&mut self, began: Instant, stored: &[StoredSeat]) -> Vec<String> {
        let mut lost = Vec::new();
        for (seat, confirmed) in self.confirmed.iter_mut().enumerate() {
            for (_, taken) in confirmed.extract_if(.., |(at, _)| *at <= began) {
                // A caller whose clock is ahead may have taken over the reserved seat, until later or by a booking.
                if stored[seat].taken.is_none_or(|stored| stored < taken) {
                    lost.push(format!("{} was confirmed as {taken:?}, but is {:?}", self.labels[seat], stored[seat]));
                }
            }
        }
        lost
    }

    /// Describes seats that changed since the previous read without a larger stamp.
    fn disordered(&self, stored: &[StoredSeat]) -> Vec<String> {
        let pairs = self.labels.iter().zip(self.stored.iter().zip(stored));
        let wrong = pairs.filter(|(_, (before, after))| before != after && before.stamp >= after.stamp);
        wrong.map(|(label, (before, after))| format!("{label}: {before:?}, then {after:?}")).collect()
    }
}

/// Parses a seat's label and state from its item.
fn read(item: &HashMap<String, AttributeValue>) -> (&str, StoredSeat) {
    let number = |name: &str| item[name].as_n().unwrap().parse::<u64>().unwrap();
    let label = item["sk"].as_s().unwrap().trim_start_matches("SEAT#");
    let taken = match item["status"].as_s().unwrap().as_str() {
        "booked" => Taken::ForGood,
        _ => Taken::Until(number("expires_at")),
    };
    (label, StoredSeat { stamp: number("changed_at"), taken: Some(taken) })
}
