//! An observer from outside, as Meta's Polaris is one: it holds cached answers against what DynamoDB held and against
//! what callers were told, and counts those that are too old.
//!
//! **When an answer is stale.** Let an instance with its clock at *c* look at a theater, beginning at *t*. To a clock
//! that stands still a seat is available first and taken ever after: what follows a reservation that ends after *c* is a
//! booking, or a reservation that ends later still (nothing is deleted here before it has run out by every clock). So
//! the answer is stale if, and only if, it shows a seat as available that was *due* as taken, to the clock *c*, at *t*;
//! or counts fewer seats as booked than were due as booked. When a write is due is the [`Bound`]. It never matters how
//! many writes came between two reads of the table: a seat that was taken once, to this clock, still is.
//!
//! **When it is invented.** It shows a seat as taken that is still available, to the clock *c*, in a strongly consistent
//! read that began after the answer. By the same reasoning nobody had taken it when it was shown.
//!
//! Besides, each read of the table is held against the one before it, and against what callers were told: a write that
//! was answered stands in the table (else it is **lost**), and a seat that changed bears a larger stamp (else it is
//! **disordered**).
//!
//! Reads go past every proxy. An answer counts as checked when a read that began after it has been made.

pub mod traffic;

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use boxoffice::rules::time::EpochMillis;

use crate::{Reply, World};

/// Examples kept of what is wrong.
const MOST_EXAMPLES: usize = 5;

/// From when on a write has to be seen in cached answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// From when its caller was answered: the promise while nobody is killed and the cache doesn't fail.
    Answered,
    /// So long after the table was seen to hold it, or its caller was answered: the promise with failures. Then also
    /// writes are due for which nobody was answered.
    Within(Duration),
}

/// What was found so far.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Cached answers that were judged in full.
    pub checked: usize,
    /// Those that came from the cache alone, and not from a fill.
    pub hits: usize,
    /// Those that are too old.
    pub stale: usize,
    /// Those that show as taken what nobody had taken.
    pub invented: usize,
    /// Answered writes that the table doesn't hold.
    pub lost: usize,
    /// Changes of a seat that didn't raise its stamp.
    pub disordered: usize,
    /// Reads of the table.
    pub reads: usize,
    /// The first of what is wrong, in words.
    pub examples: Vec<String>,
}

/// A cached answer, as a client saw it.
#[derive(Clone, Debug)]
pub struct Look {
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

/// Compares what the cache answers with what it should have.
#[derive(Debug)]
pub struct Observer {
    bound: Bound,
    theaters: Mutex<HashMap<String, Theater>>,
    verdict: Mutex<Verdict>,
}

#[derive(Debug)]
struct Theater {
    labels: Vec<String>,
    /// What each seat is known to be taken as, and from when on that was so.
    due: Vec<BTreeMap<Taken, Instant>>,
    /// What callers were told.
    told: Vec<Vec<(Instant, Taken)>>,
    held: Vec<Held>,
    /// Looks that are to be held against a read that begins after them.
    waiting: Vec<Look>,
}

impl Taken {
    fn holds(self, now: EpochMillis) -> bool {
        match self {
            Self::Until(until) => now.seconds().0 < until,
            Self::ForGood => true,
        }
    }
}

impl Observer {
    /// An observer that counts what is older than this.
    pub fn new(bound: Bound) -> Self {
        Self { bound, theaters: Mutex::default(), verdict: Mutex::default() }
    }

    /// Begins to watch a theater that was just made, with these seats in layout order.
    pub fn watch(&self, theater: &str, labels: &[&str]) {
        let seats = labels.len();
        let watched = Theater {
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            due: vec![BTreeMap::new(); seats],
            told: vec![Vec::new(); seats],
            held: vec![Held::default(); seats],
            waiting: Vec::new(),
        };
        self.theaters.lock().unwrap().insert(theater.to_owned(), watched);
    }

    /// Ends watching a theater. Looks that wait for a read aren't counted.
    pub fn forget(&self, theater: &str) {
        self.theaters.lock().unwrap().remove(theater);
    }

    /// A caller was answered, just now, that these seats are taken by it.
    pub fn answered(&self, theater: &str, seats: &[&str], taken: Taken) {
        self.with(theater, |theater| {
            let now = Instant::now();
            for label in seats {
                let seat = theater.position(label);
                theater.told[seat].push((now, taken));
                theater.is_due(seat, taken, now);
            }
        });
    }

