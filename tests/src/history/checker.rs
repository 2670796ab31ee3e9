//! Whether a history is linearizable: whether each of its calls can have happened at one instant between its beginning
//! and its end, so that all answers are true.
//!
//! The search is that of Wing and Gong (Testing and Verifying Concurrent Objects, 1993) with Lowe's memory of where it
//! has been (Testing for Linearizability, 2017): which steps are done, and the theater's state after them. It runs over
//! the whole theater, so that a call that takes several seats has to take them all at that one instant.
//!
//! Calls whose outcome nobody knows may happen at any time after their beginning, or never. So may attempts of a call
//! that were carried out besides the answered one. Answers from the cache aren't judged here, but in
//! [`looks`](super::looks).

use std::collections::HashSet;
use std::fmt;

use super::model::Theater;
use super::record::{Answer, Ask, Record};

/// Steps at the most: one bit each.
const MOST_STEPS: usize = 128;

/// Why a history isn't linearizable.
#[derive(Debug)]
pub struct Stuck {
    /// The calls of the longest order that was found, by their place in the history.
    pub order: Vec<usize>,
    /// The calls one of which would have had to come next.
    pub next: Vec<usize>,
    /// The theater as it was then.
    pub theater: Theater,
}

/// Orders a history's calls, so that all answers are true. `calls` need no order. `limit` is how many seats all of its
/// clients together may have reserved.
pub fn check(seats: usize, limit: Option<usize>, calls: &[Record]) -> Result<(), Box<Stuck>> {
    let steps = steps(calls);
    assert!(steps.len() <= MOST_STEPS, "{} steps are too many", steps.len());
    let start = Theater::new(seats, limit);
    let stuck = Stuck { order: Vec::new(), next: Vec::new(), theater: start.clone() };
    let mut search = Search { calls, steps, been: HashSet::new(), path: Vec::new(), stuck };
    if search.goes_on(0, &start) { Ok(()) } else { Err(Box::new(search.stuck)) }
}

/// One thing that happens at an instant.
struct Step {
    call: usize,
    begin: u64,
    /// `None`: it may as well never happen.
    end: Option<u64>,
}

fn steps(calls: &[Record]) -> Vec<Step> {
    let mut steps = Vec::new();
    for (index, call) in calls.iter().enumerate().filter(|(_, call)| !call.is_from_cache()) {
        let answered = call.answer != Answer::Unknown;
        if answered {
            steps.push(Step { call: index, begin: call.begin, end: call.end });
        }
        let attempts = if matches!(call.ask, Ask::Look { .. }) { 0 } else { call.unanswered_attempts() };
        steps.extend((0..attempts).map(|_| Step { call: index, begin: call.begin, end: None }));
    }
    steps
}

impl Record {
    /// How many attempts DynamoDB may have carried out besides the one that is answered.
    pub(super) fn unanswered_attempts(&self) -> usize {
        match &self.answer {
            // Nobody waited, so one may still have been on its way.
            Answer::Unknown if self.end.is_none() => self.carried_out.max(1),
            // It was the one that is answered, unless that one found it done: by then others may have made more of it.
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

    /// Whether its answer says that it changed nothing.
    fn changes_nothing(&self) -> bool {
        match &self.answer {
            Answer::Reserved { replayed, .. } | Answer::Booked { replayed, .. } | Answer::Extended { replayed, .. } => {
                *replayed
            }
            Answer::Taken(_) | Answer::IdReused | Answer::Cancelled | Answer::Released | Answer::Seen { .. } => true,
            Answer::NotExtendable | Answer::NotFound | Answer::Limited => true,
            // That it was refused counts from then on.
            Answer::Expired | Answer::Changed(_) => false,
            Answer::Done | Answer::Unknown | Answer::Odd(_) => false,
        }
    }
}

struct Search<'a> {
    calls: &'a [Record],
    steps: Vec<Step>,
    been: HashSet<(u128, Theater)>,
    path: Vec<usize>,
    stuck: Stuck,
}

impl Search<'_> {
    /// Whether the steps that aren't `done` can follow, beginning with the theater as it is.
    fn goes_on(&mut self, done: u128, theater: &Theater) -> bool {
        let open = || (0..self.steps.len()).filter(|step| done & (1 << step) == 0);
        let Some(first_end) = open().filter_map(|step| self.steps[step].end).min() else { return true };
        let next: Vec<_> = open().filter(|step| self.steps[*step].begin < first_end).collect();
        if self.path.len() >= self.stuck.order.len() {
            let calls = next.iter().filter(|step| self.steps[**step].end.is_some()).map(|step| self.steps[*step].call);
            self.stuck = Stuck { order: self.path.clone(), next: calls.collect(), theater: theater.clone() };
        }
        for step in next {
            let Step { call, end, .. } = self.steps[step];
            let record = &self.calls[call];
            let after = match end {
                Some(_) => theater.answered(call, record),
                None => theater.attempted(call, record),
            };
            let Some(after) = after else { continue };
            let done = done | 1 << step;
            // What is true now and changes nothing can as well happen now: no other order has to be tried.
            let settled = end.is_some() && record.changes_nothing();
            if settled || self.been.insert((done, after.clone())) {
                self.path.push(call);
                let found = self.goes_on(done, &after);
                self.path.pop();
                if found || settled {
                    return found;
                }
            }
        }
        false
    }
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "calls that can be put in an order: {:?}", self.order)?;
        writeln!(f, "then the theater is {:?}", self.theater)?;
        write!(f, "and none of these calls can be next: {:?}", self.next)
    }
}

#[cfg(test)]
mod tests;
