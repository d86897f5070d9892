//! The port: opened for one reader alone, in raw mode, and read when there is something to read.

use std::error::Error;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;

use napi::bindgen_prelude::Buffer;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::OFlags;
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use texample_bridge::{CodedError, Producer};

pub(crate) struct Port {
    path: String,
    file: File,
}

impl Port {
    /// Opens the port in raw mode.
    ///
    /// # Errors
    /// `ERR_SERIAL_LOCKED` when another reader has it open; what the system says otherwise.
    pub(crate) fn open(path: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let flags = OFlags::NOCTTY.bits().cast_signed();
        let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(CodedError::new("ERR_SERIAL_LOCKED", format!("{path} is open already")).into());
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let mut settings = tcgetattr(&file)?;
        settings.make_raw();
        tcsetattr(&file, OptionalActions::Now, &settings)?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Posts what comes until the bridge is stopped, which `stopped` tells.
    ///
    /// # Errors
    /// `ERR_SERIAL_UNPLUGGED` when the device is gone.
    pub(crate) fn read(
        &mut self,
        stopped: &UnixStream,
        producer: &Producer<Buffer>,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let mut chunk = [0; 4096];
        loop {
            let mut both = [PollFd::new(&self.file, PollFlags::IN), PollFd::new(stopped, PollFlags::IN)];
            match poll(&mut both, None) {
                Err(error) if error == rustix::io::Errno::INTR => continue,
                result => result?,
            };
            if !both[1].revents().is_empty() {
                return Ok(());
            }
            match self.file.read(&mut chunk) {
                Ok(0) => return Err(self.unplugged(None)),
                Ok(length) => producer.post(chunk[..length].to_vec().into())?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.unplugged(Some(error))),
            }
        }
    }

    fn unplugged(&self, cause: Option<io::Error>) -> Box<dyn Error + Send + Sync> {
        let error = CodedError::new("ERR_SERIAL_UNPLUGGED", format!("{} was unplugged", self.path));
        match cause {
            Some(cause) => error.caused_by(cause).into(),
            None => error.into(),
        }
    }
}
