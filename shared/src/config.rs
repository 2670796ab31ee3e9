//! Configuration, read from the environment and checked once at the start. This is the only place that reads
//! environment variables.

mod aws;
mod events;

use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use crate::app::{Administrators, BasePath, Policy};
use crate::aws::Authorities;
use crate::cache::{CacheAddress, IamUser, IamUserError};
use crate::domain::caller::LogKey;
use crate::domain::ids::TheaterId;
use crate::domain::rate_limit::{RateLimit, RateLimits};
use crate::domain::selection::{MAX_CONFIGURABLE_SEATS_PER_CALL, MAX_SEATS_PER_TRANSACTION};
use crate::observability::metrics::MetricsConfig;

pub use events::EventsConfig;

/// The whole configuration. `docs/configuration.md` explains each variable.
#[derive(Clone, Debug)]
pub struct Config {
    /// `TABLE_NAME`
    pub table: String,
    /// `CACHE_URL`, `CACHE_CLUSTER`, `CACHE_CA_FILE`, `TRUSTED_AUTHORITIES`. `None` runs without a cache.
    pub cache: Option<CacheAddress>,
    /// `CACHE_IAM_USER`, `CACHE_IAM_CACHE`, `CACHE_IAM_SERVERLESS`. `None` signs in with the credentials in
    /// `CACHE_URL`.
    pub cache_iam: Option<IamUser>,
    /// `CACHE_KEY_PREFIX`
    pub cache_key_prefix: String,
    /// `CACHE_DEADLINE_MS`
    pub cache_deadline: Duration,
    /// `DYNAMODB_ATTEMPT_TIMEOUT_MS`
    pub dynamodb_attempt_timeout: Duration,
    /// `DYNAMODB_TOTAL_TIMEOUT_MS`
    pub dynamodb_total_timeout: Duration,
    /// `WARM_THEATERS`: theaters whose layouts are read before the first event.
    pub warm_theaters: Vec<TheaterId>,
    /// `CACHE_FILL_WAIT_MS`, `MAX_SEATS_PER_CALL`, `MIN_RESERVATION_SECONDS`, `MAX_RESERVATION_SECONDS`,
    /// `MAX_RESERVED_PER_CALLER`, `MAX_BOOKED_PER_CALLER`, `BOOKING_NEEDS_RESERVATION`, `ADMIN_SCOPE`, `ADMIN_OPEN`,
    /// `STAFF_SCOPE`,
    /// `AUTHORIZER`, `LOG_KEY`, `LOG_ADDRESSES`, `READS_PER_MINUTE`, `READS_BURST`, `WRITES_PER_MINUTE`,
    /// `WRITES_BURST`, `TRUSTED_PROXIES`, `BASE_PATH`
    pub policy: Policy,
}

/// Largest limit of booked seats, above the size of the largest theater.
const MAX_BOOKED_SEATS: usize = 100_000;

/// Maximum number of proxies in a row.
const MAX_TRUSTED_PROXIES: usize = 10;

/// Maximum number of theaters whose layouts are read before the first event, because that event waits for them.
const MAX_WARM_THEATERS: usize = 10;

/// An invalid environment variable.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("environment variable {variable}: {problem}")]
pub struct ConfigError {
    pub variable: &'static str,
    /// The problem and the expected value.
    pub problem: String,
}

