//! The list of shows by day.

use boxoffice::domain::show::ListPlace;
use boxoffice::store::ShowPage;

use super::*;

impl Bench {
    async fn list(&self, day: &str, of: Option<&str>, after: Option<&ListPlace>, most: usize) -> ShowPage {
        let of = of.map(theater);
        self.store.shows_of_day(&self.ctx, date(day), of.as_ref(), after, most).await.unwrap()
    }
}

fn ids(page: &ShowPage) -> Vec<&str> {
    page.shows.iter().map(|show| show.show.as_str()).collect()
}

#[tokio::test]
async fn day_is_listed_by_start_and_then_by_id() {
    for bench in Bench::each().await {
        for (id, of, starts_at) in [
            ("late", "1", "2026-12-01T23:30:00+01:00"),
            ("b", "1", "2026-12-01T20:15:00+01:00"),
            // The same instant in other words.
            ("a", "2", "2026-12-01T19:15:00Z"),
            ("early", "2", "2026-12-01T00:00:00+01:00"),
            ("next-day", "1", "2026-12-02T00:00:00+01:00"),
        ] {
            bench.create(id, of, starts_at).await;
        }
        bench.proxy.take();
        let page = bench.list("2026-12-01", None, None, 10).await;
        assert_eq!((ids(&page), page.more), (vec!["early", "a", "b", "late"], false), "{}", bench.engine);
        assert_eq!(bench.calls(), ["Query"]);
        assert_eq!(page.shows[1], new_show("a", "2", "2026-12-01T19:15:00Z").entry());
        assert_eq!(ids(&bench.list("2026-12-02", None, None, 10).await), ["next-day"]);
        assert_eq!(ids(&bench.list("2026-12-03", None, None, 10).await), Vec::<&str>::new());
    }
}

#[tokio::test]
async fn pages_continue_after_a_place() {
    for bench in Bench::each().await {
        for id in ["a", "b", "c"] {
            bench.create(id, "1", "2026-12-01T20:15:00+01:00").await;
        }
        let first = bench.list("2026-12-01", None, None, 2).await;
        assert_eq!((ids(&first), first.more), (vec!["a", "b"], true), "{}", bench.engine);
        let after = first.shows[1].place();
        let second = bench.list("2026-12-01", None, Some(&after), 2).await;
        assert_eq!((ids(&second), second.more), (vec!["c"], false));
        // A page that ends with the day is the last one.
        let whole = bench.list("2026-12-01", None, None, 3).await;
        assert_eq!((ids(&whole).len(), whole.more), (3, false));
        // The place of a show that was removed in the meantime works as well.
        bench.store.remove_show(&bench.ctx, &new_show("b", "1", "2026-12-01T20:15:00+01:00")).await.unwrap();
        assert_eq!(ids(&bench.list("2026-12-01", None, Some(&after), 2).await), ["c"]);
    }
}

#[tokio::test]
async fn place_of_another_day_begins_or_ends_the_day() {
    for bench in Bench::each().await {
        bench.create("a", "1", "2026-12-02T20:15:00+01:00").await;
        let place = |starts_at: &str| new_show("z", "1", starts_at).place();
        bench.proxy.take();
        let earlier = bench.list("2026-12-02", None, Some(&place("2026-12-01T20:15:00+01:00")), 10).await;
        assert_eq!(ids(&earlier), ["a"], "{}", bench.engine);
        assert_eq!(bench.calls(), ["Query"]);
        let later = bench.list("2026-12-02", None, Some(&place("2026-12-03T20:15:00+01:00")), 10).await;
        assert_eq!((ids(&later).len(), later.more), (0, false));
        assert_eq!(bench.calls(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn theater_is_searched_only_as_far_as_needed() {
    for bench in Bench::each().await {
        // 130 shows, and every 40th is of theater 2.
        for minute in 0..130 {
            let starts_at = format!("2026-12-01T{:02}:{:02}:00+01:00", minute / 60, minute % 60);
            bench.create(&format!("s{minute}"), if minute % 40 == 39 { "2" } else { "1" }, &starts_at).await;
        }
        bench.proxy.take();
        let first = bench.list("2026-12-01", Some("2"), None, 1).await;
        assert_eq!((ids(&first), first.more), (vec!["s39"], true), "{}", bench.engine);
        assert_eq!(bench.calls(), ["Query"], "the first 100 have two of them");
        let all = bench.list("2026-12-01", Some("2"), None, 10).await;
        assert_eq!((ids(&all), all.more), (vec!["s39", "s79", "s119"], false));
        assert_eq!(bench.calls(), ["Query", "Query"]);
        let rest = bench.list("2026-12-01", Some("2"), Some(&all.shows[1].place()), 10).await;
        assert_eq!((ids(&rest), rest.more), (vec!["s119"], false));
        let other = bench.list("2026-12-01", Some("1"), None, 100).await;
        assert_eq!((other.shows.len(), other.more), (100, true));
        assert_eq!(ids(&bench.list("2026-12-01", Some("3"), None, 10).await), Vec::<&str>::new());
    }
}
