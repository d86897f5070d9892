//! Locks and descriptors of this copy of SQLite, made harmless to another copy in the process.
//!
//! SQLite's record locks belong to the process: two copies of the library do not see each other's,
//! and a `close()` of any descriptor drops all locks of the process on that file. An application
//! that keeps its tables in the file of the ids would lose them. So the locks of this copy belong
//! to the open file description, its descriptors stay open, and a file that is opened again gets
//! its descriptor back. That allows one connection for each file: see `file`.
//!
//! Source: <https://www.sqlite.org/howtocorrupt.html>, sections 2.2 and 2.2.1; `fcntl(2)`, "Open file
//! description locks". `sqlite3_vfs.xSetSystemCall` replaces the calls in this copy alone.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::io;
use std::os::fd::AsRawFd as _;
use std::sync::{Mutex, OnceLock};

use rusqlite::ffi;

use crate::ids::lock;

#[cfg(any(target_os = "linux", target_os = "android"))]
use libc::{F_OFD_GETLK, F_OFD_SETLK};

/// From XNU's `bsd/sys/fcntl.h`.
#[cfg(target_vendor = "apple")]
const F_OFD_SETLK: c_int = 90;
#[cfg(target_vendor = "apple")]
const F_OFD_GETLK: c_int = 92;

/// Descriptors that SQLite has closed, by file. One for each file that still has a name.
static PARKED: Mutex<Vec<Parked>> = Mutex::new(Vec::new());

struct Parked {
    descriptor: c_int,
    device: u64,
    inode: u64,
    /// How it was opened, of `O_ACCMODE`.
    access: c_int,
}

/// Replaces the system calls of this copy of SQLite, once.
///
/// # Errors
/// When the system has no locks that belong to an open file description.
pub(super) fn install() -> io::Result<()> {
    static INSTALLED: OnceLock<Result<(), i32>> = OnceLock::new();
    let installed = INSTALLED.get_or_init(|| {
        probe().map_err(|error| error.raw_os_error().unwrap_or(libc::EINVAL))?;
        replace(c"fcntl", fcntl as *const c_void);
        replace(c"close", close as *const c_void);
        replace(c"open", open as *const c_void);
        Ok(())
    });
    installed.map_err(io::Error::from_raw_os_error)
}

