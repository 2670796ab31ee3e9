//! Output for the terminal. A closed terminal is no reason to fail.

use std::io::{Write, stderr, stdout};

/// Writes a line to standard output and flushes it.
pub(crate) fn print_line(line: &str) {
    let mut out = stdout().lock();
    drop(writeln!(out, "{line}").and_then(|()| out.flush()));
}

/// Writes a line to standard error.
pub(crate) fn warn(line: &str) {
    drop(writeln!(stderr().lock(), "{line}"));
}
