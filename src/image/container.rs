//! PNG as a container: the signature and the chunks.
//!
//! Written by hand, not by the `png` crate: an image of a hundred bytes is to cost
//! less than a microsecond, and the limits are to be checked before anything is
//! allocated. The crate proves it in the tests.

use libdeflater::{Crc, crc32};

use super::layout::{Layout, PIXEL};
use crate::{Error, ErrorCode, Result};

const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// Bytes of a file of one IDAT chunk beside the data of that chunk: signature, IHDR, IDAT's own fields, IEND.
pub(super) const OVERHEAD: usize = 8 + 25 + 12 + 12;

/// A PNG file being written into a vector: everything before the image data, the data as they come, `finish`.
pub(super) struct Writer<'a> {
    out: &'a mut Vec<u8>,
    /// Where the length of the IDAT chunk stands.
    length_at: usize,
    /// Everything before is in `crc`.
    checked_to: usize,
    crc: Crc,
}

impl<'a> Writer<'a> {
    /// Starts a file of 8-bit truecolour.
    pub(super) fn new(layout: Layout, data: usize, out: &'a mut Vec<u8>) -> Self {
        out.reserve_exact(OVERHEAD + data);
        let mut header = *b"IHDR\0\0\0\0\0\0\0\0\x08\x02\0\0\0";
        // A layout is at most 16 384 pixels wide and 4096 high.
        header[4..8].copy_from_slice(&(layout.width as u32).to_be_bytes());
        header[8..12].copy_from_slice(&(layout.height as u32).to_be_bytes());
        out.extend_from_slice(&SIGNATURE);
        out.extend_from_slice(&[0, 0, 0, 13]);
        out.extend_from_slice(&header);
        out.extend_from_slice(&crc32(&header).to_be_bytes());
        let length_at = out.len();
        out.extend_from_slice(b"\0\0\0\0IDAT");
        Self { out, length_at, checked_to: length_at + 4, crc: Crc::new() }
    }

    /// Appends image data.
    pub(super) fn write(&mut self, data: &[u8]) {
        self.out.extend_from_slice(data);
    }

    /// Takes what was written since into the CRC, while it is in the processor's cache.
    pub(super) fn check(&mut self) {
        self.crc.update(&self.out[self.checked_to..]);
        self.checked_to = self.out.len();
    }

    /// Ends the file.
    pub(super) fn finish(mut self) {
        self.check();
        let length = self.out.len() - self.length_at - 8;
        // The largest image is some 50 MB.
        self.out[self.length_at..][..4].copy_from_slice(&(length as u32).to_be_bytes());
        self.out.extend_from_slice(&self.crc.sum().to_be_bytes());
        self.out.extend_from_slice(b"\0\0\0\0IEND\xAE\x42\x60\x82");
    }
}

/// A PNG file that was read as far as its chunks.
#[derive(Debug)]
pub(super) struct Container<'a> {
    pub(super) layout: Layout,
    /// Bytes a pixel: 3, or 4 with alpha.
    pub(super) channels: usize,
    /// The file from its first IDAT chunk on; all chunks up to the last IDAT were checked.
    chunks: &'a [u8],
    /// Bytes of image data in all IDAT chunks.
    pub(super) data: usize,
}

impl<'a> Container<'a> {
    /// Reads header and chunks, and checks their CRCs. Allocates nothing.
    pub(super) fn read(png: &'a [u8]) -> Result<Self> {
        let Some(mut rest) = png.strip_prefix(&SIGNATURE) else {
            return Err(invalid("the bytes are not a PNG: its signature is missing"));
        };
        let header = next_chunk(&mut rest)?;
        if header.kind != *b"IHDR" {
            return Err(invalid("the PNG does not begin with an IHDR chunk"));
        }
        let (layout, channels) = read_header(header.data)?;

        let mut first = None;
        let mut data = 0;
        let mut ended = false;
        loop {
            let at = rest;
            let chunk = next_chunk(&mut rest)?;
            match &chunk.kind {
                b"IDAT" if ended => return Err(invalid("the PNG's IDAT chunks do not follow each other")),
                b"IDAT" => {
                    first.get_or_insert(at);
                    data += chunk.data.len();
                }
                b"IEND" => break,
                b"IHDR" => return Err(invalid("the PNG has a second IHDR chunk")),
                // A suggested palette changes nothing in truecolour; a chunk of a lower-case kind is not critical.
                kind if kind == b"PLTE" || kind[0].is_ascii_lowercase() => ended = first.is_some(),
                kind => {
                    return Err(invalid(format!(
                        "the PNG has a critical chunk {}, unknown here",
                        name(*kind)
                    )));
                }
            }
        }
        let Some(chunks) = first else { return Err(invalid("the PNG has no image data (no IDAT chunk)")) };
        Ok(Self { layout, channels, chunks, data })
    }

