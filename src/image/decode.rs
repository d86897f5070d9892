//! From a PNG file to the data in it.

use super::canonical::Canonical;
use super::frame::{self, Frame};
use super::limit::{MAX_BYTES, too_large};
use super::options::DecodeOptions;
use super::png_decoder::PngDecoder;
use super::workspace::Workspace;
use super::{deflate, robust, text};
use crate::{Error, ErrorCode, Result};

/// What an image carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// JSON text, which is not parsed.
    Json(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
}

/// Which decoder reads the pixels.
enum PixelReader<'a> {
    Canonical(Canonical<'a>),
    Other(Box<PngDecoder<'a>>),
}

/// What the pixels carry, by its form.
enum Carried<'a> {
    /// JSON text with a CRC that holds.
    Sealed(&'a [u8]),
    /// Text of the original encoder, which carries no CRC.
    Unsealed(&'a [u8]),
    Bytes(&'a [u8]),
}

impl Workspace {
    /// Reads the content of a PNG and hands it to `read`, without a copy.
    ///
    /// # Errors
    /// `ImageInvalid` when it is not a PNG; `ImageCorrupt` when the file or its pixels were
    /// changed; `DataTooLarge` past `max_bytes`.
    pub fn decode<R>(
        &mut self,
        png: &[u8],
        options: &DecodeOptions,
        read: impl FnOnce(Content<'_>) -> R,
    ) -> Result<R> {
        let limit = options.max_bytes.min(MAX_BYTES);
        let reader = match Canonical::recognize(png) {
            Some(canonical) => PixelReader::Canonical(canonical),
            None => PixelReader::Other(Box::new(PngDecoder::open(png)?)),
        };
        let (layout, stored, may_be_original) = match &reader {
            PixelReader::Canonical(canonical) => {
                (canonical.layout, canonical.layout.capacity(), canonical.layout.height == 1)
            }
            PixelReader::Other(decoder) => (decoder.layout, decoder.stored, decoder.may_be_original),
        };
        if !layout.is_within(most_payload(limit)) {
            let size = format!("the image is {} x {} pixels, which carry data", layout.width, layout.height);
            return Err(too_large(&size, limit));
        }
        if !deflate::can_become(png.len(), stored) {
            let message = format!("the PNG is truncated: {} bytes cannot hold {stored} of pixels", png.len());
            return Err(Error::new(ErrorCode::ImageCorrupt, message));
        }

        let Self { raw, packed, rows, codec } = self;
        let read_canonically = match reader {
            PixelReader::Canonical(canonical) => {
                canonical.read(codec, raw).ok_or_else(|| PngDecoder::open(png).map(Box::new))
            }
            PixelReader::Other(decoder) => Err(Ok(decoder)),
        };
        let pixels = match read_canonically {
            Ok(place) => &raw[place],
            Err(decoder) => decoder?.read(raw)?,
        };

        let carried = match frame::open(pixels) {
            Frame::Sealed(text) => Carried::Sealed(text),
            Frame::Bytes(bytes) => Carried::Bytes(bytes),
            frame => match (robust::open(pixels, limit, codec, packed, rows)?, frame) {
                (Some(content), _) => {
                    frame::open_bytes(content).map_or(Carried::Sealed(content), Carried::Bytes)
                }
                // The original encoder wrote nothing but percent-encoded text.
                (None, Frame::Unsealed(text)) if may_be_original && text::is_percent_encoded(text) => {
                    Carried::Unsealed(text)
                }
                _ => {
                    let message = "the image holds no data of an encoder: their CRC does not hold. \
                                   Its pixels were changed on the way, or it is another picture";
                    return Err(Error::new(ErrorCode::ImageCorrupt, message));
                }
            },
        };
        let (Carried::Sealed(bytes) | Carried::Unsealed(bytes) | Carried::Bytes(bytes)) = carried;
        if bytes.len() > limit {
            return Err(too_large(&format!("the image holds {} bytes,", bytes.len()), limit));
        }
        match carried {
            Carried::Bytes(bytes) => Ok(read(Content::Bytes(bytes))),
            Carried::Sealed(text) if memchr::memchr(b'%', text).is_none() => {
                match std::str::from_utf8(text) {
                    Ok(text) => Ok(read(Content::Json(text))),
                    Err(error) => {
                        let message = "the image holds text that is not UTF-8";
                        Err(Error::new(ErrorCode::ImageCorrupt, message).caused_by(error))
                    }
                }
            }
            Carried::Sealed(text) | Carried::Unsealed(text) => {
                text::percent_decode(text).map(|text| read(Content::Json(&text)))
            }
        }
    }
}

/// The most bytes that the pixels of an image with `limit` bytes of data carry, in any form.
fn most_payload(limit: usize) -> usize {
    let plain = limit + frame::TRAILER.max(frame::BYTES_HEADER);
    plain.max(robust::most_channels(limit))
}

#[cfg(test)]
mod tests {
    use super::super::layout::Layout;
    use super::*;

    #[test]
    fn the_largest_text_fills_the_largest_image() {
        let largest = Layout { width: 4_096, height: 4_096 };
        assert_eq!(Layout::of(MAX_BYTES + frame::TRAILER), Some(largest));
        assert_eq!(Layout::of(MAX_BYTES + frame::TRAILER + 1), None);
    }

    #[test]
    fn an_image_of_the_limit_is_within_it() {
        for bytes in [1, 2, 100, 49_147, 49_148, 1_000_000, MAX_BYTES] {
            assert!(Layout::of(bytes + frame::TRAILER).unwrap().is_within(most_payload(bytes)));
        }
    }
}
