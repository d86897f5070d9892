//! The form that survives noise in the two low bits of each channel.
//!
//! Browsers that guard against fingerprinting answer canvas reads with noise in the low bits. Here
//! the top six bits of each channel alone carry data, and the two low ones are written `10`: a flip
//! of either, or plus or minus one, does not carry into the data.
//!
//! The content is JSON text, or bytes in their plain form. It is carried as a header of twelve
//! bytes and a bare deflate stream: length of the stream, length of the content, CRC-32 of the
//! content, all big-endian.

use libdeflater::crc32;

use super::deflate::{self, Codec, Effort, Wrapper};
use super::frame::BYTES_HEADER;
use super::layout::Layout;
use super::limit::too_large;
use super::options::Compression;
use super::workspace::Workspace;
use crate::{Error, ErrorCode, Result};

/// Bytes before the deflate stream.
const HEADER: usize = 12;

/// A channel that carries six zero bits: what fills the last pixel and row.
pub(super) const FILL: u8 = 0b10;

/// The most channels that `max_bytes` of data need.
pub(super) const fn most_channels(max_bytes: usize) -> usize {
    channels(HEADER + Codec::bound(max_bytes + BYTES_HEADER))
}

/// Channels that carry so many bytes, six bits each.
const fn channels(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

impl Workspace {
    /// Replaces the content in `rows`, behind the filter byte, by its robust form.
    pub(super) fn robust_rows(&mut self, compression: Compression) -> Result<()> {
        let content = &self.rows[1..];
        // One step harder than asked, which pays for the header: the pixels are compressed a second
        // time, so that each byte saved here is one of the file.
        let effort = match compression {
            Compression::Auto | Compression::None | Compression::Fast => Effort::Best,
            Compression::Best => Effort::Most,
        };
        let bound = Codec::bound(content.len());
        // Deflate always fits the bound.
        let deflated = self.codec.deflate(content, effort, Wrapper::None, bound, &mut self.packed);
        let Some(length) = deflated.filter(|length| Layout::of(channels(HEADER + length)).is_some()) else {
            let message = "the data, deflated, are more than a robust image carries; send less";
            return Err(Error::new(ErrorCode::DataTooLarge, message));
        };
        // Neither length exceeds 32 bits: the data are within MAX_BYTES.
        let header = [length as u32, content.len() as u32, crc32(content)].map(u32::to_be_bytes);
        self.rows.truncate(1);
        self.rows.reserve(channels(HEADER + length) + 3);
        spread(header.as_flattened().iter().chain(&self.packed[..length]).copied(), &mut self.rows);
        Ok(())
    }
}

/// Appends bytes as the top six bits of channels, three bytes in four.
fn spread(bytes: impl Iterator<Item = u8>, out: &mut Vec<u8>) {
    let mut bits = 0_u32;
    let mut count = 0;
    for byte in bytes {
        bits = bits << 8 | u32::from(byte);
        count += 8;
        while count >= 6 {
            count -= 6;
            out.push((bits >> count << 2) as u8 | FILL);
        }
    }
    if count > 0 {
        out.push((bits << (6 - count) << 2) as u8 | FILL);
    }
}

/// Takes the six data bits out of channels: four to three bytes.
fn gather(channels: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.reserve(channels.len() / 4 * 3 + 3);
    for group in channels.chunks(4) {
        let bits =
            (0..4).fold(0_u32, |bits, at| bits << 6 | u32::from(group.get(at).map_or(0, |byte| byte >> 2)));
        let [_, bytes @ ..] = bits.to_be_bytes();
        out.extend_from_slice(&bytes[..group.len() * 6 / 8]);
    }
}

/// The content of a robust image; none if the pixels are not one.
///
/// # Errors
/// `DataTooLarge` when it is one of more than `limit` bytes.
pub(super) fn open<'a>(
    pixels: &[u8],
    limit: usize,
    codec: &mut Codec,
    packed: &mut Vec<u8>,
    content: &'a mut Vec<u8>,
) -> Result<Option<&'a [u8]>> {
    // The header alone tells most other images apart, before anything is unpacked.
    gather(&pixels[..pixels.len().min(HEADER / 3 * 4)], packed);
    let &[d0, d1, d2, d3, l0, l1, l2, l3, c0, c1, c2, c3] = packed.as_slice() else { return Ok(None) };
    let deflated = u32::from_be_bytes([d0, d1, d2, d3]) as usize;
    let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
    let crc = u32::from_be_bytes([c0, c1, c2, c3]);
    let Some(needed) = deflated.checked_add(HEADER).filter(|&needed| needed <= pixels.len() / 4 * 3 + 2)
    else {
        return Ok(None);
    };
    if deflated == 0
        || length == 0
        || !deflate::can_become(deflated, length)
        || channels(needed) > pixels.len()
    {
        return Ok(None);
    }
    if length > limit + BYTES_HEADER {
        return Err(too_large(&format!("the image holds {length} bytes,"), limit));
    }
    gather(&pixels[..channels(needed)], packed);
    content.clear();
    content.resize(length, 0);
    let whole = codec.inflate(&packed[HEADER..needed], Wrapper::None, content) && crc32(content) == crc;
    Ok(whole.then_some(content.as_slice()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bytes_survive_any_low_bits(bytes in proptest::collection::vec(any::<u8>(), 0..100), noise in any::<[u8; 16]>()) {
            let mut noisy = Vec::new();
            spread(bytes.iter().copied(), &mut noisy);
            prop_assert_eq!(noisy.len(), channels(bytes.len()));
            prop_assert!(noisy.iter().all(|channel| channel & 3 == FILL));
            for (channel, noise) in noisy.iter_mut().zip(noise.iter().cycle()) {
                *channel ^= noise & 3;
            }
            let mut gathered = Vec::new();
            gather(&noisy, &mut gathered);
            prop_assert_eq!(&gathered[..bytes.len()], &bytes[..]);
        }
    }
}
