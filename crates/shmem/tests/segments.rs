//! Segments, mappings, memfds and boards as other crates use them, and what happens when there is no
//! room, no segment, or a false length.

use std::fs::File;
use std::io::Write;
use std::ops::ControlFlow;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::SeqCst;

use nix::fcntl::{Flock, FlockArg};
use shmem::{
    AttachError, Board, BoardError, CreateError, Identity, MapError, Mapping, OutOfBounds,
    PrivateError, PrivateMemory, SealedMemfd, Segment, SegmentName,
};

const GO_ON: ControlFlow<()> = ControlFlow::Continue(());

fn shm_path(name: &SegmentName) -> PathBuf {
    Path::new("/dev/shm").join(&name.as_str()[1..])
}

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

#[test]
fn a_segment_is_filled_attached_and_gone_with_its_owner() {
    let content = pattern((5 << 20) + 77);
    let file = file_with(&content);
    let len = content.len() as u64 - 128;
    let mut segment = Segment::create(len).unwrap();
    let mut last = 0;
    let filled = segment.fill_from_file(&file, 128, 2, &mut |done| {
        last = done;
        GO_ON
    });
    assert_eq!((filled.unwrap().bytes, last), (len, len));
    let name: SegmentName = segment.name().as_str().parse().unwrap();
    let metadata = shm_path(&name).metadata().unwrap();
    assert_eq!((metadata.mode() & 0o777, metadata.len()), (0o600, len));

    let attached = Mapping::attach(&name, len).unwrap();
    assert!(attached.slice(0, len).unwrap() == &content[128..]);
    drop(segment);
    assert!(!shm_path(&name).exists());
    // The memory stays for those who have it.
    assert!(attached.slice(len - 1, 1).unwrap() == &content[content.len() - 1..]);
    let error = Mapping::attach(&name, len).unwrap_err();
    assert!(matches!(&error, AttachError::Gone { pid, alive: true, .. } if *pid == name.owner().0));
    assert!(error.to_string().contains(name.as_str()), "{error}");
}

#[test]
fn attaching_never_reaches_beyond_the_segment() {
    let segment = Segment::create(100).unwrap();
    let error = Mapping::attach(segment.name(), 101).unwrap_err();
    let AttachError::Map {
        source: MapError::Short {
            found: 100,
            wanted: 101,
        },
        ..
    } = error
    else {
        panic!("{error}");
    };
    let whole = Mapping::map_fd(segment.fd(), 100).unwrap();
    for (offset, len) in [(0, 101), (101, 0), (100, 1), (u64::MAX, 1), (1, u64::MAX)] {
        let error = whole.slice(offset, len).unwrap_err();
        assert_eq!(
            error,
            OutOfBounds {
                offset,
                len,
                region: 100
            }
        );
    }
    assert_eq!(whole.slice(100, 0).unwrap(), b"");
    assert_eq!(whole.slice(0, 100).unwrap(), [0; 100]);

    let dead: SegmentName = "/handoff-4194305-1-00000000000000ab".parse().unwrap();
    let error = Mapping::attach(&dead, 1).unwrap_err();
    assert!(matches!(
        error,
        AttachError::Gone {
            pid: 4_194_305,
            alive: false,
            ..
        }
    ));
    assert!(
        error.to_string().ends_with("process 4194305, has ended"),
        "{error}"
    );
}

#[test]
fn a_segment_is_written_inside_its_bounds_only() {
    let segment = Segment::create(8).unwrap();
    segment.write_all_at(b"abcd", 4).unwrap();
    assert!(segment.write_all_at(b"abcd", 5).is_err());
    assert!(segment.write_all_at(b"", 9).is_err());
    let mapping = Mapping::attach(segment.name(), 8).unwrap();
    assert_eq!(mapping.slice(0, 8).unwrap(), b"\0\0\0\0abcd");
    let empty = Segment::create(0).unwrap();
    assert!(
        Mapping::attach(empty.name(), 0)
            .unwrap()
            .slice(0, 0)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn too_large_a_segment_is_refused_with_the_place_and_the_sizes() {
    let error = Segment::create(1 << 60).unwrap_err();
    let text = error.to_string();
    let CreateError::NoRoom {
        wanted, available, ..
    } = error
    else {
        panic!("{text}")
    };
    assert!(wanted == 1 << 60 && available < wanted);
    for part in ["/dev/shm", &wanted.to_string(), &available.to_string()] {
        assert!(text.contains(part), "{text}");
    }
    assert!(matches!(
        PrivateMemory::zeroed(1 << 60),
        Err(PrivateError::NoRoom { .. })
    ));
    assert!(SealedMemfd::from_file(&file_with(b""), 0, 1 << 60, 1, &mut |_| GO_ON).is_err());
}

#[test]
fn unlinking_by_hand_first_hurts_nobody() {
    let mut segment = Segment::create(1).unwrap();
    std::fs::remove_file(shm_path(segment.name())).unwrap();
    segment.unlink().unwrap();
    segment.unlink().unwrap();
}

#[test]
fn leftovers_are_those_of_dead_owners_that_nobody_holds() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(&name[1..]);
    let live = Segment::create_in(directory.path(), 1).unwrap();
    let (pid, start_time) = live.name().owner();
    let dead = "/handoff-4194305-1-00000000000000ab".to_owned();
    let reused = format!("/handoff-{pid}-{}-00000000000000ab", start_time + 1);
    let held = "/handoff-4194306-1-00000000000000ab".to_owned();
    for name in [&dead, &reused, &held, "/handoff-4194305-1-x", "/other"] {
        File::create(path(name)).unwrap();
    }
    // As an owner in another pid namespace does.
    let holder = File::open(path(&held)).unwrap();
    let _held = Flock::lock(holder, FlockArg::LockShared).unwrap();

    let names = |found: Vec<SegmentName>| -> Vec<String> {
        found.iter().map(ToString::to_string).collect()
    };
    let mut expected = vec![dead, reused];
    expected.sort();
    let found = shmem::leftovers_in(directory.path()).unwrap().collect();
    assert_eq!(names(found), expected);
    assert_eq!(
        names(shmem::remove_leftovers_in(directory.path()).unwrap()),
        expected
    );
    assert_eq!(shmem::leftovers_in(directory.path()).unwrap().count(), 0);
    assert!(path(live.name().as_str()).exists() && path(&held).exists());
    drop(live);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 3);
}

