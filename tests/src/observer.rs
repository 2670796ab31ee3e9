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

mod theater;
pub mod traffic;

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use boxoffice::rules::time::EpochMillis;

use crate::{Reply, World};
pub use theater::Taken;
use theater::Theater;

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

impl Verdict {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        [self.stale, self.invented, self.lost, self.disordered] == [0; 4]
    }
}

/// Compares what the cache answers with what it should have.
#[derive(Debug)]
pub struct Observer {
    bound: Bound,
    theaters: Mutex<HashMap<String, Theater>>,
    verdict: Mutex<Verdict>,
}

impl Observer {
    /// An observer that counts what is older than this.
    pub fn new(bound: Bound) -> Self {
        Self { bound, theaters: Mutex::default(), verdict: Mutex::default() }
    }

    /// Begins to watch a theater that was just made, with these seats in layout order.
    pub fn watch(&self, theater: &str, labels: &[&str]) {
        self.theaters.lock().unwrap().insert(theater.to_owned(), Theater::new(labels));
    }

    /// Ends watching a theater. Looks that wait for a read aren't counted.
    pub fn forget(&self, theater: &str) {
        self.theaters.lock().unwrap().remove(theater);
    }

    /// A caller was answered, just now, that these seats are taken by it.
    pub fn answered(&self, theater: &str, seats: &[&str], taken: Taken) {
        self.with(theater, |theater| theater.is_told(seats, taken));
    }

    /// An instance whose clock stood at `now` answered a look that began at `began`, just now.
    pub fn looked(&self, theater: &str, began: Instant, now: EpochMillis, reply: &Reply) {
        let grace = match self.bound {
            Bound::Answered => Duration::ZERO,
            Bound::Within(bound) => bound,
        };
        let stale = self.with(theater, |theater| theater.looked(began, now, grace, reply)).flatten();
        if let Some(what) = stale {
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
        let within = matches!(self.bound, Bound::Within(_));
        let read = self.with(theater, |theater| theater.is_read(began, within, &items)).unwrap_or_default();
        {
            let mut verdict = self.verdict.lock().unwrap();
            verdict.reads += 1;
            verdict.checked += read.checked;
            verdict.hits += read.hits;
        }
        for what in read.invented {
            self.found(|verdict| &mut verdict.invented, format!("invented: theater {theater}, {what}"));
        }
        for what in read.lost {
            self.found(|verdict| &mut verdict.lost, format!("lost: theater {theater}, {what}"));
        }
        for what in read.disordered {
            self.found(|verdict| &mut verdict.disordered, format!("disordered: theater {theater}, {what}"));
        }
    }

    /// What was found so far.
    pub fn verdict(&self) -> Verdict {
        self.verdict.lock().unwrap().clone()
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
