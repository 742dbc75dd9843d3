//! Closures in forked processes.

use handoff::{ErrorKind, fork_map};
use serde::{Serialize, Serializer};
use std::collections::{HashMap, HashSet};
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// Neither `Serialize` nor `Sync`.
struct Odd(std::cell::Cell<u32>);

pub(crate) fn closures_and_items_are_inherited() {
    let names: HashMap<u32, String> = (0..10).map(|n| (n, format!("name {n}"))).collect();
    let items: Vec<Odd> = (0..10).map(|n| Odd(std::cell::Cell::new(n))).collect();
    let found = fork_map(3, &items, |odd| {
        odd.0.set(odd.0.get() + 100);
        (names[&(odd.0.get() - 100)].clone(), odd.0.get())
    });
    let expected: Vec<_> = (0..10).map(|n| (format!("name {n}"), n + 100)).collect();
    assert_eq!(found.unwrap(), expected);
    assert_eq!(items[3].0.get(), 3, "what a child changes is its own");
}

pub(crate) fn results_of_any_size_come_back_in_order() {
    let sizes: Vec<usize> = (0..24).map(|n| [0, 1, 70_000, 9 << 20][n % 4]).collect();
    let indexed: Vec<_> = sizes.iter().copied().enumerate().collect();
    let results = fork_map(4, &indexed, |&(n, size)| vec![n as u8; size]).unwrap();
    for (n, result) in results.iter().enumerate() {
        assert_eq!(result.len(), sizes[n]);
        assert!(result.iter().all(|&byte| byte == n as u8));
    }
}

pub(crate) fn many_tiny_items_are_each_run_once() {
    let items: Vec<u64> = (0..200_000).collect();
    let results = fork_map(3, &items, |&n| (n * 3, std::process::id())).unwrap();
    assert!(
        results
            .iter()
            .enumerate()
            .all(|(n, &(result, _))| result == n as u64 * 3)
    );
    let pids: HashSet<u32> = results.into_iter().map(|(_, pid)| pid).collect();
    assert!(!pids.contains(&std::process::id()));
}

pub(crate) fn threads_that_were_joined_are_gone() {
    let items = [1, 2, 3];
    for _ in 0..100 {
        std::thread::scope(|scope| {
            (0..3).for_each(|_| drop(scope.spawn(std::thread::yield_now)));
        });
        assert_eq!(fork_map(2, &items, |n| n + 1).unwrap(), [2, 3, 4]);
    }
}

pub(crate) fn a_crash_names_item_and_signal() {
    let error = fork_map(2, &[1, 2, 3], |&n| match n {
        2 => std::process::abort(),
        n => n,
    })
    .unwrap_err();
    assert_eq!((error.kind(), error.item()), (ErrorKind::Died, Some(1)));
    assert_eq!(error.death().unwrap().signal(), Some(6));
    let text = error.to_string();
    assert!(
        text.starts_with("item 1: ") && text.contains("SIGABRT"),
        "{text}"
    );
}

pub(crate) fn an_exit_is_not_a_result() {
    let error = fork_map(2, &[0], |&code: &i32| -> i32 { std::process::exit(code) }).unwrap_err();
    assert_eq!((error.kind(), error.item()), (ErrorKind::Died, Some(0)));
    assert_eq!(error.death().unwrap().exit_code(), Some(0));
}

pub(crate) fn a_panic_names_item_message_and_place() {
    let error = fork_map(2, &[5, 7], |&n| {
        assert_ne!(n, 7, "seven");
        n
    })
    .unwrap_err();
    assert_eq!((error.kind(), error.item()), (ErrorKind::Panicked, Some(1)));
    assert!(error.to_string().contains("seven"), "{error}");
    assert!(
        error.location().unwrap().contains("fork_map.rs:"),
        "{error}"
    );
}

#[derive(serde::Deserialize)]
struct Unsendable;

impl Serialize for Unsendable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("not this one"))
    }
}

pub(crate) fn a_result_that_cannot_travel_is_an_error() {
    let Err(error) = fork_map(2, &[()], |()| Unsendable) else {
        panic!("it was sent");
    };
    assert_eq!((error.kind(), error.item()), (ErrorKind::Output, Some(0)));
}

pub(crate) fn no_items_need_no_process() {
    assert!(fork_map(4, &[], |n: &u8| *n).unwrap().is_empty());
    assert_eq!(fork_map(0, &[1], |n: &u8| *n).unwrap(), vec![1u8]);
}

pub(crate) fn descriptors_of_the_program_stay_open() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"0123456789").unwrap();
    let (reader, writer) = nix::unistd::pipe().unwrap();
    let read = fork_map(2, &[()], |()| {
        let mut file = &file;
        file.seek(SeekFrom::Start(2)).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        nix::unistd::write(&writer, b"from a child").unwrap();
        text
    });
    assert_eq!(read.unwrap(), ["23456789"]);
    let mut buffer = [0; 32];
    assert_eq!(nix::unistd::read(&reader, &mut buffer).unwrap(), 12);
}

