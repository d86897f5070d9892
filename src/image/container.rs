//! Any PNG, read with the `png` crate: images of the original encoder, and ours after
//! another program saved them.
//!
//! The header is asked first, so that nothing is allocated for an image that is refused.

use std::io::{Cursor, ErrorKind};

use png::{BitDepth, ColorType, Decoder, DecodingError, Limits, Reader};

use super::layout::{Layout, PIXEL};
use crate::{Error, ErrorCode, Result};

/// Bytes that the `png` crate may allocate beside the pixels: a row and the one above it, and small chunks.
const SCRATCH: usize = 1 << 20;

/// A PNG file that was read as far as its header.
pub(super) struct Container<'a> {
    pub(super) layout: Layout,
    decoder: Decoder<Cursor<&'a [u8]>>,
}

impl<'a> Container<'a> {
    /// Reads the header, and refuses the kinds of PNG that carry no data.
    pub(super) fn open(png: &'a [u8]) -> Result<Self> {
        let mut decoder = Decoder::new_with_limits(Cursor::new(png), Limits { bytes: SCRATCH });
        decoder.ignore_checksums(false);
        decoder.set_ignore_text_chunk(true);
        decoder.set_ignore_iccp_chunk(true);
        let header = decoder.read_header_info().map_err(|cause| match cause {
            DecodingError::IoError(_)
                if !png.is_empty() && png.starts_with(&SIGNATURE[..png.len().min(8)]) =>
            {
                broken(cause)
            }
            _ => Error::new(ErrorCode::ImageInvalid, format!("the bytes are not a PNG: {cause}"))
                .caused_by(cause),
        })?;
        let kind = match (header.color_type, header.bit_depth) {
            (ColorType::Rgb | ColorType::Rgba, BitDepth::Eight) if header.interlaced => {
                "interlaced".to_owned()
            }
            (ColorType::Rgb | ColorType::Rgba, BitDepth::Eight) => {
                let layout = Layout { width: header.width as usize, height: header.height as usize };
                return Ok(Self { layout, decoder });
            }
            (ColorType::Grayscale, _) => "greyscale".to_owned(),
            (ColorType::GrayscaleAlpha, _) => "greyscale with alpha".to_owned(),
            (ColorType::Indexed, _) => "a palette".to_owned(),
            (ColorType::Rgb | ColorType::Rgba, depth) => format!("{} bits a channel", depth as u8),
        };
        let expected = "data images are truecolour (RGB or RGBA), 8 bits a channel, not interlaced";
        Err(Error::new(ErrorCode::ImageInvalid, format!("the PNG is {kind}; {expected}")))
    }

    /// Reads the pixels into `pixels`, without alpha, and the file to its end; returns what they carry.
    pub(super) fn read(self, pixels: &mut Vec<u8>) -> Result<&[u8]> {
        let mut reader = self.decoder.read_info().map_err(broken)?;
        let length = self.layout.width * self.layout.height * reader.output_color_type().0.samples();
        if pixels.len() < length {
            pixels.resize(length, 0);
        }
        let pixels = &mut pixels[..length];
        read_all(&mut reader, pixels).map_err(broken)?;
        let carried = self.layout.capacity();
        if length > carried {
            for pixel in 1..length / (PIXEL + 1) {
                pixels.copy_within(pixel * (PIXEL + 1)..pixel * (PIXEL + 1) + PIXEL, pixel * PIXEL);
            }
        }
        Ok(&pixels[..carried])
    }
}

const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

fn read_all(reader: &mut Reader<Cursor<&[u8]>>, pixels: &mut [u8]) -> std::result::Result<(), DecodingError> {
    reader.next_frame(pixels)?;
    reader.finish()
}

/// The file began as a data image does, and does not go on as one.
fn broken(cause: DecodingError) -> Error {
    let what = match &cause {
        DecodingError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            "it is truncated".to_owned()
        }
        DecodingError::LimitsExceeded => {
            format!("a chunk other than the image data takes more than {SCRATCH} bytes")
        }
        _ => cause.to_string(),
    };
    Error::new(ErrorCode::ImageCorrupt, format!("the PNG was changed on the way: {what}")).caused_by(cause)
}