    /// The image data of all IDAT chunks, one after the other.
    pub(super) fn parts(&self) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = self.chunks;
        // `read` has checked them all, so none fails here.
        std::iter::from_fn(move || split_chunk(&mut rest).filter(|chunk| chunk.kind == *b"IDAT"))
            .map(|chunk| chunk.data)
    }
}

fn read_header(data: &[u8]) -> Result<(Layout, usize)> {
    let &[w0, w1, w2, w3, h0, h1, h2, h3, depth, colour, compression, filter, interlace] = data else {
        return Err(invalid(format!("the PNG's IHDR chunk has {} bytes; it must have 13", data.len())));
    };
    let (width, height) = (u32::from_be_bytes([w0, w1, w2, w3]), u32::from_be_bytes([h0, h1, h2, h3]));
    if !(1..=0x7FFF_FFFF).contains(&width) || !(1..=0x7FFF_FFFF).contains(&height) {
        return Err(invalid(format!("the PNG is {width} x {height} pixels, which is no size of a PNG")));
    }
    let channels = match colour {
        2 => PIXEL,
        6 => PIXEL + 1,
        0 => return Err(not_ours("greyscale")),
        3 => return Err(not_ours("a palette")),
        4 => return Err(not_ours("greyscale with alpha")),
        _ => return Err(invalid(format!("the PNG has colour type {colour}, which does not exist"))),
    };
    if depth != 8 {
        return Err(not_ours(&format!("{depth} bits a channel")));
    }
    if interlace != 0 {
        return Err(not_ours("interlaced"));
    }
    if compression != 0 || filter != 0 {
        return Err(invalid(format!(
            "the PNG has compression method {compression} and filter method {filter}, not 0"
        )));
    }
    Ok((Layout { width: width as usize, height: height as usize }, channels))
}

struct Chunk<'a> {
    kind: [u8; 4],
    data: &'a [u8],
    crc_holds: bool,
}

fn next_chunk<'a>(rest: &mut &'a [u8]) -> Result<Chunk<'a>> {
    let chunk = split_chunk(rest)
        .ok_or_else(|| Error::new(ErrorCode::ImageCorrupt, "the PNG is truncated: it ends inside a chunk"))?;
    if !chunk.crc_holds {
        let message = format!("the PNG was changed: the CRC of its {} chunk does not hold", name(chunk.kind));
        return Err(Error::new(ErrorCode::ImageCorrupt, message));
    }
    Ok(chunk)
}

/// The next chunk, if it is whole.
fn split_chunk<'a>(rest: &mut &'a [u8]) -> Option<Chunk<'a>> {
    let (length, after) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let checked = after.get(..length.checked_add(4)?)?;
    let (crc, after) = after[checked.len()..].split_first_chunk()?;
    let (&kind, data) = checked.split_first_chunk()?;
    *rest = after;
    Some(Chunk { kind, data, crc_holds: u32::from_be_bytes(*crc) == crc32(checked) })
}

fn name(kind: [u8; 4]) -> String {
    kind.escape_ascii().to_string()
}

fn not_ours(kind: &str) -> Error {
    invalid(format!(
        "the PNG is {kind}; data images are truecolour (RGB or RGBA), 8 bits a channel, not interlaced"
    ))
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorCode::ImageInvalid, message)
}
