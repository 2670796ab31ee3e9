//! Two releases side by side, of which one keeps another format in the cache: neither believes the other's, and neither lets
//! the other go on believing what has changed since.

use super::*;

/// A world whose key another release has filled last, in a format that this one doesn't know.
async fn filled_by_another() -> (World, redis::aio::MultiplexedConnection) {
    let world = World::new().await;
    let mut redis = world.redis().await;
    Call::get_seats("1").send(&world.office).await;
    let _: usize = redis.setrange(world.cache_key("1"), 0, b"\x7f").await.unwrap();
    (world, redis)
}

#[tokio::test]
async fn what_another_release_has_filled_is_filled_anew() {
    let (world, _) = filled_by_another().await;
    let look = Call::get_seats("1").send(&world.office).await;
    assert_eq!((look.header("x-cache"), look.seats().len()), ("miss", 6));
    assert_eq!(Call::get_seats("1").send(&world.office).await.header("x-cache"), "hit");
}

#[tokio::test]
async fn a_write_takes_from_another_release_what_it_cannot_tell_it() {
    for call in [
        Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) })),
        Call::book("1", &json!({ "seat": "A1", "booking_id": id(1) })),
        Call::book("1", &json!({ "seat": "A1" })),
    ] {
        let (world, mut redis) = filled_by_another().await;
        assert_eq!(call.send(&world.office).await.status, 201);
        let there: bool = redis.exists(world.cache_key("1")).await.unwrap();
        assert!(!there, "{call:?}: the next look asks DynamoDB, whoever's it is");
    }
}
