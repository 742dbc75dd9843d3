//! Segments in file systems that a test may mount: one that runs full, one with huge pages. Where this
//! user may not mount, the tests say that they are skipped.

use std::fs::File;
use std::io::Write;
use std::ops::ControlFlow;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use shmem::{CreateError, FillError, Mapping, Segment};

const GO_ON: ControlFlow<()> = ControlFlow::Continue(());

fn file_with(content: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    file
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 9) as u8)
        .collect()
}

/// One test at a time: a program that another one starts holds what this one drops, until its exec.
static ALONE: Mutex<()> = Mutex::new(());

/// A tmpfs of its own, where this user may mount one.
struct SmallTmpfs(
    tempfile::TempDir,
    #[expect(dead_code, reason = "held")] MutexGuard<'static, ()>,
);

impl SmallTmpfs {
    fn mount(options: &str) -> Option<SmallTmpfs> {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let directory = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(directory.path())
            .status()
            .is_ok_and(|status| status.success());
        if !mounted {
            eprintln!("skipped: mounting a tmpfs ({options}) needs root");
        }
        mounted.then(|| SmallTmpfs(directory, alone))
    }
}

impl Drop for SmallTmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_tmpfs_that_runs_full_is_an_error_and_leaves_nothing() {
    let Some(tmpfs) = SmallTmpfs::mount("size=8m") else {
        return;
    };
    let directory = tmpfs.0.path();
    assert!(matches!(
        Segment::create_in(directory, 9 << 20),
        Err(CreateError::NoRoom { .. })
    ));

    // There is room when they are created, and none when the second is filled.
    let file = file_with(&pattern(6 << 20));
    let mut first = Segment::create_in(directory, 6 << 20).unwrap();
    let mut second = Segment::create_in(directory, 6 << 20).unwrap();
    first.fill_from_file(&file, 0, 2, &mut |_| GO_ON).unwrap();
    for _ in 0..2 {
        let error = second
            .fill_from_file(&file, 0, 2, &mut |_| GO_ON)
            .unwrap_err();
        assert!(
            matches!(&error, FillError::NoRoom { at, .. } if *at < 6 << 20),
            "{error}"
        );
        assert!(
            error.to_string().contains(second.name().as_str()),
            "{error}"
        );
    }
    // What went wrong once can be done again when there is room.
    drop(first);
    second.fill_from_file(&file, 0, 2, &mut |_| GO_ON).unwrap();
    let mapping = Mapping::map_fd(second.fd(), 6 << 20).unwrap();
    assert!(mapping.slice(0, 6 << 20).unwrap() == pattern(6 << 20));
    drop(second);
    assert_eq!(std::fs::read_dir(directory).unwrap().count(), 0);
}

#[test]
fn huge_pages_are_got_where_the_tmpfs_gives_them() {
    let Some(tmpfs) = SmallTmpfs::mount("size=64m,huge=advise") else {
        return;
    };
    let content = pattern(8 << 20);
    let mut segment = Segment::create_in(tmpfs.0.path(), 8 << 20).unwrap();
    let filled = segment
        .fill_from_file(&file_with(&content), 0, 2, &mut |_| GO_ON)
        .unwrap();
    if filled.huge_bytes == 0 {
        eprintln!("skipped: this kernel gave no huge page");
        return;
    }
    assert_eq!(filled.way, shmem::FillWay::Mapped);
    assert!(filled.huge_bytes <= filled.bytes);
    let mapping = Mapping::map_fd(segment.fd(), 8 << 20).unwrap();
    assert!(mapping.slice(0, 8 << 20).unwrap() == content);
}
