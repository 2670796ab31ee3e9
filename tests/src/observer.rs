//! An external observer, like Meta's Polaris. It compares cached answers with DynamoDB's content and with the answers
//! that callers received, and counts stale ones.
//!
//! **Stale answers.** An instance with its clock at *c* reads a theater, beginning at *t*. Seen from a stopped clock, a
//! seat is first available and then taken for ever. A reservation that ends after *c* can only be followed by a booking
//! or by a reservation that ends even later. (Nothing is deleted here before it has expired by every clock.) So the
//! answer is stale in exactly two cases. It shows a seat as available that was *due* as taken at *t*, by the clock *c*.
//! Or it counts fewer booked seats than were due as booked. [`Bound`] defines when a write is due. The number of writes
//! between two reads of the table doesn't matter: by this clock, a seat that was taken once is still taken.
//!
//! **Invented answers.** The answer shows a seat as taken that is still available, by the clock *c*, in a strongly
//! consistent read that began after the answer. For the same reason no caller had taken the seat when the answer was
//! given.
//!
//! Each read of the table is also compared with the read before it, and with the answers to callers. A confirmed write
//! that isn't in the table is **lost**. A seat that changed without a larger stamp is **disordered**.
//!
//! Reads bypass every proxy. An answer counts as checked after a read that began after it.

mod theater;
pub mod traffic;

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use boxoffice::domain::time::EpochMillis;

use crate::{Reply, World};
pub use theater::Taken;
use theater::Theater;

/// The number of examples that are kept of errors.
const MAX_EXAMPLES: usize = 5;

/// The instant from which cached answers have to show a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// When the caller got its answer. This is the promise while no instance is killed and the cache doesn't fail.
    Answered,
    /// This time after a read found the write in the table, or after the caller got its answer. This is the promise
    /// with failures. It includes writes whose callers got no answer.
    Within(Duration),
}

/// The results so far.
#[derive(Clone, Debug, Default)]
pub struct ObserverReport {
    /// Cached answers with a complete check.
    pub checked: usize,
    /// Cached answers that came from the cache alone and not from a fill.
    pub hits: usize,
    /// Answers that are too old.
    pub stale: usize,
    /// Answers that show a seat as taken that no caller had taken.
    pub invented: usize,
    /// Confirmed writes that aren't in the table.
    pub lost: usize,
    /// Changes of a seat that didn't raise its stamp.
    pub disordered: usize,
    /// Reads of the table.
    pub reads: usize,
    /// Descriptions of the first errors.
    pub examples: Vec<String>,
}

impl ObserverReport {
    /// Returns `true` if there are no errors.
    pub fn is_clean(&self) -> bool {
        [self.stale, self.invented, self.lost, self.disordered] == [0; 4]
    }
}

/// Compares the cache's answers with the expected ones.
#[derive(Debug)]
pub struct Observer {
    bound: Bound,
    theaters: Mutex<HashMap<String, Theater>>,
    report: Mutex<ObserverReport>,
}

impl Observer {
    /// Creates an observer with this bound for stale answers.
    pub fn new(bound: Bound) -> Self {
        Self { bound, theaters: Mutex::default(), report: Mutex::default() }
    }

    /// Begins to watch a new theater with these seats in layout order.
    pub fn watch(&self, theater: &str, labels: &[&str]) {
        self.theaters.lock().unwrap().insert(theater.to_owned(), Theater::new(labels));
    }

    /// Stops watching a theater. Answers that still wait for a read aren't counted.
    pub fn forget(&self, theater: &str) {
        self.theaters.lock().unwrap().remove(theater);
    }

    /// Records that a caller just got the answer that it has taken these seats.
    pub fn answered(&self, theater: &str, seats: &[&str], taken: Taken) {
        self.with(theater, |theater| theater.record_confirmed(seats, taken));
    }

    /// Records the answer to a read that began at `began` and just ended. The instance's clock stood at `now`.
    pub fn record_cached_answer(&self, theater: &str, began: Instant, now: EpochMillis, reply: &Reply) {
        let grace = match self.bound {
            Bound::Answered => Duration::ZERO,
            Bound::Within(bound) => bound,
        };
        let stale = self.with(theater, |theater| theater.record_cached_answer(began, now, grace, reply)).flatten();
        if let Some(what) = stale {
            self.found(|report| &mut report.stale, format!("stale: theater {theater}, {what}; {}", reply.text));
        }
    }

    /// Reads a theater's seats, strongly consistent and past every proxy, and checks the answers that wait for a read.
    pub async fn read(&self, world: &World, theater: &str) {
        let began = Instant::now();
        let query = world.client.query().table_name(&world.table).consistent_read(true);
        let query = query.key_condition_expression("pk = :pk AND begins_with(sk, :seat)");
        let query = query.expression_attribute_values(":pk", AttributeValue::S(format!("THEATER#{theater}")));
        let query = query.expression_attribute_values(":seat", AttributeValue::S("SEAT#".to_owned()));
        let items = query.send().await.expect("the table").items.unwrap_or_default();
        let within = matches!(self.bound, Bound::Within(_));
        let read = self.with(theater, |theater| theater.record_table_read(began, within, &items)).unwrap_or_default();
        {
            let mut report = self.report.lock().unwrap();
            report.reads += 1;
            report.checked += read.checked;
            report.hits += read.hits;
        }
        for what in read.invented {
            self.found(|report| &mut report.invented, format!("invented: theater {theater}, {what}"));
        }
        for what in read.lost {
            self.found(|report| &mut report.lost, format!("lost: theater {theater}, {what}"));
        }
        for what in read.disordered {
            self.found(|report| &mut report.disordered, format!("disordered: theater {theater}, {what}"));
        }
    }

    /// Returns the results so far.
    pub fn report(&self) -> ObserverReport {
        self.report.lock().unwrap().clone()
    }

    /// Calls a closure with a theater, if it is watched.
    fn with<T>(&self, theater: &str, work: impl FnOnce(&mut Theater) -> T) -> Option<T> {
        self.theaters.lock().unwrap().get_mut(theater).map(work)
    }

    fn found(&self, count: impl FnOnce(&mut ObserverReport) -> &mut usize, what: String) {
        let mut report = self.report.lock().unwrap();
        *count(&mut report) += 1;
        if report.examples.len() < MAX_EXAMPLES {
            report.examples.push(what);
        }
    }
}
