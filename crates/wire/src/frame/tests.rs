//! Frames in memory: any split of the stream gives the same bodies, and no length is believed.

use super::*;
use proptest::prelude::*;

fn feed(stream: &[u8], cuts: &[usize]) -> Result<Vec<Vec<u8>>, FrameError> {
    let mut buffer = FrameBuffer::with_capacity(8);
    let mut bodies = Vec::new();
    let mut rest = stream;
    let mut cuts = cuts.iter().cycle();
    loop {
        while let Some(body) = buffer.next_body()? {
            bodies.push(body.to_vec());
        }
        if rest.is_empty() {
            buffer.finish()?;
            return Ok(bodies);
        }
        let space = buffer.space();
        let count = (*cuts.next().unwrap())
            .clamp(1, space.len())
            .min(rest.len());
        space[..count].copy_from_slice(&rest[..count]);
        buffer.filled(count);
        rest = &rest[count..];
    }
}

proptest! {
    #[test]
    fn any_split_gives_the_same_bodies(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..20),
        cuts in prop::collection::vec(1usize..400, 1..20),
    ) {
        let mut stream = Vec::new();
        for body in &bodies {
            write_frame(&mut stream, body).unwrap();
        }
        prop_assert_eq!(&feed(&stream, &cuts).unwrap(), &bodies);

        let mut reader = &stream[..];
        let mut body = Vec::new();
        for expected in &bodies {
            prop_assert!(read_frame(&mut reader, &mut body).unwrap());
            prop_assert_eq!(&body, expected);
        }
        prop_assert!(!read_frame(&mut reader, &mut body).unwrap());
    }

    #[test]
    fn a_cut_stream_is_truncated_never_whole(
        body in prop::collection::vec(any::<u8>(), 0..100),
        keep in 1usize..100,
    ) {
        let mut stream = Vec::new();
        write_frame(&mut stream, &body).unwrap();
        prop_assume!(keep < stream.len());
        stream.truncate(keep);
        let fed = feed(&stream, &[7]);
        let cut = matches!(fed, Err(FrameError::Truncated { .. }));
        prop_assert!(cut, "{:?}", fed);
        let read = read_frame(&mut &stream[..], &mut Vec::new());
        let cut = matches!(read, Err(FrameError::Truncated { .. }));
        prop_assert!(cut, "{:?}", read);
    }

    #[test]
    fn arbitrary_bytes_never_panic_nor_grow_the_buffer(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        let _ = feed(&bytes, &[13]);
        let _ = decode::<crate::ToWorker>(&bytes);
        let _ = decode::<crate::FromWorker>(&bytes);
        let _ = decode::<crate::ToServer>(&bytes);
        let _ = decode::<crate::FromServer>(&bytes);
        let _ = crate::Hello::accept(&bytes);
    }
}

#[test]
fn a_lying_length_is_refused_before_memory_is_reserved() {
    let stream = (MAX_BODY as u32 + 1).to_le_bytes();
    let mut body = Vec::new();
    let error = read_frame(&mut &stream[..], &mut body).unwrap_err();
    assert!(matches!(error, FrameError::TooLong { length } if length == MAX_BODY + 1));
    assert_eq!(body.capacity(), 0);
    assert!(matches!(
        feed(&stream, &[1]),
        Err(FrameError::TooLong { .. })
    ));
}

#[test]
fn a_message_that_does_not_fit_leaves_the_buffer_alone() {
    let mut out = vec![1, 2, 3];
    let bytes = vec![0; MAX_BODY];
    let error = encode(&crate::ToWorker::Chunk(&bytes), &mut out).unwrap_err();
    assert!(matches!(error, EncodeError::TooLong { .. }));
    assert_eq!(out, [1, 2, 3]);
}

#[test]
fn trailing_bytes_are_an_error() {
    let mut out = Vec::new();
    encode(&crate::ToWorker::Shutdown, &mut out).unwrap();
    out.push(0);
    assert!(matches!(
        decode::<crate::ToWorker>(&out[4..]),
        Err(DecodeError::Trailing(1))
    ));
}

#[test]
fn there_is_space_also_where_whole_frames_fill_the_buffer() {
    for taken in [0, 1] {
        let mut stream = Vec::new();
        for body in [[0; 12], [1; 12], [2; 12]] {
            write_frame(&mut stream, &body).unwrap();
        }
        let mut buffer = FrameBuffer::with_capacity(32);
        buffer.space().copy_from_slice(&stream[..32]);
        buffer.filled(32);
        for expected in 0..taken {
            assert_eq!(buffer.next_body().unwrap().unwrap(), [expected; 12]);
        }
        let space = buffer.space();
        assert!(space.len() >= 16, "{taken}");
        space[..16].copy_from_slice(&stream[32..]);
        buffer.filled(16);
        for expected in taken..3 {
            assert_eq!(buffer.next_body().unwrap().unwrap(), [expected; 12]);
        }
    }
}
