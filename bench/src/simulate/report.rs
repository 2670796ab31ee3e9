//! The outcomes as a table, as JSON and as plots.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use plotters::prelude::*;

use super::outcome::Outcome;
use super::scenarios::Scenario;
use super::units::count;
use crate::report::Table;

/// The end of the name of the baseline on-sale.
const BASE: &str = ": the base";

/// Returns the sections of docs/scaling.md: all on-sales, then the components' use in the base and in the last one.
pub(super) fn sections(outcomes: &[(&str, &Outcome)]) -> Result<[(&'static str, String); 3]> {
    let base = outcomes.iter().find(|(name, _)| name.ends_with(BASE)).context("the base on-sale is missing")?;
    let last = outcomes.last().context("no on-sale")?;
    Ok([("on-sales", table(outcomes)), ("base", shares(base.1)), ("last", shares(last.1))])
}

/// Renders a row for each on-sale.
fn table(outcomes: &[(&str, &Outcome)]) -> String {
    let mut table = Table::new(&[
        "on-sale",
        "met first",
        "most rejections, million",
        "reads/s, peak",
        "reads, million",
        "p50, p99 ms",
        "by DynamoDB",
        "cache MB/s, peak",
        "booked",
        "half, 95 % after s",
        "conflicts",
        "write units per seat",
        "dollars",
    ]);
    for (name, outcome) in outcomes {
        let after = |seconds: Option<u32>| seconds.map_or("-".to_owned(), |seconds| seconds.to_string());
        let first = outcome.first_limit.as_ref().map(|(name, at)| format!("{name}, {at:.1} s"));
        let most = outcome.most_refusals.as_ref().map(|(name, refused)| format!("{name}, {:.1}", millions(*refused)));
        let bypassing = 100.0 * count(outcome.looks_bypassing) / count(outcome.looks).max(1.0);
        table.row(&[
            (*name).to_owned(),
            first.unwrap_or_else(|| "none".to_owned()),
            most.unwrap_or_else(|| "-".to_owned()),
            outcome.looks_a_second_peak.to_string(),
            format!("{:.1}", millions(outcome.looks)),
            format!("{:.0}, {:.0}", outcome.look_ms.p50, outcome.look_ms.p99),
            format!("{bypassing:.1} %"),
            format!("{:.1}", outcome.cache_bytes_a_second_peak / 1e6),
            outcome.booked.to_string(),
            format!("{}, {}", after(outcome.half_booked_after), after(outcome.most_booked_after)),
            format!("{:.0} %", outcome.conflict_rate * 100.0),
            format!("{:.1}", outcome.write_units_a_seat),
            format!("{:.0}", outcome.dollars),
        ]);
    }
    table.text()
}

/// Renders a row for each component.
fn shares(outcome: &Outcome) -> String {
    let mut table = Table::new(&["component", "used, mean", "busiest second", "rejected", "wait p50, p99 ms"]);
    for share in &outcome.components {
        table.row(&[
            share.component.clone(),
            format!("{:.1} %", share.mean * 100.0),
            format!("{:.0} %", share.peak * 100.0),
            share.refused.to_string(),
            format!("{:.1}, {:.1}", share.wait_ms.p50, share.wait_ms.p99),
        ]);
    }
    table.text()
}

/// Writes simulation.json and the plots into a folder.
pub(super) fn write(folder: &Path, sales: &[(&Scenario, &Outcome)], is_plotted: impl Fn(&str) -> bool) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
    let stored = |(scenario, outcome): &(&'_ Scenario, &'_ Outcome)| serde_json::json!({ "name": scenario.name, "parameters": scenario.parameters, "outcome": outcome });
    let stored: Vec<_> = sales.iter().map(stored).collect();
    fs::write(folder.join("simulation.json"), serde_json::to_string_pretty(&stored)? + "\n")?;
    let lines = |series: fn(&Outcome) -> &[u32]| {
        let plotted = sales.iter().filter(|(scenario, _)| is_plotted(scenario.name));
        plotted.map(|(scenario, outcome)| (scenario.name, series(outcome))).collect::<Vec<_>>()
    };
    plot(&folder.join("booked.svg"), "seats booked", &lines(|outcome| &outcome.booked_by_second))?;
    plot(&folder.join("looks.svg"), "reads answered per second", &lines(|outcome| &outcome.looks_by_second))
}

/// Draws one line for each on-sale, with a point per second.
fn plot(file: &Path, caption: &str, lines: &[(&str, &[u32])]) -> Result<()> {
    let drawn = draw(file, caption, lines);
    drawn.map_err(|error| anyhow!("can't draw {}: {error}", file.display()))
}

fn draw(file: &Path, caption: &str, lines: &[(&str, &[u32])]) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::new(file, (1_000, 560)).into_drawing_area();
    root.fill(&WHITE)?;
    let longest = lines.iter().map(|(_, line)| line.len()).max().unwrap_or(1);
    let highest = lines.iter().flat_map(|(_, line)| line.iter().copied()).max().unwrap_or(1).max(1);
    let mut chart = ChartBuilder::on(&root)
        .caption(caption, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(70)
        .build_cartesian_2d(0..longest, 0..highest)?;
    chart.configure_mesh().x_desc("seconds since the opening").light_line_style(WHITE).draw()?;
    for (number, (name, line)) in lines.iter().enumerate() {
        let color = Palette99::pick(number).mix(0.9);
        let points = every(line).map(|(second, value)| (second, *value));
        let series = chart.draw_series(LineSeries::new(points, color.stroke_width(2)))?;
        series.label(*name).legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.8))
        .position(SeriesLabelPosition::LowerRight)
        .draw()?;
    root.present()?;
    Ok(())
}

/// Thins a line to the number of points that are distinguishable.
fn every(line: &[u32]) -> impl Iterator<Item = (usize, &u32)> {
    line.iter().enumerate().step_by((line.len() / 400).max(1))
}

fn millions(number: u64) -> f64 {
    count(number) / 1e6
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::report::render_page;

    #[derive(Deserialize)]
    struct StoredOutcome {
        name: String,
        outcome: Outcome,
    }

    #[test]
    fn page_matches_its_figures() {
        let docs = boxoffice_local::checkout::root().unwrap().join("docs");
        let page = fs::read_to_string(docs.join("scaling.md")).unwrap();
        let text = fs::read_to_string(docs.join("scaling/simulation.json")).unwrap();
        let stored: Vec<StoredOutcome> = serde_json::from_str(&text).unwrap();
        let outcomes: Vec<_> = stored.iter().map(|stored| (stored.name.as_str(), &stored.outcome)).collect();
        let rendered = render_page(&page, &sections(&outcomes).unwrap()).unwrap();
        assert!(page == rendered, "docs/scaling.md differs from simulation.json: `make scaling`");
    }
}
