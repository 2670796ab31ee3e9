//! The prices and the sale that each call may have seen.
//!
//! An instance keeps a copy of an inventory and of its sale for some time, by its own clock. A call may see a value if
//! the value was put before the call ended, and if it wasn't replaced so long ago that the instance had to know. An
//! instance has to know a replacement if it read no copy before the replacement was answered, or if all such copies are
//! too old.

use std::ops::Deref;
use std::time::Duration;

use super::call_log::{Answer, CallRecord, Request};
use super::money::TicketType;
use super::price::{ListOfPrice, SeatPrice};

/// Time for which an instance may use a sale without reading it again.
pub const MAX_SALE_AGE: Duration = Duration::from_secs(10);

/// The prices and sales of the inventory that a call may have seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The price lists. It is one `None` if seats are sold without money.
    pub lists: Vec<Option<u8>>,
    /// The states of the sale: `true` is open, and `false` is paused.
    pub sales: Vec<bool>,
}

/// A call with the price list and the states of the sale that it may have seen.
#[derive(Clone, Copy, Debug)]
pub struct CallOnTerms<'a> {
    pub record: &'a CallRecord,
    /// `None` if seats are sold without money.
    pub list: Option<ListOfPrice>,
    pub may_be_open: bool,
    pub may_be_paused: bool,
}

impl Terms {
    /// Determines the terms of each call. `max_price_age` is the time for which an instance may use prices without
    /// reading them again. It is `None` if seats are sold without money.
    pub fn of(calls: &[CallRecord], max_price_age: Option<Duration>) -> Vec<Self> {
        let list = |request: &Request| match request {
            Request::PutPrices { list } => Some(Some(*list)),
            _ => None,
        };
        let sale = |request: &Request| match request {
            Request::PutSale { open } => Some(*open),
            _ => None,
        };
        let terms = |call: &CallRecord| Self {
            lists: max_price_age.map_or_else(|| vec![None], |age| visible(calls, call, Some(0), age, list)),
            sales: visible(calls, call, true, MAX_SALE_AGE, sale),
        };
        calls.iter().map(terms).collect()
    }

    /// Returns the answered call on each possible price list. A call that sells nothing new gets one.
    pub fn each<'a>(&'a self, record: &'a CallRecord) -> impl Iterator<Item = CallOnTerms<'a>> {
        let sells = matches!(record.request, Request::Reserve { .. } | Request::Book { .. });
        let number = if sells { self.lists.len() } else { 1 };
        self.lists.iter().take(number).map(move |list| self.with_list(record, list.map(ListOfPrice::Known)))
    }

    /// Returns an attempt of the call whose answer is unknown. Its price list is open if there are several.
    pub fn attempt<'a>(&self, index: usize, record: &'a CallRecord) -> CallOnTerms<'a> {
        let list = match self.lists[..] {
            [Some(list)] => Some(ListOfPrice::Known(list)),
            [None] => None,
            _ => {
                let lists = self.lists.iter().flatten().fold(0, |lists, list| lists | 1 << list);
                Some(ListOfPrice::OfCall { index, lists })
            }
        };
        self.with_list(record, list)
    }

    fn with_list<'a>(&self, record: &'a CallRecord, list: Option<ListOfPrice>) -> CallOnTerms<'a> {
        let (may_be_open, may_be_paused) = (self.sales.contains(&true), self.sales.contains(&false));
        CallOnTerms { record, list, may_be_open, may_be_paused }
    }
}

/// Returns the values that a call may have seen. Puts set them, and `initial` is the first one.
fn visible<V: Copy + PartialEq>(
    calls: &[CallRecord],
    call: &CallRecord,
    initial: V,
    age: Duration,
    value: impl Fn(&Request) -> Option<V>,
) -> Vec<V> {
    let puts = || calls.iter().filter(|put| value(&put.request).is_some());
    // A put whose outcome is unknown may be carried out later, so it replaces nothing, and nothing replaces it.
    let answered = |put: &&CallRecord| put.answer == Answer::Put;
    let is_replaced_after = |end: Option<u64>| {
        puts()
            .filter(answered)
            .any(|later| end.is_none_or(|end| later.begin > end) && must_know(calls, call, later, age))
    };
    let mut seen = Vec::new();
    if !is_replaced_after(None) {
        seen.push(initial);
    }
    for put in puts().filter(|put| call.end.is_none_or(|end| put.begin < end)) {
        let replaced = answered(&put) && put.end.is_some() && is_replaced_after(put.end);
        seen.extend(value(&put.request).filter(|_| !replaced));
    }
    seen
}

/// Returns `true` if the instance of a call had to know the value of an answered put.
fn must_know(calls: &[CallRecord], call: &CallRecord, put: &CallRecord, age: Duration) -> bool {
    let Some(answered) = put.end.filter(|end| *end < call.begin) else { return false };
    let earlier = calls.iter().filter(|earlier| earlier.client == call.client && earlier.begin < answered);
    let last_copy = earlier.map(|earlier| earlier.now).max();
    last_copy.is_none_or(|read_at| call.now.since(read_at) >= age)
}

/// Checks that no call was served although its instance had to know that the sale is paused, or refused although the
/// sale had to be open.
pub fn check_sales(calls: &[CallRecord], terms: &[Terms]) -> Result<(), String> {
    for (index, (call, terms)) in calls.iter().zip(terms).enumerate() {
        if call.needs_open_sale() && !terms.sales.contains(&true) {
            return Err(format!("call {index} was served, but the sale was paused"));
        }
        if call.answer == Answer::NotOnSale && !terms.sales.contains(&false) {
            return Err(format!("call {index} was refused, but the sale was open"));
        }
    }
    Ok(())
}

impl CallRecord {
    /// Returns `true` if only an open sale gives this answer. Repeats get theirs from a paused one, too.
    fn needs_open_sale(&self) -> bool {
        let sells = matches!(self.request, Request::Reserve { .. } | Request::Book { .. } | Request::BookWhole { .. });
        let is_reserve = matches!(self.request, Request::Reserve { .. });
        sells
            && match &self.answer {
                Answer::Reserved { replayed, .. } | Answer::Booked { replayed, .. } => !replayed,
                Answer::Taken(_) | Answer::Limited | Answer::Changed(_) | Answer::NotFound => true,
                // The record of a reservation knows expired seats and their ticket types.
                Answer::Expired | Answer::OtherTypes => !is_reserve,
                _ => false,
            }
    }
}

impl CallOnTerms<'_> {
    /// Returns the price of a seat that the call takes as an available one.
    pub fn listed(&self, seat: usize) -> Option<SeatPrice> {
        let children = match self.record.request {
            Request::Reserve { children, .. } | Request::Book { children, .. } => children,
            _ => return None,
        };
        let ticket_type = if children.has(seat) { TicketType::Child } else { TicketType::Standard };
        self.list.map(|list| SeatPrice { ticket_type, list })
    }

    /// Returns `true` if the call names another ticket type for a seat than the one that was fixed.
    pub fn names_other_type(&self, seat: usize, fixed: Option<SeatPrice>) -> bool {
        let children = match self.record.request {
            Request::Reserve { children, .. } | Request::Book { children, .. } => children,
            _ => return false,
        };
        children.has(seat) && fixed.is_none_or(|fixed| fixed.ticket_type != TicketType::Child)
    }
}

impl Deref for CallOnTerms<'_> {
    type Target = CallRecord;

    fn deref(&self) -> &CallRecord {
        self.record
    }
}

#[cfg(test)]
mod tests;
