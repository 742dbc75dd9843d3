//! Every example does what it says: run as a user would, on little data, and its results checked.
//!
//! `cargo test -p handoff` builds the examples; with `--test examples` alone they are those built before.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The longest that an example may take.
const WATCHDOG: Duration = Duration::from_secs(60);

/// An example, which cargo builds with the tests, started in a directory of its own.
fn run(name: &str, directory: &Path, args: &[&str]) -> Output {
    let own = std::env::current_exe().unwrap();
    let examples = own.ancestors().nth(2).unwrap().join("examples");
    let mut child = Command::new(examples.join(name))
        .args(args)
        .current_dir(directory)
        .env("RUST_LOG", "warn")
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(directory.join("stdout")).unwrap())
        .stderr(std::fs::File::create(directory.join("stderr")).unwrap())
        .spawn()
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > WATCHDOG {
            child.kill().unwrap();
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = Output {
        stdout: std::fs::read(directory.join("stdout")).unwrap(),
        stderr: std::fs::read(directory.join("stderr")).unwrap(),
        status: child.wait().unwrap(),
    };
    assert!(output.status.success(), "{name}: {output:?}");
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn mandel_writes_an_array() {
    let directory = tempfile::tempdir().unwrap();
    run("mandel", directory.path(), &["set.npy", "500"]);
    let file = std::fs::read(directory.path().join("set.npy")).unwrap();
    assert!(text(&file[..128]).contains("'shape': (500, 500)"));
    let pixels: Vec<f32> = bytemuck::pod_collect_to_vec(&file[128..]);
    assert_eq!(pixels.len(), 500 * 500);
    // The point 0 is in the set; the corner leaves at once.
    assert_eq!((pixels[250 * 500 + 375], pixels[0]), (60.0, 1.0));
}

#[test]
fn service_answers_all_but_those_that_hang() {
    let directory = tempfile::tempdir().unwrap();
    let said = text(&run("service", directory.path(), &[]).stdout);
    for hanging in [7, 57, 107, 157] {
        let line = said
            .lines()
            .find(|line| line.starts_with(&format!("{hanging}: ")));
        assert!(line.is_some(), "{hanging} has no error: {said}");
    }
    assert!(said.contains("longest gap"), "{said}");
}

#[test]
fn sweep_tells_failures_from_results() {
    let directory = tempfile::tempdir().unwrap();
    let output = run("sweep", directory.path(), &[]);
    let said = text(&output.stdout);
    // Of 200,000: two in ten thousand fail, one panics, and of those that crash ten never succeed.
    for expected in ["best (", "40 Failed", "20 Panicked", "10 Died"] {
        assert!(said.contains(expected), "no {expected:?} in {said}");
    }
    let logged = text(&output.stderr);
    assert!(logged.contains("close to the edge"), "{logged}");
}

#[test]
fn thumbs_shrinks_what_it_can() {
    let directory = tempfile::tempdir().unwrap();
    let pictures = directory.path().join("pictures");
    std::fs::create_dir(&pictures).unwrap();
    for name in ["wide", "abort", "hang"] {
        let picture = image::RgbImage::from_pixel(2000, 1000, image::Rgb([10, 20, 30]));
        picture
            .save(pictures.join(name).with_extension("png"))
            .unwrap();
    }
    std::fs::write(pictures.join("broken.png"), "no picture").unwrap();
    let said = text(&run("thumbs", directory.path(), &["pictures", "out"]).stderr);
    let thumb: PathBuf = directory.path().join("out/wide.png");
    let thumb = image::open(thumb).unwrap().to_rgb8();
    assert_eq!(
        (thumb.dimensions(), thumb.get_pixel(9, 9).0),
        ((1000, 500), [10, 20, 30])
    );
    for (name, why) in [
        ("abort", "SIGABRT"),
        ("hang", "longer than 1s"),
        ("broken", "PNG"),
    ] {
        let line = said
            .lines()
            .find(|line| line.contains(&format!("{name}.png: ")));
        assert!(
            line.is_some_and(|line| line.contains(why)),
            "{name}: {said}"
        );
    }
    assert_eq!(
        std::fs::read_dir(directory.path().join("out"))
            .unwrap()
            .count(),
        1
    );
}

#[test]
fn tokio_awaits_two_results() {
    let directory = tempfile::tempdir().unwrap();
    let said = text(&run("tokio", directory.path(), &[]).stdout);
    assert_eq!(said, "832040 1346269\n");
}

#[test]
fn array_traffic_finds_nothing_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let args = ["--rounds", "6", "--seed", "5", "--steps", "200"];
    let sizes = ["--max-bytes", "4000000", "--live-bytes", "16000000"];
    let args = [&args[..], &sizes[..]].concat();
    let said = text(&run("array_traffic", directory.path(), &args).stdout);
    assert!(said.contains("seed 5: 6 rounds"), "{said}");
}

#[test]
fn soft_cancel_keeps_its_worker() {
    let directory = tempfile::tempdir().unwrap();
    let said = text(&run("soft_cancel", directory.path(), &["10"]).stdout);
    assert!(said.contains("10 on the same worker"), "{said}");
}

#[test]
fn fill_and_read_gives_the_same_sums() {
    let directory = tempfile::tempdir().unwrap();
    let said = text(&run("fill_and_read", directory.path(), &["80000000", "2", "1"]).stdout);
    assert!(said.contains("shared, reused"), "{said}");
}

#[test]
fn fork_sum_prints_a_line_for_peers() {
    let directory = tempfile::tempdir().unwrap();
    let said = text(&run("fork_sum", directory.path(), &["80000000", "2", "1"]).stdout);
    let line: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(line["bytes"], 80_000_000);
    assert_eq!(line["rounds"].as_array().unwrap().len(), 1);
}
