//! A test's own world: a table, cache keys and a clock that nobody else has.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_dynamodb::types::AttributeValue;
use boxoffice::aws::{Authorities, AwsConfig, Endpoints};
use boxoffice::cache::{Cache, CacheAddress, IamUser};
use boxoffice::clock::Clock;
use boxoffice::config::Config;
use boxoffice::document::NewLayout;
use boxoffice::rules::caller::LogKey;
use boxoffice::rules::layout::Layout;
use boxoffice::rules::limits::Limits;
use boxoffice::rules::names::{SeatLabel, TheaterId};
use boxoffice::rules::time::EpochMillis;
use boxoffice::startup;
use boxoffice::store::Store;
use boxoffice::tally::Tally;
use boxoffice::usecases::{Administrators, BasePath, BoxOffice, Expected, Terms};
use boxoffice_local::template::TableDefinition;
use uuid::Uuid;

use crate::engines;

/// When every test's clock starts: 2026-11-22T18:00:00Z, on the second.
pub const START: EpochMillis = EpochMillis(1_795_370_400_000);

/// The scope that makes an administrator.
pub const ADMIN_SCOPE: &str = "boxoffice/admin";

/// How a box office gets to its engines.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Where DynamoDB is.
    pub dynamodb: String,
    /// Where the cache is, if there is one.
    pub cache: Option<CacheAddress>,
    /// Whom the box office signs in to the cache as, if it does so by tokens.
    pub cache_iam: Option<IamUser>,
    /// How long each cache call may take. Longer than in service: the tests share two cores.
    pub cache_deadline: Duration,
    /// How long a look waits for whoever is filling the cache.
    pub fill_wait: Duration,
    /// How long each DynamoDB attempt may take.
    pub attempt: Duration,
    /// How long a DynamoDB operation may take, its retries included.
    pub total: Duration,
    /// How often a caller may call.
    pub limits: Limits,
    /// Whose layouts are read at the start.
    pub warm_theaters: Vec<TheaterId>,
    /// How many proxies' word on an address counts.
    pub trusted_proxies: usize,
    /// Seats that a signed-in caller may have booked in a theater. 0 sets no limit.
    pub max_booked_per_caller: usize,
    /// Seats that a caller may have reserved at once.
    pub max_reserved_per_caller: usize,
    /// Only reserved seats can be booked.
    pub booking_needs_reservation: bool,
    /// An authorizer stands before the functions.
    pub has_authorizer: bool,
    /// The shortest reservation, in seconds.
    pub shortest_reservation: u32,
}

impl Setup {
    /// The shared engines.
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
            limits: Limits::default(),
            warm_theaters: Vec::new(),
            trusted_proxies: 0,
            max_booked_per_caller: 0,
            max_reserved_per_caller: 20,
            booking_needs_reservation: false,
            has_authorizer: false,
            shortest_reservation: 1,
        }
    }

    /// Without a cache.
    pub fn without_cache() -> Self {
        Self { cache: None, ..Self::shared() }
    }

    /// With a cache somewhere else.
    pub fn with_cache(url: &str) -> Self {
        Self { cache: Some(address(url)), ..Self::shared() }
    }
}

fn address(url: &str) -> CacheAddress {
    CacheAddress { url: url.to_owned(), cluster: false, ca: None }
}

/// A test's table, keys and clock, and one box office that works on them.
#[derive(Debug)]
pub struct World {
    /// The box office. More of them: [`World::instance`].
    pub office: BoxOffice,
    /// The clock of `office`, standing at [`START`] until it is set.
    pub clock: Clock,
    /// The table's name.
    pub table: String,
    /// A client of the engine itself, past every proxy.
    pub client: Client,
    /// What the keys in the cache begin with.
    pub prefix: String,
    /// How `office` gets to its engines.
    pub setup: Setup,
}

/// The table of the template.
fn of_checkout() -> TableDefinition {
    TableDefinition::of_checkout().expect("the template")
}

/// The same, for clocks of our own: what ends by them the system's clock may see as over long ago.
fn without_ttl() -> TableDefinition {
    of_checkout().without_ttl()
}

impl World {
    /// The seed's two theaters on the shared engines.
    pub async fn new() -> Self {
        Self::on(Setup::shared()).await
    }

    /// The seed's two theaters; the table is made on the shared engine, whatever way the box office takes to it.
    pub async fn on(setup: Setup) -> Self {
        let table = Self::table_on(engines::shared().endpoint(), without_ttl()).await;
        Self::on_table(setup, engines::shared().endpoint(), table).await
    }

