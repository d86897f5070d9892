//! PNG files exactly as the encoder writes them: header, one IDAT, end, filter 0 on every row.
//!
//! A whole PNG decoder costs a small image more than everything else together, and it inflates a
//! large one more slowly. Every other file, and every broken one, is left to it, since it can say
//! what is wrong. Writing takes a few constants and two CRCs.

use std::ops::Range;

use libdeflater::Crc;

use super::deflate::{Codec, Wrapper};
use super::layout::Layout;

/// Signature, and the length and name of the header.
const START: [u8; 16] = *b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR";

/// 8 bits, truecolour, not interlaced.
const KIND: [u8; 5] = [8, 2, 0, 0, 0];

/// The last chunk.
const END: [u8; 12] = *b"\0\0\0\0IEND\xAE\x42\x60\x82";

/// Bytes of a file beside its image data: signature, IHDR, the fields of IDAT, IEND.
const OVERHEAD: usize = 8 + 25 + 12 + 12;

/// Bytes before the image data.
const HEAD: usize = OVERHEAD - TAIL;

/// Bytes behind it: its CRC, and the last chunk.
const TAIL: usize = 4 + 12;

/// Bytes of a file with so many of image data.
pub(super) const fn length(data: usize) -> usize {
    OVERHEAD + data
}

/// Writes a file; `file` has its length, and `data` writes the zlib stream of its rows.
pub(super) fn write(layout: Layout, file: &mut [u8], data: impl FnOnce(&mut [u8])) {
    let end = file.len() - TAIL;
    // A layout is at most 16 384 pixels wide and 4096 high, and carries some 50 MB.
    let [width, height, length] =
        [layout.width, layout.height, end - HEAD].map(|size| (size as u32).to_be_bytes());
    file[..16].copy_from_slice(&START);
    file[16..20].copy_from_slice(&width);
    file[20..24].copy_from_slice(&height);
    file[24..29].copy_from_slice(&KIND);
    let header_crc = crc_of(&[&file[12..29]]);
    file[29..33].copy_from_slice(&header_crc.to_be_bytes());
    file[33..37].copy_from_slice(&length);
    file[37..HEAD].copy_from_slice(b"IDAT");
    data(&mut file[HEAD..end]);
    let data_crc = crc_of(&[&file[37..end]]);
    file[end..end + 4].copy_from_slice(&data_crc.to_be_bytes());
    file[end + 4..].copy_from_slice(&END);
}

/// A canonical file.
pub(super) struct Canonical<'a> {
    pub(super) layout: Layout,
    /// The zlib stream of its rows.
    data: &'a [u8],
}

impl<'a> Canonical<'a> {
    /// Recognizes a canonical file; allocates nothing.
    pub(super) fn recognize(png: &'a [u8]) -> Option<Self> {
        let (start, rest) = png.split_first_chunk()?;
        let (size, rest) = rest.split_first_chunk::<8>()?;
        let (kind, rest) = rest.split_first_chunk()?;
        let (header_crc, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (data, end) =
            rest.strip_prefix(b"IDAT")?.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        let (data_crc, end) = end.split_first_chunk()?;
        let &[w0, w1, w2, w3, h0, h1, h2, h3] = size;
        let (width, height) = (u32::from_be_bytes([w0, w1, w2, w3]), u32::from_be_bytes([h0, h1, h2, h3]));
        let is_canonical = *start == START
            && *kind == KIND
            && end == END
            && (1..=0x7FFF_FFFF).contains(&width)
            && (1..=0x7FFF_FFFF).contains(&height)
            && crc_of(&[b"IHDR", size, kind]) == u32::from_be_bytes(*header_crc)
            && crc_of(&[b"IDAT", data]) == u32::from_be_bytes(*data_crc);
        let layout = Layout { width: width as usize, height: height as usize };
        is_canonical.then_some(Self { layout, data })
    }

    /// Inflates the rows into `raw`, and says where in it the bytes of the pixels are; none if a
    /// row has a filter, or the stream is broken.
    pub(super) fn read(&self, codec: &mut Codec, raw: &mut Vec<u8>) -> Option<Range<usize>> {
        let row = self.layout.row();
        let length = (row + 1) * self.layout.height;
        if raw.len() < length {
            raw.resize(length, 0);
        }
        let raw = &mut raw[..length];
        if !codec.inflate(self.data, Wrapper::Zlib, raw)
            || raw.iter().step_by(row + 1).any(|&filter| filter != 0)
        {
            return None;
        }
        // The first row stays where it is, the others move up against it.
        for index in 1..self.layout.height {
            let from = index * (row + 1) + 1;
            raw.copy_within(from..from + row, 1 + index * row);
        }
        Some(1..1 + self.layout.capacity())
    }
}

fn crc_of(parts: &[&[u8]]) -> u32 {
    let mut crc = Crc::new();
    parts.iter().for_each(|part| crc.update(part));
    crc.sum()
}
