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
        #[cfg(target_os = "linux")]
        if let Ok(file) = without_times(path) {
            return Some(Self(rustix::fs::makedev(file.stx_dev_major, file.stx_dev_minor), file.stx_ino));
        }
        use std::os::unix::fs::MetadataExt as _;
        std::fs::metadata(path).ok().map(|file| Self(file.dev(), file.ino()))
    }

    /// Elsewhere an open file cannot be replaced.
    #[cfg(not(unix))]
    pub fn of(_path: &Path) -> Option<Self> {
        Some(Self(0, 0))
    }
}

/// Linux gives the next write to a file whose times somebody saw new ones, and a commit waits until those are on the disk
/// too. So it is not asked for them. It fails where there is no file, and where an old kernel or a sandbox does not know how.
#[cfg(target_os = "linux")]
fn without_times(path: &Path) -> rustix::io::Result<rustix::fs::Statx> {
    use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
    statx(CWD, path, AtFlags::empty(), StatxFlags::INO)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_the_same_however_it_is_asked_for() {
        use std::os::unix::fs::MetadataExt as _;
        let path = std::env::current_exe().unwrap();
        let file = std::fs::metadata(&path).unwrap();
        assert_eq!(FileId::of(&path), Some(FileId(file.dev(), file.ino())));
        assert_eq!(FileId::of(&path.join("none")), None);
    }
}