impl Config {
    /// Reads the environment of this process.
    ///
    /// # Errors
    ///
    /// Returns the first variable that is missing or invalid.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::read(process_variable)
    }

    /// Reads the variables that `lookup` returns. An empty variable counts as not set.
    ///
    /// # Errors
    ///
    /// Returns the first variable that is missing or invalid.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let env = Env(&lookup);
        let table = env
            .text("TABLE_NAME")
            .ok_or_else(|| error("TABLE_NAME", "is not set; expected the name of the DynamoDB table"))?;
        let log_key = env.log_key(&table);
        Ok(Self {
            table,
            cache: env.cache()?,
            cache_iam: env.cache_iam()?,
            cache_key_prefix: env.key_prefix()?,
            cache_deadline: env.millis("CACHE_DEADLINE_MS", 50, 1..=5_000)?,
            dynamodb_attempt_timeout: env.millis("DYNAMODB_ATTEMPT_TIMEOUT_MS", 1_000, 50..=10_000)?,
            dynamodb_total_timeout: env.millis("DYNAMODB_TOTAL_TIMEOUT_MS", 5_000, 50..=10_000)?,
            warm_theaters: env.warm_theaters()?,
            policy: Policy {
                fill_wait: env.millis("CACHE_FILL_WAIT_MS", 1_000, 1..=5_000)?,
                max_seats_per_call: env.number("MAX_SEATS_PER_CALL", 10, 1..=MAX_CONFIGURABLE_SEATS_PER_CALL)?,
                shortest_reservation: env.shortest_reservation()?,
                longest_reservation: env.longest_reservation()?,
                max_reserved_per_caller: env.number("MAX_RESERVED_PER_CALLER", 20, 0..=MAX_SEATS_PER_TRANSACTION)?,
                max_booked_per_caller: env.number("MAX_BOOKED_PER_CALLER", 0, 0..=MAX_BOOKED_SEATS)?,
                booking_needs_reservation: env.flag("BOOKING_NEEDS_RESERVATION")?,
                administrators: env.administrators()?,
                staff_scope: env.scope("STAFF_SCOPE", "boxoffice/staff")?,
                limits: RateLimits {
                    reads: env.limit("READS_PER_MINUTE", "READS_BURST")?,
                    writes: env.limit("WRITES_PER_MINUTE", "WRITES_BURST")?,
                },
                trusted_proxies: env.number("TRUSTED_PROXIES", 0, 0..=MAX_TRUSTED_PROXIES)?,
                has_authorizer: env.flag("AUTHORIZER")?,
                log_key,
                base_path: env.base_path()?,
                logs_networks: env.logs_networks()?,
            },
        })
    }
}

/// Reads the log level from `LOG_LEVEL`: error, warn, info (the default), debug or trace.
///
/// # Errors
///
/// Returns an error for any other value.
pub fn log_level_from_env() -> Result<tracing::Level, ConfigError> {
    match process_variable("LOG_LEVEL") {
        Some(level) if !level.is_empty() => level
            .parse()
            .map_err(|_| error("LOG_LEVEL", format!("expected error, warn, info, debug or trace, got {level:?}"))),
        _ => Ok(tracing::Level::INFO),
    }
}

/// Reads the destination of metrics from `METRICS_NAMESPACE` and `METRICS_SERVICE`. Returns `None` if
/// `METRICS_NAMESPACE` isn't set.
///
/// # Errors
///
/// Returns an error if a name isn't valid for CloudWatch.
pub fn metrics_from_env() -> Result<Option<MetricsConfig>, ConfigError> {
    Env(&process_variable).metrics()
}

/// Reads the release of this process from `RELEASE`.
pub fn release_from_env() -> Option<String> {
    Env(&process_variable).text("RELEASE")
}

/// Reads the address of X-Ray's daemon. Lambda sets `AWS_XRAY_DAEMON_ADDRESS` if tracing is on.
pub fn xray_daemon_from_env() -> Option<SocketAddr> {
    process_variable("AWS_XRAY_DAEMON_ADDRESS")?.parse().ok()
}

/// Returns an environment variable of this process.
#[allow(clippy::disallowed_methods, reason = "the one place that may ask")]
fn process_variable(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}

struct Env<'a, L>(&'a L);

