//! Programs that are replaced while they run, that forget `init`, or that cannot serve.

use crate::tasks::{Marks, abort_once, add_one};
use crate::{Case, case};
use handoff::{Pool, StartMethod};
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

pub(crate) const CASES: &[Case] = &[
    case("the_own_program_was_deleted", the_own_program_was_deleted),
    case("the_own_program_was_replaced", the_own_program_was_replaced),
    Case {
        name: "a_program_without_init_starts_no_storm",
        run: a_program_without_init_starts_no_storm,
        methods: &[StartMethod::Spawn],
    },
    Case {
        name: "the_cause_of_a_failed_start_comes_first",
        run: the_cause_of_a_failed_start_comes_first,
        methods: &[StartMethod::Spawn, StartMethod::ForkServer],
    },
];

/// Runs a copy of this program that does something to its own file, in `inner`.
fn in_a_copy(method: &StartMethod, what: &str) {
    let marks = Marks::new();
    let program = marks.directory().join("program");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let output = Command::new(&program)
        .args([
            "--inner",
            &format!("{what}:{}:{}", crate::word(method), marks.path()),
        ])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

fn the_own_program_was_deleted(method: StartMethod) {
    in_a_copy(&method, "deleted");
}

fn the_own_program_was_replaced(method: StartMethod) {
    in_a_copy(&method, "replaced");
}

/// In the copy: the image is gone before the pool starts, or replaced before a worker dies.
pub(crate) fn inner(order: &str) -> ExitCode {
    handoff::init();
    let mut words = order.splitn(3, ':');
    let (what, method, marks) = (
        words.next().unwrap(),
        words.next().unwrap(),
        words.next().unwrap(),
    );
    let method = crate::METHODS
        .into_iter()
        .find(|known| crate::word(known) == method)
        .unwrap();
    let own = std::env::current_exe().unwrap();
    if what == "deleted" {
        fs::remove_file(&own).unwrap();
    }
    let builder = Pool::builder().start_method(method).workers(1);
    let mut pool = match builder.start() {
        Ok(pool) => pool,
        Err(error) => {
            // Allowed, as long as it says what happened.
            let said = error.to_string();
            let clear = said.contains("deleted") || said.contains("replaced");
            eprintln!("{said}");
            return if clear {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            };
        }
    };
    if what == "replaced" {
        let other = own.with_extension("new");
        fs::copy("/bin/false", &other).unwrap();
        fs::rename(&other, &own).unwrap();
    }
    assert_eq!(pool.run(abort_once(marks.to_owned())).unwrap(), 7);
    assert_eq!(pool.run(add_one(1)).unwrap(), 2);
    ExitCode::SUCCESS
}

fn a_program_without_init_starts_no_storm(_: StartMethod) {
    let marks = Marks::new();
    let output = Command::new(env!("CARGO_BIN_EXE_no-init"))
        .arg(marks.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("handoff::init"), "{said}");
    let started = marks.count();
    assert!(started <= 2, "{started} processes were started");
}

fn the_cause_of_a_failed_start_comes_first(method: StartMethod) {
    let marks = Marks::new();
    let script = marks.directory().join("worker");
    // A worker program that reports its error as a Rust program does, with a backtrace after it.
    let text = "#!/bin/sh\necho 'Error: the licence server is down' >&2\nfor n in 1 2 3 4 5 6 7 8 9 10 11 12; do echo \"  $n: std::rt::frame\" >&2; done\nexit 1\n";
    fs::write(&script, text).unwrap();
    make_executable(&script);
    let builder = Pool::builder()
        .start_method(method)
        .workers(1)
        .program(&script);
    let error = builder.start().map(drop).unwrap_err().to_string();
    assert!(error.contains("the licence server is down"), "{error}");
    assert!(!error.contains("\\\\"), "{error}");
}

fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
