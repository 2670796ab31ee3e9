//! Shows, sales and layout snapshots in the store by itself, on every DynamoDB engine.

mod list;
mod sales;
mod shows;
mod snapshots;
mod theaters;

use std::time::Duration;

use boxoffice::context::RequestContext;
use boxoffice::domain::ids::{SeatLabel, ShowId, TheaterId};
use boxoffice::domain::layout::Layout;
use boxoffice::domain::layout_version::LayoutVersion;
use boxoffice::domain::local_time::{LocalDate, Timezone};
use boxoffice::domain::new_show::PutShow;
use boxoffice::domain::show::{Show, StartsAt, Title};
use boxoffice::domain::time::EpochMillis;
use boxoffice::store::Store;
use boxoffice_tests::dynamodb_proxy::DynamoDbProxy;
use boxoffice_tests::world::START;
use boxoffice_tests::{Setup, World, engines};

/// A store on one engine, behind a proxy.
struct Bench {
    engine: &'static str,
    store: Store,
    world: World,
    ctx: RequestContext,
    proxy: DynamoDbProxy,
}

impl Bench {
    async fn each() -> Vec<Self> {
        let mut benches = Vec::new();
        for (engine, endpoint) in engines::every_dynamodb() {
            let proxy = DynamoDbProxy::before(&endpoint).await;
            let setup = Setup { dynamodb: proxy.endpoint.clone(), ..Setup::without_cache() };
            let world = World::on_engine(setup, &endpoint).await;
            let store = world.store(world.clock.clone()).await;
            proxy.take();
            benches.push(Self { engine, store, world, ctx: RequestContext::default(), proxy });
        }
        benches
    }

    /// Puts a show where there is none.
    async fn create(&self, id: &str, theater: &str, starts_at: &str) -> Show {
        let show = new_show(id, theater, starts_at);
        self.store.put_show(&self.ctx, &show, None).await.unwrap();
        show
    }

    async fn read(&self, id: &str) -> Option<Show> {
        self.store.show(&self.ctx, &ShowId::parse(id).unwrap()).await.unwrap()
    }

    /// Returns the names of the calls since the last time.
    fn calls(&self) -> Vec<String> {
        self.proxy.take().into_iter().map(|call| call.operation).collect()
    }
}

fn theater(id: &str) -> TheaterId {
    TheaterId::parse(id).unwrap()
}

fn date(text: &str) -> LocalDate {
    LocalDate::parse(text).unwrap()
}

fn request(theater: &str, starts_at: &str) -> PutShow {
    PutShow {
        copy_of: None,
        starts_at: StartsAt::parse(starts_at).unwrap(),
        theater: TheaterId::parse(theater).ok(),
        title: Title::parse("Tosca"),
        timezone: Timezone::find("Europe/Vienna").ok(),
        layout_version: None,
        sale: None,
        prices: None,
        extra: None,
    }
}

fn new_show(id: &str, theater: &str, starts_at: &str) -> Show {
    let new = request(theater, starts_at).complete(None).unwrap();
    new.create(ShowId::parse(id).unwrap(), LayoutVersion::new(7), START).unwrap()
}

/// Returns the show at another time, as a request one minute later changes it.
fn moved(show: &Show, starts_at: &str) -> Show {
    let new = request(show.theater.as_str(), starts_at).complete(None).unwrap();
    new.replace(show, later()).unwrap()
}

fn later() -> EpochMillis {
    START + Duration::from_secs(60)
}

fn layout(theater_id: &str, version: u64, labels: impl IntoIterator<Item = String>) -> Layout {
    let seats = labels.into_iter().map(|label| SeatLabel::parse(&label).unwrap()).collect();
    Layout::new(theater(theater_id), "Hall".to_owned(), LayoutVersion::new(version), seats).unwrap()
}
