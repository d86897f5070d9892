//! From a PNG file to JSON text.

use super::container::Container;
use super::deflate;
use super::frame::Frame;
use super::own::Own;
use super::{DecodeOptions, Workspace, frame, robust, text, too_large};
use crate::{Error, ErrorCode, Result};

/// Who reads the pixels.
enum File<'a> {
    Own(Own<'a>),
    Other(Box<Container<'a>>),
}

impl Workspace {
    /// Reads JSON text from a PNG and hands it to `read`, without a copy.
    ///
    /// # Errors
    /// Those of [`decode`](super::decode()).
    pub fn decode<R>(
        &mut self,
        png: &[u8],
        options: &DecodeOptions,
        read: impl FnOnce(&str) -> R,
    ) -> Result<R> {
        let limit = options.max_bytes.min(super::MAX_BYTES);
        let file = match Own::recognize(png) {
            Some(own) => File::Own(own),
            None => File::Other(Box::new(Container::open(png)?)),
        };
        let layout = match &file {
            File::Own(own) => own.layout,
            File::Other(container) => container.layout,
        };
        if !layout.is_within(limit) {
            let size = format!("the image is {} x {} pixels, which carry data", layout.width, layout.height);
            return Err(too_large(&size, limit));
        }
        let bytes = layout.capacity();
        if !deflate::can_become(png.len(), bytes) {
            let message = format!("the PNG is truncated: {} bytes cannot hold {bytes} of pixels", png.len());
            return Err(Error::new(ErrorCode::ImageCorrupt, message));
        }

        let Self { raw, packed, rows, codec } = self;
        let found = match file {
            File::Own(own) => own.read(codec, raw).ok_or_else(|| Container::open(png).map(Box::new)),
            File::Other(container) => Err(Ok(container)),
        };
        let pixels = match found {
            Ok(place) => &raw[place],
            Err(container) => container?.read(raw)?,
        };

        let (bytes, sealed) = match frame::open(pixels) {
            Frame::Sealed(bytes) => (bytes, true),
            frame => match (robust::open(pixels, limit, codec, packed, rows)?, frame) {
                (Some(bytes), _) => (bytes, true),
                // The original encoder wrote one row of nothing but percent-encoded text.
                (None, Frame::Unsealed(bytes)) if layout.height == 1 && text::is_percent_encoded(bytes) => {
                    (bytes, false)
                }
                _ => {
                    let message = "the image does not hold what an encoder wrote: the CRC of its data does not hold. \
                                   Its pixels were changed on the way, or it is not a data image";
                    return Err(Error::new(ErrorCode::ImageCorrupt, message));
                }
            },
        };
        if bytes.len() > limit {
            return Err(too_large(&format!("the image holds {} bytes of JSON,", bytes.len()), limit));
        }
        if !sealed || memchr::memchr(b'%', bytes).is_some() {
            return text::percent_decode(bytes).map(|text| read(&text));
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(read(text)),
            Err(error) => {
                let message = "the image holds text that is not UTF-8".to_owned();
                Err(Error::new(ErrorCode::ImageCorrupt, message).caused_by(error))
            }
        }
    }
}
