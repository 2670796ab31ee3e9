//! The size of a binary and of its deployed zip.

use std::fs::File;
use std::io::{self, Write};

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};

use crate::paths::binaries;

/// Sizes in bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Size {
    pub(crate) function: String,
    pub(crate) binary: u64,
    pub(crate) zip: u64,
}

pub(crate) fn measure(function: &str) -> Result<Size> {
    let path = binaries()?.join(function).join("bootstrap");
    let mut file = File::open(&path).with_context(|| format!("can't read {}", path.display()))?;
    let binary = file.metadata()?.len();
    // The compression level of SAM.
    let mut zip = DeflateEncoder::new(Counter(0), Compression::new(6));
    io::copy(&mut file, &mut zip)?;
    Ok(Size { function: function.to_owned(), binary, zip: zip.finish()?.0 })
}

/// A writer that counts bytes.
struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
