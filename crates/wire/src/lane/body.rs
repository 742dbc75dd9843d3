//! What a call or a result consists of, and how its sizes are packed into two header words. Every word
//! is data of the other side: unpacking checks it and cannot panic.

/// The bytes of a call or of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body<'a> {
    /// They are in the lane.
    Inline {
        /// The encoded table of arrays; empty where there are none.
        arrays: &'a [u8],
        /// The encoded arguments or the encoded output.
        value: &'a [u8],
    },
    /// They travel by the socket, in a frame that names the call's index.
    Socket,
}

/// Flag of a header: the body travels by the socket.
const BY_SOCKET: u64 = 1;

/// Sizes of a body in the lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) arrays: u32,
    pub(crate) value: u32,
    pub(crate) socket: bool,
}

impl Shape {
    const SOCKET: Shape = Shape {
        arrays: 0,
        value: 0,
        socket: true,
    };

    /// The shape of a body, if it fits in `inline_max` bytes.
    #[inline]
    pub(crate) fn of(body: Body<'_>, inline_max: usize) -> Option<Shape> {
        let Body::Inline { arrays, value } = body else {
            return Some(Shape::SOCKET);
        };
        let shape = Shape {
            arrays: u16::try_from(arrays.len()).ok()?.into(),
            value: value.len().try_into().ok()?,
            socket: false,
        };
        (shape.bytes() <= inline_max).then_some(shape)
    }

    /// Words that the body takes.
    #[inline]
    pub(crate) fn words(self) -> u64 {
        u64::from(self.arrays).div_ceil(8) + u64::from(self.value).div_ceil(8)
    }

    /// Bytes that the body takes. Table and value each begin on a word.
    #[inline]
    pub(crate) fn bytes(self) -> usize {
        self.words() as usize * 8
    }

    /// Splits what was copied from the lane. `copied` has [`Shape::bytes`] bytes.
    #[inline]
    pub(crate) fn split(self, copied: &[u8]) -> Body<'_> {
        if self.socket {
            return Body::Socket;
        }
        let arrays = self.arrays as usize;
        let (table, value) = copied.split_at(arrays.next_multiple_of(8));
        Body::Inline {
            arrays: &table[..arrays],
            value: &value[..self.value as usize],
        }
    }

    /// A shape that the other side wrote. Nothing where it cannot be in a lane.
    #[inline]
    fn unpack(arrays: u64, value: u64, flags: u64, inline_max: usize) -> Option<Shape> {
        let shape = Shape {
            arrays: arrays as u32,
            value: value as u32,
            socket: flags == BY_SOCKET,
        };
        let fits = match flags {
            0 => shape.bytes() <= inline_max,
            BY_SOCKET => arrays | value == 0,
            _ => false,
        };
        fits.then_some(shape)
    }

    #[inline]
    fn flags(self) -> u64 {
        if self.socket { BY_SOCKET } else { 0 }
    }
}

/// Bits `from..from + len` of a word.
#[inline]
fn bits(word: u64, from: u32, len: u32) -> u64 {
    (word >> from) & ((1 << len) - 1)
}

/// The header of a call: its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CallHeader {
    pub(crate) task: u32,
    /// Cursor of the body in the ring of call bytes, modulo 2^32: the ring is smaller.
    pub(crate) start: u32,
    pub(crate) shape: Shape,
}

impl CallHeader {
    #[inline]
    pub(crate) fn pack(self) -> [u64; 2] {
        let Shape { arrays, value, .. } = self.shape;
        [
            u64::from(self.task) | u64::from(arrays) << 32 | self.shape.flags() << 48,
            u64::from(self.start) | u64::from(value) << 32,
        ]
    }

    #[inline]
    pub(crate) fn unpack(words: [u64; 2], inline_max: usize) -> Option<CallHeader> {
        let [first, second] = words;
        let (arrays, value) = (bits(first, 32, 16), bits(second, 32, 32));
        Some(CallHeader {
            task: first as u32,
            start: second as u32,
            shape: Shape::unpack(arrays, value, bits(first, 48, 16), inline_max)?,
        })
    }
}

/// The header of a result's record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    /// The call's index, modulo 2^32: the reader knows which one is next.
    pub(crate) index: u32,
    pub(crate) ran_ns: u32,
    pub(crate) status: u8,
    pub(crate) shape: Shape,
}

impl RecordHeader {
    #[inline]
    pub(crate) fn pack(self) -> [u64; 2] {
        let Shape { arrays, value, .. } = self.shape;
        let status = u64::from(self.status) << 48;
        [
            u64::from(self.index) | u64::from(value) << 32,
            u64::from(self.ran_ns) | u64::from(arrays) << 32 | status | self.shape.flags() << 56,
        ]
    }

    #[inline]
    pub(crate) fn unpack(words: [u64; 2], inline_max: usize) -> Option<RecordHeader> {
        let [first, second] = words;
        let (arrays, value) = (bits(second, 32, 16), bits(first, 32, 32));
        Some(RecordHeader {
            index: first as u32,
            ran_ns: second as u32,
            status: bits(second, 48, 8) as u8,
            shape: Shape::unpack(arrays, value, bits(second, 56, 8), inline_max)?,
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn headers_unpack_to_what_was_packed(
            task: u32, start: u32, index: u32, ran_ns: u32, status: u8,
            arrays in 0_u32..100, value in 0_u32..900, socket: bool,
        ) {
            let shape = if socket { Shape::SOCKET } else { Shape { arrays, value, socket } };
            let call = CallHeader { task, start, shape };
            prop_assert_eq!(CallHeader::unpack(call.pack(), 1024), Some(call));
            let record = RecordHeader { index, ran_ns, status, shape };
            prop_assert_eq!(RecordHeader::unpack(record.pack(), 1024), Some(record));
        }

        #[test]
        fn a_shape_that_was_unpacked_fits(words: [u64; 2], inline_max in 0_usize..4096) {
            for shape in [
                CallHeader::unpack(words, inline_max).map(|header| header.shape),
                RecordHeader::unpack(words, inline_max).map(|header| header.shape),
            ].into_iter().flatten() {
                prop_assert!(shape.bytes() <= inline_max);
                shape.split(&vec![0; shape.bytes()]);
            }
        }
    }

    #[test]
    fn a_body_by_socket_has_no_length() {
        let header = CallHeader {
            task: 1,
            start: 0,
            shape: Shape {
                arrays: 0,
                value: 8,
                socket: true,
            },
        };
        assert_eq!(CallHeader::unpack(header.pack(), 1024), None);
    }
}
