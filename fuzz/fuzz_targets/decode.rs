//! Any bytes: as a file, as chunks whose CRCs hold, and as the pixels of a sound file, where random
//! bytes never come to.
#![no_main]

use libfuzzer_sys::fuzz_target;
use texample::image::{Compression, DecodeOptions, EncodeOptions, decode, encode};

const LIMIT: DecodeOptions = DecodeOptions { max_bytes: 1 << 20 };

fuzz_target!(|data: &[u8]| {
    let _ = decode(data, &LIMIT);
    let _ = decode(&of_chunks(data), &LIMIT);
    let Some((&selector, bytes)) = data.split_first() else { return };
    let _ = decode(&contained(selector, bytes), &LIMIT);

    // Damage to an image of ours that the CRC of the file does not show: never read as something
    // else.
    let json = r#"{"a":1,"es":"b\u00faho"}"#;
    let options = EncodeOptions {
        compression: Compression::None,
        robust: selector & 1 == 1,
        ..EncodeOptions::default()
    };
    if let Ok(png) = encode(json, &options) {
        let pixels = &png[49..png.len() - 20];
        let damaged: Vec<u8> =
            pixels.iter().enumerate().map(|(at, byte)| byte ^ bytes.get(at).unwrap_or(&0)).collect();
        let width = u32::from_be_bytes([png[16], png[17], png[18], png[19]]);
        if let Ok(read) = decode(&file(width, 1, [8, 2, 0], &stored(&[&[0][..], &damaged].concat())), &LIMIT)
        {
            assert_eq!(read, json);
        }
    }
});

/// A file whose CRCs and zlib stream hold, with these bytes as filtered rows.
fn contained(selector: u8, bytes: &[u8]) -> Vec<u8> {
    let (colour, depth, channels) = match selector >> 1 & 7 {
        0 => (0, 1, 1),
        1 => (0, 4, 1),
        2 => (0, 16, 1),
        3 => (2, 16, 3),
        4 => (4, 8, 2),
        5 => (6, 8, 4),
        _ => (2, 8, 3),
    };
    let height = 1 + usize::from(selector >> 5);
    let width = (bytes.len() / height).saturating_sub(1) * 8 / (channels * depth);
    let used = height * ((width * channels * depth).div_ceil(8) + 1);
    let interlaced = u8::from(selector & 16 != 0);
    file(
        width as u32,
        height as u32,
        [depth as u8, colour, interlaced],
        &stored(&bytes[..used.min(bytes.len())]),
    )
}

fn file(width: u32, height: u32, [depth, colour, interlaced]: [u8; 3], data: &[u8]) -> Vec<u8> {
    let mut chunks = Vec::new();
    let head = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[depth, colour, 0, 0, interlaced]].concat();
    for (kind, data) in [(b"IHDR", &head[..]), (b"IDAT", data), (b"IEND", &[])] {
        chunks.extend_from_slice(&(data.len() as u32).to_be_bytes());
        chunks.extend_from_slice(kind);
        chunks.extend_from_slice(data);
        chunks.extend_from_slice(&[0; 4]);
    }
    of_chunks(&chunks)
}

/// A file of these chunks, with the CRC of each made right.
fn of_chunks(chunks: &[u8]) -> Vec<u8> {
    let mut png = [&b"\x89PNG\r\n\x1a\n"[..], chunks].concat();
    let mut at = 8;
    while let Some(length) = png.get(at..).and_then(|chunk| chunk.first_chunk()) {
        let end = at + 8 + u32::from_be_bytes(*length) as usize;
        if end + 4 > png.len() {
            break;
        }
        let crc = crc32(&png[at + 4..end]);
        png[end..end + 4].copy_from_slice(&crc.to_be_bytes());
        at = end + 4;
    }
    png
}

fn stored(raw: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let mut blocks = raw.chunks(65_535).peekable();
    while let Some(block) = blocks.next() {
        let length = block.len() as u16;
        stream.push(u8::from(blocks.peek().is_none()));
        stream.extend_from_slice(&length.to_le_bytes());
        stream.extend_from_slice(&(!length).to_le_bytes());
        stream.extend_from_slice(block);
    }
    let (a, b) = raw.iter().fold((1_u32, 0_u32), |(a, b), &byte| {
        let a = (a + u32::from(byte)) % 65_521;
        (a, (a + b) % 65_521)
    });
    stream.extend_from_slice(&(b << 16 | a).to_be_bytes());
    stream
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| crc >> 1 ^ (0xEDB8_8320 * (crc & 1)))
    })
}
