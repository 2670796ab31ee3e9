//! Subsegments that the functions send to the X-Ray daemon.

use std::net::UdpSocket;
use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::deployment::{Deployment, LONG_CACHE_DEADLINE, reserve, seats};

/// Returns the next datagram, parsed as the daemon does.
fn subsegment(daemon: &UdpSocket) -> Value {
    let mut datagram = vec![0; 65_536];
    let length = daemon.recv(&mut datagram).expect("a datagram");
    let text = std::str::from_utf8(&datagram[..length]).unwrap();
    let (header, document) = text.split_once('\n').expect("two lines");
    assert_eq!(serde_json::from_str::<Value>(header).unwrap(), json!({ "format": "json", "version": 1 }));
    let document: Value = serde_json::from_str(document).unwrap();
    let (start, end) = (document["start_time"].as_f64().unwrap(), document["end_time"].as_f64().unwrap());
    assert!(start > 1.7e9 && start <= end, "{document}");
    assert_eq!((&document["type"], &document["parent_id"]), (&json!("subsegment"), &json!("00000000000000f0")));
    document
}

#[tokio::test]
async fn each_call_to_dynamodb_and_redis_is_a_subsegment() {
    let daemon = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    // A missing datagram fails the test after this time.
    daemon.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let address = daemon.local_addr().unwrap().to_string();
    let deployment = Deployment::with(&[LONG_CACHE_DEADLINE, ("AWS_XRAY_DAEMON_ADDRESS", &address)]).await;
    deployment.send(&reserve(&seats(1, 2), Uuid::now_v7())).await;
    let calls: Vec<_> = (0..3).map(|_| subsegment(&daemon)).collect();
    let told: Vec<_> = calls.iter().map(|call| (&call["name"], &call["aws"]["operation"], &call["fault"])).collect();
    let (dynamodb, redis, well) = (json!("DynamoDB"), json!("Redis"), json!(false));
    // The layout and the sale are read in one call.
    let (layout, write) = (json!("BatchGetItem"), json!("TransactWriteItems"));
    let expected = [(&dynamodb, &layout, &well), (&dynamodb, &write, &well), (&redis, &Value::Null, &well)];
    assert_eq!(told, expected);
    assert!(calls.iter().all(|call| call["trace_id"] == calls[0]["trace_id"]));
    deployment.send(&reserve(&seats(3, 3), Uuid::now_v7())).await;
    assert_ne!(subsegment(&daemon)["trace_id"], calls[0]["trace_id"], "another request is another trace");
}
