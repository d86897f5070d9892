//! JSON text as the bytes that an image carries.
//!
//! `%` is always escaped: text that holds one is percent-encoded text of the original encoder. So
//! is a zero, which would end the text. Escapes are legal wherever a character beyond ASCII or a
//! `%` can stand in JSON, which is inside strings only.

use crate::{Error, ErrorCode, Result};

/// Which characters are carried as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Charset {
    /// Every UTF-16 unit that is `%` or above `~` is written `\uXXXX`: readable by the original
    /// decoder.
    #[default]
    Ascii,
    /// Only `%` is escaped: smaller for text that is not Latin.
    Utf8,
}

/// JSON text in one of the encodings it comes in.
#[derive(Clone, Copy, Debug)]
pub enum Text<'a> {
    /// From Rust.
    Utf8(&'a str),
    /// From JavaScript.
    Utf16(&'a [u16]),
    /// From JavaScript, when no character is above `ÿ`.
    Latin1(&'a [u8]),
}

/// Units that are looked at together.
const CHUNK: usize = 16;

/// Bytes of an escape.
const ESCAPE: usize = 6;

impl Text<'_> {
    /// Appends the text as an image carries it.
    pub(super) fn write(self, charset: Charset, out: &mut Vec<u8>) {
        match (self, charset) {
            (Text::Utf16(units), charset) => write_units(units, charset, out),
            (Text::Latin1(units), charset) => write_units(units, charset, out),
            (Text::Utf8(text), Charset::Ascii) => write_ascii(text, out),
            (Text::Utf8(text), Charset::Utf8) => {
                let mut rest = text.as_bytes();
                while let Some(at) = memchr::memchr2(b'%', 0, rest) {
                    out.extend_from_slice(&rest[..at]);
                    escape(u16::from(rest[at]), out);
                    rest = &rest[at + 1..];
                }
                out.extend_from_slice(rest);
            }
        }
    }

    /// Bytes or units of the text; each becomes a byte of the image at least.
    pub(super) fn len(self) -> usize {
        match self {
            Text::Utf8(text) => text.len(),
            Text::Utf16(units) => units.len(),
            Text::Latin1(units) => units.len(),
        }
    }
}

fn write_units<U: Copy + Into<u16>>(units: &[U], charset: Charset, out: &mut Vec<u8>) {
    // The last run is written as a whole chunk, and cut back.
    out.reserve(units.len() + CHUNK);
    let mut rest = write_plain(units, out);
    while let Some((chunk, after)) = rest.split_first_chunk::<CHUNK>() {
        rest = match charset {
            Charset::Ascii => {
                write_ascii_chunk(chunk, out);
                after
            }
            // A surrogate pair may stand across the border of two chunks.
            Charset::Utf8 => {
                let split = matches!(chunk[CHUNK - 1].into(), 0xD800..=0xDBFF) && !after.is_empty();
                let (chunk, after) = rest.split_at(if split { CHUNK - 1 } else { CHUNK });
                write_utf8_units(chunk, out);
                after
            }
        };
        rest = write_plain(rest, out);
    }
    match charset {
        Charset::Ascii => write_ascii_units(rest, out),
        Charset::Utf8 => write_utf8_units(rest, out),
    }
}

/// Writes the chunks before the first that has an escape, and returns what follows.
///
/// By itself, and with nothing but the test in its loop, it is vectorized: a quarter of the time.
#[inline(never)]
fn write_plain<'a, U: Copy + Into<u16>>(mut units: &'a [U], out: &mut Vec<u8>) -> &'a [U] {
    while let Some((chunk, after)) = units.split_first_chunk::<CHUNK>() {
        let mut bytes = [0; CHUNK];
        let mut escapes = 0;
        for (byte, &unit) in bytes.iter_mut().zip(chunk) {
            escapes |= needs_escape(unit.into());
            *byte = low_byte(unit);
        }
        if escapes != 0 {
            break;
        }
        out.extend_from_slice(&bytes);
        units = after;
    }
    units
}

#[inline(always)]
fn low_byte<U: Into<u16>>(unit: U) -> u8 {
    unit.into().to_le_bytes()[0]
}

