//! The linearizability checker. A history is linearizable if each call can have happened at one instant between its
//! begin and its end, so that all answers are correct.
//!
//! The search is that of Wing and Gong (Testing and Verifying Concurrent Objects, 1993) with Lowe's cache of visited
//! states (Testing for Linearizability, 2017). A visited state is the set of completed steps and the theater's state
//! after them. The search covers the whole theater, so a call that takes several seats has to take all of them at the
//! same instant.
//!
//! Calls with an unknown outcome may happen at any time after their begin, or never. The same holds for attempts that
//! DynamoDB carried out in addition to the answered one. Answers from the cache are checked in [`cached_answers`](super::cached_answers)
//! instead.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use super::call_log::{Answer, CallRecord, Request};
use super::model::Theater;
use super::terms::Terms;

/// The largest number of steps, with one bit for each.
const MAX_STEPS: usize = 128;

/// The reason why a history isn't linearizable.
#[derive(Debug)]
pub struct NotLinearizable {
    /// The calls of the longest valid order, by their index in the history.
    pub order: Vec<usize>,
    /// The calls that were candidates for the next position.
    pub next: Vec<usize>,
    /// The theater's state at that point.
    pub theater: Theater,
}

/// The rules of one history.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The number of seats in the theater.
    pub seats: usize,
    /// The number of seats that all clients together may have reserved.
    pub limit: Option<usize>,
    /// The time for which an instance may use prices without reading them again. `None` if seats are sold without
    /// money.
    pub max_price_age: Option<Duration>,
}

/// Checks that a history's calls can be ordered so that all answers are correct. The order of `calls` doesn't matter.
pub fn check(rules: &Rules, calls: &[CallRecord]) -> Result<(), Box<NotLinearizable>> {
    let (steps, terms) = (steps(calls), Terms::of(calls, rules.max_price_age));
    assert!(steps.len() <= MAX_STEPS, "{} steps are too many", steps.len());
    let start = Theater::new(rules.seats, rules.limit);
    let failure = NotLinearizable { order: Vec::new(), next: Vec::new(), theater: start.clone() };
    let mut search = Search { calls, terms, steps, visited: HashSet::new(), path: Vec::new(), failure };
    if search.can_complete(0, &start) { Ok(()) } else { Err(Box::new(search.failure)) }
}

/// A change or an answer that happens at one instant.
struct Step {
    call: usize,
    begin: u64,
    /// `None` if the step may also never happen.
    end: Option<u64>,
}

fn steps(calls: &[CallRecord]) -> Vec<Step> {
    let mut steps = Vec::new();
    for (index, call) in calls.iter().enumerate().filter(|(_, call)| call.is_step()) {
        let answered = call.answer != Answer::Unknown;
        if answered {
            steps.push(Step { call: index, begin: call.begin, end: call.end });
        }
        let attempts = if matches!(call.request, Request::Read { .. }) { 0 } else { call.unanswered_attempts() };
        steps.extend((0..attempts).map(|_| Step { call: index, begin: call.begin, end: None }));
    }
    steps
}

impl CallRecord {
    /// Returns how many attempts DynamoDB may have carried out in addition to the answered one.
    pub(super) fn unanswered_attempts(&self) -> usize {
        match &self.answer {
            // The caller stopped waiting, so one attempt may still be on its way.
            Answer::Unknown if self.end.is_none() => self.carried_out.max(1),
            // The answered attempt is the one that was carried out. With more writes, the answered attempt may have
            // found an earlier one, and other calls may have changed its result in between.
            Answer::Reserved { replayed: false, .. }
            | Answer::Booked { replayed: false, .. }
            | Answer::Extended { replayed: false, .. }
                if self.writes <= 1 =>
            {
                self.carried_out.saturating_sub(1)
            }
            _ => self.carried_out,
        }
    }

    /// Returns `true` if the call happens at one instant. Answers of the cache and puts of prices and sales don't.
    fn is_step(&self) -> bool {
        !self.is_from_cache() && !matches!(self.request, Request::PutPrices { .. } | Request::PutSale { .. })
    }

    /// Returns `true` if the answer proves that the call changed nothing.
    fn changes_nothing(&self) -> bool {
        match &self.answer {
            Answer::Reserved { replayed, .. } | Answer::Booked { replayed, .. } | Answer::Extended { replayed, .. } => {
                *replayed
            }
            Answer::Taken(_)
            | Answer::IdReused
            | Answer::Cancelled
            | Answer::Released
            | Answer::OtherTypes
            | Answer::NotOnSale
            | Answer::Availability { .. } => true,
            Answer::NotExtendable | Answer::NotFound | Answer::Limited => true,
            // The rejection is recorded and applies to later attempts.
            Answer::Expired | Answer::Changed(_) => false,
            Answer::Done | Answer::Put | Answer::Unknown | Answer::Unexpected(_) => false,
        }
    }
}

struct Search<'a> {
    calls: &'a [CallRecord],
    terms: Vec<Terms>,
    steps: Vec<Step>,
    visited: HashSet<(u128, Theater)>,
    path: Vec<usize>,
    failure: NotLinearizable,
}

impl Search<'_> {
    /// Returns `true` if the steps outside `done` can follow, starting from this state of the theater.
    fn can_complete(&mut self, done: u128, theater: &Theater) -> bool {
        let open = || (0..self.steps.len()).filter(|step| done & (1 << step) == 0);
        let Some(first_end) = open().filter_map(|step| self.steps[step].end).min() else { return true };
        let next: Vec<_> = open().filter(|step| self.steps[*step].begin < first_end).collect();
        if self.path.len() >= self.failure.order.len() {
            let calls = next.iter().filter(|step| self.steps[**step].end.is_some()).map(|step| self.steps[*step].call);
            self.failure =
                NotLinearizable { order: self.path.clone(), next: calls.collect(), theater: theater.clone() };
        }
        for step in next {
            let Step { call, end, .. } = self.steps[step];
            let record = &self.calls[call];
            let done = done | 1 << step;
            // A step that is valid now and changes nothing can happen now, so no other order has to be tried.
            let may_settle = end.is_some() && record.changes_nothing();
            let terms = &self.terms[call];
            let states: Vec<_> = match end {
                Some(_) => terms.each(record).filter_map(|on_terms| theater.answered(call, &on_terms)).collect(),
                None => theater.attempted(call, &terms.attempt(call, record)).into_iter().collect(),
            };
            for after in states {
                // An answer can show the price list of an earlier call. Then other orders have to be tried.
                let settled = may_settle && after == *theater;
                if settled || self.visited.insert((done, after.clone())) {
                    self.path.push(call);
                    let found = self.can_complete(done, &after);
                    self.path.pop();
                    if found || settled {
                        return found;
                    }
                }
            }
        }
        false
    }
}

impl fmt::Display for NotLinearizable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "calls that can be put in an order: {:?}", self.order)?;
        writeln!(f, "then the theater is {:?}", self.theater)?;
        write!(f, "and none of these calls can be next: {:?}", self.next)
    }
}

#[cfg(test)]
mod terms_tests;
#[cfg(test)]
mod tests;
