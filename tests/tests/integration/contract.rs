//! The document that answers are held against, held against itself.

use std::collections::BTreeMap;

use boxoffice_tests::contract::{DOCUMENT, judge, resolve, valid};
use boxoffice_tests::{Call, Reply, World};
use serde_json::{Value, json};

fn reply(status: u16, headers: &[(&str, &str)], body: &Value) -> Reply {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Reply { status, headers: headers.collect::<BTreeMap<_, _>>(), body: body.clone(), text: body.to_string() }
}

#[tokio::test]
async fn an_answer_that_the_document_does_not_have_is_noticed() {
    let world = World::new().await;
    let route = "GET /theaters/{theaterId}/seats";
    let good = Call::get_seats("1").send(&world.office).await;
    assert_eq!(judge(route, &good), Ok(()));
    let spoil = |change: &dyn Fn(&mut Reply)| {
        let mut spoilt = good.clone();
        change(&mut spoilt);
        judge(route, &spoilt).unwrap_err()
    };
    assert!(spoil(&|reply| reply.status = 418).contains("418"));
    assert!(spoil(&|reply| drop(reply.headers.remove("etag"))).contains("etag"));
    assert!(spoil(&|reply| drop(reply.headers.insert("location".into(), "/".into()))).contains("location"));
    assert!(spoil(&|reply| drop(reply.headers.insert("x-cache".into(), "maybe".into()))).contains("x-cache"));
    assert!(
        spoil(&|reply| drop(reply.headers.insert("content-type".into(), "text/html".into()))).contains("text/html")
    );
    assert!(spoil(&|reply| reply.body["rows"] = json!([])).contains("rows"));
    assert!(spoil(&|reply| drop(reply.body["seats"].take())).contains("seats"));
    let unknown = judge("PATCH /theaters/{theaterId}", &good).unwrap_err();
    assert!(unknown.contains("no such operation"));
    let empty = reply(204, &[("cache-control", "no-store")], &Value::Null);
    let empty = Reply { text: String::new(), ..empty };
    let delete = "DELETE /theaters/{theaterId}";
    assert_eq!(judge(delete, &empty), Ok(()));
    assert!(judge(delete, &Reply { text: "x".to_owned(), ..empty }).is_err());
}

#[test]
fn each_example_fits_its_schema() {
    let mut examples = 0;
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(_, value)| value.is_object()) {
            let responses =
                operation["responses"].as_object().into_iter().flatten().map(|(_, response)| resolve(response));
            let bodies = responses.chain([&operation["requestBody"]]);
            for media in bodies.filter_map(|body| body["content"].as_object()).flat_map(|content| content.values()) {
                for (name, example) in
                    media["examples"].as_object().unwrap_or_else(|| panic!("{method} {path}: no examples"))
                {
                    let checked = valid(&media["schema"], &resolve(example)["value"]);
                    checked.unwrap_or_else(|why| panic!("{method} {path}: example {name}: {why}"));
                    examples += 1;
                }
            }
        }
    }
    assert!(examples > 60, "{examples}");
}
