//! JSON text to the pixels of a lossless PNG, and back.
//!
//! The text is carried three bytes a pixel, with a CRC behind it that every reader
//! checks, so that an image whose pixels were changed on the way is never read as
//! data. `docs/data-images.md` specifies both forms to the byte.
//!
//! ```
//! use texample::image::{self, DecodeOptions, EncodeOptions};
//!
//! let png = image::encode(r#"{"es":"búho"}"#, &EncodeOptions::default())?;
//! assert_eq!(image::decode(&png, &DecodeOptions::default())?, r#"{"es":"b\u00faho"}"#);
//! # Ok::<(), texample::Error>(())
//! ```
//!
//! | room | what lives there |
//! | --- | --- |
//! | `text` | JSON text as the bytes of an image: the two charsets, percent-encoding |
//! | `frame` | what ends the text and proves it: terminator and CRC |
//! | `layout` | how many pixels, in which rows; the limits |
//! | `container` | the PNG file around the pixels |
//! | `own` | files of exactly our shape, written and read without a PNG library |
//! | `deflate` | compression, stored blocks, inflation |
//! | `robust` | the form that survives noise in the two low bits |
//! | `encode`, `decode` | the two ways through all of these |

#![forbid(unsafe_code)]

mod container;
mod decode;
mod deflate;
mod encode;
mod frame;
mod layout;
mod own;
mod robust;
mod text;
mod workspace;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, ErrorCode, Result};

pub use text::{Charset, Text};
pub use workspace::Workspace;

/// The most bytes of JSON that an image carries: 4096 rows of 4096 pixels of three
/// bytes, less the terminator and the CRC.
pub const MAX_BYTES: usize = 50_331_643;

/// How hard to compress the pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Like [`Fast`](Self::Fast), but small images are stored: deflate would gain a few bytes and cost most of the time.
    #[default]
    Auto,
    /// Stored. The fastest; the image is as large as its JSON.
    None,
    /// Deflated quickly.
    Fast,
    /// Deflated well.
    Best,
}

/// How to encode. The default is what the original decoder reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodeOptions {
    /// How hard to compress.
    pub compression: Compression,
    /// Which characters are carried as they are.
    pub charset: Charset,
    /// The most bytes of JSON, as they are written to the image; at most [`MAX_BYTES`].
    pub max_bytes: usize,
    /// Survive noise in the two low bits of each channel.
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
    /// The most bytes of JSON to accept; at most [`MAX_BYTES`]. Checked before memory is allocated.
    pub max_bytes: usize,
}

impl Default for DecodeOptions {
    fn default() -> Self {
        Self { max_bytes: MAX_BYTES }
    }
}

/// Packs JSON text into a PNG.
///
/// The text is carried, not parsed: that it is JSON is the caller's word, and
/// what a reader relies on.
///
/// # Errors
/// `InvalidArgument` when the text is empty; `DataTooLarge` past `max_bytes`.
///
/// ```
/// use texample::image::{EncodeOptions, encode};
///
/// let png = encode(r#"{"a":1}"#, &EncodeOptions::default())?;
/// assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
/// # Ok::<(), texample::Error>(())
/// ```
pub fn encode(json: &str, options: &EncodeOptions) -> Result<Vec<u8>> {
    let mut png = Vec::new();
    Workspace::of_thread(|workspace| {
        workspace.encode(Text::Utf8(json), options, |length| {
            png.resize(length, 0);
            Ok(&mut png)
        })
    })?;
    Ok(png)
}

/// Packs anything that serde can serialize into a PNG.
///
/// # Errors
/// `NotSerializable` when serde_json cannot write it, with its error as source; `DataTooLarge` past `max_bytes`.
///
/// ```
/// use texample::image::{DecodeOptions, EncodeOptions, decode_data, encode_data};
///
/// let png = encode_data(&vec![1, 2, 3], &EncodeOptions::default())?;
/// assert_eq!(decode_data::<Vec<u8>>(&png, &DecodeOptions::default())?, [1, 2, 3]);
/// # Ok::<(), texample::Error>(())
/// ```
pub fn encode_data<T: Serialize + ?Sized>(data: &T, options: &EncodeOptions) -> Result<Vec<u8>> {
    let json = serde_json::to_string(data).map_err(|error| {
        Error::new(ErrorCode::NotSerializable, format!("the data has no JSON form: {error}")).caused_by(error)
    })?;
    encode(&json, options)
}

/// Reads the JSON text back from a PNG.
///
/// The CRC of the text is checked. Images of the original encoder, which carry
/// none, are accepted when nothing but percent-encoded text is in them, and are
/// percent-decoded. The text is not parsed.
///
/// # Errors
/// `ImageInvalid` when it is not a PNG, or a kind that carries no data; `ImageCorrupt` when the file or its pixels
/// were changed; `DataTooLarge` past `max_bytes`.
pub fn decode(png: &[u8], options: &DecodeOptions) -> Result<String> {
    Workspace::of_thread(|workspace| workspace.decode(png, options, str::to_owned))
}

/// Reads data back from a PNG.
///
/// # Errors
/// Those of [`decode()`]; `ImageCorrupt` too when the text is not JSON that describes a `T`, with serde_json's error as
/// source.
pub fn decode_data<T: DeserializeOwned>(png: &[u8], options: &DecodeOptions) -> Result<T> {
    Workspace::of_thread(|workspace| workspace.decode(png, options, |text| serde_json::from_str(text)))?
        .map_err(|error| {
            let message =
                format!("the image does not hold the JSON of a {}: {error}", std::any::type_name::<T>());
            Error::new(ErrorCode::ImageCorrupt, message).caused_by(error)
        })
}

pub(crate) fn too_large(what: &str, limit: usize) -> Error {
    Error::new(
        ErrorCode::DataTooLarge,
        format!(
            "{what} past the limit of {limit} bytes of JSON; raise maxBytes (at most {MAX_BYTES}) or send less"
        ),
    )
}
