//! The data folder. One cloud uses it at a time.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context, Result, bail};

use crate::checkout::relative_path;

/// The free disk space that is needed, in bytes. The database needs some for each write.
const MIN_FREE_BYTES: u64 = 64 * 1024;

/// The folder, locked while this value lives. The operating system holds the lock, so a crash can't leave it behind.
#[derive(Debug)]
pub(super) struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Creates the folder if it is missing, and locks it.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let path = std::path::absolute(path)?;
        fs::create_dir_all(&path).with_context(|| format!("can't make the data folder {}", path.display()))?;
        let file = path.join("lock");
        let mut lock = OpenOptions::new()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .open(&file)
            .with_context(|| format!("can't open {}", file.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                lock.read_to_string(&mut owner)?;
                bail!(
                    "another box office uses the data in {} (process {}): end it, or use another folder: make run DATA=...",
                    relative_path(&path),
                    owner.trim()
                );
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("can't lock {}", file.display()));
            }
        }
        lock.set_len(0)?;
        writeln!(lock, "{}", process::id())?;
        Ok(Self { path, _lock: lock })
    }

    /// Writes a file that only this user may read.
    pub(super) fn write_secret(&self, name: &str, secret: &str) -> Result<()> {
        let path = self.path.join(name);
        let _ = fs::remove_file(&path);
        let file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path);
        let written = file.and_then(|mut file| file.write_all(secret.as_bytes()));
        written.with_context(|| format!("can't write {}", path.display()))
    }

    /// Returns `true` if the disk with the folder is full.
    pub(super) fn is_full(&self) -> bool {
        rustix::fs::statvfs(&self.path).is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < MIN_FREE_BYTES)
    }

    /// Returns the absolute path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_dir_in_use_is_rejected_until_released() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataDir::open(folder.path()).unwrap();
        let error = DataDir::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains(&format!("(process {})", process::id())), "{error}");
        drop(first);
        DataDir::open(folder.path()).unwrap();
    }

    #[test]
    fn uncreatable_data_dir_is_named() {
        let error = DataDir::open(Path::new("/dev/null/data")).unwrap_err().to_string();
        assert_eq!(error, "can't make the data folder /dev/null/data");
    }
}
