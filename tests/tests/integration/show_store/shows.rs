//! Puts and removals of shows.

use std::sync::Arc;

use boxoffice::domain::inventory::Inventory;
use boxoffice::domain::sale::{SaleState, SaleTerms};
use boxoffice::store::PutShowError;
use boxoffice_tests::dynamodb_proxy::Fault;

use super::*;

const EVENING: &str = "2026-12-01T20:15:00+01:00";

impl Bench {
    async fn put(&self, show: &Show, replaces: Option<&Show>) -> Result<(), PutShowError> {
        self.store.put_show(&self.ctx, show, replaces).await
    }

    async fn entries(&self, day: &str) -> usize {
        self.world.items_of(&format!("SHOWS#{day}")).await.len()
    }

    async fn pointers(&self) -> Vec<ShowId> {
        self.store.shows_of_theater(&self.ctx, &theater("1"), 10).await.unwrap()
    }
}

#[tokio::test]
async fn show_has_an_item_an_entry_and_a_pointer() {
    for bench in Bench::each().await {
        let before = bench.world.item_count().await;
        let show = bench.create("a", "1", EVENING).await;
        assert_eq!(bench.calls(), ["TransactWriteItems"], "{}", bench.engine);
        assert_eq!(bench.read("a").await, Some(show.clone()), "{}", bench.engine);
        assert_eq!(bench.calls(), ["GetItem"]);
        assert_eq!(bench.pointers().await, std::slice::from_ref(&show.id));
        assert_eq!(bench.entries("2026-12-01").await, 1);
        assert_eq!(bench.world.item_count().await, before + 4, "and the number of the theater's shows");
        assert_eq!(bench.read("b").await, None);
    }
}

#[tokio::test]
async fn moved_show_leaves_no_old_entry() {
    for bench in Bench::each().await {
        let mut show = bench.create("a", "1", EVENING).await;
        let count = bench.world.item_count().await;
        for (starts_at, day) in [
            ("2026-12-01T19:00:00+01:00", "2026-12-01"),
            ("2026-12-02T00:30:00+01:00", "2026-12-02"),
            // The same instant, in other words.
            ("2026-12-01T23:30:00Z", "2026-12-02"),
        ] {
            let next = moved(&show, starts_at);
            bench.put(&next, Some(&show)).await.unwrap();
            assert_eq!(bench.entries(day).await, 1, "{}", bench.engine);
            assert_eq!(bench.world.item_count().await, count, "{starts_at}");
            assert_eq!(bench.read("a").await.as_ref(), Some(&next));
            show = next;
        }
        assert_eq!(bench.pointers().await, [show.id]);
    }
}

#[tokio::test]
async fn only_one_of_two_puts_replaces_a_version() {
    for bench in Bench::each().await {
        let show = bench.create("a", "1", EVENING).await;
        // A new show doesn't replace another one, wherever it would be in the list.
        for new in [&show, &moved(&show, "2026-12-04T20:15:00Z")] {
            assert!(matches!(bench.put(new, None).await, Err(PutShowError::Changed)), "{}", bench.engine);
        }
        let (one, other) = (moved(&show, "2026-12-02T20:15:00Z"), moved(&show, "2026-12-03T20:15:00Z"));
        bench.put(&one, Some(&show)).await.unwrap();
        assert!(matches!(bench.put(&other, Some(&show)).await, Err(PutShowError::Changed)));
        assert_eq!(bench.read("a").await, Some(one));
        assert_eq!(bench.entries("2026-12-03").await, 0, "a refused put writes no entry");
        let absent = new_show("b", "1", EVENING);
        let absent = (moved(&absent, EVENING), absent);
        assert!(matches!(bench.put(&absent.0, Some(&absent.1)).await, Err(PutShowError::Changed)));
    }
}

