//! Counts of calls, answers and faults in many histories.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;

use super::cached_answers::Findings;
use super::call_log::{Answer, CallRecord, Request};
use super::plan::{InventoryKind, Plan};
use super::terms::Terms;

/// Counts that have to be above zero after a thousand histories. Otherwise the plans no longer cover them.
pub const EXPECTED: [&str; 68] = [
    "reserve 201",
    "reserve 200",
    "reserve 409",
    "reserve 409 from the cache",
    "reserve unknown",
    "book 201",
    "book 200",
    "book 409",
    "book 409 from the cache",
    "book 422",
    "book unknown",
    "read hit",
    "read at DynamoDB",
    "read unknown",
    "met cut before",
    "met cut after",
    "met throttled",
    "met conflict",
    "met error 500",
    "met silence",
    "met cache cut",
    "met cache dead",
    "met cache away",
    "met cache silent",
    "staged cut before",
    "staged cut after",
    "staged throttled",
    "release 204",
    "release all 204",
    "reserve 409 released",
    "reserve 409 limited",
    "book all 201",
    "book all 200",
    "book all 404",
    "book all 409 changed",
    "book all 410",
    "book all 422",
    "extend 200",
    "extend 200 repeated",
    "extend 404",
    "extend 409 not extendable",
    "extend 410",
    "cancel 204",
    "cancel 404",
    "book 409 cancelled",
    "staged conflict",
    "staged error 500",
    "staged silence",
    "staged cache cut",
    "staged cache dead",
    "staged cache away",
    "staged cache silent",
    "caller stopped waiting",
    "key evicted",
    "key rolled back",
    "seat swept",
    "histories of shows",
    "histories with prices",
    "put prices 200",
    "prices were known to be old",
    "reserve 409 other types",
    "book 409 other types",
    "pause the sale 200",
    "open the sale 200",
    "pause was known",
    "reserve 403",
    "book 403",
    "book all 403",
];

/// Counts by name.
#[derive(Debug, Default)]
pub struct Summary(Mutex<BTreeMap<String, usize>>);

impl Summary {
    /// Adds to a count.
    pub fn add(&self, name: &str, number: usize) {
        *self.0.lock().unwrap().entry(name.to_owned()).or_default() += number;
    }

    /// Returns a count.
    pub fn of(&self, name: &str) -> usize {
        self.0.lock().unwrap().get(name).copied().unwrap_or_default()
    }

    /// Returns the sum of all counts whose names have this prefix.
    pub fn all(&self, beginning: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|(name, _)| name.starts_with(beginning)).map(|(_, number)| number).sum()
    }

    /// Returns the names in [`EXPECTED`] that didn't occur.
    pub fn missing(&self) -> Vec<&'static str> {
        EXPECTED.into_iter().filter(|name| self.of(name) == 0).collect()
    }

    /// Counts a history.
    pub(super) fn count(&self, plan: &Plan, records: &[CallRecord], terms: &[Terms], cached: &Findings) {
        self.add("histories", 1);
        self.add("histories of shows", usize::from(plan.inventory == InventoryKind::Show));
        self.add("histories with prices", usize::from(plan.has_prices));
        self.add("calls", records.len());
        self.add("cached answers checked", cached.checked);
        self.add("stale", cached.stale.len());
        for step in &plan.steps {
            for fault in step.faults.names() {
                self.add(&format!("staged {fault}"), 1);
            }
        }
        for (record, terms) in records.iter().zip(terms) {
            // A call that begins after a put and doesn't see the first value had to know the put.
            let sells =
                matches!(record.request, Request::Reserve { .. } | Request::Book { .. } | Request::BookWhole { .. });
            let (old_prices, open) = (terms.lists.contains(&Some(0)), terms.sales.contains(&true));
            self.add("prices were known to be old", usize::from(sells && plan.has_prices && !old_prices));
            self.add("pause was known", usize::from(sells && !open));
            self.add(&kind(record), 1);
            self.add("caller stopped waiting", usize::from(record.end.is_none()));
            for fault in &record.met {
                self.add(&format!("met {fault}"), 1);
            }
        }
    }

    /// Returns the summary in one line.
    pub fn line(&self) -> String {
        format!(
            "{} histories, {} calls, faults: {} staged, {} met, {} unknown outcomes, {} repeats, {} conflicts, \
            {} cached answers checked, {} stale while their cache failed",
            self.of("histories"),
            self.of("calls"),
            self.all("staged"),
            self.all("met"),
            ["reserve unknown", "book unknown"].map(|name| self.of(name)).iter().sum::<usize>(),
            ["reserve 200", "book 200", "book 422"].map(|name| self.of(name)).iter().sum::<usize>(),
            self.all("reserve 409") + self.all("book 409"),
            self.of("cached answers checked"),
            self.of("stale"),
        )
    }
}

/// Returns the name of a call's count: its request and its answer.
fn kind(record: &CallRecord) -> String {
    let asked = match record.request {
        Request::Reserve { .. } => "reserve",
        Request::Book { .. } => "book",
        Request::BookWhole { .. } => "book all",
        Request::ReleaseAll { .. } => "release all",
        Request::Release { .. } => "release",
        Request::Extend { .. } => "extend",
        Request::Cancel { .. } => "cancel",
        Request::Read { .. } => "read",
        Request::PutPrices { .. } => "put prices",
        Request::PutSale { open: true } => "open the sale",
        Request::PutSale { open: false } => "pause the sale",
        Request::Sweep { .. } => return "seat swept".to_owned(),
    };
    let answered = match &record.answer {
        Answer::Done => "204",
        Answer::Put => "200",
        Answer::OtherTypes => "409 other types",
        Answer::NotOnSale => "403",
        Answer::Extended { replayed: true, .. } => "200 repeated",
        Answer::Extended { replayed: false, .. } => "200",
        Answer::Cancelled => "409 cancelled",
        Answer::NotExtendable => "409 not extendable",
        Answer::NotFound => "404",
        Answer::Expired => "410",
        Answer::Reserved { replayed, .. } | Answer::Booked { replayed, .. } => {
            if *replayed {
                "200"
            } else {
                "201"
            }
        }
        Answer::Taken(_) if record.is_from_cache() => "409 from the cache",
        Answer::Taken(_) => "409",
        Answer::Released => "409 released",
        Answer::Limited => "409 limited",
        Answer::Changed(_) => "409 changed",
        Answer::IdReused => "422",
        Answer::Availability { hit: true, .. } => "hit",
        Answer::Availability { hit: false, .. } => "at DynamoDB",
        Answer::Unknown => "unknown",
        Answer::Unexpected(_) => "odd",
    };
    format!("{asked} {answered}")
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.line())?;
        let counts = self.0.lock().unwrap();
        let counts: Vec<_> = counts.iter().map(|(name, number)| format!("{name}: {number}")).collect();
        write!(f, "{}", counts.join(", "))
    }
}
