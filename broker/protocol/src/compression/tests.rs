use super::*;

const CODECS: [Compression; 4] = [
    Compression::Gzip,
    Compression::Snappy,
    Compression::Lz4,
    Compression::Zstd,
];

/// Bytes that compress to about half.
fn content(size: usize) -> Vec<u8> {
    let mut sampler = crate::sample::Sampler::new(7);
    let mut bytes = Vec::new();
    while bytes.len() < size {
        bytes.extend_from_slice(&sampler.bytes::<8>());
        bytes.extend_from_slice(b"repeated");
    }
    bytes.truncate(size);
    bytes
}

fn compressed(codec: Compression, input: &[u8]) -> Bytes {
    let mut output = Vec::new();
    codec.compress(input, &mut output).unwrap();
    output.into()
}

#[test]
fn every_codec_keeps_content_of_every_size_around_its_block_sizes() {
    let borders = [0, 1, 32 << 10, 64 << 10, 128 << 10, 1 << 20];
    let sizes = borders
        .iter()
        .flat_map(|size| [size - size.min(&1), *size, size + 1]);
    for size in sizes {
        let input = content(size);
        for codec in CODECS {
            let packed = compressed(codec, &input);
            assert!(
                codec.decompress(&packed, size).unwrap() == input,
                "{codec} {size}"
            );
        }
    }
}