impl<L: Fn(&str) -> Option<String>> Env<'_, L> {
    fn text(&self, variable: &str) -> Option<String> {
        (self.0)(variable).filter(|text| !text.is_empty())
    }

    fn cache(&self) -> Result<Option<CacheAddress>, ConfigError> {
        let Some(url) = self.text("CACHE_URL") else { return Ok(None) };
        // The URL isn't shown, because it may hold a password.
        if !["redis://", "rediss://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(error("CACHE_URL", "expected a URL that begins with redis:// or rediss://"));
        }
        let cluster = self.flag("CACHE_CLUSTER")?;
        let ca = match self.text("CACHE_CA_FILE") {
            None if url.starts_with("rediss://") => Some(self.authorities()?.pem().into_owned()),
            None => None,
            Some(_) if !url.starts_with("rediss://") => {
                return Err(error("CACHE_CA_FILE", "needs a CACHE_URL that begins with rediss://"));
            }
            Some(file) => Some(
                std::fs::read(&file).map_err(|io| error("CACHE_CA_FILE", format!("{file:?} can't be read: {io}")))?,
            ),
        };
        Ok(Some(CacheAddress { url, cluster, ca }))
    }

    fn authorities(&self) -> Result<Authorities, ConfigError> {
        match self.text("TRUSTED_AUTHORITIES").as_deref() {
            None | Some("amazon") => Ok(Authorities::Amazon),
            Some("system") => Ok(Authorities::System),
            Some(other) => Err(error("TRUSTED_AUTHORITIES", format!("expected amazon or system, got {other:?}"))),
        }
    }

    fn metrics(&self) -> Result<Option<MetricsConfig>, ConfigError> {
        let Some(namespace) = self.text("METRICS_NAMESPACE") else { return Ok(None) };
        let may = |c: u8| c.is_ascii_alphanumeric() || b".-_/#".contains(&c);
        if namespace.len() > 255 || !namespace.bytes().all(may) || namespace.starts_with("AWS/") {
            let expected = "expected at most 255 letters, digits and . - _ / #, and not to begin with AWS/";
            return Err(error("METRICS_NAMESPACE", expected));
        }
        let service = self.text("METRICS_SERVICE").unwrap_or_else(|| "boxoffice".to_owned());
        if service.len() > 255 || !service.bytes().all(|c| c.is_ascii_graphic()) {
            return Err(error("METRICS_SERVICE", "expected at most 255 visible ASCII characters"));
        }
        Ok(Some(MetricsConfig { namespace, service }))
    }

    /// Reads the IAM user of the cache. It requires TLS and no other credentials, because a token that is overheard
    /// lets others in.
    fn cache_iam(&self) -> Result<Option<IamUser>, ConfigError> {
        let serverless = self.flag("CACHE_IAM_SERVERLESS")?;
        let (user, cache) = match (self.text("CACHE_IAM_USER"), self.text("CACHE_IAM_CACHE")) {
            (None, None) => return Ok(None),
            (Some(user), Some(cache)) => (user, cache),
            (None, Some(_)) => return Err(error("CACHE_IAM_USER", "is not set; CACHE_IAM_CACHE needs a user's id")),
            (Some(_), None) => {
                let expected =
                    "is not set; CACHE_IAM_USER needs the name of a serverless cache or the id of a replication group";
                return Err(error("CACHE_IAM_CACHE", expected));
            }
        };
        let rest = self.text("CACHE_URL").and_then(|url| url.strip_prefix("rediss://").map(str::to_owned));
        let rest = rest.ok_or_else(|| {
            error("CACHE_URL", "expected a URL that begins with rediss://, as CACHE_IAM_USER needs TLS")
        })?;
        if rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@')) {
            return Err(error("CACHE_URL", "expected a URL without user and password, as CACHE_IAM_USER is set"));
        }
        IamUser::parse(&user, &cache, serverless).map(Some).map_err(|wrong| {
            let variable = match wrong {
                IamUserError::User => "CACHE_IAM_USER",
                IamUserError::Cache => "CACHE_IAM_CACHE",
            };
            error(variable, "expected 1 to 40 letters, digits and hyphens")
        })
    }

    fn key_prefix(&self) -> Result<String, ConfigError> {
        let prefix = self.text("CACHE_KEY_PREFIX").unwrap_or_else(|| "boxoffice".to_owned());
        if prefix.len() <= 128 && prefix.bytes().all(|c| c.is_ascii_graphic() && c != b'{' && c != b'}') {
            Ok(prefix)
        } else {
            Err(error("CACHE_KEY_PREFIX", "expected at most 128 visible ASCII characters without braces"))
        }
    }

    fn longest_reservation(&self) -> Result<u32, ConfigError> {
        self.number("MAX_RESERVATION_SECONDS", 1_800, 1..=86_400)
    }

    /// Reads the shortest reservation. It can't be longer than the longest one, because no duration would be valid.
    fn shortest_reservation(&self) -> Result<u32, ConfigError> {
        self.number("MIN_RESERVATION_SECONDS", 1, 1..=self.longest_reservation()?)
    }

    /// Returns a key from the deployment's secret, or else from the name of its table. With a table's name as the
    /// key, guesses can be tested.
    fn log_key(&self, table: &str) -> LogKey {
        let secret = self.text("LOG_KEY");
        LogKey::new(secret.as_deref().unwrap_or(table).as_bytes())
    }

    fn base_path(&self) -> Result<BasePath, ConfigError> {
        let Some(text) = self.text("BASE_PATH") else { return Ok(BasePath::default()) };
        BasePath::parse(&text).ok_or_else(|| {
            let most = BasePath::MOST;
            let expected = "expected / or a path such as /v1: no slash at its end, only letters, digits and - . _ ~ between slashes";
            error("BASE_PATH", format!("{expected}, at most {most} characters; got {text:?}"))
        })
    }

    /// Returns `true` if log lines include the network of a caller's address.
    fn logs_networks(&self) -> Result<bool, ConfigError> {
        match self.text("LOG_ADDRESSES").as_deref() {
            None | Some("network") => Ok(true),
            Some("none") => Ok(false),
            Some(other) => Err(error("LOG_ADDRESSES", format!("expected network or none, got {other:?}"))),
        }
    }

    fn warm_theaters(&self) -> Result<Vec<TheaterId>, ConfigError> {
        let text = self.text("WARM_THEATERS").unwrap_or_default();
        let ids = text.split(',').map(str::trim).filter(|id| !id.is_empty()).map(TheaterId::parse);
        match ids.collect::<Result<Vec<_>, _>>() {
            Ok(ids) if ids.len() <= MAX_WARM_THEATERS => Ok(ids),
            _ => Err(error(
                "WARM_THEATERS",
                format!("expected at most {MAX_WARM_THEATERS} ids of theaters, separated by commas"),
            )),
        }
    }

    fn flag(&self, variable: &'static str) -> Result<bool, ConfigError> {
        match self.text(variable).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(error(variable, format!("expected true or false, got {other:?}"))),
        }
    }

    fn administrators(&self) -> Result<Administrators, ConfigError> {
        if self.flag("ADMIN_OPEN")? {
            return Ok(Administrators::Everybody);
        }
        self.scope("ADMIN_SCOPE", "boxoffice/admin").map(Administrators::WithScope)
    }

    /// Reads a scope, as one word of a token's claim.
    fn scope(&self, variable: &'static str, default: &str) -> Result<String, ConfigError> {
        let scope = self.text(variable).unwrap_or_else(|| default.to_owned());
        if scope.len() <= 255 && scope.bytes().all(|c| c.is_ascii_graphic()) {
            Ok(scope)
        } else {
            Err(error(variable, "expected at most 255 visible ASCII characters"))
        }
    }

    /// Reads a rate limit. Returns `None` if it is 0 or not set. A limit requires a cache, because budgets are stored
    /// there.
    fn limit(&self, per_minute: &'static str, burst: &'static str) -> Result<Option<RateLimit>, ConfigError> {
        let minute = self.number(per_minute, 0, 0..=RateLimit::MOST)?;
        if minute == 0 {
            return Ok(None);
        }
        if self.text("CACHE_URL").is_none() {
            return Err(error(per_minute, "needs a cache, and CACHE_URL is not set"));
        }
        let burst = self.number(burst, RateLimit::default_burst(minute), 1..=minute)?;
        Ok(RateLimit::new(minute, burst))
    }

    fn number<N: FromStr + PartialOrd + Display>(
        &self,
        variable: &'static str,
        default: N,
        range: RangeInclusive<N>,
    ) -> Result<N, ConfigError> {
        let Some(text) = self.text(variable) else { return Ok(default) };
        text.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            error(variable, format!("expected a whole number from {least} to {most}, got {text:?}"))
        })
    }

    fn millis(
        &self,
        variable: &'static str,
        default: u64,
        range: RangeInclusive<u64>,
    ) -> Result<Duration, ConfigError> {
        self.number(variable, default, range).map(Duration::from_millis)
    }
}

fn error(variable: &'static str, problem: impl Into<String>) -> ConfigError {
    ConfigError { variable, problem: problem.into() }
}

#[cfg(test)]
mod tests;
