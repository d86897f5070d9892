//! Compression, stored blocks, inflation.
//!
//! libdeflate does the work: of the libraries measured it is the fastest and its
//! output the smallest at each speed. Setting a compressor up costs more than a
//! small image, so each thread keeps its own.

use libdeflater::{Adler32, CompressionLvl, Compressor, Decompressor};

use super::layout::Layout;

/// The most bytes a stored block holds.
const BLOCK: usize = 65_535;

/// The most bytes that one byte of deflate becomes.
const MOST_EXPANSION: usize = 1_032;

/// How well to deflate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effort {
    /// As small as zlib's level 1, and much faster.
    Fast,
    /// As small as zlib's level 6, and faster.
    Best,
    /// Some 4 % smaller, at several times the time.
    Most,
}

impl Effort {
    const fn level(self) -> i32 {
        match self {
            Effort::Fast => 1,
            Effort::Best => 6,
            Effort::Most => 10,
        }
    }
}

/// The compressors and the decompressor of a thread, made when first needed.
#[derive(Default)]
pub(super) struct Codec {
    fast: Option<Compressor>,
    best: Option<Compressor>,
    most: Option<Compressor>,
    inflate: Option<Decompressor>,
}

impl Codec {
    /// Deflates `raw` into `out` as a zlib stream, or as a bare one, and returns its length; none
    /// if it would be longer than `limit`, whatever is in `out` then.
    pub(super) fn deflate(
        &mut self,
        raw: &[u8],
        effort: Effort,
        wrapper: Wrapper,
        limit: usize,
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        let slot = match effort {
            Effort::Fast => &mut self.fast,
            Effort::Best => &mut self.best,
            Effort::Most => &mut self.most,
        };
        let compressor = slot
            .get_or_insert_with(|| Compressor::new(CompressionLvl::new(effort.level()).unwrap_or_default()));
        if out.len() < limit {
            out.resize(limit, 0);
        }
        let out = &mut out[..limit];
        match wrapper {
            Wrapper::Zlib => compressor.zlib_compress(raw, out),
            Wrapper::None => compressor.deflate_compress(raw, out),
        }
        .ok()
    }

    /// The most bytes that `deflate` makes of so many.
    pub(super) const fn bound(bytes: usize) -> usize {
        // Blocks of libdeflate hold at least 5000 bytes; each costs at most 5, and the last 9 are
        // its safety margin.
        bytes + bytes.div_ceil(5_000) * 5 + 5 + 9 + 6
    }

    /// Inflates to exactly `out.len()` bytes; false when the stream is broken, or of another
    /// length.
    pub(super) fn inflate(&mut self, stream: &[u8], wrapper: Wrapper, out: &mut [u8]) -> bool {
        let decompressor = self.inflate.get_or_insert_with(Decompressor::new);
        let inflated = match wrapper {
            Wrapper::Zlib => decompressor.zlib_decompress(stream, out),
            Wrapper::None => decompressor.deflate_decompress(stream, out),
        };
        inflated == Ok(out.len())
    }
}

/// What stands around deflated data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrapper {
    /// zlib's header and Adler-32, as PNG wants them.
    Zlib,
    /// Nothing.
    None,
}

/// Whether deflated data of this length can become `bytes` at all; asked before they are allocated.
pub(super) const fn can_become(deflated: usize, bytes: usize) -> bool {
    bytes / MOST_EXPANSION <= deflated
}

/// Bytes of the zlib stream that `store` writes.
pub(super) const fn stored_length(layout: Layout) -> usize {
    let row = layout.row() + 1;
    let blocks = layout.height.div_ceil(BLOCK / row);
    2 + 5 * blocks + row * layout.height + 4
}

/// Writes rows, each behind a filter byte of 0, as a zlib stream of stored blocks of whole rows;
/// `out` has its length.
pub(super) fn store(bytes: &[u8], layout: Layout, out: &mut [u8]) {
    let row = layout.row();
    let mut adler = Adler32::new();
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        out[at..at + bytes.len()].copy_from_slice(bytes);
        at += bytes.len();
    };
    put(&[0x78, 0x01]);
    // The widest row has 16 384 pixels, 49 153 bytes with its filter: a block holds it.
    let mut blocks = bytes.chunks(row * (BLOCK / (row + 1))).peekable();
    while let Some(block) = blocks.next() {
        let [l0, l1] = ((block.len() + block.len() / row) as u16).to_le_bytes();
        put(&[u8::from(blocks.peek().is_none()), l0, l1, !l0, !l1]);
        for row in block.chunks_exact(row) {
            put(&[0]);
            put(row);
            adler.update(&[0]);
            adler.update(row);
        }
    }
    put(&adler.sum().to_be_bytes());
}
