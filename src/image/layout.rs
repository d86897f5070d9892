//! How many pixels carry so many bytes, and in which rows.

/// Bytes that a pixel carries: red, green, blue.
pub(super) const PIXEL: usize = 3;

/// The most pixels of an image that is one row.
const ONE_ROW: usize = 16_384;

/// Pixels in each row of a larger image.
const ROW: usize = 4_096;

/// The most pixels of any image: what every browser's canvas holds.
pub(super) const MAX_PIXELS: usize = ROW * ROW;

/// The size of an image in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Layout {
    /// The layout of an image that carries `bytes`; none if no image does.
    pub(super) fn of(bytes: usize) -> Option<Self> {
        let pixels = bytes.div_ceil(PIXEL);
        if pixels <= ONE_ROW {
            Some(Self { width: pixels, height: 1 })
        } else {
            (pixels <= MAX_PIXELS).then(|| Self { width: ROW, height: pixels.div_ceil(ROW) })
        }
    }

    /// Bytes in a row, without its filter byte.
    pub(super) const fn row(self) -> usize {
        self.width * PIXEL
    }

    /// Bytes in all rows.
    pub(super) const fn capacity(self) -> usize {
        self.row() * self.height
    }

    /// Whether an image that carries at most `most_bytes` may have this size: its last row alone
    /// may have room to spare.
    pub(super) fn is_within(self, most_bytes: usize) -> bool {
        // Widths and heights are those of a PNG header, so the products do not overflow 64 bits.
        let most = most_bytes.div_ceil(PIXEL).min(MAX_PIXELS) as u64;
        let (width, height) = (self.width as u64, self.height as u64);
        width <= most && (height - 1).saturating_mul(width) < most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_begin_past_16384_pixels() {
        assert_eq!(Layout::of(12), Some(Layout { width: 4, height: 1 }));
        assert_eq!(Layout::of(13), Some(Layout { width: 5, height: 1 }));
        assert_eq!(Layout::of(49_152), Some(Layout { width: 16_384, height: 1 }));
        assert_eq!(Layout::of(49_153), Some(Layout { width: 4_096, height: 5 }));
        assert_eq!(Layout::of(61_440), Some(Layout { width: 4_096, height: 5 }));
        assert_eq!(Layout::of(61_441), Some(Layout { width: 4_096, height: 6 }));
    }

    #[test]
    fn what_is_laid_out_is_within_its_own_size() {
        for bytes in [1, 2, 100, 49_152, 49_153, 1_000_000, MAX_PIXELS * PIXEL] {
            assert!(Layout::of(bytes).unwrap().is_within(bytes));
        }
        assert_eq!(Layout::of(MAX_PIXELS * PIXEL + 1), None);
    }

    #[test]
    fn larger_images_are_not() {
        assert!(!Layout { width: 100, height: 100 }.is_within(1_000));
        assert!(!Layout { width: 4_096, height: 4_097 }.is_within(MAX_PIXELS * PIXEL));
        assert!(!Layout { width: 1, height: 0x7FFF_FFFF }.is_within(MAX_PIXELS * PIXEL));
        assert!(!Layout { width: 0x7FFF_FFFF, height: 0x7FFF_FFFF }.is_within(MAX_PIXELS * PIXEL));
    }
}
