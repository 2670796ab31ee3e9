//! The stack: the components that a request passes.

mod steps;

use super::counters::Counters;
use super::lambda::{Account, Function, FunctionKind};
use super::limits::{Pipe, TokenBucket};
use super::parameters::{NotModified, Parameters, Stack};
use super::units::whole;
use super::venue::Seats;

/// Bytes of the string's header and of a slot, from shared/src/cache/protocol/packed.rs.
const HEADER_BYTES: f64 = 48.0;
const SLOT_BYTES: f64 = 12.0;
/// Bytes of a seat index with a slot, which is also a seat's part of a merge or of a peek.
const ENTRY_BYTES: f64 = 16.0;
/// The largest small answer of the cache, with its framing.
const SMALL_BYTES: f64 = 100.0;
/// The cost of a script in calls: assumed.
const SCRIPT_CALLS: f64 = 3.0;
/// Bytes of an answer without its seats, with its headers.
const ANSWER_BYTES: f64 = 300.0;
/// Bytes of one seat in an answer that lists only changes.
const CHANGE_BYTES: f64 = 20.0;
/// A key is renewed by one reader, 15 s before its end at 60 s (ms).
const RENEWAL: f64 = 45_000.0;
/// The result of a read.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadResult {
    /// Milliseconds until the caller has the answer.
    pub(super) took: f64,
    /// The version of the section that was read, or `None` for a rejected read.
    pub(super) version: Option<u32>,
}

/// The result of a write.
#[derive(Clone, Copy, Debug)]
pub(super) enum Write {
    /// The write is rejected after this many milliseconds, and may be repeated.
    Refused(f64),
    /// The cache knew that the seats are taken.
    Taken(f64),
    /// DynamoDB decides after this many milliseconds.
    Decided(f64),
}

/// The purpose of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Reserve,
    Book,
}

/// The state of all services.
#[derive(Debug)]
pub(super) struct Services {
    terms: Stack,
    venue_seats: f64,
    answer_bytes: f64,
    gateway: TokenBucket,
    /// The stage's limit for each function's route.
    routes: [TokenBucket; 3],
    pub(super) account: Account,
    pub(super) functions: [Function; 3],
    /// A shard's time in seconds, for each section.
    cache: Vec<Pipe>,
    filled: Vec<f64>,
    reads: Pipe,
    writes: Vec<Pipe>,
    /// The time until which each instance of get-seats skips the cache, and the time of its last read.
    skips_cache_until: Vec<f64>,
    read_at: Vec<f64>,
}

const LOOKS: usize = 0;
const RESERVE: usize = 1;
const BOOK: usize = 2;

impl Services {
    pub(super) fn new(parameters: &Parameters) -> Self {
        let terms = parameters.stack.clone();
        let function = |kind| Function::new(kind, terms.provisioned, terms.instances_per_10_s);
        let sections = usize::from(terms.sections.max(1));
        Self {
            venue_seats: f64::from(parameters.venue.seats),
            answer_bytes: parameters.venue.answer_bytes,
            gateway: TokenBucket::new(terms.gateway_rate, terms.gateway_burst),
            routes: [
                TokenBucket::new(terms.read_rate, terms.read_burst),
                TokenBucket::new(terms.write_rate, terms.write_burst),
                TokenBucket::new(terms.write_rate, terms.write_burst),
            ],
            account: Account::new(terms.concurrency, terms.reserved_for_writes),
            functions: [function(FunctionKind::Looks), function(FunctionKind::Writes), function(FunctionKind::Writes)],
            cache: vec![Pipe::new(1.0); sections],
            filled: vec![f64::NEG_INFINITY; sections],
            reads: Pipe::new(terms.partition_reads * f64::from(terms.partitions.max(1))),
            writes: vec![Pipe::new(terms.partition_writes); usize::from(terms.partitions.max(1))],
            skips_cache_until: Vec::new(),
            read_at: Vec::new(),
            terms,
        }
    }

    /// Advances the time.
    pub(super) fn advance(&mut self, now: u64) {
        self.functions.iter_mut().for_each(|function| function.advance(now, &mut self.account));
    }

