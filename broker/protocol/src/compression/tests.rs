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

#[test]
fn a_bomb_stops_at_the_limit() {
    let zeros = vec![0; 64 << 20];
    for codec in CODECS {
        let packed = compressed(codec, &zeros);
        let limit = 100_000;
        assert_eq!(
            codec.decompress(&packed, limit),
            Err(CompressionError::OverLimit { limit }),
            "{codec}"
        );
        assert_eq!(
            codec
                .decompress(&packed, zeros.len())
                .map(|bytes| bytes.len()),
            Ok(zeros.len()),
            "{codec}"
        );
    }
}

#[test]
fn content_as_large_as_the_limit_is_accepted_and_one_byte_more_is_not() {
    for codec in CODECS {
        let packed = compressed(codec, &content(1000));
        assert!(codec.decompress(&packed, 1000).is_ok(), "{codec}");
        assert_eq!(
            codec.decompress(&packed, 999),
            Err(CompressionError::OverLimit { limit: 999 }),
            "{codec}"
        );
    }
}

#[test]
fn truncated_or_lengthened_input_never_passes_for_the_whole() {
    let input = content(700);
    for codec in CODECS {
        let packed = compressed(codec, &input);
        // The last four bytes of an LZ4 frame only say that no block follows.
        for end in 0..packed.len() {
            let result = codec.decompress(&packed.slice(..end), 10_000);
            assert!(
                result != Ok(input.clone().into()) || end + 4 >= packed.len(),
                "{codec} {end}"
            );
        }
        let longer = Bytes::from([packed.as_ref(), &[1, 2, 3]].concat());
        assert!(
            matches!(
                codec.decompress(&longer, 10_000),
                Err(CompressionError::Corrupt { .. })
            ),
            "{codec}"
        );
    }
}

#[test]
fn gzip_of_several_members_is_one_content() {
    let mut packed = compressed(Compression::Gzip, b"first ").to_vec();
    packed.extend_from_slice(&compressed(Compression::Gzip, b"second"));
    let content = Compression::Gzip.decompress(&packed.into(), 100);
    assert_eq!(content, Ok(Bytes::from_static(b"first second")));
}

#[test]
fn snappy_without_framing_is_read() {
    let input = content(100_000);
    let bare = snap::raw::Encoder::new().compress_vec(&input).unwrap();
    assert_eq!(
        Compression::Snappy.decompress(&bare.into(), 100_000),
        Ok(input.into())
    );
}

#[test]
fn a_snappy_block_that_lies_about_its_size_allocates_nothing() {
    // Claims 4 GiB less one byte.
    let bare = Bytes::from_static(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0x00]);
    assert_eq!(
        Compression::Snappy.decompress(&bare, 1 << 20),
        Err(CompressionError::OverLimit { limit: 1 << 20 })
    );
}

#[test]
fn lz4_is_written_as_the_java_reader_takes_it() {
    let packed = compressed(Compression::Lz4, &content(200_000));
    // Version 01 with independent blocks and nothing optional; blocks of 64 KiB.
    assert_eq!(
        packed.get(..6),
        Some([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40].as_slice())
    );
    let first_block = u32::from_le_bytes(packed[7..11].try_into().unwrap()) & 0x7fff_ffff;
    assert!(first_block <= 64 << 10);
}
