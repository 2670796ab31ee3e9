//! `GET /shows`

use boxoffice_tests::{Call, Reply, World};
use serde_json::{Value, json};

use super::shows::{create, document, evening};

/// Returns the ids in a page.
fn ids(page: &Reply) -> Vec<&str> {
    let shows = page.body["shows"].as_array().unwrap_or_else(|| panic!("{}", page.text));
    shows.iter().map(|show| show["show_id"].as_str().unwrap()).collect()
}

async fn list(world: &World, query: &str) -> Reply {
    let page = Call::shows(query).send(&world.office).await;
    assert_eq!((page.status, page.header("cache-control")), (200, "no-store"), "{}", page.text);
    page
}

#[tokio::test]
async fn shows_are_listed_by_their_local_day_and_start() {
    let world = World::new().await;
    for (show, starts_at) in [
        ("late", "2026-12-01T22:30:00+01:00"),
        ("early", "2026-12-01T15:00:00+01:00"),
        // After midnight in Vienna it is a show of the next day, although UTC has the same day.
        ("midnight", "2026-12-02T00:15:00+01:00"),
        ("b", "2026-12-01T20:15:00+01:00"),
        ("a", "2026-12-01T19:15:00Z"),
        ("before", "2026-11-30T20:15:00+01:00"),
    ] {
        create(&world, show, &document("1", starts_at)).await;
    }
    let day = list(&world, "from=2026-12-01").await;
    assert_eq!(ids(&day), ["early", "a", "b", "late"]);
    assert!(day.body["next"].is_null());
    let expected = json!({ "show_id": "early", "theater_id": "1", "title": "Tosca",
        "starts_at": "2026-12-01T15:00:00+01:00", "timezone": "Europe/Vienna", "local_date": "2026-12-01",
        "local_time": "15:00", "sale": { "state": "open", "on_sale": true },
        "availability": { "level": "many", "age": 0 } });
    assert_eq!(day.body["shows"][0], expected);
    assert_eq!(ids(&list(&world, "from=2026-12-02").await), ["midnight"]);
    let all = list(&world, "from=2026-11-30&to=2026-12-02").await;
    assert_eq!(ids(&all), ["before", "early", "a", "b", "late", "midnight"]);
    assert_eq!(ids(&list(&world, "").await), Vec::<&str>::new(), "today in UTC");
    create(&world, "today", &document("1", "2026-11-22T23:15:00+01:00")).await;
    assert_eq!(ids(&list(&world, "").await), ["today"]);
    assert_eq!(ids(&list(&world, "to=2026-12-01").await).len(), 6);
}

#[tokio::test]
async fn pages_have_every_show_once() {
    let world = World::new().await;
    for number in 0..7 {
        let (theater, day) = (["1", "2"][number % 2], 1 + number / 3);
        create(&world, &format!("show-{number}"), &document(theater, &format!("2026-12-0{day}T20:15:00+01:00"))).await;
    }
    for theater in ["", "&theater=1", "&theater=2", "&theater=9"] {
        let days = format!("from=2026-12-01&to=2026-12-05{theater}");
        let whole = list(&world, &days).await;
        for limit in 1..=7 {
            let (mut seen, mut after) = (Vec::new(), String::new());
            loop {
                let page = list(&world, &format!("{days}&limit={limit}{after}")).await;
                seen.extend(ids(&page).into_iter().map(str::to_owned));
                let Some(next) = page.body["next"].as_str() else {
                    assert_eq!(page.header("link"), "");
                    break;
                };
                assert_eq!(ids(&page).len(), limit, "a page with a next one is full");
                after = format!("&after={}", next.replace('#', "%23"));
                let link = page.header("link");
                assert!(link.contains("rel=\"next\"") && link.contains(&after[1..]), "{link}");
                assert_eq!(link.contains("theater="), !theater.is_empty());
            }
            assert_eq!(seen, ids(&whole), "{theater} {limit}");
        }
        assert_eq!(
            ids(&whole).len(),
            match theater {
                "" => 7,
                "&theater=1" => 4,
                "&theater=2" => 3,
                _ => 0,
            }
        );
    }
}

#[tokio::test]
async fn wrong_parameters_are_named() {
    let world = World::new().await;
    let place = "2026-12-01%23001796152500%23evening";
    for (query, field, expected) in [
        ("from=2026-02-30", "from", "a day such as 2026-12-01"),
        ("from=today", "from", "a day such as"),
        ("from=2026-12-01&to=2026-11-30", "to", "2026-12-01 or a later day"),
        ("from=2026-12-01&to=2027-01-01", "to", "at most 31 days"),
        ("to=2026-11-21", "to", "2026-11-22 or a later day"),
        ("limit=0", "limit", "1 to 100"),
        ("limit=101", "limit", "1 to 100"),
        ("limit=x", "limit", "1 to 100"),
        ("theater=a/b", "theater", ""),
        ("after=x", "after", "the next of the page before"),
        (&format!("from=2026-12-02&after={place}"), "after", "within the days"),
        ("day=2026-12-01", "day", ""),
    ] {
        let reply = Call::shows(query).send(&world.office).await;
        assert_eq!((reply.status, reply.code()), (400, "malformed_request"), "{query}: {}", reply.text);
        assert!(reply.text("detail").starts_with(&format!("{field}: ")), "{query}: {}", reply.text);
        assert!(reply.text("detail").contains(expected), "{query}: {}", reply.text);
    }
    let all = Call::shows("from=x&to=y&limit=0&theater=/").send(&world.office).await;
    let named: Vec<_> = all.body["errors"].as_array().unwrap().iter().map(|error| error["field"].clone()).collect();
    assert_eq!(json!(named).to_string().matches('"').count(), 8, "all faults at once: {}", all.text);
    assert_eq!(Call::shows("from=2026-12-01&to=2026-12-31").send(&world.office).await.status, 200);
}

