//! Two releases at the same time, with different cache formats. Neither release believes the other's string, and
//! neither leaves an outdated string of the other in place after a write.

use super::*;
use boxoffice::domain::layout_version::LayoutVersion;

/// Returns a world whose key was last filled by another release, in a format that this release doesn't know.
async fn filled_by_another() -> (World, redis::aio::MultiplexedConnection) {
    let world = World::new().await;
    let mut redis = world.redis().await;
    Call::get_seats("1").send(&world.office).await;
    let _: usize = redis.setrange(world.cache_key("1"), 0, b"\x7f").await.unwrap();
    (world, redis)
}

#[tokio::test]
async fn string_of_another_release_is_filled_again() {
    let (world, _) = filled_by_another().await;
    let seat_map = Call::get_seats("1").send(&world.office).await;
    assert_eq!((seat_map.header("x-cache"), seat_map.seats().len()), ("miss", 6));
    assert_eq!(Call::get_seats("1").send(&world.office).await.header("x-cache"), "hit");
}

#[tokio::test]
async fn write_deletes_another_releases_string() {
    for call in [
        Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) })),
        Call::book("1", &json!({ "seat": "A1", "booking_id": id(1) })),
        Call::book("1", &json!({ "seat": "A1" })),
    ] {
        let (world, mut redis) = filled_by_another().await;
        assert_eq!(call.send(&world.office).await.status, 201);
        let there: bool = redis.exists(world.cache_key("1")).await.unwrap();
        assert!(!there, "{call:?}: the next read of either release queries DynamoDB");
    }
}

/// The Redis calls of the release before revisions.
struct Former {
    redis: redis::aio::MultiplexedConnection,
    script: redis::Script,
    key: String,
}

impl Former {
    async fn beside(fixture: &CacheFixture) -> Self {
        let script = redis::Script::new(include_str!("../../../releases/availability-1.lua"));
        Self { redis: fixture.world.redis().await, script, key: fixture.world.cache_key("1") }
    }

    async fn call<T: redis::FromRedisValue>(&mut self, op: &str, args: &[&[u8]]) -> T {
        let mut call = self.script.prepare_invoke();
        call.key(&self.key).arg(op).arg(7);
        for arg in args {
            call.arg(*arg);
        }
        call.invoke_async(&mut self.redis).await.unwrap()
    }

    async fn begin(&mut self, token: &[u8; 16]) -> String {
        self.call("begin", &[b"3", token, b"missing", b"500", b"8000", b"10000", b"15000"]).await
    }

    /// Ends a fill with all seats available.
    async fn end(&mut self, token: &[u8; 16]) -> i64 {
        self.call("end", &[token, &[0; 36], b"60000", b"5"]).await
    }

    async fn merge(&mut self) -> i64 {
        let booked = [&[0; 4][..], &[0, 0, 0, 0, 0, 9], &[2], &[0; 5]].concat();
        self.call("merge", &[&booked, b"tell"]).await
    }

    /// Returns `true` if the former release reads the key as a complete string.
    async fn believes(&mut self) -> bool {
        let bytes: Vec<u8> = self.redis.get(&self.key).await.unwrap();
        bytes.starts_with(&[1, 1])
    }

    async fn is_gone(&mut self) -> bool {
        !self.redis.exists::<_, bool>(&self.key).await.unwrap()
    }
}

#[tokio::test]
async fn former_release_ignores_and_drops_this_releases_string() {
    let fixture = CacheFixture::new().await;
    let mut former = Former::beside(&fixture).await;
    fixture.filled([AVAILABLE, slot(5, BOOKED), AVAILABLE]).await;
    assert!(!former.believes().await);
    let peeked: Option<Vec<u8>> = former.call("peek", &[&[0; 4]]).await;
    assert_eq!(peeked, None);
    assert_eq!(former.merge().await, 0);
    assert!(former.is_gone().await, "without its merge the string must not be believed");

    // The former release begins while this one fills. This release's fill is then rejected.
    let token = fixture.begun(FillReason::Missing).await;
    assert_eq!(former.begin(&[1; 16]).await, "fill");
    assert!(!fixture.end(token, [AVAILABLE; 3]).await);
    assert_eq!(former.end(&[1; 16]).await, 1);
    assert!(former.believes().await);
}

#[tokio::test]
async fn this_release_ignores_and_drops_former_releases_string() {
    let fixture = CacheFixture::new().await;
    let mut former = Former::beside(&fixture).await;
    let filled = async |former: &mut Former| (former.begin(&[1; 16]).await, former.end(&[1; 16]).await);
    assert_eq!(filled(&mut former).await, ("fill".to_owned(), 1));
    assert!(former.believes().await);
    assert_eq!(fixture.read().await, None);
    let read_unless_known =
        fixture.cache.read_unless(&fixture.ctx, &fixture.inventory.id, Revision([0; 8])).await.unwrap();
    assert!(matches!(read_unless_known, Lookup::Miss));
    assert_eq!(
        fixture
            .cache
            .peek(&fixture.ctx, &fixture.inventory.id, LayoutVersion::new(7), &[SeatIndex::new(0)])
            .await
            .unwrap(),
        None
    );
    fixture.merge(0, slot(5, BOOKED)).await;
    assert!(former.is_gone().await, "without this merge the string must not be believed");

    // This release begins while the former one fills.
    assert_eq!(former.begin(&[2; 16]).await, "fill");
    let token = fixture.begun(FillReason::Missing).await;
    assert_eq!(former.end(&[2; 16]).await, 0);
    assert!(fixture.end(token, [AVAILABLE, slot(5, BOOKED), AVAILABLE]).await);
    assert_eq!(fixture.read().await, Some(vec![AVAILABLE, slot(5, BOOKED), AVAILABLE]));
}
