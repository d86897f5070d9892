//! What ends the text in the pixels, and what proves it.
//!
//! Behind the text stand one zero byte and the CRC-32 of the text, big-endian. The
//! original decoder stops at the zero and does not see the CRC.

use libdeflater::crc32;

/// Bytes behind the text.
pub(super) const TRAILER: usize = 5;

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
    /// Text without room for a CRC behind it, as the original encoder leaves it.
    Unsealed(&'a [u8]),
    /// The CRC does not hold, or there is no text: the CRC of nothing is 0, so a black image would pass.
    Broken,
}

/// Reads a frame.
pub(super) fn open(bytes: &[u8]) -> Frame<'_> {
    let (text, behind) = match memchr::memchr(0, bytes) {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &[] as &[u8]),
    };
    match behind.first_chunk() {
        _ if text.is_empty() => Frame::Broken,
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
    fn a_black_image_is_broken() {
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
