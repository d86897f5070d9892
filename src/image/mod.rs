//! JSON text to the pixels of a lossless PNG, and back.
//!
//! The text is carried three bytes a pixel, with a CRC behind it that every reader checks, so that
//! an image whose pixels were changed on the way is never read as data. `docs/data-images.md`
//! specifies each form to the byte.
//!
//! ```
//! use texample::image::{self, DecodeOptions, EncodeOptions};
//!
//! let png = image::encode(r#"{"es":"búho"}"#, &EncodeOptions::default())?;
//! assert_eq!(image::decode(&png, &DecodeOptions::default())?, r#"{"es":"b\u00faho"}"#);
//! # Ok::<(), texample::Error>(())
//! ```
//!
//! | file | what it defines |
//! | --- | --- |
//! | `text` | JSON text as the bytes of an image: the two charsets, percent-encoding |
//! | `frame` | what ends the data and proves them: terminator, length, CRC |
//! | `robust` | the form that survives noise in the two low bits |
//! | `layout` | how many pixels, in which rows |
//! | `deflate` | compression, stored blocks, inflation |
//! | `canonical` | PNG files exactly as the encoder writes them |
//! | `png_decoder` | every other PNG file |
//! | `encode`, `decode` | the two ways through all of these |
//! | `workspace` | the buffers and compressors that a thread keeps |

#![forbid(unsafe_code)]

mod canonical;
mod decode;
mod deflate;
mod encode;
mod frame;
mod layout;
mod limit;
mod options;
mod png_decoder;
mod robust;
mod text;
mod workspace;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, ErrorCode, Result};

pub use decode::Content;
pub use encode::Source;
pub use limit::MAX_BYTES;
#[cfg(feature = "addon")]
pub(crate) use limit::too_large;
pub use options::{Compression, DecodeOptions, EncodeOptions};
pub use text::{Charset, Text};
pub use workspace::Workspace;

/// Packs JSON text into a PNG.
///
/// The text is not parsed: the caller must pass JSON, since readers rely on it.
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
    encode_source(Source::Json(Text::Utf8(json)), options)
}

/// Packs bytes into a PNG as they are; see [`decode_bytes`].
///
/// # Errors
/// `DataTooLarge` past `max_bytes`, and past what an image carries, which is 50 331 638 bytes.
///
/// ```
/// use texample::image::{DecodeOptions, EncodeOptions, decode_bytes, encode_bytes};
///
/// let png = encode_bytes(b"\x00\xff", &EncodeOptions::default())?;
/// assert_eq!(decode_bytes(&png, &DecodeOptions::default())?, b"\x00\xff");
/// # Ok::<(), texample::Error>(())
/// ```
pub fn encode_bytes(bytes: &[u8], options: &EncodeOptions) -> Result<Vec<u8>> {
    encode_source(Source::Bytes(bytes), options)
}

/// Packs JSON text of any encoding, or bytes, into a PNG.
///
/// # Errors
/// Those of [`encode()`] and of [`encode_bytes`].
pub fn encode_source(source: Source<'_>, options: &EncodeOptions) -> Result<Vec<u8>> {
    let mut png = Vec::new();
    Workspace::of_thread(|workspace| {
        workspace.encode(source, options, |length| {
            png.resize(length, 0);
            Ok(&mut png)
        })
    })?;
    Ok(png)
}

/// Packs anything that serde can serialize into a PNG.
///
/// # Errors
/// `NotSerializable` when serde_json cannot write it, with its error as source; `DataTooLarge` past
/// `max_bytes`.
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
/// The CRC of the text is checked. Images of the original encoder, which carry none, are accepted
/// when they hold nothing but percent-encoded text, which is decoded. The text is not parsed.
///
/// # Errors
/// `ImageInvalid` when it is not a PNG; `ImageCorrupt` when the file or its pixels were changed,
/// and when it carries bytes; `DataTooLarge` past `max_bytes`.
pub fn decode(png: &[u8], options: &DecodeOptions) -> Result<String> {
    decode_json(png, options, str::to_owned)
}

/// Reads data back from a PNG.
///
/// # Errors
/// Those of [`decode()`]; `ImageCorrupt` too when the text is not JSON that describes a `T`, with
/// serde_json's error as source.
pub fn decode_data<T: DeserializeOwned>(png: &[u8], options: &DecodeOptions) -> Result<T> {
    decode_json(png, options, |text| serde_json::from_str(text))?.map_err(|error| {
        let message =
            format!("the image does not hold the JSON of a {}: {error}", std::any::type_name::<T>());
        Error::new(ErrorCode::ImageCorrupt, message).caused_by(error)
    })
}

/// Reads back from a PNG what [`encode_bytes`] packed.
///
/// # Errors
/// Those of [`decode()`]; `ImageCorrupt` when it carries JSON.
pub fn decode_bytes(png: &[u8], options: &DecodeOptions) -> Result<Vec<u8>> {
    decode_content(png, options, |content| match content {
        Content::Bytes(bytes) => Ok(bytes.to_vec()),
        Content::Json(_) => {
            Err(Error::new(ErrorCode::ImageCorrupt, "the image holds JSON, not bytes; read it with decode"))
        }
    })
}

fn decode_json<R>(png: &[u8], options: &DecodeOptions, read: impl FnOnce(&str) -> R) -> Result<R> {
    decode_content(png, options, |content| match content {
        Content::Json(text) => Ok(read(text)),
        Content::Bytes(_) => {
            let message = "the image holds bytes, not JSON; read them with decode_bytes";
            Err(Error::new(ErrorCode::ImageCorrupt, message))
        }
    })
}

fn decode_content<R>(
    png: &[u8],
    options: &DecodeOptions,
    read: impl FnOnce(Content<'_>) -> Result<R>,
) -> Result<R> {
    Workspace::of_thread(|workspace| workspace.decode(png, options, read))?
}
