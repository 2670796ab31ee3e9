//! A sale. Buyers read the seats again and again, reserve a seat that they have seen, and book it.

use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::pool::Pool;
use super::{read, start};
use crate::fixture::Fixture;
use crate::ids;
use crate::instance::{self, Instance, TimedAnswer};
use crate::measure::exact::logged;
use crate::measure::timed::{Latencies, Percentiles};
use crate::stats::{fairness, micros};
use crate::venues;

const SEATS: usize = 10_000;
/// The number of reads among a hundred calls.
const LOOKS: u32 = 95;
/// The number of reservations among a hundred calls. The others are bookings.
const RESERVES: u32 = 4;
/// The number of buyers who share one instance of reserve and one of book.
const BUYERS_PER_WRITER: usize = 8;

/// The result of a sale.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sale {
    /// Buyers, each with its own instance of get-seats.
    pub(crate) buyers: usize,
    /// Instances of all functions.
    pub(crate) processes: usize,
    pub(crate) seconds: f64,
    pub(crate) looks: u64,
    /// Calls that reserve or book, and the conflicts among them.
    pub(crate) writes: u64,
    pub(crate) conflicts: u64,
    /// Other answers than success and conflict.
    pub(crate) failures: u64,
    pub(crate) sold: u64,
    /// Requests a second, of all buyers.
    pub(crate) throughput: f64,
    /// Jain's index of the buyers' requests.
    pub(crate) fairness: f64,
    pub(crate) look: Percentiles,
    pub(crate) write: Percentiles,
    pub(crate) dynamodb_calls: f64,
    /// Capacity units of successful calls. Rejected writes don't report theirs.
    pub(crate) capacity: f64,
    /// Processor cores that the bench itself used.
    pub(crate) bench_cores: f64,
}

/// Counts of one buyer.
struct Counts {
    look: Latencies,
    write: Latencies,
    looks: u64,
    writes: u64,
    conflicts: u64,
    failures: u64,
    sold: u64,
}

/// Runs a sale with this many buyers for this long.
pub(crate) async fn run(buyers: usize, lasting: Duration, fixture: &Fixture) -> Result<Sale> {
    let theater = format!("sale-{buyers}-{:016x}", fastrand::u64(..));
    venues::put(&fixture.office, &theater, SEATS).await?;
    let first = fixture.events.look(&theater);
    let writers = buyers.div_ceil(BUYERS_PER_WRITER);
    let environment = fixture.direct();
    let readers = start(&instance::built("get-seats", &environment)?, buyers, Some(&first)).await?;
    let reserving = Pool::of(start(&instance::built("reserve", &environment)?, writers, None).await?);
    let booking = Pool::of(start(&instance::built("book", &environment)?, writers, None).await?);
    let sale = Shop { theater: &theater, fixture, reserving: &reserving, booking: &booking };

    let (started, cpu) = (Instant::now(), crate::process::Usage::of(std::process::id())?.cpu);
    let end = started + lasting;
    let buying = readers.iter().enumerate().map(|(number, reader)| sale.buy(number as u64, reader, end));
    let counts = try_join_all(buying).await?;
    let seconds = started.elapsed().as_secs_f64();
    let cpu = crate::process::Usage::of(std::process::id())?.cpu.saturating_sub(cpu);

    let mut total = summed(&counts)?;
    let instances = || readers.iter().chain(&reserving.instances).chain(&booking.instances);
    for instance in instances() {
        let log = instance.log_from(0)?;
        total.dynamodb_calls += logged(&log, "dynamodb");
        total.capacity += logged(&log, "units");
    }
    total.buyers = buyers;
    total.processes = instances().count();
    total.seconds = seconds;
    #[allow(clippy::cast_precision_loss, reason = "no count is that large")]
    let requests = (total.looks + total.writes) as f64;
    total.throughput = requests / seconds;
    total.bench_cores = micros(cpu) / 1e6 / seconds;
    Ok(total)
}

fn summed(counts: &[Counts]) -> Result<Sale> {
    let (mut look, mut write, mut total) = (Latencies::new()?, Latencies::new()?, Sale::default());
    for one in counts {
        look.merge(&one.look)?;
        write.merge(&one.write)?;
        total.looks += one.looks;
        total.writes += one.writes;
        total.conflicts += one.conflicts;
        total.failures += one.failures;
        total.sold += one.sold;
    }
    total.fairness = fairness(&counts.iter().map(|one| one.looks + one.writes).collect::<Vec<_>>());
    (total.look, total.write) = (look.percentiles(), write.percentiles());
    Ok(total)
}

/// The theater on sale and the functions that sell it.
struct Shop<'a> {
    theater: &'a str,
    fixture: &'a Fixture,
    reserving: &'a Pool,
    booking: &'a Pool,
}

impl Shop<'_> {
    async fn buy(&self, number: u64, reader: &Instance, end: Instant) -> Result<Counts> {
        let mut random = fastrand::Rng::with_seed(number);
        let (look, write) = (Latencies::new()?, Latencies::new()?);
        let mut counts = Counts { look, write, looks: 0, writes: 0, conflicts: 0, failures: 0, sold: 0 };
        let event = self.fixture.events.look(self.theater);
        let mut seen = reader.invoke(event.clone()).await?;
        let mut mine = Vec::new();
        while Instant::now() < end {
            match random.u32(0..100) {
                ..LOOKS => {
                    seen = reader.invoke(event.clone()).await?;
                    counts.look.add(seen.latency)?;
                    counts.looks += 1;
                }
                roll if roll < LOOKS + RESERVES => {
                    let Some(seat) = pick_popular_seat(&seen, &mut random)? else { continue };
                    let id = ids::chosen(&mut random).to_string();
                    let body = json!({ "seat": seat, "reservation_id": id });
                    let answered = self.reserving.invoke(self.fixture.events.reserve(self.theater, &body)).await?;
                    if counts.written(&answered)? {
                        mine.push((seat, id));
                    }
                }
                _ => {
                    let Some((seat, reservation)) = mine.pop() else { continue };
                    let id = ids::chosen(&mut random).to_string();
                    let body = json!({ "seat": seat, "booking_id": id, "reservation_id": reservation });
                    let answered = self.booking.invoke(self.fixture.events.book(self.theater, &body)).await?;
                    counts.sold += u64::from(counts.written(&answered)?);
                }
            }
        }
        Ok(counts)
    }
}

impl Counts {
    /// Counts the answer to a write. Returns `true` if the write succeeded.
    fn written(&mut self, answered: &TimedAnswer) -> Result<bool> {
        self.write.add(answered.latency)?;
        self.writes += 1;
        let (status, _) = read(answered)?;
        self.conflicts += u64::from(status == 409);
        self.failures += u64::from(!matches!(status, 200 | 201 | 409));
        Ok(status == 201)
    }
}

/// Picks an available seat of the last read. All buyers prefer the first seats: half of them pick from the first
/// eighth.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "below the number of seats"
)]
fn pick_popular_seat(seen: &TimedAnswer, random: &mut fastrand::Rng) -> Result<Option<String>> {
    let (_, body) = read(seen)?;
    let free = body["seats"].as_array().map(Vec::as_slice).unwrap_or_default();
    let at = (random.f64().powi(3) * free.len() as f64) as usize;
    Ok(free.get(at).and_then(|seat| seat.as_str()).map(str::to_owned))
}
