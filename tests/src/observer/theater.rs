//! What is known of one theater: what was due to be seen since when, what callers were told, what the table held.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use boxoffice::rules::time::EpochMillis;

use crate::Reply;

/// A cached answer, as a client saw it.
#[derive(Clone, Debug)]
struct Look {
    began: Instant,
    ended: Instant,
    now: EpochMillis,
    available: Vec<bool>,
    booked: usize,
    hit: bool,
}

/// Until when a seat is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Taken {
    /// In epoch seconds.
    Until(u64),
    /// Booked.
    ForGood,
}

/// What the table holds of a seat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Held {
    stamp: u64,
    taken: Option<Taken>,
}

#[derive(Debug)]
pub(super) struct Theater {
    labels: Vec<String>,
    /// What each seat is known to be taken as, and from when on that was so.
    due: Vec<BTreeMap<Taken, Instant>>,
    /// What callers were told.
    told: Vec<Vec<(Instant, Taken)>>,
    held: Vec<Held>,
    /// Looks that are to be held against a read that begins after them.
    waiting: Vec<Look>,
}

/// What a read of the table brought to light.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) checked: usize,
    pub(super) hits: usize,
    pub(super) invented: Vec<String>,
    pub(super) lost: Vec<String>,
    pub(super) disordered: Vec<String>,
}

impl Taken {
    fn holds(self, now: EpochMillis) -> bool {
        match self {
            Self::Until(until) => now.seconds().0 < until,
            Self::ForGood => true,
        }
    }
}

impl Theater {
    pub(super) fn new(labels: &[&str]) -> Self {
        Self {
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            due: vec![BTreeMap::new(); labels.len()],
            told: vec![Vec::new(); labels.len()],
            held: vec![Held::default(); labels.len()],
            waiting: Vec::new(),
        }
    }

    pub(super) fn is_told(&mut self, seats: &[&str], taken: Taken) {
        let now = Instant::now();
        for label in seats {
            let seat = self.position(label);
            self.told[seat].push((now, taken));
            self.is_due(seat, taken, now);
        }
    }

    /// What is stale in an answer that has just come, in words.
    pub(super) fn looked(
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
        let look = Look { began, ended: Instant::now(), now, available, booked, hit };
        let stale = self.stale(&look, grace);
        self.waiting.push(look);
        stale
    }

    /// A read that began then, and has just ended, found these items. Whether what it found becomes due by that.
    pub(super) fn is_read(&mut self, began: Instant, due: bool, items: &[HashMap<String, AttributeValue>]) -> Read {
        let mut held = vec![Held::default(); self.labels.len()];
        for (label, seat) in items.iter().map(read) {
            held[self.position(label)] = seat;
        }
        let ended = Instant::now();
        for (seat, taken) in held.iter().enumerate().filter_map(|(seat, held)| Some((seat, held.taken?))) {
            if due {
                self.is_due(seat, taken, ended);
            }
        }
        let judged: Vec<_> = self.waiting.extract_if(.., |look| look.ended <= began).collect();
        let read = Read {
            checked: judged.len(),
            hits: judged.iter().filter(|look| look.hit).count(),
            invented: judged.iter().filter_map(|look| self.invented(look, &held)).collect(),
            lost: self.lost(began, &held),
            disordered: self.disordered(&held),
        };
        self.held = held;
        read
    }

    fn position(&self, label: &str) -> usize {
        self.labels.iter().position(|known| known == label).unwrap_or_else(|| panic!("no seat {label}"))
    }

    fn is_due(&mut self, seat: usize, taken: Taken, from: Instant) {
        self.due[seat].entry(taken).or_insert(from);
    }

    /// Seats that a look ought to have shown as taken or counted as booked, in words.
    fn stale(&self, look: &Look, grace: Duration) -> Option<String> {
        let due = |from: &Instant| *from + grace <= look.began;
        let taken = |seat: usize| self.due[seat].iter().any(|(taken, from)| taken.holds(look.now) && due(from));
        let missed: Vec<_> = (0..self.labels.len()).filter(|seat| look.available[*seat] && taken(*seat)).collect();
        let booked = self.due.iter().filter(|seat| seat.get(&Taken::ForGood).is_some_and(due)).count();
        if missed.is_empty() && look.booked >= booked {
            return None;
        }
        let missed: Vec<_> = missed.into_iter().map(|seat| (&self.labels[seat], &self.due[seat])).collect();
        Some(format!("at {:?} {missed:?} were due, and {booked} booked", look.now))
    }

    /// Seats that a look showed as taken although they are available afterwards, in words.
    fn invented(&self, look: &Look, after: &[Held]) -> Option<String> {
        let free = |seat: &usize| !after[*seat].taken.is_some_and(|taken| taken.holds(look.now));
        let booked = after.iter().filter(|held| held.taken == Some(Taken::ForGood)).count();
        let invented: Vec<_> = (0..after.len()).filter(|seat| !look.available[*seat]).filter(free).collect();
        (!invented.is_empty() || look.booked > booked).then(|| {
            let labels: Vec<_> = invented.iter().map(|seat| &self.labels[*seat]).collect();
            format!("{labels:?} are free at {:?}, and {booked} booked, after {look:?}", look.now)
        })
    }

    /// What callers were told before a read began, and the read doesn't show.
    fn lost(&mut self, began: Instant, held: &[Held]) -> Vec<String> {
        let mut lost = Vec::new();
        for (seat, told) in self.told.iter_mut().enumerate() {
            for (_, taken) in told.extract_if(.., |(at, _)| *at <= began) {
                // What was reserved may be taken over by one whose clock is ahead: until later, or for good.
                if held[seat].taken.is_none_or(|held| held < taken) {
                    lost.push(format!("{} was answered as {taken:?}, and is {:?}", self.labels[seat], held[seat]));
                }
            }
        }
        lost
    }

    /// Seats that changed since the read before and don't bear a larger stamp.
    fn disordered(&self, held: &[Held]) -> Vec<String> {
        let pairs = self.labels.iter().zip(self.held.iter().zip(held));
        let wrong = pairs.filter(|(_, (before, after))| before != after && before.stamp >= after.stamp);
        wrong.map(|(label, (before, after))| format!("{label}: {before:?}, then {after:?}")).collect()
    }
}

/// A seat's label and what its item says.
fn read(item: &HashMap<String, AttributeValue>) -> (&str, Held) {
    let number = |name: &str| item[name].as_n().unwrap().parse::<u64>().unwrap();
    let label = item["sk"].as_s().unwrap().trim_start_matches("SEAT#");
    let taken = match item["status"].as_s().unwrap().as_str() {
        "booked" => Taken::ForGood,
        _ => Taken::Until(number("expires_at")),
    };
    (label, Held { stamp: number("changed_at"), taken: Some(taken) })
}