    /// A table made on this engine.
    pub async fn on_engine(setup: Setup, engine: &str) -> Self {
        let table = Self::table_on(engine, without_ttl()).await;
        Self::on_table(setup, engine, table).await
    }

    /// The same, and the engine deletes what has ended by the system's clock, when it gets round to it or is told to.
    pub async fn on_engine_with_ttl(setup: Setup, engine: &str) -> Self {
        let table = Self::table_on(engine, of_checkout()).await;
        Self::on_table(setup, engine, table).await
    }

    async fn on_table(setup: Setup, engine: &str, table: String) -> Self {
        let clock = Clock::manual(START);
        let prefix = format!("test-{}", table);
        let office = open(&setup, &table, &prefix, clock.clone()).await;
        let client = boxoffice_local::engine::client(engine);
        let world = Self { office, clock, table, client, prefix, setup };
        world.put_theater("1", "Theater_A", &["A1", "A2", "A3", "B1", "B2", "B3"]).await;
        world.put_theater("2", "Theater_B", &["C1", "C2", "C3", "D1", "D2", "D3"]).await;
        world
    }

    async fn table_on(engine: &str, definition: TableDefinition) -> String {
        let table = format!("t-{}", Uuid::now_v7().simple());
        let client = boxoffice_local::engine::client(engine);
        definition.create(&client, &table).await.expect("a table");
        table
    }

    /// Another instance of the functions on the same table and keys, with a clock of its own.
    pub async fn instance(&self, clock: Clock) -> BoxOffice {
        open(&self.setup, &self.table, &self.prefix, clock).await
    }

    /// Another instance that gets to its engines another way.
    pub async fn instance_on(&self, setup: &Setup) -> BoxOffice {
        open(setup, &self.table, &self.prefix, self.clock.clone()).await
    }

    /// Another instance with a clock of its own, that gets to its engines another way.
    pub async fn instance_at(&self, setup: &Setup, clock: Clock) -> BoxOffice {
        open(setup, &self.table, &self.prefix, clock).await
    }

    /// The environment of a function's binary on the same table and keys.
    pub fn environment(&self, setup: &Setup) -> Vec<(String, String)> {
        let cache = setup.cache.as_ref().map(|address| address.url.as_str()).unwrap_or_default();
        let mut environment = boxoffice_local::stack::environment(&self.table, &setup.dynamodb, cache);
        environment.push(("CACHE_KEY_PREFIX".to_owned(), self.prefix.clone()));
        environment
    }

    /// A store on the table by itself.
    pub async fn store(&self, clock: Clock) -> Store {
        self.store_on(&self.setup, clock).await
    }

    /// A store on the table by itself, that gets there another way.
    pub async fn store_on(&self, setup: &Setup, clock: Clock) -> Store {
        startup::store(&config(setup, &self.table, &self.prefix), &sdk(dynamodb(setup)), clock)
    }

    /// The cache by itself.
    pub fn cache(&self) -> Cache {
        let address = self.setup.cache.clone().expect("a cache");
        Cache::new(address, None, self.prefix.clone(), self.setup.cache_deadline, self.clock.clone())
            .expect("an address")
    }

    /// Puts a theater's layout, past every proxy.
    pub async fn put_theater(&self, id: &str, name: &str, seats: &[&str]) {
        let seats: Vec<_> = seats.iter().map(|label| SeatLabel::parse(label).unwrap()).collect();
        let wanted = NewLayout::of_list(name, seats);
        let id = TheaterId::parse(id).unwrap();
        let office = self.past_proxies();
        office.put_theater(&id, &wanted, Expected::Whatever, &Tally::default()).await.expect("a layout");
    }

    fn past_proxies(&self) -> BoxOffice {
        let store = Store::new(self.client.clone(), self.table.clone(), self.clock.clone(), Duration::from_secs(60));
        BoxOffice::new(store, None, self.clock.clone(), config(&self.setup, &self.table, &self.prefix).terms)
    }

    /// Puts a theater's layout as it is, past every proxy, where there is none.
    pub async fn put_layout(&self, layout: &Layout) {
        let store = Store::new(self.client.clone(), self.table.clone(), self.clock.clone(), Duration::from_secs(60));
        store.put_layout(layout, None, &Tally::default()).await.expect("a layout");
    }

    /// Moves the clock of `office` to so many milliseconds after the start.
    pub fn at(&self, millis: u64) {
        self.clock.set(EpochMillis(START.0 + millis));
    }

    /// The key of a theater in the cache.
    pub fn cache_key(&self, theater: &str) -> String {
        format!("{}:{{{theater}}}:availability", self.prefix)
    }

