//! Input from a caller doesn't become a header of the response.

use boxoffice_tests::delivery::{deliver, routes};
use boxoffice_tests::{Call, World};
use serde_json::{Value, json};

use crate::api::id;

#[tokio::test]
async fn path_does_not_inject_response_headers() {
    let world = World::new().await;
    let calls = [
        Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) })),
        Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) })),
        Call::book("1", &json!({ "seat": "A2", "booking_id": id(2) })),
        Call::theaters(),
        Call::get_seats("1"),
        Call::get_seats("nowhere"),
    ];
    for call in calls {
        for odd in
            ["\r\nset-cookie: a=b", "\nset-cookie: a=b\n\n<p>", "\u{0}", "%0d%0aset-cookie:%20a=b", ">; rel=\"x\""]
        {
            let mut event = call.event();
            event["rawPath"] = Value::from(format!("/v1{odd}/theaters/1/seats"));
            event["requestContext"]["http"]["path"] = event["rawPath"].clone();
            event["rawQueryString"] = Value::from(format!("limit=1&x={odd}"));
            let route = routes().into_iter().find(|route| *route == event["routeKey"].as_str().unwrap()).unwrap();
            let reply = deliver(&world.office, route, event.to_string().as_bytes()).await.expect("an event").reply;
            assert!(reply.status < 500, "{}", reply.text);
            for (name, value) in &reply.headers {
                assert_ne!(name, "set-cookie");
                assert!(value.bytes().all(|c| c == b' ' || c.is_ascii_graphic()), "{name}: {value:?}");
                assert!(!value.contains("rel=\"x\""), "{name}: {value:?}");
            }
        }
    }
}