#[test]
fn a_sealed_memfd_can_be_read_and_not_changed() {
    let content = pattern((3 << 20) + 5);
    let file = file_with(&content);
    let from_bytes = SealedMemfd::from_bytes(&content).unwrap();
    let from_file =
        SealedMemfd::from_file(&file, 0, content.len() as u64, 2, &mut |_| GO_ON).unwrap();
    for memfd in [from_bytes, from_file] {
        let mapping = Mapping::map_fd(memfd.fd(), memfd.len()).unwrap();
        assert!(mapping.slice(0, memfd.len()).unwrap() == content);
        let again = File::from(memfd.fd().try_clone_to_owned().unwrap());
        assert!(again.write_at(b"x", 0).is_err());
        assert!(again.set_len(0).is_err());
        assert!(again.set_len(1 << 30).is_err());
    }
    assert_eq!(SealedMemfd::from_bytes(b"").unwrap().len(), 0);
}

#[test]
fn private_memory_holds_the_file_and_is_counted() {
    let content = pattern((9 << 20) + 3);
    let file = file_with(&content);
    let len = content.len() as u64 - 64;
    let before = shmem::heap().current;
    let memory = PrivateMemory::read_file(&file, 64, len, 2, &mut |_| GO_ON).unwrap();
    assert!(shmem::heap().current >= before + len && shmem::heap().peak >= before + len);
    assert!(memory.slice(0, len).unwrap() == &content[64..]);
    assert!(memory.slice(1, len).is_err());
    assert!(memory.huge_bytes().unwrap() <= len);
    memory.dont_fork(true).unwrap();
    memory.dont_fork(false).unwrap();
    let error = PrivateMemory::read_file(&file, 65, len, 2, &mut |_| GO_ON).unwrap_err();
    assert!(matches!(error, PrivateError::Truncated { .. }), "{error}");
    let mut zeros = PrivateMemory::zeroed(3).unwrap();
    zeros.as_mut_slice()[1] = 7;
    assert_eq!(zeros.slice(0, 3).unwrap(), [0, 7, 0]);
    assert!(
        PrivateMemory::zeroed(0)
            .unwrap()
            .slice(0, 0)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_board_is_the_same_in_two_mappings() {
    let ours = Board::create(600).unwrap();
    let theirs = Board::open(ours.fd().try_clone_to_owned().unwrap(), 600).unwrap();
    assert_eq!((theirs.words(), theirs.word(599).load(SeqCst)), (600, 0));
    theirs.word(599).store(7, SeqCst);
    assert_eq!(ours.word(599).fetch_add(1, SeqCst), 7);
    assert_eq!(theirs.word(599).load(SeqCst), 8);

    let reopen = |words| Board::open(ours.fd().try_clone_to_owned().unwrap(), words);
    assert!(matches!(reopen(601), Err(BoardError::NotWords { .. })));
    assert!(matches!(reopen(0), Err(BoardError::Count { .. })));
    assert!(matches!(
        Board::create(usize::MAX),
        Err(BoardError::Count { .. })
    ));
    let file = file_with(&[0; 8]);
    assert!(matches!(
        Board::open(file.into(), 1),
        Err(BoardError::NotWords { .. })
    ));
}

#[test]
fn a_mapped_file_is_the_file_and_its_identity_tells_changes() {
    let content = pattern(100_000);
    let mut file = file_with(&content);
    let mapping = Mapping::map_file(&file).unwrap();
    assert_eq!(mapping.len(), 100_000);
    mapping.advise_sequential().unwrap();
    mapping.populate(5000, 50_000).unwrap();
    assert!(mapping.slice(10, 99_990).unwrap() == &content[10..]);
    mapping.release(0, 100_000).unwrap();
    assert!(mapping.slice(0, 100_000).unwrap() == content);
    assert!(mapping.populate(1, 100_000).is_err());
    let before = Identity::of(&file).unwrap();
    assert_eq!(before, Identity::of(&file.try_clone().unwrap()).unwrap());
    file.write_all(b"x").unwrap();
    assert_ne!(before, Identity::of(&file).unwrap());
    assert!(Mapping::map_file(&file_with(b"")).unwrap().is_empty());
}

#[test]
fn what_was_just_written_is_resident() {
    let file = file_with(&pattern(1 << 20));
    let residency = shmem::resident(&file, 100, 900_000);
    assert!(residency.cached_pages <= residency.total_pages && residency.total_pages > 0);
    assert!(
        !residency.known || residency.fraction() == 1.0,
        "{residency:?}"
    );
    assert_eq!(shmem::resident(&file, 0, 0).fraction(), 1.0);
    // Past its end a file has pages asked for, and none cached.
    assert_eq!(shmem::resident(&file, 1 << 30, 8192).cached_pages, 0);
}
