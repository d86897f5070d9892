//! Any text, in every form: what is encoded is decoded to the same string.
#![no_main]

use libfuzzer_sys::fuzz_target;
use texample::image::{
    Charset, Compression, DecodeOptions, EncodeOptions, Source, Text, decode, encode, encode_source,
};

fuzz_target!(|data: &[u8]| {
    let Some((&selector, bytes)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(bytes);
    let Ok(json) = serde_json::to_string(&text) else { return };
    let compression = match selector & 3 {
        0 => Compression::Auto,
        1 => Compression::None,
        2 => Compression::Fast,
        _ => Compression::Best,
    };
    let charset = if selector & 4 == 0 { Charset::Ascii } else { Charset::Utf8 };
    let options =
        EncodeOptions { compression, charset, robust: selector & 8 != 0, ..EncodeOptions::default() };

    let png = encode(&json, &options).expect("a string of JSON can be carried");
    let carried = decode(&png, &DecodeOptions::default()).expect("an image of ours can be read");
    assert_eq!(serde_json::from_str::<String>(&carried).expect("what is carried is JSON"), text);

    // From JavaScript the text comes as UTF-16, or as Latin-1; any units, well-formed or not.
    let carry = |text: Text<'_>| encode_source(Source::Json(text), &options);
    let units: Vec<u16> = json.encode_utf16().collect();
    assert_eq!(carry(Text::Utf16(&units)).expect("the same"), png);
    let latin1: Option<Vec<u8>> = units.iter().map(|&unit| u8::try_from(unit).ok()).collect();
    if let Some(latin1) = latin1 {
        assert_eq!(carry(Text::Latin1(&latin1)).expect("the same"), png);
    }
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    assert_eq!(carry(Text::Utf16(&units)).is_ok(), !units.is_empty());
    assert_eq!(carry(Text::Latin1(bytes)).is_ok(), !bytes.is_empty());
});