pub(crate) fn a_grandchild_that_holds_the_pipe_holds_up_nobody() {
    let error = fork_map(1, &[()], |()| {
        // A shell that goes on, with every descriptor of its parent's that is not close-on-exec.
        let descriptors = std::fs::read_dir("/proc/self/fd").unwrap();
        for fd in descriptors.flatten() {
            let fd: i32 = fd.file_name().to_string_lossy().parse().unwrap();
            // SAFETY: changes a flag of a descriptor; one that is closed already is refused.
            unsafe { libc::fcntl(fd, libc::F_SETFD, 0) };
        }
        std::process::Command::new("sleep")
            .arg("20")
            .spawn()
            .unwrap();
        std::process::abort();
    });
    let error = error.map(|_: Vec<()>| ()).unwrap_err();
    assert_eq!(error.death().unwrap().signal(), Some(6));
}

pub(crate) fn nothing_is_left_behind() {
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = descriptors();
    let _ = fork_map(3, &[0, 1, 2, 3], |&n| n).unwrap();
    let _ = fork_map(3, &[0, 1, 2, 3], |&n| if n == 0 { panic!() } else { n }).unwrap_err();
    let hung: Result<Vec<()>, _> = fork_map(2, &[0, 1], |&n| match n {
        0 => panic!("while the other hangs"),
        _ => loop {
            std::thread::park();
        },
    });
    assert_eq!(hung.unwrap_err().kind(), ErrorKind::Panicked);
    assert_eq!(descriptors(), before);
    let children = std::fs::read_to_string("/proc/self/task/self/children");
    let path = format!("/proc/self/task/{}/children", std::process::id());
    let children = children.or_else(|_| std::fs::read_to_string(path)).unwrap();
    assert_eq!(children.trim(), "", "children are left");
}

pub(crate) fn works_where_sigchld_is_ignored() {
    use nix::sys::signal::{SigHandler, Signal, signal};
    // SAFETY: both are valid dispositions.
    let before = unsafe { signal(Signal::SIGCHLD, SigHandler::SigIgn) }.unwrap();
    assert_eq!(fork_map(2, &[1, 2], |&n| n + 1).unwrap(), [2, 3]);
    let error = fork_map(2, &[1, 2], |_| std::process::abort());
    let error = error.map(|_: Vec<()>| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Died);
    // SAFETY: as above.
    unsafe { signal(Signal::SIGCHLD, before) }.unwrap();
}

pub(crate) fn threads_are_refused() {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
        });
        let error = fork_map(2, &[1], |&n| n).unwrap_err();
        done.store(true, Ordering::Relaxed);
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("2 threads"), "{error}");
    });
}

pub(crate) fn memory_in_huge_pages_is_an_ordinary_vec() {
    let mut numbers: Vec<u64> = handoff::vec_in_huge_pages(6 << 20);
    assert!(numbers.is_empty() && numbers.capacity() >= 6 << 20);
    let there = std::fs::exists("/sys/kernel/mm/transparent_hugepage").unwrap();
    let asked = |numbers: &Vec<u64>| {
        let [first, last] = [0, numbers.capacity() - 1].map(|at| {
            let address = numbers.as_ptr().addr() + at * size_of::<u64>();
            flags_of(address).contains(" hg")
        });
        assert_eq!(first, last, "one mapping has two parts");
        first
    };
    assert_eq!(asked(&numbers), there);
    numbers.extend(0..6 << 20);
    // Beyond what was asked for, it grows as any does: the mapping moves as a whole.
    numbers.extend(0..4096);
    assert!(!cfg!(target_env = "gnu") || asked(&numbers) == there);
    let parts: Vec<&[u64]> = numbers.chunks(1 << 20).collect();
    let sums = fork_map(2, &parts, |part| part.iter().sum::<u64>()).unwrap();
    assert_eq!(sums.iter().sum::<u64>(), numbers.iter().sum::<u64>());
    // Less than a huge page, and nothing at all.
    assert_eq!(handoff::vec_in_huge_pages::<u8>(5).capacity(), 5);
    assert_eq!(handoff::vec_in_huge_pages::<u64>(0).capacity(), 0);
    assert!(handoff::vec_in_huge_pages::<()>(7).capacity() >= 7);
}

/// What the kernel notes of the mapping that holds `address`.
fn flags_of(address: usize) -> String {
    let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let number = |text| usize::from_str_radix(text, 16).ok();
    let mut lines = smaps.lines();
    lines.find(|line| {
        let range = line
            .split(' ')
            .next()
            .and_then(|range| range.split_once('-'));
        range.is_some_and(|(start, end)| {
            number(start).is_some_and(|start| start <= address)
                && number(end).is_some_and(|end| address < end)
        })
    });
    let flags = lines.find(|line| line.starts_with("VmFlags:"));
    flags.expect("the mapping is listed").to_owned()
}
