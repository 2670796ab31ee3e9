//! A hundred buyers for each seat, and the cost of the 99 who lose.

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::pool::Pool;
use super::{read, start};
use crate::fixture::Fixture;
use crate::venues;
use crate::{ids, instance};

const SEATS: usize = 300;
/// Write units of a rejected transaction of one seat and its booking. They equal those of a successful one, 2 units per
/// item (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html>). DynamoDB doesn't
/// report them.
const UNITS: f64 = 4.0;

/// The way in which buyers arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BuyerArrival {
    /// Buyers of a seat that was sold a while ago, without ids.
    Late,
    /// A hundred buyers at once for each seat, without ids.
    AtOnce,
    /// A hundred buyers at once for each seat, each with its own id, so that the request could be a repeat.
    AtOnceWithIds,
}

impl BuyerArrival {
    pub(crate) const ALL: [Self; 3] = [Self::Late, Self::AtOnce, Self::AtOnceWithIds];
}

/// The cost of the conflicts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ConflictCosts {
    pub(crate) crowd: BuyerArrival,
    pub(crate) processes: usize,
    pub(crate) attempts: u64,
    pub(crate) sold: u64,
    /// Transactions that DynamoDB received.
    pub(crate) transactions: u64,
    /// Other calls that DynamoDB received.
    pub(crate) others: u64,
    /// Write units for each sold seat. Computed as 4 units for each transaction.
    pub(crate) units_a_sold_seat: f64,
}

/// Sells this many seats, each to a hundred buyers.
pub(crate) async fn run(
    crowd: BuyerArrival,
    seats: usize,
    processes: usize,
    fixture: &Fixture,
) -> Result<ConflictCosts> {
    let theater = format!("rush-{:016x}", fastrand::u64(..));
    venues::put(&fixture.office, &theater, SEATS).await?;
    let labels = venues::labels(SEATS);
    let (spare, wanted) = labels.split_at(1);
    venues::sell(&fixture.office, &theater, spare).await?;
    let reader = start(&instance::built("get-seats", &fixture.tapped())?, 1, None).await?;
    fixture.forget().await?;
    for reader in &reader {
        reader.invoke(fixture.events.look(&theater)).await?;
    }
    // The first event of each instance loads the layout.
    let warm = fixture.events.book(&theater, &json!({ "seats": spare }));
    let pool = Pool::of(start(&instance::built("book", &fixture.tapped())?, processes, Some(&warm)).await?);
    fixture.to_dynamodb.take_calls();
    let (mut attempts, mut sold) = (0, 0);
    for seat in wanted.iter().take(seats) {
        let target = if crowd == BuyerArrival::Late { spare.first().unwrap_or(seat) } else { seat };
        let calls = (0..100).map(|_| {
            let body = match crowd {
                BuyerArrival::AtOnceWithIds => {
                    json!({ "seat": target, "booking_id": ids::chosen(&mut fastrand::Rng::new()).to_string() })
                }
                _ => json!({ "seat": target }),
            };
            pool.invoke(fixture.events.book(&theater, &body))
        });
        for answered in try_join_all(calls).await? {
            let (status, body) = read(&answered)?;
            ensure!(matches!(status, 201 | 409), "a booking was answered with {status}: {body}");
            attempts += 1;
            sold += u64::from(status == 201);
        }
    }
    let calls = fixture.to_dynamodb.take_calls();
    let transactions = calls.get("TransactWriteItems").copied().unwrap_or_default();
    let others = calls.values().sum::<u64>() - transactions;
    #[allow(clippy::cast_precision_loss, reason = "no count is that large")]
    let units_a_sold_seat = transactions as f64 * UNITS / sold.max(1) as f64;
    Ok(ConflictCosts { crowd, processes, attempts, sold, transactions, others, units_a_sold_seat })
}
