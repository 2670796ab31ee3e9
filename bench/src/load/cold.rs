//! A thousand readers of a theater that isn't cached.

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::pool::Pool;
use super::{read, start};
use crate::fixture::Fixture;
use crate::instance;
use crate::venues::Venue;

/// The DynamoDB calls of the readers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ColdReads {
    pub(crate) readers: usize,
    pub(crate) processes: usize,
    /// The number of rounds, and the largest number of Queries in one round.
    pub(crate) rounds: usize,
    pub(crate) queries: u64,
}

/// Empties the cache and sends all reads at once.
pub(crate) async fn run(
    venue: Venue,
    readers: usize,
    processes: usize,
    rounds: usize,
    fixture: &Fixture,
) -> Result<ColdReads> {
    let look = fixture.events.look(&venue.theater());
    let pool = Pool::of(start(&instance::built("get-seats", &fixture.tapped())?, processes, Some(&look)).await?);
    let mut most = 0;
    for _ in 0..rounds {
        fixture.forget().await?;
        fixture.to_dynamodb.take_calls();
        for answered in try_join_all((0..readers).map(|_| pool.invoke(look.clone()))).await? {
            let (status, _) = read(&answered)?;
            ensure!(status == 200, "a read was answered with {status}");
        }
        most = most.max(fixture.to_dynamodb.take_calls().get("Query").copied().unwrap_or_default());
    }
    Ok(ColdReads { readers, processes, rounds, queries: most })
}
