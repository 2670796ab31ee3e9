//! The policy of a box office: its settings, read once at the start.

use std::time::Duration;

use super::BoxOffice;
use crate::domain::caller::{Caller, LogKey};
use crate::domain::rate_limit::RateLimits;
use crate::domain::selection::MAX_CONFIGURABLE_SEATS_PER_CALL;

/// The settings of a box office.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Time for which one read waits for other requests that fill the cache, in total.
    pub fill_wait: Duration,
    /// Maximum number of seats in one call of a buyer.
    pub max_seats_per_call: usize,
    /// The longest reservation in seconds, extension included.
    pub longest_reservation: u32,
    /// Seats that one signed-in caller may have reserved at once. 0 sets no limit.
    pub max_reserved_per_caller: usize,
    /// Seats that one signed-in caller may have booked in a theater. 0 sets no limit.
    pub max_booked_per_caller: usize,
    /// Callers have to reserve seats before they book them.
    pub booking_needs_reservation: bool,
    /// The callers who may change theaters.
    pub administrators: Administrators,
    /// The scope of staff. A caller whose verified token has it is staff.
    pub staff_scope: String,
    /// The rate limits of a caller.
    pub limits: RateLimits,
    /// Number of proxies in front of the API that are trusted to report a caller's address.
    pub trusted_proxies: usize,
    /// The shortest reservation, in seconds.
    pub shortest_reservation: u32,
    /// The API has an authorizer, so callers can sign in.
    pub has_authorizer: bool,
    /// The key with which callers are hashed in log lines.
    pub log_key: LogKey,
    /// Log lines contain the network of the caller's address.
    pub logs_networks: bool,
    /// The path under which clients reach the API.
    pub base_path: BasePath,
}

/// The path in front of every route, as clients see it: empty, or a path such as `/v1` without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BasePath(String);

impl BasePath {
    /// The maximum length in bytes.
    pub const MOST: usize = 128;

    /// Parses a path such as `/v1` or `/box/office`. `/` is the root.
    ///
    /// Each part may only contain the unreserved characters of a URI (RFC 3986, 2.3).
    pub fn parse(text: &str) -> Option<Self> {
        let may = |c: u8| c.is_ascii_alphanumeric() || b"-._~".contains(&c);
        let is_part = |part: &str| !part.is_empty() && part != "." && part != ".." && part.bytes().all(may);
        let parts = text.strip_prefix('/')?;
        let fits = text.len() <= Self::MOST && (parts.is_empty() || parts.split('/').all(is_part));
        fits.then(|| Self(if parts.is_empty() { String::new() } else { text.to_owned() }))
    }

    /// Returns the path, to which the path of a route is appended.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for BasePath {
    /// Returns the path of the template's stage and API mapping.
    fn default() -> Self {
        Self("/v1".to_owned())
    }
}

/// The callers who may change theaters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Administrators {
    /// Callers whose verified token has this scope.
    WithScope(String),
    /// Every caller. For development machines.
    Everybody,
}

impl BoxOffice {
    /// Returns the maximum number of seats in one call of a buyer.
    pub fn max_seats_per_buyer(&self) -> usize {
        self.policy.max_seats_per_call
    }

    /// Returns the maximum number of seats in one call of this caller. Staff may name as many as a call can have.
    pub fn max_seats_per_call(&self, caller: &Caller) -> usize {
        if caller.is_staff() { MAX_CONFIGURABLE_SEATS_PER_CALL } else { self.policy.max_seats_per_call }
    }

    /// Returns the longest reservation, in seconds.
    pub fn longest_reservation(&self) -> u32 {
        self.policy.longest_reservation
    }

    /// Returns the shortest reservation, in seconds.
    pub fn shortest_reservation(&self) -> u32 {
        self.policy.shortest_reservation
    }

    /// Returns `true` if callers can sign in.
    pub fn has_authorizer(&self) -> bool {
        self.policy.has_authorizer
    }

    /// Returns the path under which clients reach the API.
    pub fn base_path(&self) -> &BasePath {
        &self.policy.base_path
    }

    /// Returns the key with which callers are hashed in log lines.
    pub fn log_key(&self) -> &LogKey {
        &self.policy.log_key
    }

    /// Returns `true` if log lines contain the networks of callers.
    pub fn logs_networks(&self) -> bool {
        self.policy.logs_networks
    }

    /// Returns the callers who may change theaters.
    pub fn administrators(&self) -> &Administrators {
        &self.policy.administrators
    }

    /// Returns the scope of staff.
    pub fn staff_scope(&self) -> &str {
        &self.policy.staff_scope
    }

    /// Returns the rate limits of a caller. Without a cache there are none.
    pub fn limits(&self) -> RateLimits {
        if self.cache.is_some() { self.policy.limits } else { RateLimits::default() }
    }

    /// Returns the number of trusted proxies in front of the API.
    pub fn trusted_proxies(&self) -> usize {
        self.policy.trusted_proxies
    }
}