    /// An instance whose clock stood at `now` answered a look that began at `began`, just now.
    pub fn looked(&self, theater: &str, began: Instant, now: EpochMillis, reply: &Reply) {
        let grace = match self.bound {
            Bound::Answered => Duration::ZERO,
            Bound::Within(bound) => bound,
        };
        let stale = self.with(theater, |theater| {
            let mut available = vec![false; theater.labels.len()];
            for label in reply.seats() {
                available[theater.position(label)] = true;
            }
            let booked = usize::try_from(reply.body["booked"].as_u64().unwrap_or_default()).unwrap_or_default();
            let hit = reply.header("x-cache") == "hit";
            let look = Look { began, ended: Instant::now(), now, available, booked, hit };
            let stale = theater.stale(&look, grace);
            theater.waiting.push(look);
            stale
        });
        if let Some(what) = stale.flatten() {
            self.found(|verdict| &mut verdict.stale, format!("stale: theater {theater}, {what}; {}", reply.text));
        }
    }

    /// Reads a theater's seats, strongly consistent and past every proxy, and judges what waits for it.
    pub async fn read(&self, world: &World, theater: &str) {
        let began = Instant::now();
        let query = world.client.query().table_name(&world.table).consistent_read(true);
        let query = query.key_condition_expression("pk = :pk AND begins_with(sk, :seat)");
        let query = query.expression_attribute_values(":pk", AttributeValue::S(format!("THEATER#{theater}")));
        let query = query.expression_attribute_values(":seat", AttributeValue::S("SEAT#".to_owned()));
        let items = query.send().await.expect("the table").items.unwrap_or_default();
        self.held(theater, began, items.iter().map(held).collect());
    }

    /// What was found so far.
    pub fn verdict(&self) -> Verdict {
        self.verdict.lock().unwrap().clone()
    }

    /// A read that began then, and has just ended.
    fn held(&self, theater: &str, began: Instant, seats: Vec<(&str, Held)>) {
        let within = matches!(self.bound, Bound::Within(_));
        let wrong = self.with(theater, |theater| {
            let mut held = vec![Held::default(); theater.labels.len()];
            for (label, seat) in seats {
                held[theater.position(label)] = seat;
            }
            let ended = Instant::now();
            let taken = held.iter().enumerate().filter_map(|(seat, held)| Some((seat, held.taken?)));
            for (seat, taken) in taken.filter(|_| within) {
                theater.is_due(seat, taken, ended);
            }
            let waiting = std::mem::take(&mut theater.waiting);
            let (judged, waiting): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|look| look.ended <= began);
            theater.waiting = waiting;
            let invented = judged.iter().filter_map(|look| theater.invented(look, &held)).collect::<Vec<_>>();
            let (lost, disordered) = (theater.lost(began, &held), theater.disordered(&held));
            theater.held = held;
            let hits = judged.iter().filter(|look| look.hit).count();
            ([judged.len(), hits], invented, lost, disordered)
        });
        let Some(([judged, hits], invented, lost, disordered)) = wrong else { return };
        {
            let mut verdict = self.verdict.lock().unwrap();
            verdict.checked += judged;
            verdict.hits += hits;
            verdict.reads += 1;
        }
        invented.into_iter().for_each(|what| self.found(|v| &mut v.invented, format!("invented: {theater}, {what}")));
        lost.into_iter().for_each(|what| self.found(|v| &mut v.lost, format!("lost: {theater}, {what}")));
        disordered
            .into_iter()
            .for_each(|what| self.found(|v| &mut v.disordered, format!("disordered: {theater}, {what}")));
    }

    /// Does something with a theater, if it is watched.
    fn with<T>(&self, theater: &str, work: impl FnOnce(&mut Theater) -> T) -> Option<T> {
        self.theaters.lock().unwrap().get_mut(theater).map(work)
    }

    fn found(&self, count: impl FnOnce(&mut Verdict) -> &mut usize, what: String) {
        let mut verdict = self.verdict.lock().unwrap();
        *count(&mut verdict) += 1;
        if verdict.examples.len() < MOST_EXAMPLES {
            verdict.examples.push(what);
        }
    }
}

impl Theater {
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
fn held(item: &HashMap<String, AttributeValue>) -> (&str, Held) {
    let number = |name: &str| item[name].as_n().unwrap().parse::<u64>().unwrap();
    let label = item["sk"].as_s().unwrap().trim_start_matches("SEAT#");
    let taken = match item["status"].as_s().unwrap().as_str() {
        "booked" => Taken::ForGood,
        _ => Taken::Until(number("expires_at")),
    };
    (label, Held { stamp: number("changed_at"), taken: Some(taken) })
}
