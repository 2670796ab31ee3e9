//! The configuration of a test's box offices, and their connections to the engines.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use boxoffice::app::{Administrators, BasePath, BoxOffice, Policy};
use boxoffice::aws::{Authorities, AwsConfig, Endpoints};
use boxoffice::cache::{CacheAddress, IamUser};
use boxoffice::clock::Clock;
use boxoffice::config::Config;
use boxoffice::domain::caller::LogKey;
use boxoffice::domain::ids::TheaterId;
use boxoffice::domain::rate_limit::RateLimits;
use boxoffice::startup;

use crate::engines;

/// The scope of administrators.
pub const ADMIN_SCOPE: &str = "boxoffice/admin";

/// The scope of staff.
pub const STAFF_SCOPE: &str = "boxoffice/staff";

/// The configuration of a box office and its connections to the engines.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The URL of DynamoDB.
    pub dynamodb: String,
    /// The address of the cache, if there is one.
    pub cache: Option<CacheAddress>,
    /// The user for the cache, if the box office signs in with IAM tokens.
    pub cache_iam: Option<IamUser>,
    /// The time limit of each cache call. It is longer than in production, because the tests share two cores.
    pub cache_deadline: Duration,
    /// The time that a read waits for another request to fill the cache.
    pub fill_wait: Duration,
    /// The time limit of each DynamoDB attempt.
    pub attempt: Duration,
    /// The time limit of a DynamoDB operation, including retries.
    pub total: Duration,
    /// The rate limits of a caller.
    pub limits: RateLimits,
    /// Theaters whose layouts are read during start-up.
    pub warm_theaters: Vec<TheaterId>,
    /// The number of proxies in front of the API whose forwarded addresses are trusted.
    pub trusted_proxies: usize,
    /// Seats that a signed-in caller may have booked in a theater. 0 means no limit.
    pub max_booked_per_caller: usize,
    /// Seats that a caller may have reserved at once.
    pub max_reserved_per_caller: usize,
    /// True if only reserved seats can be booked.
    pub booking_needs_reservation: bool,
    /// True if an authorizer runs before the functions.
    pub has_authorizer: bool,
    /// The shortest reservation, in seconds.
    pub shortest_reservation: u32,
}

impl Setup {
    /// Uses the shared engines.
    pub fn shared() -> Self {
        let stack = engines::shared();
        Self {
            dynamodb: stack.endpoint().to_owned(),
            cache: Some(address(&stack.cache_url())),
            cache_iam: None,
            cache_deadline: Duration::from_secs(5),
            fill_wait: Duration::from_secs(1),
            attempt: Duration::from_secs(10),
            total: Duration::from_secs(25),
            limits: RateLimits::default(),
            warm_theaters: Vec::new(),
            trusted_proxies: 0,
            max_booked_per_caller: 0,
            max_reserved_per_caller: 20,
            booking_needs_reservation: false,
            has_authorizer: false,
            shortest_reservation: 1,
        }
    }

    /// Uses the shared DynamoDB and no cache.
    pub fn without_cache() -> Self {
        Self { cache: None, ..Self::shared() }
    }

    /// Uses the shared DynamoDB and another cache.
    pub fn with_cache(url: &str) -> Self {
        Self { cache: Some(address(url)), ..Self::shared() }
    }
}

pub(crate) async fn open(setup: &Setup, table: &str, prefix: &str, clock: Clock) -> BoxOffice {
    startup::connect(config(setup, table, prefix), &sdk(dynamodb(setup)), clock).await.expect("a box office")
}

/// Returns the configuration of AWS clients that call these endpoints.
pub fn sdk(endpoints: Endpoints) -> SdkConfig {
    let aws = AwsConfig {
        region: boxoffice_local::engine::REGION.to_owned(),
        endpoints,
        use_fips: false,
        use_dual_stack: false,
        authorities: Authorities::Amazon,
    };
    let credentials = Credentials::new("local", "local", None, None, "test");
    boxoffice::aws::sdk(&aws).into_builder().credentials_provider(SharedCredentialsProvider::new(credentials)).build()
}

pub(crate) fn config(setup: &Setup, table: &str, prefix: &str) -> Config {
    Config {
        table: table.to_owned(),
        cache: setup.cache.clone(),
        cache_iam: setup.cache_iam.clone(),
        cache_key_prefix: prefix.to_owned(),
        cache_deadline: setup.cache_deadline,
        dynamodb_attempt_timeout: setup.attempt,
        dynamodb_total_timeout: setup.total,
        warm_theaters: setup.warm_theaters.clone(),
        policy: Policy {
            fill_wait: setup.fill_wait,
            max_seats_per_call: 10,
            longest_reservation: 1_800,
            max_reserved_per_caller: setup.max_reserved_per_caller,
            max_booked_per_caller: setup.max_booked_per_caller,
            booking_needs_reservation: setup.booking_needs_reservation,
            administrators: Administrators::WithScope(ADMIN_SCOPE.to_owned()),
            staff_scope: STAFF_SCOPE.to_owned(),
            limits: setup.limits,
            trusted_proxies: setup.trusted_proxies,
            shortest_reservation: setup.shortest_reservation,
            has_authorizer: setup.has_authorizer,
            log_key: LogKey::new(b"a secret of the tests"),
            base_path: BasePath::default(),
            logs_networks: true,
        },
    }
}

pub(crate) fn dynamodb(setup: &Setup) -> Endpoints {
    Endpoints { dynamodb: Some(setup.dynamodb.clone()), ..Endpoints::default() }
}

fn address(url: &str) -> CacheAddress {
    CacheAddress { url: url.to_owned(), cluster: false, ca: None }
}
