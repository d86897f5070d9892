//! Wakes one waiting process from another: a socket beside the lock for each place in the row.
//!
//! To ring is a hint, and may be lost. Where there are no such sockets, nobody has a bell.

#[cfg(unix)]
pub(super) use sockets::{Bell, Ringer};

#[cfg(not(unix))]
pub(super) use none::{Bell, Ringer};

#[cfg(unix)]
mod sockets {
    use std::fs::File;
    use std::io;
    use std::os::unix::net::UnixDatagram;
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    pub struct Bell {
        socket: UnixDatagram,
        path: PathBuf,
    }

    impl Bell {
        /// Waits until somebody rings.
        pub fn wait(&self, at_most: Duration) {
            // Nothing but the time can be wrong with it, and that is looked at next.
            let _ = self.socket.set_read_timeout(Some(at_most)).and_then(|()| self.socket.recv(&mut [0]));
        }
    }

    impl Drop for Bell {
        fn drop(&mut self) {
            // Left behind it does no harm: the next owner of the place removes it.
            let _ = std::fs::remove_file(&self.path);
        }
    }

    pub struct Ringer {
        folder: PathBuf,
        /// None where a process may have none.
        socket: Option<UnixDatagram>,
        _open: File,
    }

    impl Ringer {
        pub fn new(folder: &Path) -> io::Result<Self> {
            // A frozen process whose socket is full must not block who leaves.
            let socket =
                UnixDatagram::unbound().and_then(|socket| socket.set_nonblocking(true).map(|()| socket));
            let open = File::open(folder)?;
            Ok(Self { folder: name(folder, &open), socket: socket.ok(), _open: open })
        }

        /// The bell of a place that is ours; none when the file system has no sockets, or the path is too long for one.
        pub fn hang(&self, place: usize) -> Option<Bell> {
            let path = self.path(place);
            // Its last owner may have been killed.
            let _ = std::fs::remove_file(&path);
            UnixDatagram::bind(&path).ok().map(|socket| Bell { socket, path })
        }

        /// False when its owner is gone.
        pub fn ring(&self, place: usize) -> bool {
            let Some(socket) = &self.socket else { return true };
            match socket.send_to(&[0], self.path(place)) {
                Ok(_) => true,
                // Whatever else is in the way, its owner may be there, and looks when out of patience.
                Err(error) => {
                    !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
                }
            }
        }

        fn path(&self, place: usize) -> PathBuf {
            self.folder.join(format!("{place}.bell"))
        }
    }

    /// A name of the folder that fits into a socket's address, which holds about 100 bytes.
    #[cfg(target_os = "linux")]
    fn name(_folder: &Path, open: &File) -> PathBuf {
        use std::os::fd::AsRawFd as _;
        PathBuf::from(format!("/proc/self/fd/{}", open.as_raw_fd()))
    }

    #[cfg(not(target_os = "linux"))]
    fn name(folder: &Path, _open: &File) -> PathBuf {
        folder.to_owned()
    }
}

#[cfg(not(unix))]
mod none {
    use std::io;
    use std::path::Path;
    use std::time::Duration;

    pub enum Bell {}

    impl Bell {
        pub fn wait(&self, _at_most: Duration) {
            match *self {}
        }
    }

    pub struct Ringer;

    impl Ringer {
        pub fn new(_folder: &Path) -> io::Result<Self> {
            Ok(Self)
        }

        pub fn hang(&self, _place: usize) -> Option<Bell> {
            None
        }

        pub fn ring(&self, _place: usize) -> bool {
            true
        }
    }
}
