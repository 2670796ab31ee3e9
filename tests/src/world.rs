//! A test's own world: a table, cache keys and a clock that no other test uses.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use boxoffice::app::{BoxOffice, Precondition};
use boxoffice::cache::Cache;
use boxoffice::clock::Clock;
use boxoffice::context::RequestContext;
use boxoffice::domain::ids::{SeatLabel, TheaterId};
use boxoffice::domain::layout::Layout;
use boxoffice::domain::new_layout::NewLayout;
use boxoffice::domain::rate_limit::RateLimits;
use boxoffice::domain::time::EpochMillis;
use boxoffice::startup;
use boxoffice::store::Store;
use boxoffice_local::template::TableDefinition;
use uuid::Uuid;

use crate::engines;
use crate::setup::{Setup, config, dynamodb, open, sdk};

/// The start of every test's clock: 2026-11-22T18:00:00Z, on the second.
pub const START: EpochMillis = EpochMillis::new(1_795_370_400_000);

/// A test's table, keys and clock, and one box office on them.
#[derive(Debug)]
pub struct World {
    /// The box office. [`World::instance`] opens more of them.
    pub office: BoxOffice,
    /// The clock of `office`. It stands at [`START`] until it is set.
    pub clock: Clock,
    /// The table's name.
    pub table: String,
    /// A DynamoDB client that bypasses every proxy.
    pub client: Client,
    /// The prefix of all keys in the cache.
    pub prefix: String,
    /// The setup of `office`.
    pub setup: Setup,
}

/// Returns the table definition of the template.
fn from_checkout() -> TableDefinition {
    TableDefinition::from_checkout().expect("the template")
}

/// Returns the same definition without TTL. Manual clocks may be far behind the system's clock, and then the engine
/// would delete items too early.
fn without_ttl() -> TableDefinition {
    from_checkout().without_ttl()
}

impl World {
    /// Creates the two seed theaters on the shared engines.
    pub async fn new() -> Self {
        Self::on(Setup::shared()).await
    }

    /// Creates the two seed theaters. The table is always on the shared engine, even if the box office uses a proxy.
    pub async fn on(setup: Setup) -> Self {
        let table = Self::table_on(engines::shared().endpoint(), without_ttl()).await;
        Self::on_table(setup, engines::shared().endpoint(), table).await
    }

    /// Creates the two seed theaters in a table on this engine.
    pub async fn on_engine(setup: Setup, engine: &str) -> Self {
        let table = Self::table_on(engine, without_ttl()).await;
        Self::on_table(setup, engine, table).await
    }

    /// Creates the two seed theaters in a table on this engine, with TTL by the system's clock.
    pub async fn on_engine_with_ttl(setup: Setup, engine: &str) -> Self {
        let table = Self::table_on(engine, from_checkout()).await;
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

    /// Opens another instance on the same table and keys, with its own clock.
    pub async fn instance(&self, clock: Clock) -> BoxOffice {
        open(&self.setup, &self.table, &self.prefix, clock).await
    }

    /// Opens another instance with another setup.
    pub async fn instance_on(&self, setup: &Setup) -> BoxOffice {
        open(setup, &self.table, &self.prefix, self.clock.clone()).await
    }

    /// Opens another instance with another setup and its own clock.
    pub async fn instance_at(&self, setup: &Setup, clock: Clock) -> BoxOffice {
        open(setup, &self.table, &self.prefix, clock).await
    }

    /// Returns the environment of a function's binary on the same table and keys.
    pub fn environment(&self, setup: &Setup) -> Vec<(String, String)> {
        let cache = setup.cache.as_ref().map(|address| address.url.as_str()).unwrap_or_default();
        let mut environment = boxoffice_local::stack::environment(&self.table, &setup.dynamodb, cache);
        environment.push(("CACHE_KEY_PREFIX".to_owned(), self.prefix.clone()));
        environment
    }

    /// Opens only a store on the table.
    pub async fn store(&self, clock: Clock) -> Store {
        self.store_on(&self.setup, clock).await
    }

    /// Opens only a store on the table, with another setup.
    pub async fn store_on(&self, setup: &Setup, clock: Clock) -> Store {
        startup::store(&config(setup, &self.table, &self.prefix), &sdk(dynamodb(setup)), clock)
    }

    /// Opens only the cache.
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
        office.put_theater(&RequestContext::default(), &id, &wanted, Precondition::Whatever).await.expect("a layout");
    }

