//! Scopes, and reads that need a token.

use boxoffice::http::router::Operation;
use boxoffice_tests::dynamodb_proxy::DynamoDbProxy;
use boxoffice_tests::{Call, Setup, World, engines};
use serde_json::json;

use super::{ID, is_refused, named, send, world_on};

/// Returns a box office behind an authorizer, and the proxy before its database.
async fn with_authorizer() -> (World, DynamoDbProxy) {
    let proxy = DynamoDbProxy::before(engines::shared().endpoint()).await;
    let setup = Setup { has_authorizer: true, dynamodb: proxy.endpoint.clone(), ..Setup::shared() };
    (world_on(setup).await, proxy)
}

#[tokio::test]
async fn consistent_read_needs_a_token_behind_an_authorizer() {
    let (world, proxy) = with_authorizer().await;
    let consistent = || Call::get_seats("1").query("consistent=true");
    let own = || Call::get_seats("1").query("view=map").header("Reservation-Id", ID);
    let known = Call::get_seats("1").send(&world.office).await.header("etag").to_owned();
    let unchanged = || consistent().header("If-None-Match", &known);
    for (dear, answered) in
        [(consistent(), 200), (own(), 200), (unchanged(), 304), (consistent().head(), 200), (unchanged().head(), 304)]
    {
        proxy.take();
        let reply = dear.clone().send(&world.office).await;
        assert_eq!((reply.status, reply.header("www-authenticate")), (401, "Bearer"), "{dear:?}");
        if !reply.text.is_empty() {
            assert_eq!((reply.code(), named(&reply)), ("unauthorized", vec!["Authorization"]));
        }
        assert_eq!(proxy.take().len(), 0, "nothing was read");
        assert_eq!(dear.clone().signed_in("ann").send(&world.office).await.status, answered, "{dear:?}");
    }
    assert_eq!(Call::get_seats("1").send(&world.office).await.status, 200, "an ordinary read is open");
    let without = World::new().await;
    assert_eq!(consistent().send(&without.office).await.status, 200);
}

#[tokio::test]
async fn an_unknown_section_is_refused_before_any_seat_is_read() {
    let (world, proxy) = with_authorizer().await;
    let before = proxy.count("Query");
    let map = Call::get_seats("1").query("view=map&section=zzz").header("Reservation-Id", ID).signed_in("ann");
    let consistent = Call::get_seats("1").query("consistent=true&section=zzz").signed_in("ann");
    for call in [consistent, map, Call::get_seats("1").query("section=zzz")] {
        let reply = call.send(&world.office).await;
        assert_eq!((reply.status, named(&reply)), (400, vec!["section"]), "{}", reply.text);
    }
    assert_eq!(proxy.count("Query"), before);
}

#[tokio::test]
async fn a_scope_in_brackets_is_another_scope() {
    let world = World::new().await;
    let put = |claim: &str, value: &str| {
        let mut event = Call::of(Operation::PutTheater).event();
        event["requestContext"]["authorizer"]["jwt"] =
            json!({ "claims": { "sub": "ann", claim: value }, "scopes": null });
        event["headers"]["if-match"] = json!("*");
        event
    };
    for (claim, scope) in [
        ("scope", "[boxoffice/admin]"),
        ("scope", "[boxoffice/admin openid]"),
        ("scope", "boxoffice/admins"),
        ("scope", "openid,boxoffice/admin"),
        ("scp", "[[boxoffice/admin]]"),
        ("scopes", "boxoffice/admin"),
    ] {
        is_refused(&world, &put(claim, scope), 403, "Authorization").await;
    }
    for (claim, scope) in
        [("scope", "openid boxoffice/admin"), ("scp", "[openid boxoffice/admin]"), ("scp", "boxoffice/admin")]
    {
        assert!(send(&world, &put(claim, scope)).await.status < 300, "{claim} {scope}");
    }
}
