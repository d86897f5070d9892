//! The file: read where it grew, opened again when it was replaced.

use std::error::Error;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::time::{Duration, Instant};

use texample_bridge::Producer;

/// How long a line may wait before it is seen.
const PERIOD: Duration = Duration::from_millis(50);
/// A line longer than this is handed over in parts: a file without newlines must not fill the
/// memory.
const MAX_LINE: usize = 1 << 20;

pub(crate) struct Log {
    path: String,
    file: File,
    position: u64,
    /// The bytes since the last newline.
    line: Vec<u8>,
}

impl Log {
    /// Opens the file at its end.
    pub(crate) fn open(path: String) -> io::Result<Self> {
        let mut file = File::open(&path)?;
        let position = file.seek(SeekFrom::End(0))?;
        Ok(Self { path, file, position, line: Vec::new() })
    }

    /// Posts lines until the queue is closed, which is an error too.
    pub(crate) fn follow(&mut self, producer: &Producer<String>) -> Result<(), Box<dyn Error + Send + Sync>> {
        loop {
            let lines = match self.read() {
                Ok(lines) => lines,
                // Away for the moment of its rotation: it comes back.
                Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
                Err(error) => return Err(error.into()),
            };
            if lines.is_empty() {
                producer.sleep_until(Instant::now() + PERIOD)?;
            } else {
                producer.post_all(lines)?;
            }
        }
    }

    /// The lines that are complete by now.
    fn read(&mut self) -> io::Result<Vec<String>> {
        if self.was_replaced()? {
            self.file = File::open(&self.path)?;
            self.position = 0;
            self.line.clear();
        }
        let mut chunk = [0; 64 * 1024];
        let length = self.file.read(&mut chunk)?;
        self.position += length as u64;
        let mut lines = Vec::new();
        for part in chunk[..length].split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") || self.line.len() >= MAX_LINE {
                let line = String::from_utf8_lossy(&self.line);
                lines.push(line.trim_end_matches(['\n', '\r']).to_owned());
                self.line.clear();
            }
        }
        Ok(lines)
    }

    /// Whether the file is shorter than what was read, or another one by now.
    fn was_replaced(&self) -> io::Result<bool> {
        let now = std::fs::metadata(&self.path)?;
        if now.len() < self.position {
            return Ok(true);
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let open = self.file.metadata()?;
            // What was written to the old file before it was replaced is read first.
            Ok((open.dev(), open.ino()) != (now.dev(), now.ino()) && open.len() <= self.position)
        }
        #[cfg(not(unix))]
        Ok(false)
    }
}