    fn past_proxies(&self) -> BoxOffice {
        let store = Store::new(self.client.clone(), self.table.clone(), self.clock.clone(), Duration::from_secs(60));
        BoxOffice::new(store, None, self.clock.clone(), config(&self.setup, &self.table, &self.prefix).policy)
    }

    /// Puts a new theater's layout unchanged, past every proxy.
    pub async fn put_layout(&self, layout: &Layout) {
        let store = Store::new(self.client.clone(), self.table.clone(), self.clock.clone(), Duration::from_secs(60));
        store.put_layout(&RequestContext::default(), layout, None).await.expect("a layout");
    }

    /// Sets the clock of `office` to this many milliseconds after the start.
    pub fn at(&self, millis: u64) {
        self.clock.set(START + Duration::from_millis(millis));
    }

    /// Returns the cache key of a theater.
    pub fn cache_key(&self, theater: &str) -> String {
        format!("{}:{{{theater}}}:availability", self.prefix)
    }

    /// Opens a connection to the cache for the test itself.
    pub async fn redis(&self) -> redis::aio::MultiplexedConnection {
        let url = self.setup.cache.as_ref().expect("a cache").url.clone();
        // The client's default limit of half a second is too short for a busy machine.
        let patience = Some(Duration::from_secs(60));
        let config = redis::AsyncConnectionConfig::new();
        let config = config.set_connection_timeout(patience).set_response_timeout(patience);
        let client = redis::Client::open(url).unwrap();
        client.get_multiplexed_async_connection_with_config(&config).await.expect("a cache")
    }

    /// Reads a seat's item from the table.
    pub async fn seat_item(
        &self,
        theater: &str,
        seat: &str,
    ) -> Option<std::collections::HashMap<String, AttributeValue>> {
        let get = self.client.get_item().table_name(&self.table).consistent_read(true);
        let get = get.key("pk", AttributeValue::S(format!("THEATER#{theater}")));
        get.key("sk", AttributeValue::S(format!("SEAT#{seat}"))).send().await.expect("the table").item
    }

    /// Deletes a seat's item, as the TTL or an operator would.
    pub async fn delete_seat_item(&self, theater: &str, seat: &str) {
        let delete = self.client.delete_item().table_name(&self.table);
        let delete = delete.key("pk", AttributeValue::S(format!("THEATER#{theater}")));
        delete.key("sk", AttributeValue::S(format!("SEAT#{seat}"))).send().await.expect("the table");
    }

    /// Counts the table's items without the list of theaters. A new world has 2 layouts.
    pub async fn item_count(&self) -> usize {
        let listed = AttributeValue::S("THEATERS".to_owned());
        self.items().await.into_iter().filter(|item| item["pk"] != listed).count()
    }

    /// Reads the items of one partition in the order of their sort keys.
    pub async fn items_of(&self, pk: &str) -> Vec<std::collections::HashMap<String, AttributeValue>> {
        let query = self.client.query().table_name(&self.table).consistent_read(true);
        let query = query.key_condition_expression("pk = :pk");
        let query = query.expression_attribute_values(":pk", AttributeValue::S(pk.to_owned()));
        query.send().await.expect("the table").items.unwrap_or_default()
    }

    /// Reads all items of the table.
    pub async fn items(&self) -> Vec<std::collections::HashMap<String, AttributeValue>> {
        let scan = self.client.scan().table_name(&self.table).consistent_read(true).send().await.expect("the table");
        scan.items.unwrap_or_default()
    }
}

/// Opens a box office without a cache and with an unreachable DynamoDB, for answers that need neither.
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
        limits: RateLimits::default(),
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