/// 1 or 0.
#[inline(always)]
fn needs_escape(unit: u16) -> u16 {
    // A zero wraps around, and is above `~` then.
    u16::from(unit.wrapping_sub(1) > 0x7D) | u16::from(unit == u16::from(b'%'))
}

/// Writes a chunk that has escapes: what is between them is copied sixteen bytes at a time, and cut
/// back to what it is.
#[inline(never)]
fn write_ascii_chunk<U: Copy + Into<u16>>(chunk: &[U; CHUNK], out: &mut Vec<u8>) {
    let mut bytes = [0; 2 * CHUNK];
    for (byte, &unit) in bytes.iter_mut().zip(chunk) {
        *byte = low_byte(unit);
    }
    let mut escapes = chunk
        .iter()
        .enumerate()
        .fold(0, |escapes, (index, &unit)| escapes | needs_escape(unit.into()) << index);
    let mut from = 0;
    while escapes != 0 {
        // Below 16, as is `from`: `escapes` has sixteen bits.
        let at = escapes.trailing_zeros() as usize;
        escapes &= escapes - 1;
        write_run(&bytes, from, at, out);
        out.extend_from_slice(&escape_of(chunk[at].into()));
        from = at + 1;
    }
    write_run(&bytes, from, CHUNK, out);
}

fn write_run(bytes: &[u8; 2 * CHUNK], from: usize, to: usize, out: &mut Vec<u8>) {
    let end = out.len() + to - from;
    out.extend_from_slice(&bytes[from..from + CHUNK]);
    out.truncate(end);
}

fn write_ascii_units<U: Copy + Into<u16>>(units: &[U], out: &mut Vec<u8>) {
    for &unit in units {
        let unit = unit.into();
        match u8::try_from(unit) {
            Ok(byte) if is_plain(byte) => out.push(byte),
            _ => escape(unit, out),
        }
    }
}

fn write_ascii(text: &str, out: &mut Vec<u8>) {
    out.reserve(text.len());
    let mut units = [0; 2];
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| !is_plain(byte)) {
        let (plain, after) = rest.split_at(at);
        out.extend_from_slice(plain.as_bytes());
        let mut characters = after.chars();
        for &unit in characters.next().map_or(&[] as &[u16], |character| character.encode_utf16(&mut units)) {
            escape(unit, out);
        }
        rest = characters.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
}

fn write_utf8_units<U: Copy + Into<u16>>(units: &[U], out: &mut Vec<u8>) {
    let mut bytes = [0; 4];
    for character in char::decode_utf16(units.iter().map(|&unit| unit.into())) {
        match character {
            Ok('%') => escape(u16::from(b'%'), out),
            Ok('\0') => escape(0, out),
            Ok(character) => out.extend_from_slice(character.encode_utf8(&mut bytes).as_bytes()),
            // `JSON.stringify` escapes lone surrogates itself, but an escape is right for any.
            Err(lone) => escape(lone.unpaired_surrogate(), out),
        }
    }
}

const fn is_plain(byte: u8) -> bool {
    matches!(byte, 1..=0x7E) && byte != b'%'
}

fn escape(unit: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(&escape_of(unit));
}

/// `\uXXXX`, its four digits computed at once.
fn escape_of(unit: u16) -> [u8; ESCAPE] {
    let unit = u32::from(unit);
    let nibbles = (unit >> 12) | (unit & 0x0F00) | (unit & 0x00F0) << 12 | (unit & 0x000F) << 24;
    // A carry into bit 4 tells a letter: `a` is 39 above what `9 + 1` would be.
    let letters = (nibbles + 0x0606_0606) >> 4 & 0x0101_0101;
    let [a, b, c, d] = (nibbles + 0x3030_3030 + letters * 39).to_le_bytes();
    [b'\\', b'u', a, b, c, d]
}

/// Whether `encodeURIComponent` can produce nothing but these bytes.
pub(super) fn is_percent_encoded(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.!~*'()%".contains(byte))
}

