//! The owner of a rate-limit budget: a subject or an address, and which address counts.

use super::*;

/// Returns the status of a read from this address.
async fn status(world: &World, source: &str, forwarded: &str) -> u16 {
    send(world, &read_from(source, forwarded)).await.status
}

#[tokio::test]
async fn each_ipv4_address_and_ipv6_network_has_a_budget() {
    let world = limited(1, 0).await;
    for (address, expected) in [
        ("192.0.2.1", 200),
        ("192.0.2.1", 429),
        ("192.0.2.2", 200),
        ("2001:db8:0:1::1", 200),
        ("2001:db8:0:1:ffff::2", 429),
        ("2001:db8:0:2::1", 200),
    ] {
        assert_eq!(status(&world, address, "").await, expected, "{address}");
    }
}

#[tokio::test]
async fn signed_in_caller_has_one_budget_from_any_address() {
    let world = limited(1, 0).await;
    let seat_map = async |source: &str, subject: Option<&str>| {
        let mut event = read_from(source, "");
        if let Some(subject) = subject {
            event["requestContext"]["authorizer"] = serde_json::json!({ "jwt": { "claims": { "sub": subject } } });
        }
        send(&world, &event).await.status
    };
    assert_eq!(seat_map("192.0.2.1", Some("ann")).await, 200);
    assert_eq!(seat_map("192.0.2.2", Some("ann")).await, 429, "another address doesn't give another budget");
    assert_eq!(seat_map("192.0.2.1", Some("bob")).await, 200, "the address isn't shared with others");
    assert_eq!(seat_map("192.0.2.1", None).await, 200);
    assert_eq!(seat_map("192.0.2.1", None).await, 429);
}

#[tokio::test]
async fn a_forwarded_address_is_ignored_unless_a_proxy_is_trusted() {
    let world = limited(1, 0).await;
    assert_eq!(status(&world, "192.0.2.1", "198.51.100.1").await, 200);
    for forged in ["198.51.100.2", "198.51.100.3, 192.0.2.1", "::1", "192.0.2.1", "x"] {
        assert_eq!(status(&world, "192.0.2.1", forged).await, 429, "{forged}");
    }
}

#[tokio::test]
async fn forged_address_behind_a_trusted_proxy_has_no_effect() {
    let limits = RateLimits { reads: only(1), writes: None };
    let world = World::on(Setup { limits, trusted_proxies: 1, ..Setup::shared() }).await;
    // The proxy has appended the caller's address, and API Gateway the proxy's.
    assert_eq!(status(&world, "203.0.113.1", "198.51.100.7, 203.0.113.1").await, 200);
    for sent in ["198.51.100.8, ", "198.51.100.8, 198.51.100.9, ", "x, ", ", ", "\u{e9}, ", "198.51.100.7, "] {
        let forwarded = format!("{sent}198.51.100.7, 203.0.113.1");
        assert_eq!(status(&world, "203.0.113.1", &forwarded).await, 429, "{sent}");
    }
    // Another edge server of the same proxy doesn't give the caller another budget.
    assert_eq!(status(&world, "203.0.113.2", "198.51.100.7, 203.0.113.2").await, 429);
    assert_eq!(
        status(&world, "203.0.113.1", "198.51.100.7, 198.51.100.8, 203.0.113.1").await,
        200,
        "the claimed address isn't charged"
    );
}

#[tokio::test]
async fn odd_addresses_are_answered_and_may_share_a_budget() {
    let limits = RateLimits { reads: only(1), writes: None };
    let world = World::on(Setup { limits, trusted_proxies: 2, ..Setup::shared() }).await;
    assert_eq!(status(&world, "192.0.2.9", "").await, 200);
    let long = "1.1.1.1,".repeat(2_000);
    for odd in
        ["", ",", "unknown", "198.51.100.7", "a b c", "999.1.1.1, 192.0.2.9", "[::1, ::2]", "nonsense, 198.51.100.7"]
    {
        assert_eq!(status(&world, "192.0.2.9", odd).await, 429, "{odd:.20}");
    }
    assert_eq!(status(&world, "192.0.2.9", &long).await, 200, "an address that a trusted proxy could have named");
    let mut event = read_from("", "");
    assert_eq!(send(&world, &event).await.status, 200);
    for nowhere in [serde_json::json!("nowhere"), serde_json::json!(null), serde_json::json!("1.2.3")] {
        event["requestContext"]["http"]["sourceIp"] = nowhere;
        assert_eq!(send(&world, &event).await.status, 429, "callers without an address share a budget");
    }
}

#[tokio::test]
async fn redis_holds_neither_subjects_nor_addresses() {
    let world = limited(5, 5).await;
    send(&world, &read_from("198.51.100.77", "")).await;
    Call::get_seats("1").signed_in("somebody@example.com").send(&world.office).await;
    let pattern = format!("{}:*looks", world.prefix);
    let keys: Vec<String> = redis::cmd("KEYS").arg(pattern).query_async(&mut world.redis().await).await.unwrap();
    assert_eq!(keys.len(), 2);
    assert!(keys.iter().all(|key| !key.contains("198.51") && !key.contains("somebody")), "{keys:?}");
}
