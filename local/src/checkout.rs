//! Where things are: the checkout, the tools that `make setup` put into it, the binaries that cargo built.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The root of the checkout: the one around the current directory, else the one this crate was compiled in.
pub fn root() -> Result<PathBuf> {
    let here = env::current_dir().context("the current directory is gone")?;
    let compiled_in = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .chain(compiled_in.parent())
        .find(|folder| folder.join("infra/template.yaml").is_file() && folder.join("local/theaters.json").is_file())
        .map(Path::to_path_buf)
        .context("this must run inside the checkout (the folder with infra/template.yaml)")
}

/// The folder of the binaries that were built together with the running one, `target/debug` as a rule.
pub fn binaries() -> Result<PathBuf> {
    let running = env::current_exe().context("can't tell where the running binary is")?;
    let folder = running.parent().context("the running binary is in no folder")?;
    // A test binary is in `deps`, below the others.
    let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    Ok(folder.to_path_buf())
}

/// The folder of the functions' binaries, if not the one that cargo puts them in: as `cargo lambda build` lays it out
/// (`get-seats/bootstrap`), or plainly (`get-seats`).
const BINARIES: &str = "BOXOFFICE_BINARIES";

/// A function's binary: in the folder that `BOXOFFICE_BINARIES` says, relative to the checkout, else built with the running one.
pub fn function(name: &str) -> Result<PathBuf> {
    let folder = match env::var_os(BINARIES) {
        Some(folder) => root()?.join(folder),
        None => binaries()?,
    };
    let path = folder.join(name);
    [path.join("bootstrap"), path.clone()].into_iter().find(|path| path.is_file()).with_context(|| {
        format!("{} isn't built: run `make binaries`, or `make build` for the release ones", path.display())
    })
}

/// A folder for what tests leave behind: below `target`, so that git ignores it and `cargo clean` forgets it.
pub fn scratch() -> Result<PathBuf> {
    let binaries = binaries()?;
    Ok(binaries.parent().unwrap_or(&binaries).join("tmp"))
}

/// A tool's path: what the environment variable says, else `.tools/bin` of the checkout, else the PATH.
pub fn tool(name: &str, variable: &str) -> Result<PathBuf> {
    if let Some(named) = env::var_os(variable) {
        let path = PathBuf::from(named);
        if !path.is_file() {
            bail!("{name} not found: {variable} says {}, and there is no such file", path.display());
        }
        return Ok(path);
    }
    let installed = root().map(|root| root.join(".tools/bin").join(name)).ok();
    let on_path = env::var_os("PATH").unwrap_or_default();
    installed
        .into_iter()
        .chain(env::split_paths(&on_path).map(|folder| folder.join(name)))
        .find(|path| path.is_file())
        .with_context(|| format!("{name} not found: run `make setup`"))
}