/// Undoes percent-encoding, as `decodeURIComponent` does.
///
/// # Errors
/// `ImageCorrupt` when it is malformed.
pub(super) fn percent_decode(bytes: &[u8]) -> Result<String> {
    let malformed = || Error::new(ErrorCode::ImageCorrupt, "the image holds malformed percent-encoding");
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = memchr::memchr(b'%', rest) {
        let (plain, escape) = rest.split_at(at);
        let &[_, high, low, ref after @ ..] = escape else { return Err(malformed()) };
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let (Some(high), Some(low)) = (digit(high), digit(low)) else { return Err(malformed()) };
        decoded.extend_from_slice(plain);
        decoded.push(high << 4 | low);
        rest = after;
    }
    decoded.extend_from_slice(rest);
    String::from_utf8(decoded).map_err(|_| malformed())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: Text<'_>, charset: Charset) -> String {
        let mut out = Vec::new();
        text.write(charset, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn ascii_escapes_percent_delete_and_everything_above() {
        assert_eq!(
            written(Text::Utf8("\"100% \u{7f}ö💡~\""), Charset::Ascii),
            r#""100\u0025 \u007f\u00f6\ud83d\udca1~""#
        );
    }

    #[test]
    fn every_unit_is_escaped_as_format_would() {
        for unit in 0..=u16::MAX {
            assert_eq!(escape_of(unit), format!("\\u{unit:04x}").as_bytes());
        }
    }

    #[test]
    fn utf8_escapes_percent_alone() {
        assert_eq!(written(Text::Utf8("\"100% \u{7f}ö💡~\""), Charset::Utf8), "\"100\\u0025 \u{7f}ö💡~\"");
    }

    #[test]
    fn latin1_is_written_as_utf16_is() {
        let bytes: Vec<u8> =
            (1..=u8::MAX).chain(b"ordinary text of more than sixteen bytes".iter().copied()).collect();
        let units: Vec<u16> = bytes.iter().copied().map(u16::from).collect();
        for charset in [Charset::Ascii, Charset::Utf8] {
            for from in 0..bytes.len() {
                let (narrow, wide) = (Text::Latin1(&bytes[from..]), Text::Utf16(&units[from..]));
                assert_eq!(narrow.len(), wide.len());
                assert_eq!(written(narrow, charset), written(wide, charset));
            }
        }
    }

    #[test]
    fn a_lone_surrogate_is_escaped_in_both_charsets() {
        for charset in [Charset::Ascii, Charset::Utf8] {
            assert_eq!(written(Text::Utf16(&[0x22, 0xD83D, 0x22]), charset), r#""\ud83d""#);
        }
    }

    #[test]
    fn malformed_percent_encoding_is_refused() {
        for text in ["%", "%2", "a%2g", "%+1", "%ff", "%c3"] {
            assert_eq!(
                percent_decode(text.as_bytes()).unwrap_err().code(),
                ErrorCode::ImageCorrupt,
                "{text}"
            );
        }
        assert_eq!(percent_decode(b"%7B%22p%C3%B6%22%7d!").unwrap(), "{\"pö\"}!");
    }

    proptest! {
        #[test]
        fn both_encodings_of_a_text_are_written_alike(text in "[ -~%ö語💡\u{7f}\u{0}]{0,80}") {
            let units: Vec<u16> = text.encode_utf16().collect();
            for charset in [Charset::Ascii, Charset::Utf8] {
                prop_assert_eq!(written(Text::Utf8(&text), charset), written(Text::Utf16(&units), charset));
            }
        }

        #[test]
        fn any_json_string_survives_the_escapes(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            for charset in [Charset::Ascii, Charset::Utf8] {
                let carried = written(Text::Utf8(&json), charset);
                prop_assert!(!carried.contains('%'));
                prop_assert_eq!(&serde_json::from_str::<String>(&carried).unwrap(), &text);
            }
        }

        #[test]
        fn any_units_are_carried_without_panic(units in proptest::collection::vec(any::<u16>(), 0..80)) {
            prop_assert!(written(Text::Utf16(&units), Charset::Ascii).is_ascii() );
            prop_assert!(!written(Text::Utf16(&units), Charset::Utf8).contains(['%', '\0']));
        }
    }
}
