//! The growth of stored data with the venue: bytes in Redis, and bytes and units in DynamoDB. Measured with the real
//! Valkey and the embedded DynamoDB.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use boxoffice::cache::{Cache, FillReason, FillToken};
use boxoffice::clock::Clock;
use boxoffice::config::Config;
use boxoffice::context::RequestContext;
use boxoffice::domain::ids::{BookingId, ReservationId, SeatLabel, TheaterId};
use boxoffice::domain::inventory::Inventory;
use boxoffice::domain::layout::Layout;
use boxoffice::domain::layout_version::LayoutVersion;
use boxoffice::domain::selection::Selection;
use boxoffice::store::{BookOutcome, BookRequest, BookableFrom, ReserveOutcome, ReserveRequest, Store};
use boxoffice_local::LocalStack;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::report::{Table, write_page};
use crate::say;
use crate::venues::SEATS_PER_TRANSACTION;

const TABLE: &str = "boxoffice-growth";
const VENUE_SIZES: [usize; 5] = [6, 300, 1_200, 10_000, 20_000];
/// Up to this size every seat is really reserved and booked. Larger venues are computed, because the embedded engine
/// needs minutes for thousands of large transactions.
const LARGEST_SOLD: usize = 1_200;
/// Bytes of a read unit.
const READ_UNIT: u64 = 4_096;
/// Bytes of a UUID, of a number of 13 digits (ms) and of a number of 10 digits (s). A number takes half a byte per
/// digit, and one more.
const UUID: usize = 36;
const MILLIS: usize = 8;
const SECONDS: usize = 6;

/// The stored data of one venue.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredSizes {
    seats: usize,
    /// Bytes of the venue's string, and Valkey's MEMORY USAGE of its key.
    cache_string: u64,
    cache_memory: u64,
    /// Computed bytes of all seats' items, with all seats reserved and with all seats booked.
    reserved_bytes: u64,
    booked_bytes: u64,
    /// The units that the embedded engine counted, if the venue was really sold.
    counted: Option<Counted>,
}

/// Units, as the embedded engine counts them.
#[derive(Debug, Serialize, Deserialize)]
struct Counted {
    /// Units of one strongly consistent Query of all seats, with all seats reserved and with all seats booked.
    reserved_read_units: f64,
    booked_read_units: f64,
    /// Units of reserving and of booking all seats, 49 at a time.
    reserve_write_units: f64,
    book_write_units: f64,
}

/// A venue with access to its engines.
struct Venue {
    store: Store,
    cache: Cache,
    inventory: Inventory,
}

/// Measures all venues. Writes growth.json into docs/scaling, and a table into docs/scaling.md.
pub(crate) async fn all(checkout: &Path) -> Result<()> {
    let stack = LocalStack::start()?;
    stack.create_table(TABLE).await?;
    let mut all = Vec::new();
    for seats in VENUE_SIZES {
        all.push(measure(&stack, seats).await?);
    }
    let folder = checkout.join("docs/scaling");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("growth.json"), serde_json::to_string_pretty(&all)? + "\n")
        .context("can't write growth.json")?;
    let [section] = sections(&all);
    say(&format!("## {}\n\n{}", section.0, section.1))?;
    write_page(&checkout.join("docs/scaling.md"), &[section])
}

