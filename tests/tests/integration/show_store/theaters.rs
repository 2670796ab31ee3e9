//! Removals of theaters that are given a show or a sale at the same time.

use boxoffice::domain::sale::{SaleTerms, TheaterSale};
use boxoffice::store::{KnownVersion, PutLayoutError, PutSaleError, PutShowError, ShowsAdded};
use boxoffice_tests::dynamodb_proxy::Fault;

use super::*;

const EVENING: &str = "2026-12-01T20:15:00+01:00";

/// The values that a request reads before it removes a theater.
struct Read {
    known: KnownVersion,
    shows_added: ShowsAdded,
}

impl Bench {
    async fn read_theater(&self) -> Read {
        let existing = self.store.layout_to_replace(&self.ctx, &theater("1")).await.unwrap();
        let shows_added = self.store.shows_added(&self.ctx, &theater("1")).await.unwrap();
        Read { known: existing.unwrap().known, shows_added }
    }

    async fn remove(&self, Read { known, shows_added }: &Read) -> Result<(), PutLayoutError> {
        self.store.remove_layout(&self.ctx, &theater("1"), *known, *shows_added).await
    }

    async fn exists(&self) -> bool {
        self.store.layout(&self.ctx, &theater("1")).await.unwrap().is_some()
    }
}

#[tokio::test]
async fn theater_that_was_given_a_show_stays() {
    for bench in Bench::each().await {
        let mut read = bench.read_theater().await;
        for id in ["a", "b"] {
            let show = bench.create(id, "1", EVENING).await;
            assert!(matches!(bench.remove(&read).await, Err(PutLayoutError::Changed)), "{} {id}", bench.engine);
            assert!(bench.exists().await);
            read = bench.read_theater().await;
            // A change of a show gives the theater none.
            let changed = moved(&show, "2026-12-02T20:15:00Z");
            bench.store.put_show(&bench.ctx, &changed, Some(&show)).await.unwrap();
            bench.store.remove_show(&bench.ctx, &changed).await.unwrap();
            assert_eq!(bench.read_theater().await.shows_added, read.shows_added);
        }
        bench.create("elsewhere", "2", EVENING).await;
        bench.remove(&read).await.unwrap();
        assert!(!bench.exists().await);
        assert_eq!(bench.world.items_of("THEATER#1").await, [], "the number is removed, too");
    }
}

#[tokio::test]
async fn new_layout_hides_no_new_show() {
    for bench in Bench::each().await {
        let read = bench.read_theater().await;
        bench.create("a", "1", EVENING).await;
        let next = layout("1", 1 << 47, ["A1".to_owned()]);
        bench.store.put_layout(&bench.ctx, &next, Some(read.known)).await.unwrap();
        let stale = Read { shows_added: read.shows_added, ..bench.read_theater().await };
        assert!(matches!(bench.remove(&stale).await, Err(PutLayoutError::Changed)), "{}", bench.engine);
    }
}

#[tokio::test]
async fn removed_theater_is_given_nothing() {
    for bench in Bench::each().await {
        bench.remove(&bench.read_theater().await).await.unwrap();
        let before = bench.world.items().await;
        let show = new_show("a", "1", EVENING);
        let put = bench.store.put_show(&bench.ctx, &show, None).await;
        assert!(matches!(put, Err(PutShowError::Changed)), "{}", bench.engine);
        let sale = TheaterSale::put(None, SaleTerms::default(), START).unwrap();
        let put = bench.store.put_theater_sale(&bench.ctx, &theater("1"), &sale, None).await;
        assert!(matches!(put, Err(PutSaleError::Changed)));
        assert_eq!(bench.world.items().await, before);
    }
}

#[tokio::test]
async fn lost_answer_to_a_removal_is_recognized() {
    for bench in Bench::each().await {
        bench.proxy.forget_tokens();
        let show = bench.create("a", "1", EVENING).await;
        bench.store.remove_show(&bench.ctx, &show).await.unwrap();
        let read = bench.read_theater().await;
        bench.proxy.next("TransactWriteItems", Fault::CutAfter);
        bench.remove(&read).await.unwrap();
        assert!(!bench.exists().await, "{}", bench.engine);
        bench.remove(&read).await.unwrap();
    }
}
