//! Chunks of a streamed input: the one message whose bytes are never copied into a frame.
//!
//! A sender writes [`chunk_prefix`] and then the bytes themselves, from a file or from memory;
//! together they are exactly the frame of [`ToWorker::Chunk`](crate::ToWorker::Chunk).

/// The most bytes of input one chunk carries.
pub const MAX_CHUNK: usize = 1024 * 1024;

/// Tag of [`ToWorker::Chunk`](crate::ToWorker::Chunk) in a body: its place in the enum.
const CHUNK_TAG: u8 = 0;

/// Appends what stands before the `length` bytes of a chunk in its frame.
///
/// # Panics
/// Where `length` is over [`MAX_CHUNK`].
pub fn chunk_prefix(length: usize, out: &mut Vec<u8>) {
    assert!(
        length <= MAX_CHUNK,
        "a chunk of {length} bytes is over {MAX_CHUNK}"
    );
    let start = out.len();
    out.extend_from_slice(&[0, 0, 0, 0, CHUNK_TAG]);
    let mut rest = length;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
    let body = (out.len() - start - 4 + length) as u32;
    out[start..start + 4].copy_from_slice(&body.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use crate::{ToWorker, encode};

    #[test]
    fn prefix_and_bytes_are_the_frame_of_a_chunk() {
        for length in [0, 1, 127, 128, 16_383, 16_384, super::MAX_CHUNK] {
            let bytes = vec![7u8; length];
            let mut whole = Vec::new();
            encode(&ToWorker::Chunk(&bytes), &mut whole).unwrap();
            let mut split = Vec::new();
            super::chunk_prefix(length, &mut split);
            split.extend_from_slice(&bytes);
            assert!(whole == split, "chunk of {length} bytes");
        }
    }
}
