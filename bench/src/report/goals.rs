//! Goals, with their verdicts.

use super::results::Results;
use super::table::{Table, number};
use crate::FUNCTIONS;
use crate::load::conflicts::BuyerArrival;
use crate::venues::SoldShare;

const MIB: f64 = 1_024.0 * 1_024.0;

/// One goal.
#[derive(Clone, Debug, PartialEq)]
struct Goal {
    what: String,
    unit: &'static str,
    limit: f64,
    /// `None` if it wasn't measured.
    measured: Option<f64>,
    /// The limit is a lower bound instead of an upper bound.
    at_least: bool,
}

impl Goal {
    fn most(what: impl Into<String>, unit: &'static str, limit: f64, measured: Option<f64>) -> Self {
        Self { what: what.into(), unit, limit, measured, at_least: false }
    }

    fn verdict(&self) -> String {
        let Some(measured) = self.measured else { return "not measured".to_owned() };
        let is_met = if self.at_least { measured >= self.limit } else { measured <= self.limit };
        if is_met {
            return "met".to_owned();
        }
        if self.limit == 0.0 {
            return format!("**missed by {}**", number(measured));
        }
        let times = if self.at_least { self.limit / measured } else { measured / self.limit };
        match times {
            ..2.0 => format!("**missed by {} %**", number((times - 1.0) * 100.0)),
            _ => format!("**missed: {} times**", number(times)),
        }
    }
}

/// Renders the table.
pub(super) fn table(results: &Results) -> String {
    let mut table = Table::new(&["what", "goal", "measured", "verdict"]);
    for goal in goals(results) {
        let sign = if goal.at_least { "≥" } else { "≤" };
        let limit = format!("{sign} {} {}", number(goal.limit), goal.unit);
        let measured = match goal.measured {
            Some(measured) => format!("{} {}", number(measured), goal.unit),
            None => "–".to_owned(),
        };
        table.row(&[goal.what.as_str(), limit.trim_end(), measured.trim_end(), &goal.verdict()]);
    }
    table.text()
}

fn goals(results: &Results) -> Vec<Goal> {
    let mut goals = starting(results);
    goals.extend(looking(results));
    goals.extend(writing(results));
    goals.extend(sizes(results));
    goals.extend(crowds(results));
    goals
}

/// Returns the largest value of all deployed functions.
fn largest(values: impl Iterator<Item = (String, Option<f64>)>) -> Option<f64> {
    values
        .filter(|(function, _)| FUNCTIONS.contains(&function.as_str()))
        .filter_map(|(_, value)| value)
        .reduce(f64::max)
}

fn starting(results: &Results) -> Vec<Goal> {
    let of = |value: fn(&crate::measure::start::Start) -> Option<f64>| {
        largest(results.starts.iter().map(|start| (start.function.clone(), value(start))))
    };
    let bare = results.start("bench-echo").map(|start| start.wall[0]);
    let millions = of(|start| Some(start.instructions? / 1e6));
    let before = of(|start| start.before_connecting).zip(bare).map(|(before, bare)| before / bare);
    let first = of(|start| Some(start.first? / start.warm?));
    vec![
        Goal::most("init to the first `/next`, instructions, worst function", "million", 2.5, millions),
        Goal::most(
            "init before the first connection, compared with the bare runtime's init to `/next`, wall time",
            "times",
            1.5,
            before,
        ),
        Goal::most("first request compared with warm p50, worst function", "times", 1.5, first),
    ]
}

fn looking(results: &Results) -> Vec<Goal> {
    let cpu = |name: &str| results.call(name).map(|call| call.timed.cpu);
    let hit = results.call("get-seats hit, 300 seats, half sold");
    let raw = results.raw_gets.iter().find(|get| get.seats == 300);
    let floor = cpu("bare runtime, echo").zip(raw).map(|(echo, raw)| echo + raw.cpu);
    let to_floor = hit.zip(floor).map(|(hit, floor)| hit.timed.cpu / floor);
    let python = results.python.iter().find(|call| call.name == "get-seats hit, 300 seats, half sold");
    let to_python = python.zip(hit).map(|(python, hit)| python.timed.cpu / hit.timed.cpu);
    let slope = results.line("hit", SoldShare::Half, |call| Some(call.timed.cpu * 1e3)).map(|line| line.slope);
    let known = |seats: usize| results.call(&format!("get-seats 304, {seats} seats, half sold"));
    let wire = |seats| Some(known(seats)?.exact?.redis.received);
    let processor = |seats| Some(known(seats)?.timed.cpu);
    let ratio = |large: Option<f64>, small: Option<f64>| large.zip(small).map(|(large, small)| large / small);
    vec![
        Goal::most("get-seats hit, 300 seats: CPU compared with bare echo plus raw GET", "times", 1.3, to_floor),
        Goal {
            at_least: true,
            ..Goal::most("the same: CPU of the Python function compared with ours", "times", 10.0, to_python)
        },
        Goal::most("get-seats hit: CPU per seat, fitted from 6 to 10,000 seats, half sold", "ns", 12.0, slope),
        Goal::most("304: bytes from Redis, 10,000 seats compared with 6", "times", 1.05, ratio(wire(10_000), wire(6))),
        Goal::most("304: CPU, 10,000 seats compared with 6", "times", 1.25, ratio(processor(10_000), processor(6))),
    ]
}

