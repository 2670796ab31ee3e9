//! CloudWatch metrics in the functions' logs.

use std::collections::BTreeMap;

use boxoffice_local::lambda_host::Lambda;
use serde_json::Value;
use uuid::Uuid;

use crate::deployment::{Deployment, LONG_CACHE_DEADLINE, book, reserve, seat_map, seats};

/// Returns the counts of a process since its start, by name.
fn counted(lambda: &Lambda) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for line in lambda.log().unwrap().lines().filter(|line| line.contains("\"_aws\"")) {
        let line: Value = serde_json::from_str(line).expect("a line of JSON");
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!((&directive["Namespace"], &line["Service"]), (&"halls".into(), &"stack".into()), "{line}");
        assert_eq!(directive["Dimensions"], serde_json::json!([["Service"]]));
        assert!(line["_aws"]["Timestamp"].as_u64().is_some_and(|timestamp| timestamp > 0));
        assert!(line["op"].is_string(), "the access log line itself: {line}");
        for metric in directive["Metrics"].as_array().unwrap() {
            let name = metric["Name"].as_str().unwrap();
            *sums.entry(name.to_owned()).or_default() += line[name].as_u64().unwrap();
        }
    }
    sums
}

fn sums(expected: &[(&str, u64)]) -> BTreeMap<String, u64> {
    expected.iter().map(|(name, sum)| ((*name).to_owned(), *sum)).collect()
}

#[tokio::test]
async fn outcome_of_each_request_is_counted() {
    let deployment =
        Deployment::with(&[LONG_CACHE_DEADLINE, ("METRICS_NAMESPACE", "halls"), ("METRICS_SERVICE", "stack")]).await;
    for _ in 0..3 {
        deployment.send(&seat_map()).await;
    }
    let mine = reserve(&seats(1, 2), Uuid::now_v7());
    for status in [201, 200] {
        assert_eq!(deployment.send(&mine).await.status, status);
    }
    let bought = book(&seats(3, 3), Uuid::now_v7(), None);
    for (call, status) in [(&bought, 201), (&bought, 200), (&book(&seats(2, 3), Uuid::now_v7(), None), 409)] {
        assert_eq!(deployment.send(call).await.status, status);
    }
    let functions = &deployment.functions;
    assert_eq!(counted(&functions.get_seats), sums(&[("CacheMisses", 1)]));
    assert_eq!(counted(&functions.reserve), sums(&[("Reservations", 1)]));
    assert_eq!(counted(&functions.book), sums(&[("Bookings", 1), ("Conflicts", 1)]));
}

#[tokio::test]
async fn no_metrics_are_written_without_a_namespace() {
    let deployment = Deployment::new().await;
    deployment.send(&seat_map()).await;
    assert!(!deployment.functions.get_seats.log().unwrap().contains("_aws"));
}

#[tokio::test]
async fn alarm_metrics_are_written_at_every_log_level() {
    let metrics =
        [LONG_CACHE_DEADLINE, ("METRICS_NAMESPACE", "halls"), ("METRICS_SERVICE", "stack"), ("LOG_LEVEL", "error")];
    let deployment = Deployment::with(&metrics).await;
    for _ in 0..2 {
        deployment.send(&seat_map()).await;
    }
    assert_eq!(counted(&deployment.functions.get_seats), sums(&[("CacheMisses", 1)]));
    assert_eq!(deployment.functions.get_seats.log().unwrap().lines().count(), 1, "the hit has no line");
}
