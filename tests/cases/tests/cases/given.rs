//! What worker programs are given.

use crate::{Case, background};
use handoff::{ErrorKind, Pool, StartMethod, task};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::FromRawFd;

pub(crate) const CASES: &[Case] = &[
    background("a_program_has_the_environment_it_is_given", environment),
    background("a_program_starts_in_the_directory_it_is_given", directory),
    background("a_program_has_the_descriptors_it_is_given", descriptors),
];

#[task]
fn variable(name: String) -> Option<String> {
    std::env::var(name).ok()
}

#[task]
fn here() -> std::io::Result<String> {
    Ok(std::env::current_dir()?.display().to_string())
}

/// What is in the file under a number, and which descriptors there are.
#[task]
fn content(number: i32) -> std::io::Result<(String, Vec<i32>)> {
    // SAFETY: the worker was given it, and nobody else there uses it.
    let file = unsafe { std::fs::File::from_raw_fd(number) };
    let mut file = std::mem::ManuallyDrop::new(file);
    file.seek(SeekFrom::Start(0))?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let open = |number: &i32| {
        // SAFETY: reads the flags of a number.
        unsafe { libc::fcntl(*number, libc::F_GETFD) != -1 }
    };
    Ok((text, (41..60).filter(open).collect()))
}

fn environment(method: StartMethod) {
    let mut pool = Pool::builder()
        .start_method(method)
        .workers(1)
        .program_env("CASES_GIVEN", "yes")
        .program_env_remove("PATH")
        .start()
        .unwrap();
    let find = |pool: &mut Pool, name: &str| pool.run(variable(name.to_owned())).unwrap();
    assert_eq!(find(&mut pool, "CASES_GIVEN").as_deref(), Some("yes"));
    assert_eq!(find(&mut pool, "PATH"), None);
    assert_eq!(find(&mut pool, "HANDOFF_WORKER"), None);
    assert!(std::env::var_os("PATH").is_some(), "only theirs is changed");
}

fn directory(method: StartMethod) {
    let mut pool = Pool::builder()
        .start_method(method)
        .workers(1)
        .program_dir("/proc/self")
        .start()
        .unwrap();
    let inside = pool.run(here()).unwrap();
    assert!(inside.starts_with("/proc/"), "{inside}");
    let missing = Pool::builder().workers(1).program_dir("/no/such/folder");
    let error = missing.start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Start, "{error}");
}

fn descriptors(method: StartMethod) {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"shared").unwrap();
    let other = file.try_clone().unwrap();
    let mut pool = Pool::builder()
        .start_method(method)
        .workers(2)
        .inherit_fd(file, 50)
        .inherit_fd(other, 42)
        .start()
        .unwrap();
    for number in [50, 42] {
        let (text, open) = pool.run(content(number)).unwrap();
        assert_eq!((text.as_str(), open), ("shared", vec![42, 50]));
    }
}