fn writing(results: &Results) -> Vec<Goal> {
    let mut goals = Vec::new();
    for (name, units) in
        [("reserve 1 seat", 4.0), ("reserve 4 seats", 10.0), ("book 1 seat", 4.0), ("book 4 seats", 10.0)]
    {
        let call = results.call(name);
        let exact = call.and_then(|call| call.exact);
        let trips = exact.map(|exact| exact.redis.trips + exact.dynamodb.trips);
        goals.push(Goal::most(format!("{name}: calls to Redis and DynamoDB together"), "", 2.0, trips));
        goals.push(Goal::most(format!("{name}: capacity"), "units", units, exact.map(|exact| exact.capacity)));
        goals.push(Goal::most(format!("{name}: CPU"), "µs", 150.0, call.map(|call| call.timed.cpu)));
    }
    goals
}

#[allow(clippy::cast_precision_loss, reason = "no size is that large")]
fn sizes(results: &Results) -> Vec<Goal> {
    let of = |value: fn(&crate::measure::size::Size) -> u64| {
        largest(results.sizes.iter().map(|size| (size.function.clone(), Some(value(size) as f64 / MIB))))
    };
    let at_start = largest(results.starts.iter().map(|start| (start.function.clone(), Some(start.peak_kib / 1_024.0))));
    let lived = results.memory.iter().find(|memory| memory.distinct_traces);
    let same = results.memory.iter().find(|memory| !memory.distinct_traces);
    vec![
        Goal::most("largest binary", "MiB", 6.0, of(|size| size.binary)),
        Goal::most("largest zip", "MiB", 2.5, of(|size| size.zip)),
        Goal::most("peak memory at the first `/next`, worst function", "MiB", 8.0, at_start),
        Goal::most(
            format!(
                "peak memory after {} reads",
                lived.map_or_else(|| "all".to_owned(), |lived| number(lived.requests as f64))
            ),
            "MiB",
            12.0,
            lived.map(|lived| lived.at_end as f64 / 1_024.0),
        ),
        Goal::most("growth per read with constant trace ids", "bytes", 1.0, same.map(|same| same.growth)),
    ]
}

#[allow(clippy::cast_precision_loss, reason = "no count is that large")]
fn crowds(results: &Results) -> Vec<Goal> {
    let of = |crowd| results.conflicts.iter().find(|conflicts| conflicts.crowd == crowd);
    let late = of(BuyerArrival::Late).map(|late| (late.transactions + late.others) as f64);
    let queries = Some(results.cold.queries as f64).filter(|_| results.cold.rounds > 0);
    let units = of(BuyerArrival::AtOnce).map(|crowd| crowd.units_a_sold_seat);
    vec![
        Goal::most(format!("cold key, {} readers at once: Queries", results.cold.readers), "", 2.0, queries),
        Goal::most("attempts at a sold seat, no id: calls to DynamoDB", "", 0.0, late),
        Goal::most("a hundred buyers at once for each seat, no id: write capacity per sold seat", "units", 12.0, units),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdict_is_met_missed_or_not_measured() {
        let verdict = |limit, measured| Goal::most("", "", limit, measured).verdict();
        assert_eq!(verdict(2.0, Some(2.0)), "met");
        assert_eq!(verdict(2.0, Some(2.5)), "**missed by 25 %**");
        assert_eq!(verdict(2.0, Some(6.0)), "**missed: 3 times**");
        assert_eq!(verdict(0.0, Some(3.0)), "**missed by 3**");
        assert_eq!(verdict(2.0, None), "not measured");
        let at_least = |measured| Goal { at_least: true, ..Goal::most("", "", 10.0, Some(measured)) }.verdict();
        assert_eq!((at_least(12.0), at_least(8.0)), ("met".to_owned(), "**missed by 25 %**".to_owned()));
    }

    #[test]
    fn empty_results_meet_no_goal() {
        let table = table(&Results::default());
        assert!(!table.contains("| met |"), "{table}");
    }
}
