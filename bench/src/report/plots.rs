//! Plots as SVG.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use super::results::{CallFigures, Results};
use super::table::number;
use crate::venues::SoldShare;

const SIZE: (u32, u32) = (760, 440);
const COLOURS: [RGBColor; 5] = [
    RGBColor(0x1f, 0x4e, 0x9c),
    RGBColor(0xc4, 0x4e, 0x1c),
    RGBColor(0x2a, 0x7d, 0x46),
    RGBColor(0x7a, 0x3e, 0x9d),
    RGBColor(0x55, 0x55, 0x55),
];

/// A plot of several lines with common axes.
struct Plot<'a> {
    file: &'a str,
    title: &'a str,
    x: &'a str,
    y: &'a str,
    lines: Vec<(String, Vec<(f64, f64)>)>,
}

/// Draws all plots into a folder.
pub(super) fn draw(results: &Results, folder: &Path) -> Result<()> {
    for plot in [cpu(results), latency(results), sale(results), tail(results)] {
        plot.draw(folder).map_err(|error| anyhow!("{}: {error}", plot.file))?;
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "no venue is that large")]
fn by_seats(results: &Results, what: &str, sold: SoldShare, of: fn(&CallFigures) -> f64) -> Vec<(f64, f64)> {
    results.by_seats(what, sold).into_iter().map(|(seats, call)| (seats as f64, of(call))).collect()
}

#[allow(clippy::cast_precision_loss, reason = "no venue is that large")]
fn cpu(results: &Results) -> Plot<'static> {
    let line = |name: &str, what, sold| (name.to_owned(), by_seats(results, what, sold, |call| call.timed.cpu));
    let raw = results.raw_gets.iter().map(|get| (get.seats as f64, get.cpu)).collect();
    let lines = vec![
        line("hit, empty", "hit", SoldShare::Empty),
        line("hit, half sold", "hit", SoldShare::Half),
        line("hit, sold out", "hit", SoldShare::Out),
        line("304, half sold", "304", SoldShare::Half),
        ("raw GET of the same size".to_owned(), raw),
    ];
    Plot { file: "cpu.svg", title: "Processor time of a read", x: "seats", y: "µs", lines }
}

fn latency(results: &Results) -> Plot<'static> {
    let line = |name: &str, what, of| (name.to_owned(), by_seats(results, what, SoldShare::Half, of));
    let lines = vec![
        line("hit, p50", "hit", |call| call.timed.latency.p50),
        line("hit, p99", "hit", |call| call.timed.latency.p99),
        line("304, p50", "304", |call| call.timed.latency.p50),
        line("304, p99", "304", |call| call.timed.latency.p99),
    ];
    Plot { file: "latency.svg", title: "Read latency, half sold", x: "seats", y: "µs", lines }
}

#[allow(clippy::cast_precision_loss, reason = "no count is that large")]
fn by_buyers(results: &Results, of: fn(&crate::load::sale::Sale) -> f64) -> Vec<(f64, f64)> {
    results.sales.iter().map(|sale| (sale.buyers as f64, of(sale))).collect()
}

fn sale(results: &Results) -> Plot<'static> {
    let lines = vec![("requests a second".to_owned(), by_buyers(results, |sale| sale.throughput))];
    Plot { file: "sale.svg", title: "A sale of 10,000 seats", x: "buyers", y: "requests a second", lines }
}

fn tail(results: &Results) -> Plot<'static> {
    let lines = vec![
        ("read, p50".to_owned(), by_buyers(results, |sale| sale.look.p50)),
        ("read, p99".to_owned(), by_buyers(results, |sale| sale.look.p99)),
        ("write, p99".to_owned(), by_buyers(results, |sale| sale.write.p99)),
    ];
    Plot { file: "tail.svg", title: "Latency in a sale of 10,000 seats", x: "buyers", y: "µs", lines }
}

impl Plot<'_> {
    fn draw(&self, folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
        let path = folder.join(self.file);
        let area = SVGBackend::new(&path, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let points = || self.lines.iter().flat_map(|(_, points)| points);
        let around = |values: &mut dyn Iterator<Item = f64>| {
            let (least, most) =
                values.fold((f64::INFINITY, 0.0), |(least, most), value: f64| (value.min(least), value.max(most)));
            if least.is_finite() && most > 0.0 { least.max(1e-3) * 0.8..most * 1.25 } else { 1.0..10.0 }
        };
        let (x, y) = (around(&mut points().map(|point| point.0)), around(&mut points().map(|point| point.1)));
        let mut chart = ChartBuilder::on(&area)
            .caption(self.title, ("sans-serif", 20))
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(70)
            .build_cartesian_2d(x.log_scale(), y.log_scale())?;
        let labels = |value: &f64| number(*value);
        let mut mesh = chart.configure_mesh();
        mesh.x_desc(self.x).y_desc(self.y).x_label_formatter(&labels).y_label_formatter(&labels);
        mesh.light_line_style(WHITE).draw()?;
        for ((name, points), colour) in self.lines.iter().zip(COLOURS) {
            let line = LineSeries::new(points.iter().copied(), colour.stroke_width(2)).point_size(3);
            let drawn = chart.draw_series(line)?.label(name);
            drawn.legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE)
            .border_style(BLACK)
            .draw()?;
        area.present()?;
        Ok(())
    }
}
