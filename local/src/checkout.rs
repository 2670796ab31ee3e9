//! Paths: the checkout, the tools that `make setup` installed into it, and the binaries that cargo built.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Returns the root of the checkout that contains the current directory, or else of the checkout that this crate was
/// compiled in.
pub fn root() -> Result<PathBuf> {
    let here = env::current_dir().context("the current directory is gone")?;
    let compiled_in = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .chain(compiled_in.parent())
        .find(|folder| folder.join("infra/template.yaml").is_file() && folder.join("local/theaters.json").is_file())
        .map(Path::to_path_buf)
        .context("this must run inside the checkout (the folder with infra/template.yaml)")
}

/// Returns the folder of the binaries that were built together with the running one, usually `target/debug`.
pub fn binaries() -> Result<PathBuf> {
    let running = env::current_exe().context("can't find the running binary")?;
    let folder = running.parent().context("the running binary is in no folder")?;
    // A test binary is in `deps`, below the other binaries.
    let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    Ok(folder.to_path_buf())
}

/// The variable with another folder for the functions' binaries. The folder may have the layout of `cargo lambda build`
/// (`get-seats/bootstrap`) or a flat one (`get-seats`).
const BINARIES: &str = "BOXOFFICE_BINARIES";

/// Returns the path of a function's binary. It is in the folder that `BOXOFFICE_BINARIES` names, relative to the
/// checkout, or else beside the running binary.
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

/// Returns a folder for temporary files of tests. It is below `target`, so git ignores it and `cargo clean` removes it.
pub fn scratch() -> Result<PathBuf> {
    let binaries = binaries()?;
    Ok(binaries.parent().unwrap_or(&binaries).join("tmp"))
}

/// Returns the path of a tool: the environment variable if it is set, else `.tools/bin` of the checkout, else the PATH.
pub fn tool(name: &str, variable: &str) -> Result<PathBuf> {
    if let Some(named) = env::var_os(variable) {
        let path = PathBuf::from(named);
        if !path.is_file() {
            bail!("{name} not found: {variable} is {}, but there is no such file", path.display());
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

/// Formats a path for messages: relative to the current directory if the path is below it.
pub fn relative_path(path: &Path) -> String {
    let here = env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}
