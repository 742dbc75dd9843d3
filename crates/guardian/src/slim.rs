//! Gives back the memory that the guardian was born with: a copy of its owner's, which would keep
//! every page alive that the owner later frees or overwrites.

use crate::sys;
use std::ops::Range;

/// What [`around`] keeps to either side; a multiple of every page size.
const MARGIN: usize = 64 * 1024;

/// The memory around an address, in whole pages.
pub(crate) fn around(address: usize) -> Range<usize> {
    spanning(address.saturating_sub(MARGIN)..address.saturating_add(MARGIN))
}

/// The whole pages that a range lies in.
pub(crate) fn spanning(range: Range<usize>) -> Range<usize> {
    range.start / MARGIN * MARGIN..range.end.div_ceil(MARGIN).saturating_mul(MARGIN)
}

/// Unmaps all anonymous and all shared memory but the ranges in `keep`, which are whole pages.
/// Program text and its data stay. Allocates nothing.
///
/// # Safety
///
/// From here on this thread uses nothing but its program's code and data and what lies in `keep`,
/// and there is no other thread.
pub(crate) unsafe fn unmap_all_but(keep: &[Range<usize>]) {
    let maps = sys::open(c"/proc/self/maps");
    if maps < 0 {
        return;
    }
    let mut line = Line::default();
    let mut buffer = [0; 1024];
    loop {
        let got = sys::read(maps, &mut buffer);
        if got <= 0 {
            break;
        }
        for &byte in buffer.iter().take(got as usize) {
            if byte != b'\n' {
                line.take(byte);
                continue;
            }
            if line.may_go() {
                each_gap(line.start..line.end, keep, |gap| {
                    // SAFETY: nothing uses this memory any more, as the caller guarantees.
                    unsafe { libc::syscall(libc::SYS_munmap, gap.start, gap.len()) };
                });
            }
            line = Line::default();
        }
    }
    sys::close(maps);
}

/// Gives what `keep` leaves of a range to `each`.
fn each_gap(range: Range<usize>, keep: &[Range<usize>], mut each: impl FnMut(Range<usize>)) {
    let mut from = range.start;
    while from < range.end {
        // Up to the next range that is kept, and on after it.
        let (mut to, mut next) = (range.end, range.end);
        for kept in keep {
            if kept.end > from && kept.start < to {
                (to, next) = (kept.start.max(from), kept.end);
            }
        }
        if from < to {
            each(from..to);
        }
        from = next;
    }
}

/// The part of a line of `/proc/self/maps` that has been read:
/// `start-end perms offset device inode   path`.
#[derive(Default)]
struct Line {
    start: usize,
    end: usize,
    field: Field,
    shared: bool,
    /// The path's first two bytes.
    path: [u8; 2],
    path_len: usize,
}

#[derive(Default, Clone, Copy, PartialEq)]
enum Field {
    #[default]
    Start,
    End,
    Permissions,
    Offset,
    Device,
    Inode,
    Path,
}

impl Line {
    fn take(&mut self, byte: u8) {
        let digit = (byte as char).to_digit(16).unwrap_or(0) as usize;
        self.field = match (self.field, byte) {
            (Field::Start, b'-') => Field::End,
            (Field::End, b' ') => Field::Permissions,
            (Field::Permissions, b' ') => Field::Offset,
            (Field::Offset, b' ') => Field::Device,
            (Field::Device, b' ') => Field::Inode,
            (Field::Inode, b' ') => Field::Path,
            (field, _) => {
                match field {
                    Field::Start => self.start = self.start << 4 | digit,
                    Field::End => self.end = self.end << 4 | digit,
                    Field::Permissions => self.shared |= byte == b's',
                    Field::Path if self.path_len > 0 || byte != b' ' => {
                        if let Some(to) = self.path.get_mut(self.path_len) {
                            *to = byte;
                        }
                        self.path_len += 1;
                    }
                    Field::Offset | Field::Device | Field::Inode | Field::Path => {}
                }
                field
            }
        };
    }

    /// Programs and libraries stay, and what the kernel maps of itself (`[vdso]`, `[vvar]`).
    fn may_go(&self) -> bool {
        let program = self.path[0] == b'/' && !self.shared;
        let kernels = self.path == *b"[v";
        !(program || kernels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Line {
        let mut line = Line::default();
        text.bytes().for_each(|byte| line.take(byte));
        line
    }

    #[test]
    fn programs_stay_and_memory_goes() {
        for stays in [
            "55a5d8a00000-55a5d8a22000 r-xp 00000000 fe:00 5                /usr/bin/a [v b",
            "7ffc5a1f4000-7ffc5a1f6000 r-xp 00000000 00:00 0                [vdso]",
        ] {
            assert!(!read(stays).may_go(), "{stays}");
        }
        for goes in [
            "7f5d00000000-7f5d00021000 rw-p 00000000 00:00 0                [heap]",
            "7f5d00000000-7f5d00021000 rw-p 00000000 00:00 0 ",
            "7f5d00000000-7f5d00021000 rw-p 00000000 00:00 0",
            "7f5d00000000-7f5d00021000 rw-s 00000000 00:01 9                /dev/shm/x (deleted)",
            "7f5d00000000-7f5d00021000 rw-p 00000000 00:00 0                [anon:x]",
            "7f5d00000000-7f5d00021000 rw-p 00000000 00:00 0                [stack]",
        ] {
            let line = read(goes);
            assert!(line.may_go(), "{goes}");
            assert_eq!((line.start, line.end), (0x7f5d_0000_0000, 0x7f5d_0002_1000));
        }
    }

    #[test]
    fn what_is_kept_is_left_out() {
        let gaps = |range, keep: &[Range<usize>]| {
            let mut gaps = Vec::new();
            each_gap(range, keep, |gap| gaps.push((gap.start, gap.end)));
            gaps
        };
        assert_eq!(gaps(2..9, &[]), [(2, 9)]);
        assert_eq!(gaps(2..9, &[6..8, 3..4]), [(2, 3), (4, 6), (8, 9)]);
        assert_eq!(gaps(2..9, &[0..3, 8..20]), [(3, 8)]);
        assert_eq!(gaps(2..9, &[4..7, 5..6]), [(2, 4), (7, 9)]);
        assert_eq!(gaps(2..9, &[0..2, 9..10]), [(2, 9)]);
        assert!(gaps(2..9, &[1..5, 4..10]).is_empty());
        assert_eq!(around(MARGIN * 5 + 1), MARGIN * 4..MARGIN * 7);
    }
}