/// Returns the sections of docs/scaling.md.
fn sections(all: &[StoredSizes]) -> [(&'static str, String); 1] {
    let mut table = Table::new(&[
        "seats",
        "bytes of the string",
        "MEMORY USAGE",
        "bytes reserved, booked",
        "read units of a Query, computed",
        "the same, counted",
        "write units counted: reserve, book",
    ]);
    for grown in all {
        let pair = |[reserved, booked]: [f64; 2]| format!("{reserved}, {booked}");
        let counted = |of: fn(&Counted) -> [f64; 2]| grown.counted.as_ref().map_or("-".to_owned(), |one| pair(of(one)));
        table.row(&[
            grown.seats.to_string(),
            grown.cache_string.to_string(),
            grown.cache_memory.to_string(),
            format!("{}, {}", grown.reserved_bytes, grown.booked_bytes),
            format!("{}, {}", grown.reserved_bytes.div_ceil(READ_UNIT), grown.booked_bytes.div_ceil(READ_UNIT)),
            counted(|one| [one.reserved_read_units, one.booked_read_units]),
            counted(|one| [one.reserve_write_units, one.book_write_units]),
        ]);
    }
    [("kept", table.text())]
}

async fn measure(stack: &LocalStack, seats: usize) -> Result<StoredSizes> {
    let venue = Venue::new(stack, seats)?;
    let (cache_string, cache_memory) = venue.fill(stack).await?;
    let label_bytes: usize = venue.inventory.layout.seats().iter().map(|seat| seat.as_str().len()).sum();
    let counted = if seats <= LARGEST_SOLD { Some(venue.sell().await?) } else { None };
    let keys = seats * ("pkskTHEATER#SEAT#".len() + venue.inventory.id.to_string().len()) + label_bytes;
    let each = |names: &str, values: usize| u64::try_from(keys + seats * (names.len() + values));
    let reserved =
        each("statusreservation_idrequest_tokenexpires_atchanged_at", "reserved".len() + 2 * UUID + SECONDS + MILLIS)?;
    Ok(StoredSizes {
        seats,
        cache_string,
        cache_memory,
        reserved_bytes: reserved,
        booked_bytes: each("statusbooking_idchanged_at", "booked".len() + UUID + MILLIS)?,
        counted,
    })
}

impl Venue {
    /// Creates a venue with realistic labels such as `A-12-7`: a thousand seats per section, forty per row.
    fn new(stack: &LocalStack, seats: usize) -> Result<Self> {
        let environment = stack.environment(TABLE);
        let lookup = |wanted: &str| environment.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
        let config = Config::read(lookup)?;
        let clock = Clock::System;
        let address = config.cache.clone().context("the environment has no cache")?;
        let patience = Duration::from_secs(5);
        let section = |seat: usize| (b'A'..=b'Z').nth(seat / 1_000).map(char::from).context("the venue is too large");
        let label = |seat: usize| {
            let label = format!("{}-{}-{}", section(seat)?, seat % 1_000 / 40 + 1, seat % 40 + 1);
            SeatLabel::parse(&label).map_err(|error| anyhow!("{label}: {error}"))
        };
        let labels = (0..seats).map(label).collect::<Result<Vec<_>>>()?;
        let theater = TheaterId::parse(&format!("hall-{seats}"))?;
        Ok(Self {
            store: Store::new(stack.dynamodb.client(), TABLE.to_owned(), clock.clone(), patience),
            cache: Cache::new(address, None, config.cache_key_prefix, patience, clock)?,
            inventory: Layout::new(theater, "Hall".to_owned(), LayoutVersion::new(1), labels)
                .map(Inventory::of_theater)
                .map_err(|error| anyhow!("{error}"))?,
        })
    }

    /// Fills the cache as a read does. Returns the bytes of the string and of the memory.
    async fn fill(&self, stack: &LocalStack) -> Result<(u64, u64)> {
        let ctx = RequestContext::default();
        let begun = self.cache.begin(&ctx, &self.inventory, FillReason::Missing, FillToken::new()).await?;
        let boxoffice::cache::Begun::Fill(token) = begun else { return Err(anyhow!("can't fill: {begun:?}")) };
        let slots = self.store.slots(&ctx, &self.inventory).await?;
        ensure!(self.cache.end(&ctx, &self.inventory, token, &slots).await?, "the fill wasn't accepted");
        let mut connection = redis::Client::open(stack.cache_url())?.get_connection()?;
        let key = format!("boxoffice:{{{}}}:availability", self.inventory.id);
        let string = redis::cmd("STRLEN").arg(&key).query(&mut connection)?;
        let memory = redis::cmd("MEMORY").arg("USAGE").arg(&key).arg("SAMPLES").arg(0).query(&mut connection)?;
        Ok((string, memory))
    }

    async fn sell(&self) -> Result<Counted> {
        let reserve_write_units = self.reserve().await?;
        let reserved_read_units = self.query().await?;
        let book_write_units = self.book().await?;
        let booked_read_units = self.query().await?;
        Ok(Counted { reserved_read_units, booked_read_units, reserve_write_units, book_write_units })
    }

    async fn query(&self) -> Result<f64> {
        let ctx = RequestContext::default();
        self.store.slots(&ctx, &self.inventory).await?;
        Ok(ctx.costs().capacity_units)
    }

    fn selections(&self) -> impl Iterator<Item = Result<(Selection, Uuid)>> {
        self.inventory.layout.seats().chunks(SEATS_PER_TRANSACTION).map(|labels| {
            let seats = Selection::of(labels, &self.inventory.layout)
                .map_err(|unknown| anyhow!("unknown seats: {unknown:?}"))?;
            let first = labels.first().map_or("", SeatLabel::as_str);
            Ok((seats, Uuid::new_v5(&Uuid::NAMESPACE_URL, first.as_bytes())))
        })
    }

    async fn reserve(&self) -> Result<f64> {
        let mut units = 0.0;
        for selection in self.selections() {
            let (seats, id) = selection?;
            let ctx = RequestContext::default();
            let request = ReserveRequest {
                inventory: &self.inventory.id,
                seats: &seats,
                reservation: ReservationId::new(id),
                must_exist: false,
                owner: None,
                by: None,
                expires_in: 600,
                reservation_quota: None,
                offers: None,
            };
            let outcome = self.store.reserve(&ctx, &request).await?.outcome;
            ensure!(matches!(outcome, ReserveOutcome::Reserved(..)), "not reserved: {outcome:?}");
            units += ctx.costs().capacity_units;
        }
        Ok(units)
    }

    async fn book(&self) -> Result<f64> {
        let mut units = 0.0;
        for selection in self.selections() {
            let (seats, id) = selection?;
            let ctx = RequestContext::default();
            let request = BookRequest {
                inventory: &self.inventory.id,
                seats: &seats,
                booking: BookingId::new(id),
                owner: None,
                by: None,
                limit: None,
                known: &self.inventory,
                offers: None,
                expect: None,
                reference: None,
            };
            let from = BookableFrom::Anywhere(Some(ReservationId::new(id)));
            let outcome = self.store.book(&ctx, &request, from).await?.outcome;
            ensure!(matches!(outcome, BookOutcome::Booked(..)), "not booked: {outcome:?}");
            units += ctx.costs().capacity_units;
        }
        Ok(units)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::render_page;

    #[test]
    fn page_matches_its_figures() {
        let docs = boxoffice_local::checkout::root().unwrap().join("docs");
        let page = std::fs::read_to_string(docs.join("scaling.md")).unwrap();
        let all: Vec<StoredSizes> =
            serde_json::from_str(&std::fs::read_to_string(docs.join("scaling/growth.json")).unwrap()).unwrap();
        assert!(
            page == render_page(&page, &sections(&all)).unwrap(),
            "docs/scaling.md isn't of growth.json: `make scaling`"
        );
    }
}