#[tokio::test]
async fn a_moved_start_moves_the_entry() {
    let world = World::new().await;
    create(&world, "evening", &evening("1")).await;
    for (starts_at, timezone, day) in [
        ("2026-12-01T21:00:00+01:00", "Europe/Vienna", "2026-12-01"),
        ("2026-12-03T20:15:00+01:00", "Europe/Vienna", "2026-12-03"),
        ("2026-12-03T20:15:00+01:00", "Asia/Tokyo", "2026-12-04"),
    ] {
        let mut moved = document("1", starts_at);
        moved["timezone"] = json!(timezone);
        let moved = Call::put_show("evening", &moved).header("If-Match", "*").send(&world.office).await;
        assert_eq!((moved.status, moved.text("local_date")), (200, day));
        let listed = list(&world, "from=2026-12-01&to=2026-12-05").await;
        assert_eq!(ids(&listed), ["evening"]);
        let entry = &listed.body["shows"][0];
        assert_eq!((&entry["local_date"], &entry["starts_at"]), (&json!(day), &json!(starts_at)));
    }
}

/// Returns the availability of the shows of 1 December.
async fn availability(world: &World) -> Vec<Value> {
    let page = list(world, "from=2026-12-01").await;
    page.body["shows"].as_array().unwrap().iter().map(|show| show["availability"].clone()).collect()
}

#[tokio::test]
async fn the_list_has_levels_with_their_ages() {
    let world = World::new().await;
    let labels: Vec<_> = (1..=20).map(|number| format!("A{number}")).collect();
    world.put_theater("hall", "Hall", &labels.iter().map(String::as_str).collect::<Vec<_>>()).await;
    create(&world, "evening", &evening("hall")).await;
    let counted = |level: &str, age: u64| vec![json!({ "level": level, "age": age })];
    world.at(3_000);
    assert_eq!(availability(&world).await, counted("many", 3));
    let book = async |seats: &[String]| {
        for seats in seats.chunks(10) {
            let booked = Call::book("evening", &json!({ "seats": seats })).of_show().send(&world.office).await;
            assert_eq!(booked.status, 201, "{}", booked.text);
        }
    };
    book(&labels[..18]).await;
    assert_eq!(availability(&world).await, counted("many", 3), "the seats were counted at the start");
    Call::show("evening").send(&world.office).await;
    assert_eq!(availability(&world).await, counted("many", 0), "a tenth is left");
    book(&labels[18..19]).await;
    // A fill of the cache counts them, too.
    let mut redis = world.redis().await;
    let _: i64 = redis::cmd("DEL").arg(world.cache_key("show/evening")).query_async(&mut redis).await.unwrap();
    world.at(5_000);
    assert_eq!(Call::get_seats("evening").of_show().send(&world.office).await.header("x-cache"), "miss");
    world.at(12_500);
    assert_eq!(availability(&world).await, counted("few", 7));
    book(&labels[19..]).await;
    let shown = Call::show("evening").send(&world.office).await;
    assert_eq!(shown.body["availability"]["level"], "none");
    assert_eq!(availability(&world).await, counted("none", 0));
    let _: i64 =
        redis::cmd("DEL").arg(format!("{}:{{shows}}:summaries", world.prefix)).query_async(&mut redis).await.unwrap();
    assert_eq!(availability(&world).await, [json!({ "level": "unknown" })]);
}

#[tokio::test]
async fn without_a_cache_the_levels_are_unknown() {
    let world = World::on(boxoffice_tests::Setup::without_cache()).await;
    create(&world, "evening", &evening("1")).await;
    assert_eq!(availability(&world).await, [json!({ "level": "unknown" })]);
    let shown = Call::show("evening").send(&world.office).await;
    assert_eq!(shown.body["availability"]["available"], 6);
}

#[tokio::test]
async fn a_deleted_show_leaves_no_summary() {
    let world = World::new().await;
    create(&world, "evening", &evening("1")).await;
    let mut redis = world.redis().await;
    let key = format!("{}:{{shows}}:summaries", world.prefix);
    let count = async |redis: &mut redis::aio::MultiplexedConnection| -> i64 {
        redis::cmd("HLEN").arg(&key).query_async(redis).await.unwrap()
    };
    assert_eq!(count(&mut redis).await, 1);
    assert_eq!(Call::delete_show("evening").send(&world.office).await.status, 204);
    assert_eq!(count(&mut redis).await, 0);
}