fn probe() -> io::Result<()> {
    let file = std::fs::File::open("/dev/null")?;
    let mut lock = whole_file(libc::F_RDLCK);
    // SAFETY: the descriptor is open, and the call writes to `lock` alone.
    let result = unsafe { libc::fcntl(file.as_raw_fd(), F_OFD_GETLK, &raw mut lock) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn replace(name: &CStr, function: *const c_void) {
    // SAFETY: the default VFS lives for ever and is one of SQLite's own, which take each of the
    // three names. The function has the signature of the system call that it replaces; SQLite casts
    // it back before a call. No other thread is in SQLite: it is installed before the first file is
    // opened.
    unsafe {
        let vfs = ffi::sqlite3_vfs_find(std::ptr::null());
        if let Some(set) = vfs.as_ref().and_then(|vfs| vfs.xSetSystemCall) {
            let function = std::mem::transmute::<*const c_void, ffi::sqlite3_syscall_ptr>(function);
            set(vfs, name.as_ptr(), function);
        }
    }
}

fn whole_file(kind: impl TryInto<libc::c_short>) -> libc::flock {
    // SAFETY: all zeros is a value of this plain C struct: the whole file, process 0.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind.try_into().unwrap_or_default();
    lock
}

/// `fcntl(2)`, with locks of the open file description in the place of the process's.
///
/// # Safety
/// As of the system call. SQLite calls it as a variadic function: its third argument comes where a
/// fixed one would, but on Apple's arm64, where it comes after the eight registers.
unsafe extern "C" fn fcntl(
    descriptor: c_int,
    command: c_int,
    #[cfg(all(target_vendor = "apple", target_arch = "aarch64"))] _r2: usize,
    #[cfg(all(target_vendor = "apple", target_arch = "aarch64"))] _r3: usize,
    #[cfg(all(target_vendor = "apple", target_arch = "aarch64"))] _r4: usize,
    #[cfg(all(target_vendor = "apple", target_arch = "aarch64"))] _r5: usize,
    #[cfg(all(target_vendor = "apple", target_arch = "aarch64"))] _r6: usize,
    #[cfg(all(target_vendor = "apple", target_arch = "aarch64"))] _r7: usize,
    argument: *mut c_void,
) -> c_int {
    let command = match command {
        libc::F_SETLK => F_OFD_SETLK,
        libc::F_GETLK => F_OFD_GETLK,
        // SAFETY: passed on as it came.
        other => return unsafe { libc::fcntl(descriptor, other, argument) },
    };
    // SAFETY: both commands come with a lock of SQLite's, whose `l_pid` must be 0 for this kind.
    unsafe {
        if let Some(lock) = argument.cast::<libc::flock>().as_mut() {
            lock.l_pid = 0;
        }
        libc::fcntl(descriptor, command, argument)
    }
}

/// `close(2)` for SQLite: the locks are released, the descriptor stays open.
extern "C" fn close(descriptor: c_int) -> c_int {
    let mut parked = lock(&PARKED);
    // A file without a name can be opened by no other process, so its locks protect nothing.
    parked.retain(|parked| {
        let named = status(parked.descriptor).is_some_and(|status| status.st_nlink > 0);
        if !named {
            close_for_good(parked.descriptor);
        }
        named
    });
    let Some(status) = status(descriptor).filter(|status| is_regular(status) && status.st_nlink > 0) else {
        return close_for_good(descriptor);
    };
    let mut lock = whole_file(libc::F_UNLCK);
    // SAFETY: the descriptor is open; `lock` is read during the call.
    let access = unsafe {
        libc::fcntl(descriptor, F_OFD_SETLK, &raw mut lock);
        libc::fcntl(descriptor, libc::F_GETFL) & libc::O_ACCMODE
    };
    let (device, inode) = identity(&status);
    parked.push(Parked { descriptor, device, inode, access });
    0
}

/// `open(2)` for SQLite: a parked descriptor of the same file, or a new one.
///
/// # Safety
/// As of the system call: `path` is a C string.
unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: c_int) -> c_int {
    if flags & (libc::O_EXCL | libc::O_TRUNC) == 0 {
        // SAFETY: a plain C struct, and a C string by the caller's word.
        let found = unsafe {
            let mut status: libc::stat = std::mem::zeroed();
            (libc::stat(path, &raw mut status) == 0).then_some(status)
        };
        if let Some(file) = found.filter(is_regular).map(|status| identity(&status)) {
            let mut parked = lock(&PARKED);
            let access = flags & libc::O_ACCMODE;
            let at = parked
                .iter()
                .position(|parked| (parked.device, parked.inode) == file && parked.access == access);
            if let Some(at) = at {
                return parked.swap_remove(at).descriptor;
            }
        }
    }
    // SAFETY: passed on as it came.
    unsafe { libc::open(path, flags, mode) }
}

fn close_for_good(descriptor: c_int) -> c_int {
    // SAFETY: SQLite gave the descriptor up, and it is not parked any more.
    unsafe { libc::close(descriptor) }
}

fn status(descriptor: c_int) -> Option<libc::stat> {
    // SAFETY: the call fills the plain C struct, or fails.
    unsafe {
        let mut status: libc::stat = std::mem::zeroed();
        (libc::fstat(descriptor, &raw mut status) == 0).then_some(status)
    }
}

fn is_regular(status: &libc::stat) -> bool {
    status.st_mode & libc::S_IFMT == libc::S_IFREG
}

// The types differ between systems.
#[allow(clippy::unnecessary_cast, clippy::cast_sign_loss)]
fn identity(status: &libc::stat) -> (u64, u64) {
    (status.st_dev as u64, status.st_ino as u64)
}
