//! Any PNG, read with the `png` crate: images of the original encoder, and ours after another
//! program saved them.
//!
//! Optimizers and image libraries store the same pixels as what is smallest: grey, a palette,
//! fewer bits, with alpha. All of them become eight bits of red, green and blue here. The header
//! is read first, so that nothing is allocated for an image that is refused.

use std::io::{Cursor, ErrorKind};

use png::{BitDepth, ColorType, Decoder, DecodingError, Limits, Reader, Transformations};

use super::layout::{Layout, PIXEL};
use crate::{Error, ErrorCode, Result};

/// Bytes that the `png` crate may allocate beside the pixels: two rows, and small chunks.
const SCRATCH: usize = 1 << 20;

/// A PNG file that was read as far as its header.
pub(super) struct PngDecoder<'a> {
    pub(super) layout: Layout,
    /// Bytes of all rows as the file stores them, each with its filter byte.
    pub(super) stored: usize,
    /// Whether it is of a kind that the original encoder wrote: one row of red, green and blue of
    /// eight bits, with alpha or without. Its images carry no CRC, and a picture of one grey would
    /// be read as digits.
    pub(super) may_be_original: bool,
    decoder: Decoder<Cursor<&'a [u8]>>,
}

impl<'a> PngDecoder<'a> {
    /// Reads the header.
    ///
    /// # Errors
    /// `ImageInvalid` when the bytes are no PNG; `ImageCorrupt` when they end inside the header.
    pub(super) fn open(png: &'a [u8]) -> Result<Self> {
        let mut decoder = Decoder::new_with_limits(Cursor::new(png), Limits { bytes: SCRATCH });
        decoder.ignore_checksums(false);
        decoder.set_ignore_text_chunk(true);
        decoder.set_ignore_iccp_chunk(true);
        decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
        let header = decoder.read_header_info().map_err(|cause| match cause {
            DecodingError::IoError(_)
                if !png.is_empty() && png.starts_with(&SIGNATURE[..png.len().min(8)]) =>
            {
                broken(cause)
            }
            _ => Error::new(ErrorCode::ImageInvalid, format!("the bytes are not a PNG: {cause}"))
                .caused_by(cause),
        })?;
        let layout = Layout { width: header.width as usize, height: header.height as usize };
        let stored = header.raw_row_length().saturating_mul(layout.height);
        let is_truecolor = matches!(header.color_type, ColorType::Rgb | ColorType::Rgba);
        let may_be_original =
            is_truecolor && header.bit_depth == BitDepth::Eight && !header.interlaced && layout.height == 1;
        Ok(Self { layout, stored, may_be_original, decoder })
    }

    /// Reads the pixels into `pixels`, and the file to its end; returns red, green and blue of
    /// each pixel.
    ///
    /// Of 16 bits the high byte counts. Alpha is passed over: where it is not opaque, red, green
    /// and blue of the file are still what the encoder wrote, and the CRC proves it.
    pub(super) fn read(self, pixels: &mut Vec<u8>) -> Result<&[u8]> {
        let mut reader = self.decoder.read_info().map_err(broken)?;
        let (color, _) = reader.output_color_type();
        let count = self.layout.width * self.layout.height;
        let (decoded, carried) = (count * color.samples(), count * PIXEL);
        if pixels.len() < decoded.max(carried) {
            pixels.resize(decoded.max(carried), 0);
        }
        read_all(&mut reader, &mut pixels[..decoded]).map_err(broken)?;
        match color {
            ColorType::Rgba => {
                for pixel in 1..count {
                    pixels.copy_within(pixel * 4..pixel * 4 + PIXEL, pixel * PIXEL);
                }
            }
            ColorType::Grayscale | ColorType::GrayscaleAlpha => {
                // From the end, since a pixel takes more room than before.
                for pixel in (0..count).rev() {
                    let grey = pixels[pixel * color.samples()];
                    pixels[pixel * PIXEL..(pixel + 1) * PIXEL].fill(grey);
                }
            }
            // The decoder expands palettes.
            ColorType::Rgb | ColorType::Indexed => {}
        }
        Ok(&pixels[..carried])
    }
}

const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

fn read_all(reader: &mut Reader<Cursor<&[u8]>>, pixels: &mut [u8]) -> std::result::Result<(), DecodingError> {
    reader.next_frame(pixels)?;
    reader.finish()
}

/// The file begins as a PNG and does not go on as one.
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
