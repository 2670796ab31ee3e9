//! The tables, each under the name of its section in docs/performance.md.

use anyhow::Result;

use super::results::{CallFigures, Results};
use super::table::{Table, number, optional};
use super::{costs, goals};
use crate::load::conflicts::BuyerArrival;
use crate::venues::SoldShare;

/// Returns all sections, in order.
pub(crate) fn sections(results: &Results) -> Result<Vec<(&'static str, String)>> {
    Ok(vec![
        ("machine", machine(results)),
        ("goals", goals::table(results)),
        ("starts", starts(results)),
        ("calls", calls(&results.calls)),
        ("engines", engines(&results.calls)),
        ("growth", grown(results)),
        ("references", references(results)),
        ("memory", memory(results)),
        ("sales", sales(results)),
        ("crowds", crowds(results)),
        ("costs", costs::table(results)?),
        ("choosing", choosing(results)),
    ])
}

fn machine(results: &Results) -> String {
    let machine = &results.machine;
    let valgrind = machine.valgrind.as_deref().unwrap_or("no valgrind (instructions are missing)");
    let quick = if results.quick { " A quick run with few requests." } else { "" };
    format!(
        "Measured on {} on {}, {} cores, Linux {}, with {} and {valgrind}.\nAt the start, {} processes were runnable.{quick}\n",
        results.day, machine.processor, machine.cores, machine.kernel, machine.rustc, machine.load_before
    )
}

fn starts(results: &Results) -> String {
    let mut table = Table::new(&[
        "function",
        "instructions, million",
        "ms to `/next` (min to max)",
        "ms before connecting",
        "CPU ms",
        "MiB at `/next`",
        "first request, µs",
        "first request without warm-up, µs",
        "warm p50, µs",
        "binary, KiB",
        "zip, KiB",
    ]);
    for start in &results.starts {
        let size = results.sizes.iter().find(|size| size.function == start.function);
        #[allow(clippy::cast_precision_loss, reason = "no size is that large")]
        let kib = |of: fn(&crate::measure::size::Size) -> u64| optional(size.map(|size| of(size) as f64 / 1_024.0));
        let [wall, least, most] = start.wall.map(number);
        table.row(&[
            start.function.clone(),
            optional(start.instructions.map(|count| count / 1e6)),
            format!("{wall} ({least} to {most})"),
            optional(start.before_connecting),
            number(start.cpu),
            number(start.peak_kib / 1_024.0),
            optional(start.first),
            optional(start.first_unwarmed),
            optional(start.warm),
            kib(|size| size.binary),
            kib(|size| size.zip),
        ]);
    }
    table.text()
}

fn calls(calls: &[CallFigures]) -> String {
    let mut table =
        Table::new(&["call", "requests", "p50 µs", "p90", "p99", "p99.9", "CPU µs", "instructions", "body, bytes"]);
    for call in calls {
        let latency = call.timed.latency;
        let mut row = vec![call.name.clone(), call.timed.requests.to_string()];
        row.extend([latency.p50, latency.p90, latency.p99, latency.p999, call.timed.cpu].map(number));
        row.push(optional(call.exact.and_then(|exact| exact.instructions)));
        #[allow(clippy::cast_precision_loss, reason = "no body is that large")]
        row.push(number(call.timed.body as f64));
        table.row(&row);
    }
    table.text()
}

fn engines(calls: &[CallFigures]) -> String {
    let mut table = Table::new(&[
        "call",
        "trips to Redis",
        "bytes sent",
        "bytes received",
        "trips to DynamoDB",
        "bytes sent",
        "bytes received",
        "capacity units",
    ]);
    for call in calls {
        let Some(exact) = call.exact else { continue };
        let mut row = vec![call.name.clone()];
        for traffic in [exact.redis, exact.dynamodb] {
            row.extend([traffic.trips, traffic.sent, traffic.received].map(number));
        }
        row.push(number(exact.capacity));
        table.row(&row);
    }
    table.text()
}

fn grown(results: &Results) -> String {
    let mut table = Table::new(&["cost of a read", "base", "per seat"]);
    let instructions = |call: &CallFigures| call.exact?.instructions;
    for (what, sold) in
        [("hit", SoldShare::Empty), ("hit", SoldShare::Half), ("hit", SoldShare::Out), ("304", SoldShare::Half)]
    {
        let lines = [
            ("CPU, µs", results.line(what, sold, |call| Some(call.timed.cpu))),
            ("instructions", results.line(what, sold, instructions)),
            ("bytes from Redis", results.line(what, sold, |call| Some(call.exact?.redis.received))),
        ];
        for (unit, line) in lines {
            let Some(line) = line else { continue };
            table.row(&[format!("{what}, {sold}: {unit}"), number(line.base), number(line.slope)]);
        }
    }
    table.text()
}

