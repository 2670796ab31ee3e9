//! The compared on-sales. They share a venue and a crowd. Most differ from the base in one change of the stack, and the
//! last one combines several.

use super::parameters::{Edge, NODE, NotModified, Parameters};

/// A named on-sale.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    /// The name in tables and files.
    pub(crate) name: &'static str,
    pub(crate) parameters: Parameters,
}

type Change = fn(&mut Parameters);

/// Simulates five minutes before the opening: a hundredth of the crowd waits, and nothing changes.
fn before(it: &mut Parameters) {
    it.crowd.people /= 100;
    it.crowd.tries = 0.0;
    it.crowd.patience = 3_600.0;
    it.horizon = 300;
}

/// Adds CloudFront with twelve edge locations, which keep an answer for a second. The request limit is its default
/// quota.
fn edge(it: &mut Parameters) {
    it.stack.edge = Some(Edge { lifetime: 1_000.0, places: 12, rate: 250_000.0 });
    // CloudFront compresses. gzip leaves a quarter of a list of seats (measured).
    it.stack.compression = 0.25;
}

/// Returns all scenarios of one venue and crowd.
pub(crate) fn scenarios(base: &Parameters) -> Vec<Scenario> {
    let changes: [(&'static str, Change); 19] = [
        ("before the sale, 304s that read the whole string", |it| {
            before(it);
            it.stack.not_modified = NotModified::WholeString;
        }),
        ("before the sale, 304s by the header alone", before),
        ("304s that read the whole string", |it| it.stack.not_modified = NotModified::WholeString),
        ("304s by the header alone: the base", |_| {}),
        ("+ a node cache.m7g.large", |it| it.stack.cache = NODE),
        ("+ reads from replicas (90,000 ECPU)", |it| {
            it.stack.cache.bytes *= 3.0;
            it.stack.cache.calls *= 3.0;
        }),
        ("+ availability by section, 10 keys", |it| it.stack.sections = 10),
        ("+ answers with changes only", |it| it.stack.deltas = true),
        ("+ compressed answers", |it| it.stack.compression = 0.25),
        ("+ kept a second by each instance", |it| it.stack.kept_by_instance = 1_000.0),
        ("+ 300 of the concurrency for writes", |it| it.stack.reserved_for_writes = 300),
        ("+ ReadRate 240, what the key's shard takes", |it| (it.stack.read_rate, it.stack.read_burst) = (240.0, 24.0)),
        ("+ provisioned concurrency, 300", |it| it.stack.provisioned = 300),
        ("+ quotas of 10,000 instances, 50,000 requests/s", |it| {
            (it.stack.concurrency, it.stack.gateway_rate, it.stack.gateway_burst) = (10_000, 50_000.0, 25_000.0);
            (it.stack.read_rate, it.stack.read_burst) = (45_000.0, 22_500.0);
        }),
        ("+ split into 4 partitions", |it| it.stack.partitions = 4),
        ("+ ids on every try, no early refusal", |it| it.stack.refuses_early = false),
        ("+ a CDN, 1 s", edge),
        ("+ a waiting room, 200 a second", |it| it.stack.waiting_room = Some(200.0)),
        ("a CDN, 300 for writes, a waiting room of 2,000 a second", |it| {
            edge(it);
            it.stack.reserved_for_writes = 300;
            it.stack.waiting_room = Some(2_000.0);
        }),
    ];
    let scenario = |(name, change): (&'static str, Change)| {
        let mut parameters = base.clone();
        change(&mut parameters);
        Scenario { name, parameters }
    };
    changes.map(scenario).into()
}
