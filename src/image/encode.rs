//! From data to a PNG file.

use super::deflate::{self, Effort, Wrapper};
use super::layout::{Layout, MAX_PIXELS, PIXEL};
use super::limit::{MAX_BYTES, too_large};
use super::options::{Compression, EncodeOptions};
use super::text::Text;
use super::workspace::Workspace;
use super::{canonical, frame, robust};
use crate::{Error, ErrorCode, Result};

/// From how many bytes of pixels on `Auto` deflates: below, deflate costs several times what the
/// rest does and gains a hundred bytes at the most (ARCHITECTURE.md has the measurement).
const AUTO_DEFLATES_FROM: usize = 512;

/// What an image is to carry.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// JSON text, which is carried, not parsed.
    Json(Text<'a>),
    /// Bytes, carried as they are.
    Bytes(&'a [u8]),
}

impl Workspace {
    /// Packs data into a PNG, in memory of exactly its length, which `place` is asked for.
    ///
    /// # Errors
    /// Those of [`encode`](super::encode()), and those of `place`.
    pub fn encode<'a>(
        &mut self,
        source: Source<'_>,
        options: &EncodeOptions,
        place: impl FnOnce(usize) -> Result<&'a mut [u8]>,
    ) -> Result<()> {
        let most = options.max_bytes.min(MAX_BYTES);
        // The filter byte of the first row stands before the data, so that an image of one row is
        // compressed in place.
        self.rows.clear();
        self.rows.push(0);
        match source {
            Source::Json(json) => self.write_json(json, options, most)?,
            Source::Bytes(bytes) if bytes.len() > most => {
                return Err(too_large(&format!("the data are {} bytes,", bytes.len()), most));
            }
            Source::Bytes(bytes) => frame::write_bytes(bytes, &mut self.rows),
        }
        self.pack(options, place)
    }

    /// Appends JSON text to `rows`, and what proves it in the plain form.
    fn write_json(&mut self, json: Text<'_>, options: &EncodeOptions, most: usize) -> Result<()> {
        if json.len() == 0 {
            return Err(Error::new(ErrorCode::InvalidArgument, "the JSON text is empty, which is no JSON"));
        }
        // Text that is too long is refused before it takes memory.
        if json.len() > most {
            return Err(too_large("the data are", most));
        }
        json.write(options.charset, &mut self.rows);
        let length = self.rows.len() - 1;
        if length > most {
            return Err(too_large(&format!("the data are {length} bytes of JSON,"), most));
        }
        if !options.robust {
            frame::seal(&mut self.rows, 1);
        }
        Ok(())
    }

    /// Makes a PNG of the payload in `rows`.
    fn pack<'a>(
        &mut self,
        options: &EncodeOptions,
        place: impl FnOnce(usize) -> Result<&'a mut [u8]>,
    ) -> Result<()> {
        if options.robust {
            self.robust_rows(options.compression)?;
        }
        // JSON within the limit has a layout; robust rows have checked theirs; bytes may have none.
        let layout = Layout::of(self.rows.len() - 1).ok_or_else(|| {
            let most = MAX_PIXELS * PIXEL - frame::BYTES_HEADER;
            Error::new(ErrorCode::DataTooLarge, format!("an image carries at most {most} bytes; send less"))
        })?;
        let fill = if options.robust { robust::FILL } else { 0 };
        self.rows.resize(1 + layout.capacity(), fill);

        let effort = match options.compression {
            Compression::None => None,
            Compression::Auto if self.rows.len() < AUTO_DEFLATES_FROM => None,
            Compression::Auto | Compression::Fast => Some(Effort::Fast),
            Compression::Best => Some(Effort::Best),
        };
        let stored = deflate::stored_length(layout);
        let deflated = effort.and_then(|effort| {
            let raw = if layout.height == 1 {
                &self.rows
            } else {
                filtered(&self.rows[1..], layout, &mut self.raw)
            };
            self.codec.deflate(raw, effort, Wrapper::Zlib, stored, &mut self.packed)
        });
        let file = place(canonical::length(deflated.unwrap_or(stored)))?;
        canonical::write(layout, file, |data| match deflated {
            Some(length) => data.copy_from_slice(&self.packed[..length]),
            None => deflate::store(&self.rows[1..], layout, data),
        });
        Ok(())
    }
}

/// The rows, each behind a filter byte of 0.
fn filtered<'a>(bytes: &[u8], layout: Layout, raw: &'a mut Vec<u8>) -> &'a Vec<u8> {
    raw.clear();
    raw.reserve(bytes.len() + layout.height);
    for row in bytes.chunks_exact(layout.row()) {
        raw.push(0);
        raw.extend_from_slice(row);
    }
    raw
}
