//! The same pixels as any lossless kind of PNG: read as the data, never as something else.
#![no_main]

use libfuzzer_sys::fuzz_target;
use png::{BitDepth, ColorType, Encoder, Filter};
use texample::image::{Compression, DecodeOptions, EncodeOptions, decode, decode_bytes, encode_bytes};

fuzz_target!(|data: &[u8]| {
    let Some((&[selector, noise], bytes)) = data.split_first_chunk() else { return };
    let options = EncodeOptions {
        compression: Compression::None,
        robust: selector & 1 == 1,
        ..EncodeOptions::default()
    };
    let canonical = encode_bytes(bytes, &options).expect("any bytes can be carried");
    assert_eq!(decode_bytes(&canonical, &DecodeOptions::default()).expect("canonical"), bytes);

    let mut reader = png::Decoder::new(std::io::Cursor::new(&canonical)).read_info().expect("a PNG");
    let (width, height) = reader.info().size();
    let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
    reader.next_frame(&mut pixels).expect("pixels");
    let saved = saved_again(&pixels, width, height, selector >> 1);
    assert_eq!(decode_bytes(&saved, &DecodeOptions::default()).expect("the same pixels"), bytes);

    // Any damage of that file is an error, or does no harm.
    let mut damaged = saved;
    let at = usize::from(noise) % damaged.len();
    damaged[at] ^= selector | 1;
    if let Ok(read) = decode_bytes(&damaged, &DecodeOptions::default()) {
        assert_eq!(read, bytes);
    }
    let _ = decode(&damaged, &DecodeOptions::default());
});

/// The same pixels with alpha, with sixteen bits, with a palette, or under another filter.
fn saved_again(rgb: &[u8], width: u32, height: u32, selector: u8) -> Vec<u8> {
    let mut palette: Vec<[u8; 3]> = rgb.chunks_exact(3).map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
    palette.sort_unstable();
    palette.dedup();
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, width, height);
    encoder.set_filter(match selector & 7 {
        0 => Filter::NoFilter,
        1 => Filter::Sub,
        2 => Filter::Up,
        3 => Filter::Avg,
        4 => Filter::Paeth,
        _ => Filter::Adaptive,
    });
    let wide = selector & 8 != 0;
    let samples: Vec<u8> = match selector >> 4 & 3 {
        0 if palette.len() <= 256 => {
            encoder.set_color(ColorType::Indexed);
            encoder.set_palette(palette.concat());
            let index =
                |pixel: &[u8]| palette.binary_search(&[pixel[0], pixel[1], pixel[2]]).expect("there") as u8;
            rgb.chunks_exact(3).map(index).collect()
        }
        1 => {
            encoder.set_color(ColorType::Rgba);
            rgb.chunks_exact(3).flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 255]).collect()
        }
        _ => {
            encoder.set_color(ColorType::Rgb);
            rgb.to_vec()
        }
    };
    let is_indexed = selector >> 4 & 3 == 0 && palette.len() <= 256;
    let samples = if wide && !is_indexed {
        encoder.set_depth(BitDepth::Sixteen);
        samples.into_iter().flat_map(|byte| [byte, byte]).collect()
    } else {
        encoder.set_depth(BitDepth::Eight);
        samples
    };
    let mut writer = encoder.write_header().expect("a header");
    writer.write_image_data(&samples).expect("an image");
    writer.finish().expect("an end");
    file
}
