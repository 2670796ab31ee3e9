//! The connection to Redis refused, dropped, silent, reset and slow.

use std::time::Duration;

use boxoffice_local::lambda_host::Lambda;
use boxoffice_tests::redis_proxy::RedisFault;
use futures_util::future::join_all;

use super::{CacheUse, ExpectedReads, sell_and_check, wait_for_hit, wait_until_used_again};
use crate::deployment::{Deployment, LONG_CACHE_DEADLINE};

/// For faults that exhaust the deadline again and again.
const SHORT_CACHE_DEADLINE: (&str, &str) = ("CACHE_DEADLINE_MS", "200");

/// Sells before, during and after the fault, without a restart.
async fn costs_no_answer(fault: RedisFault) {
    let is_waited_for = matches!(fault, RedisFault::Unreachable | RedisFault::Silent | RedisFault::Slow(_));
    // With such a short deadline, a busy machine alone may prevent a cache update.
    let (deadline, looks) = if is_waited_for {
        (SHORT_CACHE_DEADLINE, ExpectedReads::MayBeStale)
    } else {
        (LONG_CACHE_DEADLINE, ExpectedReads::Correct)
    };
    let deployment = Deployment::with(&[deadline]).await;
    let processes = deployment.functions.all().map(Lambda::pid);
    sell_and_check(&deployment, 1, looks).await;
    wait_for_hit(&deployment).await;
    let cache_use = CacheUse::since_now(&deployment);
    deployment.redis.set(Some(fault)).await;
    sell_and_check(&deployment, 11, ExpectedReads::Correct).await;
    sell_and_check(&deployment, 21, ExpectedReads::Correct).await;
    cache_use.is_bounded();
    if matches!(fault, RedisFault::Refused | RedisFault::Unreachable | RedisFault::Silent) {
        cache_use.is_bounded_at_the_proxy();
    }
    deployment.redis.set(None).await;
    wait_until_used_again(&deployment).await;
    sell_and_check(&deployment, 31, looks).await;
    assert_eq!(deployment.functions.all().map(Lambda::pid), processes);
}

#[tokio::test]
async fn refused_redis_connections_cost_no_response() {
    costs_no_answer(RedisFault::Refused).await;
}

#[tokio::test]
async fn unreachable_redis_host_costs_no_response() {
    costs_no_answer(RedisFault::Unreachable).await;
}

#[tokio::test]
async fn silent_redis_costs_no_response() {
    costs_no_answer(RedisFault::Silent).await;
}

#[tokio::test]
async fn redis_connections_reset_mid_reply_cost_no_response() {
    // The reset comes before any reply, within the first reply after connecting, or within the reply to a read.
    join_all([0, 3, 40].map(RedisFault::ResetAfter).map(costs_no_answer)).await;
}

#[tokio::test]
async fn late_redis_replies_cost_no_response() {
    costs_no_answer(RedisFault::Slow(Duration::from_secs(3))).await;
}

#[tokio::test]
async fn slow_redis_within_the_deadline_is_used() {
    let deployment = Deployment::new().await;
    deployment.redis.set(Some(RedisFault::Slow(Duration::from_millis(20)))).await;
    let cache_use = CacheUse::since_now(&deployment);
    sell_and_check(&deployment, 1, ExpectedReads::Correct).await;
    wait_for_hit(&deployment).await;
    assert_eq!(cache_use.is_bounded(), 0);
}
