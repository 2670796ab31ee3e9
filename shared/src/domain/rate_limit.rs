//! Rate limits per caller: the generic cell rate algorithm (GCRA). This is the model of the Redis script
//! (`cache/rate_limit.lua`).
//!
//! A budget is stored as the instant at which it is full again. Each allowed request moves this instant forward by
//! the budget's interval, times the cost of the request. A request is rejected if it would move the instant further
//! ahead of now than the burst allows. All times are in microseconds.

use super::caller::BudgetKey;

/// Maximum number of digits of a stored instant.
const MAX_INSTANT_DIGITS: usize = 16;

/// Kind of request. Each kind has its own budget, so a caller with many reads can still book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Activity {
    /// Requests that read.
    Reading,
    /// Requests that write.
    Writing,
}

/// Rate limit of one activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    per_minute: u32,
    burst: u32,
}

/// Rate limits of all activities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateLimits {
    /// RateLimit of reads. `None` means unlimited.
    pub reads: Option<RateLimit>,
    /// RateLimit of writes. `None` means unlimited.
    pub writes: Option<RateLimit>,
}

/// The rate-limit budget of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimitBudget {
    pub key: BudgetKey,
    pub activity: Activity,
    pub limit: RateLimit,
    /// Cost of the request in units. An ordinary request costs 1.
    pub cost: u32,
}

/// Decision about one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimitDecision {
    /// `true` if the request is allowed.
    pub allowed: bool,
    /// Instant at which the budget is full again.
    pub full_at: u64,
    /// Instant of the decision.
    pub now: u64,
}

/// Status of a caller's budget after a request, as sent in response headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimitStatus {
    pub activity: Activity,
    pub limit: RateLimit,
    /// Number of units that are available now.
    pub remaining: u64,
    /// Seconds until the budget is full again, rounded up.
    pub reset: u64,
    /// For a rejected request, the seconds (at least 1) until it would be allowed.
    pub retry_after: Option<u64>,
}

impl Activity {
    /// Returns the name in headers, problems and keys. Clients read `looks`, so it stays the name of reads.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reading => "looks",
            Self::Writing => "writes",
        }
    }
}

impl RateLimits {
    /// Returns the limit of an activity.
    pub fn of(&self, activity: Activity) -> Option<RateLimit> {
        match activity {
            Activity::Reading => self.reads,
            Activity::Writing => self.writes,
        }
    }
}

impl RateLimitBudget {
    /// Returns the status of the budget after a decision on this request.
    pub fn standing(&self, verdict: RateLimitDecision) -> RateLimitStatus {
        self.limit.standing(self.activity, self.cost, verdict)
    }

    /// Returns the cost of the request in microseconds.
    pub fn take(&self) -> u64 {
        self.limit.take(self.cost)
    }
}

impl RateLimit {
    /// Maximum requests per minute: one per millisecond. A higher limit couldn't be distinguished from no limit.
    pub const MOST: u32 = 60_000;

    /// Creates a limit of requests per minute. At most `burst` of them (1 to all) may arrive at once. Returns `None`
    /// for values out of range.
    pub fn new(per_minute: u32, burst: u32) -> Option<Self> {
        let sensible = (1..=Self::MOST).contains(&per_minute) && (1..=per_minute).contains(&burst);
        sensible.then_some(Self { per_minute, burst })
    }

    /// Returns the default burst: the requests of a quarter of a minute.
    pub fn default_burst(per_minute: u32) -> u32 {
        per_minute.div_ceil(4)
    }

    pub fn per_minute(self) -> u32 {
        self.per_minute
    }

    /// Returns the share of the budget that one unit uses, in microseconds. It is rounded up, so a minute never
    /// allows more requests than the limit.
    pub fn interval(self) -> u64 {
        60_000_000_u64.div_ceil(u64::from(self.per_minute))
    }

    /// Returns how far ahead of now the budget's instant may lie. It is about 60 s at most, because a burst is at
    /// most one minute's requests.
    pub fn tolerance(self) -> u64 {
        self.interval() * u64::from(self.burst)
    }

    /// Returns the cost of a request in microseconds. A request that costs more than the burst takes the whole
    /// budget, so that no request is rejected forever.
    pub fn take(self, cost: u32) -> u64 {
        self.interval() * u64::from(cost.clamp(1, self.burst))
    }

    /// Decides on a request from the stored bytes. Also returns the new value to store, if it changes.
    ///
    /// A stored instant can be further ahead than the burst allows: Redis's clock was set back, the limit was
    /// lowered, or the bytes are corrupt. It then counts as the latest allowed instant and is stored as that, so that
    /// the wait ends.
    pub fn decide(self, stored: Option<&[u8]>, cost: u32, now: u64) -> (RateLimitDecision, Option<Stored>) {
        let (known, most) = (stored.and_then(instant).unwrap_or_default(), now + self.tolerance());
        let from = known.clamp(now, most);
        let allowed = from + self.take(cost) <= most;
        let full_at = if allowed { from + self.take(cost) } else { from };
        // Redis counts TTLs in whole milliseconds, so the key lives a millisecond longer than the value matters.
        let life = (full_at - now) / 1_000 + 2;
        let store = (allowed || known > most).then(|| Stored { bytes: full_at.to_string().into_bytes(), life });
        (RateLimitDecision { allowed, full_at, now }, store)
    }

    /// Returns the status of the budget after a decision on a request of this cost.
    pub fn standing(self, activity: Activity, cost: u32, verdict: RateLimitDecision) -> RateLimitStatus {
        let RateLimitDecision { allowed, full_at, now } = verdict;
        let most = now + self.tolerance();
        let wait = (full_at + self.take(cost)).saturating_sub(most);
        RateLimitStatus {
            activity,
            limit: self,
            remaining: most.saturating_sub(full_at) / self.interval(),
            reset: full_at.saturating_sub(now).div_ceil(1_000_000),
            retry_after: (!allowed).then(|| wait.div_ceil(1_000_000).max(1)),
        }
    }
}

/// Stored value of a budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Instant at which the budget is full again, in decimal digits.
    pub bytes: Vec<u8>,
    /// Lifetime of the key in milliseconds.
    pub life: u64,
}

/// Parses a stored instant. Returns `None` for any other value.
fn instant(bytes: &[u8]) -> Option<u64> {
    let digits = !bytes.is_empty() && bytes.len() <= MAX_INSTANT_DIGITS && bytes.iter().all(u8::is_ascii_digit);
    if digits { std::str::from_utf8(bytes).ok()?.parse().ok() } else { None }
}

#[cfg(test)]
mod tests;
