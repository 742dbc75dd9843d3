//! The library in containers that lack something, and under low limits. Namespaces are for root alone, so these are
//! skipped, with a line, where they cannot be had.

use crate::elastic::builder;
use crate::tasks::{Marks, abort_once, add_one};
use crate::{Case, case};
use handoff::{Array, Builder, Shutdown, StartMethod, task};
use std::path::PathBuf;
use std::process::Command;

pub(crate) const CASES: &[Case] = &[
    case("without_proc_what_needs_it_says_so", without_proc),
    case("a_read_only_dev_shm_is_no_hindrance", read_only_shm),
    case("as_process_one_of_a_namespace", as_process_one),
    case("little_address_space_is_enough", little_space),
    case("short_files_are_enough_or_named", short_files),
    case("few_descriptors_are_enough_or_named", few_descriptors),
];

const MOUNTS: &[&str] = &["unshare", "--mount"];
const PIDS: &[&str] = &["unshare", "--mount", "--pid", "--fork", "--mount-proc"];
const PLAIN: &[&str] = &[];

/// Set for the process that is in the container: this program's path.
const OWN: &str = "CASES_OWN";

/// Whether this process is in the container. Otherwise runs the trial there, after `script`, and has its outcome.
fn inside(name: &str, method: &StartMethod, prefix: &[&str], script: &str) -> bool {
    if std::env::var_os(OWN).is_some() {
        return true;
    }
    let run = |script: &str, own: &PathBuf, arguments: &[&str]| {
        let words = prefix.iter().copied().chain(["sh", "-c", script]);
        let words: Vec<&str> = words.collect();
        let mut command = Command::new(words[0]);
        let command = command.args(&words[1..]).arg(own).args(arguments);
        command.env(OWN, own).output()
    };
    let own = std::env::current_exe().unwrap();
    let tried = run(script, &own, &[]);
    if !tried.is_ok_and(|output| output.status.success()) {
        eprintln!(
            "skipped: {} {script:?} is not allowed here",
            prefix.join(" ")
        );
        return false;
    }
    let script = format!("{script} && exec \"$0\" \"$@\"");
    let output = run(&script, &own, &["--case", name, crate::word(method)]).unwrap();
    assert!(output.status.success(), "{output:?}");
    false
}

fn own() -> PathBuf {
    std::env::var_os(OWN).expect("in the container").into()
}

#[task]
fn doubled(numbers: Array<u64>) -> Result<Array<u64>, handoff::Error> {
    let doubled: Vec<u64> = numbers.iter().map(|number| number * 2).collect();
    Ok(Array::from_vec(doubled)?)
}

/// Runs tasks, one of which ends its worker, and hands arrays over and back.
fn serve(builder: Builder) -> Result<(), handoff::Error> {
    let mut pool = builder.start()?;
    let sum = pool.map((0..1000).map(add_one)).sum::<Result<u64, _>>();
    assert_eq!(sum?, 500_500);
    assert_eq!(pool.run(abort_once(Marks::new().path()))?, 7);
    let numbers = Array::from_vec((0..100_000).collect::<Vec<u64>>())?;
    let doubled = pool.run(doubled(numbers))?;
    assert_eq!(doubled[99_999], 199_998);
    pool.shutdown(Shutdown::Drain)
}

/// It works, or fails with one line that has all of `words`.
fn serves_or_says(builder: Builder, words: &[&str]) {
    if let Err(error) = serve(builder) {
        let text = error.to_string();
        assert_eq!(text.lines().count(), 1, "{text}");
        let missing = words.iter().find(|word| !text.contains(**word));
        assert_eq!(missing, None, "{text}");
    }
}

fn without_proc(method: StartMethod) {
    let name = "without_proc_what_needs_it_says_so";
    if !inside(name, &method, MOUNTS, "umount -l /proc") {
        return;
    }
    let builder = || builder(method.clone()).workers(2);
    let error = serve(builder()).unwrap_err().to_string();
    assert!(error.contains("/proc"), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    match method {
        StartMethod::Spawn => serve(builder().program(own())).unwrap(),
        StartMethod::ForkServer => serves_or_says(builder().program(own()), &["/proc"]),
        _ => {}
    }
}

fn read_only_shm(method: StartMethod) {
    let name = "a_read_only_dev_shm_is_no_hindrance";
    let script = "mount --bind /dev/shm /dev/shm && mount -o remount,ro,bind /dev/shm";
    if inside(name, &method, MOUNTS, script) {
        serve(builder(method).workers(2)).unwrap();
    }
}

fn as_process_one(method: StartMethod) {
    let name = "as_process_one_of_a_namespace";
    if inside(name, &method, PIDS, "true") {
        serve(builder(method).workers(2)).unwrap();
    }
}

fn little_space(method: StartMethod) {
    let name = "little_address_space_is_enough";
    if inside(name, &method, PLAIN, "ulimit -v 1000000") {
        serve(builder(method).workers(2)).unwrap();
    }
}

fn short_files(method: StartMethod) {
    let name = "short_files_are_enough_or_named";
    // In blocks of 512 bytes: 1 MB.
    if inside(name, &method, PLAIN, "ulimit -f 2000") {
        serves_or_says(builder(method).workers(2), &["ulimit -f"]);
    }
}

fn few_descriptors(method: StartMethod) {
    for descriptors in [64, 32, 24, 16, 10] {
        let name = "few_descriptors_are_enough_or_named";
        let script = format!("ulimit -n {descriptors}");
        if inside(name, &method, PLAIN, &script) {
            return serves_or_says(builder(method).workers(2), &["ulimit -n"]);
        }
    }
}
