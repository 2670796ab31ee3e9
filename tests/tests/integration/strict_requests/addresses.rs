//! Paths of requests, and addresses in answers.

use boxoffice_tests::{Call, World};
use serde_json::{Value, json};

use super::{named, send};

#[tokio::test]
async fn any_path_gives_a_problem_whose_addresses_are_valid() {
    let world = World::new().await;
    for (path, instance) in [
        ("/v1/theaters/Saal 50%/seats", "/v1/theaters/Saal%2050%25/seats"),
        ("/v1/theaters/[a]|b/seats", "/v1/theaters/%5Ba%5D%7Cb/seats"),
        ("//v1/theaters/1/seats", "/v1/theaters/1/seats"),
        ("//v1/nowhere", "/.//v1/nowhere"),
    ] {
        let mut event = Call::get_seats("no such").event();
        event["rawPath"] = json!(path);
        let reply = send(&world, &event).await;
        assert_eq!((reply.status, reply.text("instance")), (400, instance));
    }
}

#[tokio::test]
async fn problem_type_links_use_the_gateways_address() {
    let world = World::new().await;
    let of = async |change: &dyn Fn(&mut Value)| {
        let mut event = Call::get_seats("nowhere").event();
        change(&mut event);
        send(&world, &event).await.text("type").to_owned()
    };
    assert_eq!(of(&|_| ()).await, "https://api.example/v1/errors/theater_not_found");
    assert_eq!(
        of(&|event| {
            event["headers"]["x-forwarded-proto"] = json!("http");
            event["requestContext"]["domainName"] = json!("127.0.0.1:8000");
        })
        .await,
        "http://127.0.0.1:8000/v1/errors/theater_not_found"
    );
    // The caller chooses the host, so no address is made of it.
    assert_eq!(
        of(&|event| {
            event["headers"]["host"] = json!("evil.example");
            event["headers"]["x-forwarded-proto"] = json!("javascript");
            event["requestContext"]["domainName"] = Value::Null;
        })
        .await,
        "/v1/errors/theater_not_found"
    );
    assert_eq!(
        of(&|event| event["requestContext"]["domainName"] = json!("a\"b")).await,
        "/v1/errors/theater_not_found"
    );
    let page = Call::error_page("theater_not_found").send(&world.office).await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/plain; charset=utf-8"));
    assert_eq!(page.header("cache-control"), "public, max-age=3600");
    assert!(page.text.starts_with("# theater_not_found"), "{}", page.text);
    let none = Call::error_page("nonsense").send(&world.office).await;
    assert_eq!((none.status, none.code()), (404, "error_code_not_found"));
}

#[tokio::test]
async fn a_path_parameter_is_decoded_once() {
    let world = World::new().await;
    // API Gateway has decoded %2531 to this.
    let reply = Call::get_seats("%31").send(&world.office).await;
    assert_eq!((reply.status, named(&reply)), (400, vec!["theaterId"]));
}
