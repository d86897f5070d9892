//! Which file a path leads to.

use std::path::Path;

/// A file, whatever its names: device and inode.
///
/// Asked with `stat` alone: to open a database and close it again would drop every lock of this process on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileId(pub u64, pub u64);

impl FileId {
    /// None when there is no file, or it cannot be seen.
    #[cfg(unix)]
    pub fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        std::fs::metadata(path).ok().map(|file| Self(file.dev(), file.ino()))
    }

    /// Elsewhere an open file cannot be replaced.
    #[cfg(not(unix))]
    pub fn of(_path: &Path) -> Option<Self> {
        Some(Self(0, 0))
    }
}
