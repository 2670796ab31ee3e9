//! Folders of the bench.

use std::path::PathBuf;

use anyhow::{Context, Result};
use boxoffice_local::checkout;

/// Returns the folder of the release binaries.
pub(crate) fn binaries() -> Result<PathBuf> {
    let folder = std::env::var_os("BOXOFFICE_BINARIES").unwrap_or_else(|| "target/lambda".into());
    Ok(checkout::root()?.join(folder))
}

/// Returns the folder for temporary files of the bench.
pub(crate) fn scratch() -> Result<PathBuf> {
    let folder = checkout::root()?.join("target/bench");
    std::fs::create_dir_all(&folder).with_context(|| format!("can't make {}", folder.display()))?;
    Ok(folder)
}