#[tokio::test]
async fn sale_and_its_entry_change_together() {
    for bench in Bench::each().await {
        let show = bench.create("a", "1", EVENING).await;
        let paused = show.with_sale(SaleTerms::new(SaleState::Paused, None, None, None).unwrap(), later()).unwrap();
        bench.put(&paused, Some(&show)).await.unwrap();
        let listed = bench.store.shows_of_day(&bench.ctx, date("2026-12-01"), None, None, 10).await.unwrap();
        assert_eq!((bench.read("a").await, listed.shows), (Some(paused.clone()), vec![paused.entry()]));
        let open = show.with_sale(SaleTerms::default(), later()).unwrap();
        assert!(matches!(bench.put(&open, Some(&show)).await, Err(PutShowError::Changed)), "{}", bench.engine);
    }
}

#[tokio::test]
async fn lost_answer_to_a_put_is_recognized() {
    for bench in Bench::each().await {
        bench.proxy.forget_tokens();
        bench.proxy.next("TransactWriteItems", Fault::CutAfter);
        let show = bench.create("a", "1", EVENING).await;
        let next = moved(&show, "2026-12-02T20:15:00Z");
        bench.proxy.next("TransactWriteItems", Fault::CutAfter);
        bench.put(&next, Some(&show)).await.unwrap();
        assert_eq!(bench.read("a").await, Some(next.clone()), "{}", bench.engine);
        // A lost answer doesn't turn the work of another request into our own.
        let other = moved(&show, "2026-12-03T20:15:00Z");
        bench.proxy.next("TransactWriteItems", Fault::CutBefore);
        assert!(matches!(bench.put(&other, Some(&show)).await, Err(PutShowError::Changed)));
        assert_eq!(bench.read("a").await, Some(next));
    }
}

#[tokio::test]
async fn removal_takes_everything_and_can_be_repeated() {
    for bench in Bench::each().await {
        let before = bench.world.item_count().await;
        let show = bench.create("a", "1", EVENING).await;
        let next = moved(&show, "2026-12-02T20:15:00Z");
        bench.put(&next, Some(&show)).await.unwrap();
        let remove = async |show: &Show| bench.store.remove_show(&bench.ctx, show).await;
        assert!(matches!(remove(&show).await, Err(PutShowError::Changed)), "{}", bench.engine);
        bench.proxy.forget_tokens();
        bench.proxy.next("TransactWriteItems", Fault::CutAfter);
        remove(&next).await.unwrap();
        remove(&next).await.unwrap();
        assert_eq!(bench.world.item_count().await, before + 1, "all but the number of the theater's shows");
        // A new show of the same id starts again.
        bench.create("a", "2", EVENING).await;
        assert!(matches!(remove(&next).await, Err(PutShowError::Changed)));
    }
}

#[tokio::test]
async fn shows_of_a_theater_are_found_up_to_a_number() {
    for bench in Bench::each().await {
        for (id, of) in [("c", "1"), ("a", "1"), ("b", "1"), ("d", "2")] {
            bench.create(id, of, EVENING).await;
        }
        bench.proxy.take();
        let of = async |id: &str, most| {
            let shows = bench.store.shows_of_theater(&bench.ctx, &theater(id), most).await.unwrap();
            shows.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(of("1", 10).await, ["a", "b", "c"], "{}", bench.engine);
        assert_eq!(bench.calls(), ["Query"]);
        assert_eq!(
            (of("1", 2).await, of("2", 10).await.len(), of("3", 1).await.len()),
            (vec!["a".to_owned(), "b".to_owned()], 1, 0)
        );
    }
}

#[tokio::test]
async fn theater_with_shows_has_its_own_seats_as_before() {
    for bench in Bench::each().await {
        let layout = bench.store.layout(&bench.ctx, &theater("1")).await.unwrap().unwrap();
        let layout = Arc::new(layout);
        let inventory = Inventory::of_theater(layout.clone());
        let slots = bench.store.slots(&bench.ctx, &inventory).await.unwrap();
        bench.create("a", "1", EVENING).await;
        bench.store.put_layout_snapshot(&bench.ctx, &layout).await.unwrap();
        assert_eq!(bench.store.slots(&bench.ctx, &inventory).await.unwrap(), slots, "{}", bench.engine);
        assert_eq!(bench.store.layout(&bench.ctx, &theater("1")).await.unwrap().as_ref(), Some(&*layout));
        assert_eq!(bench.store.theaters(&bench.ctx, None, 10).await.unwrap().theaters.len(), 2);
    }
}
