//! The options of encoding and decoding.

use super::limit::MAX_BYTES;
use super::text::Charset;

/// How hard to compress the pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Like [`Fast`](Self::Fast), but small images are stored: deflate would save a few bytes and
    /// cost most of the time.
    #[default]
    Auto,
    /// Stored. The fastest; the image is as large as its data.
    None,
    /// Deflated as small as zlib's level 1.
    Fast,
    /// Deflated as small as zlib's level 6.
    Best,
}

/// How to encode. The original decoder reads what the default options make of JSON, as long as it
/// is one row: up to 49 147 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodeOptions {
    /// How hard to compress.
    pub compression: Compression,
    /// Which characters of JSON are carried as they are.
    pub charset: Charset,
    /// The most bytes of data, as they are written to the image; at most [`MAX_BYTES`].
    pub max_bytes: usize,
    /// Whether the image survives noise in the two low bits of each channel. The original decoder
    /// does not read it then.
    pub robust: bool,
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self { compression: Compression::Auto, charset: Charset::Ascii, max_bytes: MAX_BYTES, robust: false }
    }
}

/// How to decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeOptions {
    /// The most bytes of data to accept; at most [`MAX_BYTES`]. Checked before memory is allocated
    /// for the pixels.
    pub max_bytes: usize,
}

impl Default for DecodeOptions {
    fn default() -> Self {
        Self { max_bytes: MAX_BYTES }
    }
}