fn references(results: &Results) -> String {
    let mut table = Table::new(&["reference", "p50 µs", "p99", "CPU µs"]);
    for get in &results.raw_gets {
        let name = format!("raw GET of {} bytes, as for {} seats", get.bytes, get.seats);
        table.row(&[name, number(get.latency.p50), number(get.latency.p99), number(get.cpu)]);
    }
    for call in &results.python {
        let latency = call.timed.latency;
        let name = format!("Python: {}", call.name);
        table.row(&[name, number(latency.p50), number(latency.p99), number(call.timed.cpu)]);
    }
    let missing = results.no_python.as_ref().map(|why| format!("\nWithout the Python function: {why}\n"));
    format!("{}{}", table.text(), missing.unwrap_or_default())
}

#[allow(clippy::cast_precision_loss, reason = "no size is that large")]
fn memory(results: &Results) -> String {
    let mut table = Table::new(&[
        "trace ids",
        "MiB at `/next`",
        "MiB after 1,000 reads",
        "reads",
        "MiB at the end",
        "bytes per further read",
    ]);
    for memory in &results.memory {
        let mib = |kib: u64| number(kib as f64 / 1_024.0);
        table.row(&[
            if memory.distinct_traces { "one per request" } else { "always the same" }.to_owned(),
            mib(memory.at_start),
            mib(memory.warm),
            number(memory.requests as f64),
            mib(memory.at_end),
            number(memory.growth),
        ]);
    }
    table.text()
}

#[allow(clippy::cast_precision_loss, reason = "no count is that large")]
fn sales(results: &Results) -> String {
    let mut table = Table::new(&[
        "buyers",
        "processes",
        "requests a second",
        "Jain's index",
        "read p50 µs",
        "read p99",
        "write p99",
        "conflicts, % of writes",
        "sold",
        "DynamoDB calls per sold seat",
        "units per sold seat",
        "cores used by the bench",
        "failures",
    ]);
    for sale in &results.sales {
        let each = |count: f64| number(count / sale.sold.max(1) as f64);
        table.row(&[
            sale.buyers.to_string(),
            sale.processes.to_string(),
            number(sale.throughput),
            number(sale.fairness),
            number(sale.look.p50),
            number(sale.look.p99),
            number(sale.write.p99),
            number(sale.conflicts as f64 / sale.writes.max(1) as f64 * 100.0),
            number(sale.sold as f64),
            each(sale.dynamodb_calls),
            each(sale.capacity),
            number(sale.bench_cores),
            sale.failures.to_string(),
        ]);
    }
    table.text()
}

#[allow(clippy::cast_precision_loss, reason = "no count is that large")]
fn crowds(results: &Results) -> String {
    let mut table = Table::new(&[
        "a hundred buyers per seat",
        "processes",
        "attempts",
        "sold",
        "transactions",
        "other calls to DynamoDB",
        "write units per sold seat",
    ]);
    for conflicts in &results.conflicts {
        let who = match conflicts.crowd {
            BuyerArrival::Late => "after the sale, no id",
            BuyerArrival::AtOnce => "at once, no id",
            BuyerArrival::AtOnceWithIds => "at once, each with an id",
        };
        table.row(&[
            who.to_owned(),
            conflicts.processes.to_string(),
            number(conflicts.attempts as f64),
            number(conflicts.sold as f64),
            number(conflicts.transactions as f64),
            number(conflicts.others as f64),
            if conflicts.sold == 0 { "–".to_owned() } else { number(conflicts.units_a_sold_seat) },
        ]);
    }
    let cold = &results.cold;
    format!(
        "{}\nA theater that isn't cached, {} readers at once, {} processes: at most {} Queries in each of {} rounds.\n",
        table.text(),
        number(cold.readers as f64),
        cold.processes,
        cold.queries,
        cold.rounds
    )
}

fn choosing(results: &Results) -> String {
    let mut table = Table::new(&["seats", "spread", "µs to choose 4, median", "ratio to one pass over the seats"]);
    for choosing in &results.choosing {
        #[allow(clippy::cast_precision_loss, reason = "no venue is that large")]
        let seats = number(choosing.seats as f64);
        table.row(&[seats, choosing.spread.to_string(), number(choosing.micros), number(choosing.passes)]);
    }
    table.text()
}
