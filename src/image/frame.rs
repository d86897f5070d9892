//! What ends the data in the pixels, and what proves them.
//!
//! Behind JSON text stand one zero byte and the CRC-32 of the text, big-endian. The original
//! decoder stops at the zero and does not see the CRC.
//!
//! Bytes stand behind `00 01`, their length and their CRC-32, both big-endian: the text before the
//! first zero is empty, which no JSON text is.

use libdeflater::crc32;

use super::layout::PIXEL;

/// Bytes behind the text.
pub(super) const TRAILER: usize = 5;

/// Bytes before carried bytes.
pub(super) const BYTES_HEADER: usize = 10;

/// What the bytes form begins with.
const BYTES_FORM: [u8; 2] = [0, 1];

/// Appends `bytes` in the bytes form, of a length that 32 bits hold.
pub(super) fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(BYTES_HEADER + bytes.len());
    out.extend_from_slice(&BYTES_FORM);
    out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(&crc32(bytes).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// The bytes in a payload of the bytes form; none if it is of another form, or its CRC does not
/// hold.
pub(super) fn open_bytes(payload: &[u8]) -> Option<&[u8]> {
    let (length, rest) = payload.strip_prefix(&BYTES_FORM)?.split_first_chunk()?;
    let (crc, rest) = rest.split_first_chunk()?;
    let (bytes, fill) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    // The CRC of nothing is 0: a larger black picture with a blot in its corner would pass.
    let is_whole = !bytes.is_empty() || fill.len() < 2 * PIXEL;
    (is_whole && crc32(bytes) == u32::from_be_bytes(*crc)).then_some(bytes)
}

/// Appends terminator and CRC to the text that starts at `from`.
pub(super) fn seal(bytes: &mut Vec<u8>, from: usize) {
    let crc = crc32(&bytes[from..]);
    bytes.push(0);
    bytes.extend_from_slice(&crc.to_be_bytes());
}

/// What the bytes of the pixels are, by their terminator and CRC.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// Text whose CRC holds.
    Sealed(&'a [u8]),
    /// Bytes whose CRC holds.
    Bytes(&'a [u8]),
    /// Text without room for a CRC behind it, as the original encoder leaves it.
    Unsealed(&'a [u8]),
    /// The CRC does not hold, or there is no text: the CRC of nothing is 0, so a black image would
    /// pass.
    Broken,
}

/// Reads a frame.
pub(super) fn open(bytes: &[u8]) -> Frame<'_> {
    let (text, behind) = match memchr::memchr(0, bytes) {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &[] as &[u8]),
    };
    match behind.first_chunk() {
        _ if text.is_empty() => open_bytes(bytes).map_or(Frame::Broken, Frame::Bytes),
        None => Frame::Unsealed(text),
        Some(&crc) if u32::from_be_bytes(crc) == crc32(text) => Frame::Sealed(text),
        Some(_) => Frame::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_text_is_read_back() {
        let mut bytes = b"..{\"a\":1}".to_vec();
        seal(&mut bytes, 2);
        assert_eq!(&bytes[2..], b"{\"a\":1}\0\x56\x1b\xac\xaf");
        bytes.extend_from_slice(b"\0\0\0");
        assert_eq!(open(&bytes[2..]), Frame::Sealed(b"{\"a\":1}"));
    }

    #[test]
    fn bytes_are_read_back_and_only_whole() {
        for bytes in [&b""[..], b"\0", b"\0\0\0", b"{\"a\":1}"] {
            let mut payload = Vec::new();
            write_bytes(bytes, &mut payload);
            payload.resize(payload.len().next_multiple_of(PIXEL), 0);
            assert_eq!(open(&payload), Frame::Bytes(bytes));
            for bit in 0..8 * (BYTES_HEADER + bytes.len()) {
                let mut changed = payload.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                assert!(!matches!(open(&changed), Frame::Bytes(_)), "bit {bit}");
            }
            assert_eq!(open(&payload[..payload.len() - PIXEL]), Frame::Broken);
        }
    }

    #[test]
    fn a_black_image_is_broken_with_a_blot_too() {
        let mut pixels = [0; 18];
        pixels[1] = 1;
        assert_eq!(open(&pixels), Frame::Broken);
        assert_eq!(open(&[0; 12]), Frame::Broken);
        assert_eq!(open(&[0; 3]), Frame::Broken);
        assert_eq!(open(&[]), Frame::Broken);
    }

    #[test]
    fn fewer_than_four_bytes_behind_the_zero_are_no_crc() {
        assert_eq!(open(b"12\0abc"), Frame::Unsealed(b"12"));
        assert_eq!(open(b"12\0abcd"), Frame::Broken);
        assert_eq!(open(b"123"), Frame::Unsealed(b"123"));
    }
}
