//! PNG row filters, undone.
//!
//! Our own images have filter 0 on every row, which is best for text; images of
//! the original encoder, and ours after another program saved them, have any.

use super::layout::{Layout, PIXEL};
use crate::{Error, ErrorCode, Result};

/// Turns filtered rows into the bytes of the pixels, in place, without filter bytes and alpha.
///
/// `raw` holds `height` rows of one filter byte and `width * channels` bytes. Returns the bytes of the pixels, which
/// are a part of it.
///
/// # Errors
/// `ImageCorrupt` for a filter that does not exist.
pub(super) fn undo(raw: &mut [u8], layout: Layout, channels: usize) -> Result<&[u8]> {
    let row = layout.width * channels;
    let one_plain_row = layout.height == 1 && channels == PIXEL && raw[0] == 0;
    if one_plain_row {
        return Ok(&raw[1..]);
    }
    // Row by row, so that what is moved is still in the processor's cache. A row needs the one above it unfiltered and
    // with alpha: both stay where they are until the next row is done.
    let mut filled = 0;
    for index in 0..layout.height {
        let (above, current) = raw.split_at_mut(index * (row + 1));
        let above = if index == 0 { &[] as &[u8] } else { &above[above.len() - row..] };
        let (filter, current) = current[..=row].split_at_mut(1);
        unfilter(filter[0], above, current, channels)?;
        if index > 0 {
            filled = pack(raw, index - 1, row, channels, filled);
        }
    }
    filled = pack(raw, layout.height - 1, row, channels, filled);
    Ok(&raw[..filled])
}

/// Moves the pixels of a finished row to `to`, which is never beyond the row's own place; returns where they end.
fn pack(raw: &mut [u8], index: usize, row: usize, channels: usize, to: usize) -> usize {
    let from = index * (row + 1) + 1;
    if channels == PIXEL {
        raw.copy_within(from..from + row, to);
        return to + row;
    }
    let pixels = row / channels;
    for pixel in 0..pixels {
        raw.copy_within(from + pixel * channels..from + pixel * channels + PIXEL, to + pixel * PIXEL);
    }
    to + pixels * PIXEL
}

fn unfilter(filter: u8, above: &[u8], row: &mut [u8], channels: usize) -> Result<()> {
    match filter {
        0 => {}
        1 => {
            for at in channels..row.len() {
                row[at] = row[at].wrapping_add(row[at - channels]);
            }
        }
        2 => {
            for (byte, &above) in row.iter_mut().zip(above) {
                *byte = byte.wrapping_add(above);
            }
        }
        3 => {
            for at in 0..row.len() {
                let left = if at < channels { 0 } else { row[at - channels] };
                let above = above.get(at).copied().unwrap_or(0);
                let mean = u16::midpoint(u16::from(left), u16::from(above));
                row[at] = row[at].wrapping_add(mean.to_le_bytes()[0]);
            }
        }
        4 => {
            for at in 0..row.len() {
                let above_at = |at: usize| above.get(at).copied().unwrap_or(0);
                let (left, corner) =
                    if at < channels { (0, 0) } else { (row[at - channels], above_at(at - channels)) };
                row[at] = row[at].wrapping_add(paeth(left, above_at(at), corner));
            }
        }
        _ => {
            let message = format!("the PNG was changed: row filter {filter} does not exist");
            return Err(Error::new(ErrorCode::ImageCorrupt, message));
        }
    }
    Ok(())
}

fn paeth(left: u8, above: u8, corner: u8) -> u8 {
    let estimate = i16::from(left) + i16::from(above) - i16::from(corner);
    let distance = |neighbour: u8| (estimate - i16::from(neighbour)).abs();
    let (to_left, to_above, to_corner) = (distance(left), distance(above), distance(corner));
    if to_left <= to_above && to_left <= to_corner {
        left
    } else if to_above <= to_corner {
        above
    } else {
        corner
    }
}
