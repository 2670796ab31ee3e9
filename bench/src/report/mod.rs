//! The report: the figures as JSON, tables, plots, and docs/performance.md.

mod costs;
mod goals;
mod page;
mod plots;
mod results;
mod table;
mod tables;

use std::path::Path;

use anyhow::{Context, Result};

#[cfg(test)]
pub(crate) use self::page::render_page;
pub(crate) use self::page::write_page;
pub(crate) use self::results::{CallFigures, Machine, Results};
pub(crate) use self::table::Table;
pub(crate) use self::tables::sections;

const RESULTS: &str = "results.json";

/// Writes figures and plots into a folder.
pub(crate) fn write(results: &Results, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
    let json = format!("{}\n", serde_json::to_string_pretty(results)?);
    std::fs::write(folder.join(RESULTS), json)?;
    plots::draw(results, folder)
}

/// Reads the figures of a folder.
pub(crate) fn read(folder: &Path) -> Result<Results> {
    let path = folder.join(RESULTS);
    let text = std::fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} has no figures of this bench", path.display()))
}
