//! Repeats and conditions of `PUT /shows/{showId}`, and puts at the same time.

use std::sync::Arc;

use boxoffice_tests::{Call, World};
use serde_json::json;

use super::{create, evening, named, replace, with};

#[tokio::test]
async fn a_repeated_put_changes_nothing() {
    let world = World::new().await;
    let document = with(&evening("1"), &json!({ "extra": { "a": 1 }, "sale": { "state": "closed" } }));
    let created = create(&world, "evening", &document).await;
    let before = world.items().await;
    world.at(5_000);
    let repeats = [
        Call::put_show("evening", &document),
        Call::put_show("evening", &document).header("If-Match", created.header("etag")),
        Call::put_show("evening", &document).header("If-Match", "*"),
        Call::put_show("evening", &document).header("If-Match", "\"1\""),
        Call::put_show("evening", &with(&evening("1"), &json!({ "extra": { "a": 1 } }))),
    ];
    for repeat in repeats {
        let reply = repeat.send(&world.office).await;
        assert_eq!((reply.status, &reply.body), (200, &created.body));
        assert_eq!((reply.header("etag"), reply.header("location")), (created.header("etag"), ""));
    }
    assert_eq!(world.items().await, before);
}

#[tokio::test]
async fn a_replacement_needs_the_version_that_is_there() {
    let world = World::new().await;
    let created = create(&world, "evening", &evening("1")).await;
    let other = with(&evening("1"), &json!({ "title": "Aida" }));
    let put = |tags: Option<(&str, &str)>| {
        let call = Call::put_show("evening", &other);
        tags.map_or(call.clone(), |(name, value)| call.header(name, value))
    };
    let unsaid = put(None).send(&world.office).await;
    assert_eq!((unsaid.status, unsaid.code(), named(&unsaid)), (428, "if_match_required", vec!["If-Match"]));
    assert_eq!(unsaid.body["version"], created.body["version"]);
    let star = put(Some(("If-None-Match", "*"))).send(&world.office).await;
    assert_eq!((star.status, star.code(), named(&star)), (412, "show_changed", vec!["If-None-Match"]));
    let same = Call::put_show("evening", &evening("1")).header("If-None-Match", "*").send(&world.office).await;
    assert_eq!((same.status, named(&same)), (412, vec!["If-None-Match"]), "it asks for a new show");
    for tag in ["\"1\"", "\"x\"", &*format!("W/{}", created.header("etag"))] {
        let reply = put(Some(("If-Match", tag))).send(&world.office).await;
        assert_eq!((reply.status, reply.code(), named(&reply)), (412, "show_changed", vec!["If-Match"]), "{tag}");
        assert_eq!(reply.body["version"], created.body["version"]);
    }
    let missing = Call::put_show("other", &other).header("If-Match", "*").send(&world.office).await;
    assert_eq!((missing.status, missing.code()), (412, "show_changed"));
    let changed = put(Some(("If-Match", created.header("etag")))).send(&world.office).await;
    assert_eq!((changed.status, changed.text("title")), (200, "Aida"));
    assert!(changed.body["version"].as_u64() > created.body["version"].as_u64(), "even at the same instant");
    let late = put(Some(("If-Match", created.header("etag")))).send(&world.office).await;
    assert_eq!((late.status, &late.body), (200, &changed.body), "a repeat of the change");
    let fresh = Call::put_show("fresh", &other).header("If-None-Match", "*").send(&world.office).await;
    assert_eq!(fresh.status, 201);
}

#[tokio::test]
async fn put_replaces_every_member_but_layout_and_sale() {
    let world = World::new().await;
    let sale = json!({ "state": "paused" });
    let document = with(&evening("1"), &json!({ "extra": { "a": 1 }, "sale": sale }));
    let created = create(&world, "evening", &document).await;
    world.put_theater("1", "Theater_A", &["A1", "A2", "A3", "B1", "B2", "B3", "B4"]).await;
    let replaced = replace("evening", &with(&evening("1"), &json!({ "title": "Aida" }))).send(&world.office).await;
    assert_eq!((replaced.status, &replaced.body["extra"]), (200, &json!(null)));
    assert_eq!(replaced.body["sale"], created.body["sale"]);
    assert_eq!(replaced.body["layout_version"], created.body["layout_version"]);
}

#[tokio::test]
async fn a_show_never_changes_its_theater() {
    let world = World::new().await;
    create(&world, "evening", &evening("1")).await;
    let reply = replace("evening", &evening("2")).send(&world.office).await;
    assert_eq!((reply.status, reply.code(), named(&reply)), (409, "theater_fixed", vec!["theater_id"]));
    let missing = replace("evening", &evening("9")).send(&world.office).await;
    assert_eq!((missing.status, missing.code()), (409, "theater_fixed"));
}

#[tokio::test]
async fn of_equal_puts_at_once_one_creates_the_show() {
    let world = Arc::new(World::new().await);
    let (mut equal, mut different) = (tokio::task::JoinSet::new(), tokio::task::JoinSet::new());
    for n in 0..8 {
        let office = world.instance(world.clock.clone()).await;
        equal.spawn(async move { Call::put_show("equal", &evening("1")).send(&office).await });
        let office = world.instance(world.clock.clone()).await;
        let own = with(&evening("1"), &json!({ "title": format!("Night {n}") }));
        different.spawn(async move { Call::put_show("different", &own).send(&office).await });
    }
    let equal = equal.join_all().await;
    assert_eq!(equal.iter().filter(|reply| reply.status == 201).count(), 1, "{equal:?}");
    assert!(equal.iter().all(|reply| [200, 201].contains(&reply.status) && reply.body == equal[0].body));
    let different = different.join_all().await;
    let (created, refused): (Vec<_>, Vec<_>) = different.iter().partition(|reply| reply.status == 201);
    assert_eq!(created.len(), 1, "{different:?}");
    assert!(refused.iter().all(|reply| reply.status == 428), "{refused:?}");
    let shown = Call::show("different").send(&world.office).await;
    assert_eq!(shown.body["title"], created[0].body["title"]);
    assert_eq!(world.items_of("SHOWS#2026-12-01").await.len(), 2);
}

#[tokio::test]
async fn a_sale_and_a_show_put_at_once_both_hold() {
    let world = Arc::new(World::new().await);
    create(&world, "evening", &evening("1")).await;
    for round in 0..10 {
        let (one, other) = (world.instance(world.clock.clone()).await, world.instance(world.clock.clone()).await);
        let state = if round % 2 == 0 { "paused" } else { "open" };
        let title = format!("Night {round}");
        let show = replace("evening", &with(&evening("1"), &json!({ "title": title })));
        let sale = Call::put_sale("evening", &json!({ "state": state })).of_show();
        let (show, sale) = tokio::join!(show.send(&one), sale.send(&other));
        assert_eq!((show.status, sale.status), (200, 200), "{} {}", show.text, sale.text);
        let shown = Call::show("evening").send(&world.office).await;
        assert_eq!((shown.text("title"), &shown.body["sale"]["state"]), (title.as_str(), &json!(state)));
        let listed = Call::shows("from=2026-12-01").send(&world.office).await;
        assert_eq!(listed.body["shows"][0]["title"], title);
        assert_eq!(listed.body["shows"][0]["sale"]["state"], state);
    }
}
