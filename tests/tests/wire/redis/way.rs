//! The connection to Redis refused, dropped, silent, reset and slow.

use std::time::Duration;

use boxoffice_local::lambda::Lambda;
use boxoffice_tests::redis_proxy::RedisFault;
use futures_util::future::join_all;

use super::{Looks, Spending, is_hit, is_used_again, sells};
use crate::site::{PATIENT, Site};

/// For faults that exhaust the deadline again and again.
const IMPATIENT: (&str, &str) = ("CACHE_DEADLINE_MS", "200");

/// Sells before, during and after the fault, without a restart.
async fn costs_no_answer(fault: RedisFault) {
    let is_waited_for = matches!(fault, RedisFault::Unreachable | RedisFault::Silent | RedisFault::Slow(_));
    // With such a short deadline, a busy machine alone may prevent a cache update.
    let (deadline, looks) = if is_waited_for { (IMPATIENT, Looks::Older) } else { (PATIENT, Looks::Right) };
    let site = Site::with(&[deadline]).await;
    let processes = site.functions.all().map(Lambda::pid);
    sells(&site, 1, looks).await;
    is_hit(&site).await;
    let spending = Spending::since_now(&site);
    site.redis.set(Some(fault)).await;
    sells(&site, 11, Looks::Right).await;
    sells(&site, 21, Looks::Right).await;
    spending.is_bounded();
    if matches!(fault, RedisFault::Refused | RedisFault::Unreachable | RedisFault::Silent) {
        spending.is_bounded_at_the_proxy();
    }
    site.redis.set(None).await;
    is_used_again(&site).await;
    sells(&site, 31, looks).await;
    assert_eq!(site.functions.all().map(Lambda::pid), processes);
}

#[tokio::test]
async fn a_redis_that_refuses_connections_costs_no_answer() {
    costs_no_answer(RedisFault::Refused).await;
}

#[tokio::test]
async fn a_redis_whose_host_is_gone_costs_no_answer() {
    costs_no_answer(RedisFault::Unreachable).await;
}

#[tokio::test]
async fn a_redis_that_accepts_and_says_nothing_costs_no_answer() {
    costs_no_answer(RedisFault::Silent).await;
}

#[tokio::test]
async fn a_redis_that_resets_connections_in_the_midst_of_answers_costs_no_answer() {
    // The reset comes before any reply, within the first reply after connecting, or within the reply to a read.
    join_all([0, 3, 40].map(RedisFault::ResetAfter).map(costs_no_answer)).await;
}

#[tokio::test]
async fn a_redis_that_answers_too_late_costs_no_answer() {
    costs_no_answer(RedisFault::Slow(Duration::from_secs(3))).await;
}

#[tokio::test]
async fn a_redis_that_answers_late_but_in_time_is_used() {
    let site = Site::new().await;
    site.redis.set(Some(RedisFault::Slow(Duration::from_millis(20)))).await;
    let spending = Spending::since_now(&site);
    sells(&site, 1, Looks::Right).await;
    is_hit(&site).await;
    assert_eq!(spending.is_bounded(), 0);
}
