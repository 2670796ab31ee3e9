//! The tools that instructions were counted with.
//!
//! The compiler and the linker are pinned, so all machines build the same binary. But the binary uses the machine's C
//! library, and valgrind decides which variants of its functions run. With other versions the counts differ by up to
//! some percent.

use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::callgrind;

/// The tolerance above a budget.
pub(crate) const TOLERANCE: f64 = 0.03;
/// The tolerance for instructions that were counted with other tools.
pub(crate) const TOLERANCE_WITH_OTHER_TOOLS: f64 = 0.15;

/// The tools' names and versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tools {
    /// The C library.
    libc: String,
    /// The tool that counts instructions, or `None` if it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) valgrind: Option<String>,
}

impl Tools {
    pub(crate) fn here() -> Self {
        let libc = Command::new("getconf").arg("GNU_LIBC_VERSION").output();
        let libc = libc.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        Self { libc: libc.unwrap_or_else(|_| "unknown".to_owned()), valgrind: callgrind::version() }
    }

    /// Describes the tools that differ here. A missing valgrind isn't a difference, because it counts nothing.
    pub(crate) fn difference(&self, here: &Self) -> Option<String> {
        let (Some(old), Some(new)) = (&self.valgrind, &here.valgrind) else { return None };
        let differ = [(&self.libc, &here.libc), (old, new)].into_iter().filter(|(old, new)| old != new);
        let differ: Vec<_> = differ.map(|(old, new)| format!("{new}, but the budgets were made with {old}")).collect();
        Some(differ.join(", ")).filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tools(libc: &str, valgrind: Option<&str>) -> Tools {
        Tools { libc: libc.to_owned(), valgrind: valgrind.map(str::to_owned) }
    }

    #[test]
    fn other_c_library_and_valgrind_are_reported() {
        let old = tools("glibc 2.36", Some("3.19"));
        assert_eq!(old.difference(&old), None);
        let libc = old.difference(&tools("glibc 2.39", Some("3.19")));
        assert_eq!(libc.unwrap(), "glibc 2.39, but the budgets were made with glibc 2.36");
        let both = old.difference(&tools("glibc 2.39", Some("3.22"))).unwrap();
        assert!(both.ends_with("glibc 2.36, 3.22, but the budgets were made with 3.19"), "{both}");
    }

    #[test]
    fn missing_valgrind_is_not_a_difference() {
        assert_eq!(tools("glibc 2.36", Some("3.19")).difference(&tools("glibc 2.39", None)), None);
    }
}
