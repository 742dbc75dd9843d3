//! What worker programs are given.

use crate::Case;
use crate::either::{Kind, both};
use handoff::{ErrorKind, Pool, StartMethod, task};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::FromRawFd;

pub(crate) const BOTH: &[[Case; 2]] = &[
    both!("a_program_has_the_environment_it_is_given", environment),
    both!("a_program_has_the_arguments_it_is_given", arguments),
    both!("a_program_starts_in_the_directory_it_is_given", directory),
    both!("a_program_has_the_descriptors_it_is_given", descriptors),
];

#[task]
fn variable(name: String) -> Option<String> {
    std::env::var(name).ok()
}

#[task]
fn last_argument() -> Option<String> {
    std::env::args().next_back()
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

/// A fork is no program: what one would be given is refused.
fn refuses(method: &StartMethod) -> bool {
    if *method != StartMethod::Fork {
        return false;
    }
    let builder = || Pool::builder().start_method(StartMethod::Fork).workers(1);
    let file = || tempfile::tempfile().unwrap();
    for builder in [
        builder().program_arg("more"),
        builder().program_env("CASES_GIVEN", "yes"),
        builder().program_env_remove("PATH"),
        builder().program_dir("/"),
        builder().inherit_fd(file(), 50),
    ] {
        let error = builder.start().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    }
    true
}

fn arguments(method: StartMethod, kind: Kind) {
    if refuses(&method) {
        return;
    }
    let builder = Pool::builder().start_method(method).workers(1);
    let mut pool = kind.start(builder.program_arg("some").program_arg("more"));
    assert_eq!(pool.run(last_argument()).unwrap().as_deref(), Some("more"));
}

fn environment(method: StartMethod, kind: Kind) {
    if refuses(&method) {
        return;
    }
    let builder = Pool::builder()
        .start_method(method)
        .workers(1)
        .program_env("CASES_GIVEN", "yes")
        .program_env_remove("PATH");
    let mut pool = kind.start(builder);
    // Taken when the pool was made: what changes since does not reach its workers.
    // SAFETY: nobody else reads the environment now.
    unsafe { std::env::set_var("CASES_LATER", "yes") };
    let _ = pool.run(crate::tasks::abort().retries(0));
    let mut find = |name: &str| pool.run(variable(name.to_owned())).unwrap();
    assert_eq!(find("CASES_GIVEN").as_deref(), Some("yes"));
    assert_eq!(find("PATH"), None);
    assert_eq!(find("HANDOFF_WORKER"), None);
    assert_eq!(find("CASES_LATER"), None);
    assert!(std::env::var_os("PATH").is_some(), "only theirs is changed");
}

fn directory(method: StartMethod, kind: Kind) {
    if refuses(&method) {
        return;
    }
    let builder = Pool::builder().start_method(method).workers(1);
    let mut pool = kind.start(builder.program_dir("/proc/self"));
    let inside = pool.run(here()).unwrap();
    assert!(inside.starts_with("/proc/"), "{inside}");
    let missing = Pool::builder().workers(1).program_dir("/no/such/folder");
    let error = missing.start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Start, "{error}");
}

fn descriptors(method: StartMethod, kind: Kind) {
    if refuses(&method) {
        return;
    }
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"shared").unwrap();
    let other = file.try_clone().unwrap();
    let builder = Pool::builder()
        .start_method(method)
        .workers(2)
        .inherit_fd(file, 50)
        .inherit_fd(other, 42);
    let mut pool = kind.start(builder);
    for number in [50, 42] {
        let (text, open) = pool.run(content(number)).unwrap();
        assert_eq!((text.as_str(), open), ("shared", vec![42, 50]));
    }
}