    /// A connection to the cache for the test's own hands.
    pub async fn redis(&self) -> redis::aio::MultiplexedConnection {
        let url = self.setup.cache.as_ref().expect("a cache").url.clone();
        // By itself the client gives up after half a second, which a busy machine may well need.
        let patience = Some(Duration::from_secs(60));
        let config = redis::AsyncConnectionConfig::new();
        let config = config.set_connection_timeout(patience).set_response_timeout(patience);
        let client = redis::Client::open(url).unwrap();
        client.get_multiplexed_async_connection_with_config(&config).await.expect("a cache")
    }

    /// A seat's item as it lies in the table.
    pub async fn seat_item(
        &self,
        theater: &str,
        seat: &str,
    ) -> Option<std::collections::HashMap<String, AttributeValue>> {
        let get = self.client.get_item().table_name(&self.table).consistent_read(true);
        let get = get.key("pk", AttributeValue::S(format!("THEATER#{theater}")));
        get.key("sk", AttributeValue::S(format!("SEAT#{seat}"))).send().await.expect("the table").item
    }

    /// Deletes a seat's item, as the TTL does or somebody's hand.
    pub async fn delete_seat_item(&self, theater: &str, seat: &str) {
        let delete = self.client.delete_item().table_name(&self.table);
        let delete = delete.key("pk", AttributeValue::S(format!("THEATER#{theater}")));
        delete.key("sk", AttributeValue::S(format!("SEAT#{seat}"))).send().await.expect("the table");
    }

    /// How many items the table has, but for the list of theaters: 2 layouts to begin with.
    pub async fn item_count(&self) -> usize {
        let listed = AttributeValue::S("THEATERS".to_owned());
        self.items().await.into_iter().filter(|item| item["pk"] != listed).count()
    }

    /// The items of one partition, in the order of their sort keys.
    pub async fn items_of(&self, pk: &str) -> Vec<std::collections::HashMap<String, AttributeValue>> {
        let query = self.client.query().table_name(&self.table).consistent_read(true);
        let query = query.key_condition_expression("pk = :pk");
        let query = query.expression_attribute_values(":pk", AttributeValue::S(pk.to_owned()));
        query.send().await.expect("the table").items.unwrap_or_default()
    }

    /// All items of the table.
    pub async fn items(&self) -> Vec<std::collections::HashMap<String, AttributeValue>> {
        let scan = self.client.scan().table_name(&self.table).consistent_read(true).send().await.expect("the table");
        scan.items.unwrap_or_default()
    }
}

/// A box office with no cache whose DynamoDB is not there: for what has to be answered without.
pub async fn without_engines(nowhere: &str) -> BoxOffice {
    let short = Duration::from_millis(200);
    let setup = Setup {
        dynamodb: nowhere.to_owned(),
        cache: None,
        cache_iam: None,
        cache_deadline: short,
        fill_wait: short,
        attempt: short,
        total: short,
        limits: Limits::default(),
        warm_theaters: Vec::new(),
        trusted_proxies: 0,
        max_booked_per_caller: 0,
        max_reserved_per_caller: 20,
        booking_needs_reservation: false,
        has_authorizer: false,
        shortest_reservation: 1,
    };
    open(&setup, "nowhere", "nowhere", Clock::manual(START)).await
}

fn config(setup: &Setup, table: &str, prefix: &str) -> Config {
    Config {
        table: table.to_owned(),
        cache: setup.cache.clone(),
        cache_iam: setup.cache_iam.clone(),
        cache_key_prefix: prefix.to_owned(),
        cache_deadline: setup.cache_deadline,
        dynamodb_attempt_timeout: setup.attempt,
        dynamodb_total_timeout: setup.total,
        warm_theaters: setup.warm_theaters.clone(),
        terms: Terms {
            fill_wait: setup.fill_wait,
            max_seats_per_call: 10,
            longest_reservation: 1_800,
            max_reserved_per_caller: setup.max_reserved_per_caller,
            max_booked_per_caller: setup.max_booked_per_caller,
            booking_needs_reservation: setup.booking_needs_reservation,
            administrators: Administrators::WithScope(ADMIN_SCOPE.to_owned()),
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

fn dynamodb(setup: &Setup) -> Endpoints {
    Endpoints { dynamodb: Some(setup.dynamodb.clone()), ..Endpoints::default() }
}

/// Returns the configuration of clients that call these endpoints.
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

async fn open(setup: &Setup, table: &str, prefix: &str, clock: Clock) -> BoxOffice {
    startup::connect(config(setup, table, prefix), &sdk(dynamodb(setup)), clock).await.expect("a box office")
}
