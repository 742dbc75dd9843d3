//! Every way gives the same bytes and the same errors, whatever the sizes and offsets.

use std::fs::{File, OpenOptions};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use super::*;
use crate::memfd::create_memfd;
use crate::sys;

const GO_ON: ControlFlow<()> = ControlFlow::Continue(());
const WAYS: [FillWay; 3] = [FillWay::Mapped, FillWay::Copied, FillWay::Written];

fn by<'a>(way: FillWay, into: Target<'a>, source: Source<'a>) -> Box<dyn Way + 'a> {
    let written = Written { into, source };
    match way {
        FillWay::Mapped => Box::new(Mapped::new(into, source).unwrap()),
        FillWay::Written => Box::new(written),
        FillWay::Copied => match Copied::new(Mapped::new(into, source).unwrap(), written) {
            Ok(copied) => Box::new(copied),
            Err(error) => {
                eprintln!("no userfaultfd here ({error}): tested as written");
                Box::new(written)
            }
        },
    }
}

fn content(len: u64) -> Vec<u8> {
    (0..len)
        .map(|at| (at.wrapping_mul(0x9e37_79b9) >> 13) as u8)
        .collect()
}

fn source_file(content: &[u8]) -> File {
    let file = tempfile::tempfile().unwrap();
    file.write_all_at(content, 0).unwrap();
    file
}

fn memfd(len: u64) -> File {
    let file = File::from(create_memfd(c"handoff-test").unwrap());
    file.set_len(len).unwrap();
    file
}

#[test]
fn all_ways_copy_the_same_bytes_at_any_offset_and_length() {
    let content = content(9 << 20);
    let file = source_file(&content);
    let page = sys::page_size();
    for way in WAYS {
        for (offset, len) in [
            (0, 1),
            (128, page - 1),
            (128, page),
            (64, 3 * page + 5),
            (page, 2 * CHUNK),
            (127, 2 * CHUNK + page + 1),
            (content.len() as u64 - page - 1, page + 1),
        ] {
            let target = memfd(len);
            let into = Target {
                fd: target.as_fd(),
                name: "test",
                len,
            };
            let copier = by(
                way,
                into,
                Source {
                    file: &file,
                    offset,
                },
            );
            let result = chunks::run(len, CHUNK, 3, &mut |_| GO_ON, &|range| copier.copy(range));
            assert!(result.is_ok(), "{way:?} {offset} {len}");
            let mut got = vec![0; len as usize];
            target.read_exact_at(&mut got, 0).unwrap();
            assert!(
                got == content[offset as usize..][..got.len()],
                "{way:?} {offset} {len}"
            );
            assert_eq!(sys::size_of(target.as_fd()).unwrap(), len);
        }
    }
}

#[test]
fn pages_that_are_there_already_are_overwritten() {
    let content = content(3 << 20);
    let file = source_file(&content);
    let len = content.len() as u64;
    for way in WAYS {
        let target = memfd(len);
        for at in [0, 5 * sys::page_size() + 3, len - 1] {
            target.write_all_at(b"x", at).unwrap();
        }
        let into = Target {
            fd: target.as_fd(),
            name: "test",
            len,
        };
        by(
            way,
            into,
            Source {
                file: &file,
                offset: 0,
            },
        )
        .copy(0..len)
        .unwrap();
        let mut got = vec![0; content.len()];
        target.read_exact_at(&mut got, 0).unwrap();
        assert!(got == content, "{way:?}");
    }
}

#[test]
fn a_source_that_shrinks_meanwhile_is_an_error_and_no_signal() {
    let content = content(4 << 20);
    let len = content.len() as u64;
    for way in WAYS {
        let file = source_file(&content);
        let target = memfd(len);
        let into = Target {
            fd: target.as_fd(),
            name: "test",
            len,
        };
        let copier = by(
            way,
            into,
            Source {
                file: &file,
                offset: 0,
            },
        );
        file.set_len(1 << 20).unwrap();
        let cause = copier.copy(0..len).unwrap_err();
        assert!(
            matches!(cause, Cause::Truncated { found: 0x10_0000 }),
            "{way:?}: {cause:?}"
        );
    }
}

#[test]
fn the_choice_fits_the_target() {
    let content = content(2 << 20);
    let file = source_file(&content);
    let fill_len = |len| {
        let target = memfd(len);
        let into = Target {
            fd: target.as_fd(),
            name: "test",
            len,
        };
        let mut twice = (0..2).map(|_| fill(into, &file, 0, 2, &mut |_| GO_ON).unwrap());
        [twice.next().unwrap(), twice.next().unwrap()]
    };
    assert_eq!(
        fill_len(SMALL - 1).map(|filled| filled.way),
        [FillWay::Written; 2]
    );
    // Pages that are there are best read into in place.
    let [first, second] = fill_len(2 << 20);
    assert_eq!((first.bytes, second.way), (2 << 20, FillWay::Mapped));
    assert_eq!(fill_len(0)[0], Filled::default());
}

#[test]
fn a_file_too_short_or_unreadable_is_an_error_with_the_name() {
    let content = content(2 << 20);
    let file = source_file(&content);
    let target = memfd(2 << 20);
    let into = Target {
        fd: target.as_fd(),
        name: "/handoff-x",
        len: 2 << 20,
    };
    let error = fill(into, &file, 128, 2, &mut |_| GO_ON).unwrap_err();
    assert!(matches!(
        &error,
        FillError::Truncated {
            found: 0x20_0000,
            wanted: 0x20_0080,
            ..
        }
    ));
    assert!(error.to_string().contains("/handoff-x"), "{error}");
    let error = fill(into, &file, u64::MAX, 2, &mut |_| GO_ON).unwrap_err();
    assert!(matches!(error, FillError::Truncated { .. }));

    let directory = File::open("/").unwrap();
    let error = fill(into, &directory, 0, 1, &mut |_| GO_ON).unwrap_err();
    assert!(matches!(error, FillError::Copy { .. }), "{error}");
    let path = tempfile::NamedTempFile::new().unwrap();
    let unreadable = OpenOptions::new().write(true).open(path.path()).unwrap();
    unreadable.set_len(4 << 20).unwrap();
    let error = fill(into, &unreadable, 0, 1, &mut |_| GO_ON).unwrap_err();
    assert!(matches!(error, FillError::Copy { .. }), "{error}");
}

#[test]
fn progress_stops_the_filling() {
    let content = content(2 << 20);
    let file = source_file(&content);
    let target = memfd(2 << 20);
    let into = Target {
        fd: target.as_fd(),
        name: "test",
        len: 2 << 20,
    };
    // One chunk: it is done before anyone can be asked to stop.
    assert!(fill(into, &file, 0, 1, &mut |_| ControlFlow::Break(())).is_ok());
    let file = tempfile::tempfile().unwrap();
    file.set_len(8 * CHUNK).unwrap();
    let target = memfd(8 * CHUNK);
    let into = Target {
        fd: target.as_fd(),
        name: "test",
        len: 8 * CHUNK,
    };
    // One thread: a helper could do all the others while this thread waits for a processor.
    let error = fill(into, &file, 0, 1, &mut |_| ControlFlow::Break(())).unwrap_err();
    assert!(
        matches!(error, FillError::Stopped { done: CHUNK, .. }),
        "{error}"
    );
}
