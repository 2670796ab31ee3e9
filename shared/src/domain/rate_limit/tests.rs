//! Guarantees of the rate algorithm, for any limit and any times of requests.

use proptest::prelude::*;

use super::*;

const NOW: u64 = 1_795_370_400_000_000;

fn limit() -> impl Strategy<Value = RateLimit> {
    let per_minute = prop_oneof![1..20_u32, 1..=RateLimit::MOST];
    per_minute.prop_flat_map(|minute| {
        let burst = prop_oneof![Just(1), Just(minute), 1..=minute, 1..=minute.min(9)];
        burst.prop_map(move |burst| RateLimit::new(minute, burst).unwrap())
    })
}

/// Pauses between requests, in intervals and microseconds. Most are about as long as the budget needs.
fn pauses() -> impl Strategy<Value = Vec<(u64, u64)>> {
    prop::collection::vec(
        prop_oneof![4 => (Just(0), 0..3_u64), 2 => (0..3_u64, 0..1_000_u64), 1 => (0..40_u64, 0..2_u64)],
        1..120,
    )
}

/// A budget in use.
struct Scenario {
    limit: RateLimit,
    stored: Option<(Vec<u8>, u64)>,
}

impl Scenario {
    fn new(limit: RateLimit) -> Self {
        Self { limit, stored: None }
    }

    fn ask(&mut self, now: u64) -> RateLimitDecision {
        self.ask_for(1, now)
    }

    fn ask_for(&mut self, cost: u32, now: u64) -> RateLimitDecision {
        // Like Redis, expires the key this many milliseconds after the millisecond of the write.
        let stored = self.stored.take().filter(|(_, until)| now / 1_000 < *until);
        let (verdict, store) = self.limit.decide(stored.as_ref().map(|(bytes, _)| bytes.as_slice()), cost, now);
        self.stored = store.map(|store| (store.bytes, now / 1_000 + store.life)).or(stored);
        verdict
    }
}

proptest! {
    #[test]
    fn no_window_allows_more_than_burst_plus_rate(
        limit in limit(), pauses in pauses(), costs in prop::collection::vec(0..30_u32, 120)
    ) {
        let (mut scenario, mut now, mut through) = (Scenario::new(limit), NOW, Vec::new());
        for ((intervals, micros), cost) in pauses.into_iter().zip(costs) {
            now += intervals * limit.interval() + micros;
            if scenario.ask_for(cost, now).allowed {
                through.push((now, u64::from(cost.clamp(1, limit.burst))));
            }
        }
        for (at, (from, _)) in through.iter().enumerate() {
            let mut units = 0;
            for (to, cost) in &through[at..] {
                units += cost;
                prop_assert!(units <= u64::from(limit.burst) + (to - from) / limit.interval());
            }
        }
    }

    #[test]
    fn costly_request_is_allowed_once_budget_is_full(
        limit in limit(), used in prop::collection::vec(1..30_u32, 0..20), cost in 1..100_u32
    ) {
        let mut scenario = Scenario::new(limit);
        for cost in used {
            scenario.ask_for(cost, NOW);
        }
        let verdict = scenario.ask_for(cost, NOW);
        let standing = limit.standing(Activity::Reading, cost, verdict);
        prop_assert_eq!(standing.retry_after.is_none(), verdict.allowed);
        if let Some(seconds) = standing.retry_after {
            let at = |wait: u64| Scenario { limit, stored: scenario.stored.clone() }.ask_for(cost, NOW + wait * 1_000_000);
            prop_assert!(at(seconds).allowed && (seconds == 1 || !at(seconds - 1).allowed));
            prop_assert!(at(standing.reset).allowed, "the whole burst is available");
        }
    }

    #[test]
    fn costly_request_equals_several_cheap_ones(limit in limit(), cost in 1..20_u32) {
        prop_assume!(cost <= limit.burst);
        let (mut one, mut many) = (Scenario::new(limit), Scenario::new(limit));
        let dear = one.ask_for(cost, NOW);
        let single = (0..cost).map(|_| many.ask(NOW)).last().unwrap();
        prop_assert_eq!((dear.allowed, dear.full_at), (single.allowed, single.full_at));
    }

    #[test]
    fn rate_limit_status_is_accurate(limit in limit(), pauses in pauses()) {
        let (mut scenario, mut now) = (Scenario::new(limit), NOW);
        for (intervals, micros) in pauses {
            now += intervals * limit.interval() + micros;
            let verdict = scenario.ask(now);
            let standing = limit.standing(Activity::Reading, 1, verdict);
            let at = |wait: u64| Scenario { limit, stored: scenario.stored.clone() }.ask(now + wait);
            prop_assert!(standing.remaining < u64::from(limit.burst), "this request used a unit");
            prop_assert_eq!(standing.retry_after.is_none(), verdict.allowed);
            prop_assert_eq!(at(0).allowed, standing.remaining > 0);
            if let Some(seconds) = standing.retry_after {
                prop_assert_eq!(standing.remaining, 0);
                prop_assert!(seconds >= 1 && at(seconds * 1_000_000).allowed);
                prop_assert!(seconds == 1 || !at((seconds - 1) * 1_000_000).allowed, "not allowed earlier");
            }
            let left = verdict.full_at - now;
            prop_assert!(left <= standing.reset * 1_000_000 && left > (standing.reset - 1) * 1_000_000);
            let whole = limit.standing(Activity::Reading, 1, at(standing.reset * 1_000_000));
            prop_assert_eq!(whole.remaining + 1, u64::from(limit.burst), "all except this request");
        }
    }

    #[test]
    fn remaining_units_are_available_at_once(limit in limit(), used in 0..50_u32) {
        let mut scenario = Scenario::new(limit);
        let mut verdict = scenario.ask(NOW);
        for _ in 0..used {
            verdict = scenario.ask(NOW);
        }
        let remaining = limit.standing(Activity::Writing, 1, verdict).remaining;
        prop_assume!(remaining < 5_000);
        for _ in 0..remaining {
            prop_assert!(scenario.ask(NOW).allowed);
        }
        prop_assert!(!scenario.ask(NOW).allowed);
    }

    #[test]
    fn clock_set_back_blocks_callers_no_longer_than_the_burst(
        limit in limit(), used in 1..50_u32, back in 0..10_000_000_000_000_u64
    ) {
        let mut scenario = Scenario::new(limit);
        for _ in 0..used {
            scenario.ask(NOW);
        }
        let now = NOW - back;
        // The clock that expires the key was set back too, so the key is still there.
        scenario.stored = scenario.stored.map(|(bytes, _)| (bytes, u64::MAX));
        scenario.ask(now);
        prop_assert!(scenario.ask(now + limit.interval()).allowed, "after one interval, one request is allowed");
        let whole = scenario.ask(now + limit.interval() + limit.tolerance());
        prop_assert_eq!(limit.standing(Activity::Reading, 1, whole).remaining + 1, u64::from(limit.burst));
    }

    #[test]
    fn any_stored_bytes_are_handled(limit in limit(), bytes in prop::collection::vec(any::<u8>(), 0..20)) {
        let (verdict, _) = limit.decide(Some(&bytes), 1, NOW);
        prop_assert!(verdict.full_at > NOW - 1 && verdict.full_at <= NOW + limit.tolerance());
    }
}

