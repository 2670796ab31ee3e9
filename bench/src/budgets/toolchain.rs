//! The tools that figures were measured with. Other tools give other figures.

use std::process::Command;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::callgrind;

/// The tolerance above a budget with the same tools.
pub(crate) const TOLERANCE: f64 = 0.03;
/// The tolerance with other tools.
pub(crate) const TOLERANCE_WITH_OTHER_TOOLS: f64 = 0.15;

/// The tools' names and versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Toolchain {
    /// The compiler.
    pub(crate) rustc: String,
    /// The C library.
    pub(crate) libc: String,
    /// The tool that counts instructions, or `None` if it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) valgrind: Option<String>,
}

impl Toolchain {
    pub(crate) fn here() -> Result<Self> {
        let rustc = said("rustc", "--version")?;
        let libc = said("getconf", "GNU_LIBC_VERSION").unwrap_or_else(|_| "unknown".to_owned());
        Ok(Self { rustc, libc, valgrind: callgrind::version() })
    }

    /// Describes the tools that differ here.
    pub(crate) fn difference(&self, here: &Self) -> Option<String> {
        let pairs = [
            (Some(&self.rustc), Some(&here.rustc)),
            (Some(&self.libc), Some(&here.libc)),
            (self.valgrind.as_ref(), here.valgrind.as_ref()),
        ];
        // A tool that is missing on either side doesn't count as a difference.
        let differ = pairs.into_iter().filter_map(|(old, new)| Some((old?, new?))).filter(|(old, new)| old != new);
        let differ: Vec<_> = differ.map(|(old, new)| format!("{new}, but the budgets were made with {old}")).collect();
        Some(differ.join("; ")).filter(|text| !text.is_empty())
    }

    pub(crate) fn tolerance(&self, here: &Self) -> f64 {
        if self.difference(here).is_some() { TOLERANCE_WITH_OTHER_TOOLS } else { TOLERANCE }
    }
}

fn said(program: &str, argument: &str) -> Result<String> {
    let output = Command::new(program).arg(argument).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toolchain(rustc: &str, valgrind: Option<&str>) -> Toolchain {
        Toolchain { rustc: rustc.to_owned(), libc: "glibc 2.36".to_owned(), valgrind: valgrind.map(str::to_owned) }
    }

    #[test]
    fn other_compiler_is_reported_with_more_tolerance() {
        let (old, new) = (toolchain("rustc 1.95", Some("3.19")), toolchain("rustc 1.96", Some("3.19")));
        assert_eq!(old.difference(&new).unwrap(), "rustc 1.96, but the budgets were made with rustc 1.95");
        assert!((old.tolerance(&new) - TOLERANCE_WITH_OTHER_TOOLS).abs() < f64::EPSILON);
        assert!((old.tolerance(&old) - TOLERANCE).abs() < f64::EPSILON);
    }

    #[test]
    fn missing_valgrind_is_not_a_difference() {
        let (old, new) = (toolchain("rustc 1.95", Some("3.19")), toolchain("rustc 1.95", None));
        assert_eq!(old.difference(&new), None);
    }
}
