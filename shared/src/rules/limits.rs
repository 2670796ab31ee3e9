//! How often a caller may call: the generic cell rate algorithm, as a model of what Redis runs (`cache/limits.lua`).
//!
//! A budget is one instant, the one at which it will be whole again. Each request that is let through moves it by the
//! budget's interval, times the units that the request costs. A request that would move it further ahead of now than the
//! burst allows is refused. All times are microseconds.

use uuid::Uuid;

/// The longest number that an instant is written as.
const MOST_DIGITS: usize = 16;

/// What a budget is for. Each has its own, so that who looks much can still book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Activity {
    /// Looking at whatever there is.
    Looking,
    /// Changing it.
    Writing,
}

/// How much an activity is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    per_minute: u32,
    burst: u32,
}

/// Which activities are limited, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Of looking; `None` is without a limit.
    pub looks: Option<Limit>,
    /// Of writing; `None` is without a limit.
    pub writes: Option<Limit>,
}

/// A budget that a request draws on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Whose: made of a subject or an address, and doesn't tell it.
    pub whose: Uuid,
    /// For what.
    pub activity: Activity,
    /// How much.
    pub limit: Limit,
    /// The units that the request takes. An ordinary one takes 1.
    pub cost: u32,
}

/// What became of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it is let through.
    pub allowed: bool,
    /// When the budget will be whole again.
    pub whole_at: u64,
    /// The instant that it was judged at.
    pub now: u64,
}

/// How a caller stands after a request, as it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The budget's activity.
    pub activity: Activity,
    /// The budget's limit.
    pub limit: Limit,
    /// The number of units that would still be let through at once.
    pub remaining: u64,
    /// Whole seconds, rounded up, until it would be the whole burst again.
    pub reset: u64,
    /// For a request that wasn't let through, whole seconds (1 or more) until it would be.
    pub retry_after: Option<u64>,
}

impl Activity {
    /// Its name in headers and keys.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Looking => "looks",
            Self::Writing => "writes",
        }
    }
}

impl Limits {
    /// That of an activity.
    pub fn of(&self, activity: Activity) -> Option<Limit> {
        match activity {
            Activity::Looking => self.looks,
            Activity::Writing => self.writes,
        }
    }
}

impl Budget {
    /// Returns what is left of the budget after a verdict on this request.
    pub fn standing(&self, verdict: Verdict) -> Standing {
        self.limit.standing(self.activity, self.cost, verdict)
    }

    /// Returns what the request takes of the budget, in microseconds.
    pub fn take(&self) -> u64 {
        self.limit.take(self.cost)
    }
}

impl Limit {
    /// The most that can be told apart from no limit: a request a millisecond.
    pub const MOST: u32 = 60_000;

    /// So many requests a minute, of which so many (1 to all) may come at once. `None` for what makes no sense.
    pub fn new(per_minute: u32, burst: u32) -> Option<Self> {
        let sensible = (1..=Self::MOST).contains(&per_minute) && (1..=per_minute).contains(&burst);
        sensible.then_some(Self { per_minute, burst })
    }

    /// How many may come at once unless it is said: a quarter of a minute's.
    pub fn usual_burst(per_minute: u32) -> u32 {
        per_minute.div_ceil(4)
    }

    /// Requests a minute.
    pub fn per_minute(self) -> u32 {
        self.per_minute
    }

    /// The share of the budget that one unit uses, in microseconds. It is rounded up, so that a minute never lets through
    /// more than the limit.
    pub fn interval(self) -> u64 {
        60_000_000_u64.div_ceil(u64::from(self.per_minute))
    }

    /// How far ahead of now the budget may become whole: some 60 s at the most, as no burst is above a minute's requests.
    pub fn tolerance(self) -> u64 {
        self.interval() * u64::from(self.burst)
    }

    /// Returns what a request of so many units takes of the budget. One that costs more than the burst takes all of it, so that
    /// no request is refused for ever.
    pub fn take(self, cost: u32) -> u64 {
        self.interval() * u64::from(cost.clamp(1, self.burst))
    }

    /// Judges a request of so many units by the stored bytes. Returns what to store, if that is something else.
    ///
    /// An instant further ahead than the burst allows (Redis's clock was set back, the limit was lowered, the bytes are
    /// spoilt) is taken for the furthest that it may be, and stored as that, so that it comes nearer from then on.
    pub fn judge(self, stored: Option<&[u8]>, cost: u32, now: u64) -> (Verdict, Option<Stored>) {
        let (known, most) = (stored.and_then(instant).unwrap_or_default(), now + self.tolerance());
        let from = known.clamp(now, most);
        let allowed = from + self.take(cost) <= most;
        let whole_at = if allowed { from + self.take(cost) } else { from };
        // By a millisecond longer than it means anything: Redis counts lives in whole ones.
        let life = (whole_at - now) / 1_000 + 2;
        let store = (allowed || known > most).then(|| Stored { bytes: whole_at.to_string().into_bytes(), life });
        (Verdict { allowed, whole_at, now }, store)
    }

    /// Returns what is left after a verdict on a request of so many units.
    pub fn standing(self, activity: Activity, cost: u32, verdict: Verdict) -> Standing {
        let Verdict { allowed, whole_at, now } = verdict;
        let most = now + self.tolerance();
        let wait = (whole_at + self.take(cost)).saturating_sub(most);
        Standing {
            activity,
            limit: self,
            remaining: most.saturating_sub(whole_at) / self.interval(),
            reset: whole_at.saturating_sub(now).div_ceil(1_000_000),
            retry_after: (!allowed).then(|| wait.div_ceil(1_000_000).max(1)),
        }
    }
}

/// What stands under a budget's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The instant at which the budget is whole again, in decimal digits.
    pub bytes: Vec<u8>,
    /// How long it is kept, in milliseconds.
    pub life: u64,
}

/// An instant as it is stored; anything else is as good as nothing.
fn instant(bytes: &[u8]) -> Option<u64> {
    let digits = !bytes.is_empty() && bytes.len() <= MOST_DIGITS && bytes.iter().all(u8::is_ascii_digit);
    if digits { std::str::from_utf8(bytes).ok()?.parse().ok() } else { None }
}

#[cfg(test)]
mod tests;
