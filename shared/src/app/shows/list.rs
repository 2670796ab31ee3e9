//! The list of shows by local day.

use crate::app::{BoxOffice, StoreError};
use crate::cache::Summary;
use crate::context::RequestContext;
use crate::domain::ids::TheaterId;
use crate::domain::local_time::LocalDate;
use crate::domain::show::{ListPlace, ShowEntry};
use crate::store::ShowPage;

/// A request for a page of the list of shows.
#[derive(Debug)]
pub struct ListShows {
    /// The days to list, in order.
    pub days: Vec<LocalDate>,
    /// The only theater to list.
    pub theater: Option<TheaterId>,
    /// The place after which the page begins.
    pub after: Option<ListPlace>,
    /// The maximum number of shows.
    pub limit: usize,
}

/// A page of the list of shows.
#[derive(Debug)]
pub struct ShowList {
    /// The shows by local day and start, each with the summary of its seats if there is one.
    pub shows: Vec<(ShowEntry, Option<Summary>)>,
    /// The place after which the next page begins, if there is one.
    pub next: Option<ListPlace>,
}

impl BoxOffice {
    /// Lists shows. Costs a Query for each day until the page is full, and one call to the cache.
    pub async fn list_shows(&self, ctx: &RequestContext, ask: &ListShows) -> Result<ShowList, StoreError> {
        let mut shows: Vec<ShowEntry> = Vec::new();
        let mut more = false;
        for day in &ask.days {
            let left = ask.limit - shows.len();
            // A full page asks the next day for one show, to know whether there is a next page.
            let page =
                self.store.shows_of_day(ctx, *day, ask.theater.as_ref(), ask.after.as_ref(), left.max(1)).await?;
            let ShowPage { shows: found, more: more_that_day } = page;
            more = more_that_day || found.len() > left;
            shows.extend(found.into_iter().take(left));
            if more {
                break;
            }
        }
        let next = shows.last().filter(|_| more).map(ShowEntry::place);
        let ids: Vec<_> = shows.iter().map(|entry| &entry.show).collect();
        let summaries = match &self.cache {
            Some(cache) => cache.summaries(ctx, &ids).await.unwrap_or_default(),
            None => Vec::new(),
        };
        let summaries = summaries.into_iter().chain(std::iter::repeat(None));
        Ok(ShowList { shows: shows.into_iter().zip(summaries).collect(), next })
    }
}
