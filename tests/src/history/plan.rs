//! The plan of a history, drawn only from its seed.

mod requests;

use std::fmt;
use std::time::Duration;

use fastrand::Rng;
use uuid::Uuid;

use super::call_log::Request;
use super::faults::Faults;
use super::seats::LABELS;

/// Seats that a caller may have reserved at once, in plans with a limit.
pub const MAX_RESERVED: usize = 2;
/// The largest number of clients.
pub const MAX_CLIENTS: usize = 4;
/// The largest clock error, in seconds in both directions.
const MAX_CLOCK_ERROR: u64 = 5;
/// Advances of a clock after which an instance reads a show or a sale again, and the prices of a theater. In seconds.
const LONG_ADVANCES: [u64; 3] = [9, 11, 61];

/// The plan of one history.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub seed: u64,
    /// True if the connection to the cache fails, so that cached answers may be stale.
    pub cache_fails: bool,
    /// True if all clients are one signed-in caller, who may have [`MAX_RESERVED`] seats reserved at once.
    pub limited: bool,
    pub inventory: InventoryKind,
    /// True if seats are sold for money. The prices change during the history.
    pub has_prices: bool,
    /// True if the sale is paused and opened during the history.
    pub has_sale: bool,
    /// The number of seats in the theater.
    pub seats: usize,
    /// The lead of each client's clock over the slowest, in milliseconds.
    pub clocks: Vec<u64>,
    /// The steps of all clients. The steps of one client happen in this order. Those of different clients interleave.
    pub steps: Vec<Step>,
}

/// The kind of inventory that a history sells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InventoryKind {
    Theater,
    Show,
}

impl InventoryKind {
    /// Returns the time for which an instance may use prices without reading them again.
    pub fn max_price_age(self) -> Duration {
        match self {
            Self::Theater => Duration::from_secs(60),
            Self::Show => Duration::from_secs(10),
        }
    }
}

/// One call of a client, with its faults.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub client: usize,
    /// The advance of this client's clock before the call, in milliseconds.
    pub advance: u64,
    /// The event before the call.
    pub before: Option<Event>,
    pub request: Request,
    /// True if a booking uses the reservation that this client received last, if any.
    pub own_reservation: bool,
    pub faults: Faults,
    /// The time after which the client stops waiting, as if the instance were killed.
    pub killed_after: Option<Duration>,
}

/// An event that isn't a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// DynamoDB's TTL deletes reservations that have expired by every clock.
    Sweep,
    /// The cache evicts the theater's key.
    Evict,
    /// A copy of the key is saved.
    KeepKey,
    /// The saved copy is restored, as by a cache that restarts from a snapshot.
    RollBack,
}

impl Plan {
    /// Draws the plan of a seed. Every second seed has a failing cache. Of each four seeds the last two have a limit.
    pub fn of(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let cache_fails = seed % 2 == 1;
        let inventory = if rng.bool() { InventoryKind::Theater } else { InventoryKind::Show };
        let (has_prices, has_sale) = (rng.u8(0..3) > 0, rng.u8(0..4) == 0);
        let changes = Changes { has_prices, has_sale };
        let (seats, clients) = (rng.usize(3..=LABELS.len()), rng.usize(3..=MAX_CLIENTS));
        // Milliseconds make each client's clock unique. Every clock starts with a different number of them, and each
        // step adds whole seconds and 3 ms.
        let clocks =
            (0..clients).map(|client| rng.u64(0..=2 * MAX_CLOCK_ERROR) * 1_000 + client as u64 * 200).collect();
        let clear_faults = rng.u8(0..4) == 0;
        let mut steps: Vec<Step> = Vec::new();
        for _ in 0..rng.usize(10..=20) {
            let client = rng.usize(0..clients);
            let (request, own_reservation) = requests::draw(&mut rng, seats, changes, &steps);
            steps.push(Step {
                client,
                advance: advance(&mut rng, changes) * 1_000 + 3,
                before: event(&mut rng, cache_fails),
                faults: if clear_faults { Faults::default() } else { Faults::draw(&mut rng, &request, cache_fails) },
                killed_after: (rng.u8(0..30) == 0).then(|| Duration::from_millis(rng.u64(0..12))),
                request,
                own_reservation,
            });
        }
        let limited = seed % 4 >= 2;
        Self { seed, cache_fails, limited, inventory, has_prices, has_sale, seats, clocks, steps }
    }
}

/// The values that the calls of a history change, in addition to its seats.
#[derive(Clone, Copy)]
struct Changes {
    has_prices: bool,
    has_sale: bool,
}

/// Draws the seconds before a call. Few advances are so long that the copies of an instance become too old.
fn advance(rng: &mut Rng, Changes { has_prices, has_sale }: Changes) -> u64 {
    if (has_prices || has_sale) && rng.u8(0..8) == 0 {
        LONG_ADVANCES[rng.usize(0..LONG_ADVANCES.len())]
    } else {
        [0, 1, 1, 2, 3, 4][rng.usize(0..6)]
    }
}

/// Returns one of the ids that clients use. Several clients use the same id.
pub fn id(number: u128) -> Uuid {
    Uuid::from_u128(0x0188_c0de_0000_7000_8000_0000_0000_0000 + number)
}

fn event(rng: &mut Rng, cache_fails: bool) -> Option<Event> {
    match rng.u8(0..40) {
        0..4 => Some(Event::Sweep),
        4..6 => Some(Event::Evict),
        6..11 if cache_fails => Some(Event::KeepKey),
        11..15 if cache_fails => Some(Event::RollBack),
        _ => None,
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.inventory {
            InventoryKind::Theater => "theater",
            InventoryKind::Show => "show",
        };
        let money = if self.has_prices { ", sold for money" } else { "" };
        let cache = if self.cache_fails { "fails" } else { "works" };
        let limit = if self.limited { format!(", one caller may reserve {MAX_RESERVED}") } else { String::new() };
        writeln!(
            f,
            "seed {}: a {kind} with {} seats{money}, clocks ahead by {:?} ms, the cache {cache}{limit}",
            self.seed, self.seats, self.clocks
        )?;
        for (number, step) in self.steps.iter().enumerate() {
            writeln!(f, "{number:>3} {step}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client {} +{} ms", self.client, self.advance)?;
        if let Some(event) = self.before {
            write!(f, ", {event:?}")?;
        }
        write!(f, ": {}", self.request)?;
        if self.own_reservation {
            f.write_str(", or its latest reservation")?;
        }
        if self.faults != Faults::default() {
            write!(f, "; {:?}", self.faults)?;
        }
        if let Some(after) = self.killed_after {
            write!(f, "; killed after {} ms", after.as_millis())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn plan_is_determined_by_its_seed() {
        let plans: HashSet<_> = (0..100).map(|seed| format!("{:?}", Plan::of(seed).steps)).collect();
        assert_eq!(plans.len(), 100);
        assert_eq!(Plan::of(7), Plan::of(7));
    }

    #[test]
    fn no_two_calls_have_the_same_millisecond() {
        for plan in (0..200).map(Plan::of) {
            let mut clocks = plan.clocks.clone();
            let now = plan.steps.iter().map(|step| {
                clocks[step.client] += step.advance;
                clocks[step.client]
            });
            let now: Vec<_> = now.collect();
            assert_eq!(now.iter().collect::<HashSet<_>>().len(), now.len(), "{plan}");
        }
    }
}