    /// Reads a section for a caller who last saw version `seen - 1`. 0 means never.
    pub(super) fn look(
        &mut self,
        now: f64,
        section: u16,
        seen: u32,
        seats: &Seats,
        counters: &mut Counters,
    ) -> ReadResult {
        let network = self.terms.network;
        let Some(instance) = self.admit(now, LOOKS, counters) else {
            return ReadResult { took: network, version: None };
        };
        let version = seats.version(section);
        let changes = f64::from(version + 1 - seen.min(version + 1));
        let unchanged = seen == version + 1;
        let mut takes = self.start(instance, counters);
        let (known, asked) = self.ask_cache(now, instance, section, unchanged, (seen > 0).then_some(changes), counters);
        takes += asked;
        let due = now - self.filled[usize::from(section)] > RENEWAL;
        let mut version_seen = Some(version);
        if !known || due {
            match self.query(now, seats, counters) {
                Some(took) => takes += took,
                // The renewal failed, so the cached answer is used.
                None if known => takes += self.terms.table_patience,
                None => {
                    takes += self.terms.table_patience;
                    version_seen = None;
                }
            }
            if known && due {
                self.filled[usize::from(section)] = now;
                self.call_cache(now, section, HEADER_BYTES + SLOT_BYTES * self.section_seats(), SCRIPT_CALLS, counters);
            }
        }
        let header_only = unchanged && known && self.terms.not_modified == NotModified::HeaderOnly;
        let decoded = match (header_only, self.terms.deltas && seen > 0) {
            (true, _) => 0.0,
            (false, true) => changes.min(self.section_seats()),
            (false, false) => self.section_seats(),
        };
        takes += self.processor(self.terms.look_cpu + self.terms.look_cpu_a_seat * decoded);
        self.finish(now, LOOKS, instance, takes, counters);
        if version_seen.is_none() {
            counters.looks_refused += 1;
            return ReadResult { took: network + takes, version: None };
        }
        counters.bypasses += u64::from(!known);
        counters.not_modified += u64::from(unchanged);
        counters.bytes_out += self.answer(unchanged, (seen > 0).then_some(changes), seats);
        ReadResult { took: network + takes, version: version_seen }
    }

    /// Returns the bytes of an answer.
    pub(super) fn answer(&self, unchanged: bool, changes: Option<f64>, seats: &Seats) -> f64 {
        let whole = f64::from(seats.available()) / f64::from(self.terms.sections.max(1)) * self.answer_bytes;
        let body = match (unchanged, changes) {
            (true, _) => 0.0,
            (false, Some(changes)) if self.terms.deltas => whole.min(changes * CHANGE_BYTES),
            (false, _) => whole,
        };
        ANSWER_BYTES + body * self.terms.compression
    }

    /// Begins a write of these seats.
    pub(super) fn write(
        &mut self,
        now: f64,
        purpose: Purpose,
        wanted: &[u16],
        seats: &Seats,
        counters: &mut Counters,
    ) -> Write {
        let network = self.terms.network;
        let function = if purpose == Purpose::Reserve { RESERVE } else { BOOK };
        let Some(instance) = self.admit(now, function, counters) else { return Write::Refused(network) };
        let mut takes = self.start(instance, counters) + self.processor(self.terms.write_cpu);
        let small = SMALL_BYTES + ENTRY_BYTES * count(wanted);
        let section = |seat: &u16| seat % self.terms.sections.max(1);
        let section = wanted.first().map_or(0, section);
        if purpose == Purpose::Reserve && self.terms.refuses_early {
            let (knows, took) = self.call_cache(now, section, small, SCRIPT_CALLS, counters);
            takes += took;
            if knows && !seats.are_available(wanted) {
                self.finish(now, function, instance, takes, counters);
                counters.bytes_out += ANSWER_BYTES;
                return Write::Taken(network + takes);
            }
        }
        let decided = self.units(now, wanted, counters);
        takes += match decided {
            Some(waited) => {
                self.terms.table_trip + waited + self.call_cache(now, section, small, SCRIPT_CALLS, counters).1
            }
            None => self.terms.table_patience,
        };
        self.finish(now, function, instance, takes, counters);
        counters.bytes_out += ANSWER_BYTES + 200.0;
        match decided {
            Some(_) => Write::Decided(network + takes),
            None => Write::Refused(network + takes),
        }
    }
}

fn count(seats: &[u16]) -> f64 {
    f64::from(u32::try_from(seats.len()).unwrap_or(u32::MAX))
}

/// Returns the index of a random choice among `of`: the share, raised to a power. A larger power prefers the first
/// ones.
pub(super) fn popular_index(share: f64, power: f64, of: u32) -> u32 {
    let nth = u32::try_from(whole(share.powf(power) * f64::from(of))).unwrap_or(u32::MAX);
    nth.min(of.saturating_sub(1))
}