#[test]
fn budget_key_lives_at_most_a_minute_plus_rounding() {
    for per_minute in 1..=RateLimit::MOST {
        let limit = RateLimit::new(per_minute, per_minute).unwrap();
        let furthest = (NOW + limit.tolerance() + 1).to_string();
        let (_, store) = limit.decide(Some(furthest.as_bytes()), 1, NOW);
        assert!(store.unwrap().life <= 60_062, "{per_minute}");
    }
}

#[test]
fn rounding_never_raises_the_rate() {
    for per_minute in 1..=RateLimit::MOST {
        let interval = RateLimit::new(per_minute, 1).unwrap().interval();
        assert!(60_000_000 / interval <= u64::from(per_minute), "{per_minute}");
    }
}

#[test]
fn a_limit_lets_its_burst_through_and_then_its_rate() {
    let limit = RateLimit::new(60, 3).unwrap();
    let mut scenario = Scenario::new(limit);
    let mut ask = |millis: u64| {
        let standing = limit.standing(Activity::Reading, 1, scenario.ask(NOW + millis * 1_000));
        (standing.remaining, standing.reset, standing.retry_after)
    };
    assert_eq!(ask(0), (2, 1, None));
    assert_eq!(ask(0), (1, 2, None));
    assert_eq!(ask(1), (0, 3, None));
    assert_eq!(ask(2), (0, 3, Some(1)));
    assert_eq!(ask(999), (0, 3, Some(1)));
    assert_eq!(ask(1_000), (0, 3, None));
    assert_eq!(ask(60_000), (2, 1, None));
}

#[test]
fn invalid_limits_are_rejected_and_default_burst_is_valid() {
    for (per_minute, burst) in [(0, 0), (0, 1), (1, 0), (1, 2), (60_001, 1)] {
        assert_eq!(RateLimit::new(per_minute, burst), None);
    }
    for per_minute in [1, 2, 3, 4, 5, 60, 60_000] {
        assert!(RateLimit::new(per_minute, RateLimit::default_burst(per_minute)).is_some(), "{per_minute}");
    }
}
