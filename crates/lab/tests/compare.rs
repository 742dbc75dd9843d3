//! `cargo xtask compare` over a matrix that was really run, and the same one made otherwise.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use report::{Limits, Matrix};
use tempfile::TempDir;

/// The fixture as a folder of its own, made otherwise.
fn folder(change: impl FnOnce(&mut Matrix)) -> TempDir {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/results");
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(fixture.join("matrix.json")).unwrap();
    let mut matrix: Matrix = serde_json::from_str(&text).unwrap();
    change(&mut matrix);
    let text = serde_json::to_string(&matrix).unwrap();
    fs::write(folder.path().join("matrix.json"), text).unwrap();
    fs::copy(
        fixture.join("limits.json"),
        folder.path().join("limits.json"),
    )
    .unwrap();
    folder
}

fn compare(before: &TempDir, after: &TempDir, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lab"))
        .arg("compare")
        .args([before.path(), after.path()])
        .args(arguments)
        .output()
        .unwrap()
}

fn printed(before: &TempDir, after: &TempDir, arguments: &[&str]) -> String {
    let output = compare(before, after, arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// The lines below a title, up to the next empty one.
fn below<'a>(text: &'a str, title: &str) -> Vec<&'a str> {
    text.lines()
        .skip_while(|line| *line != title)
        .skip(1)
        .take_while(|line| !line.is_empty())
        .map(str::trim)
        .collect()
}

/// Makes every run of a cell take `factor` times as long in its phase `run`.
fn slow_down(matrix: &mut Matrix, cell: usize, factor: f64) {
    for run in &mut matrix.cells[cell].runs {
        run.seconds.run *= factor;
    }
}

#[test]
fn nothing_changed_in_the_same_matrix() {
    let same = folder(|_| ());
    let text = printed(&same, &same, &[]);
    assert_eq!(below(&text, "Changed beyond the noise"), ["nothing"]);
    assert!(!text.contains("Only in"));
    assert!(
        text.contains("in up to 0.80 of 8 cells"),
        "3 and 3 runs: {text}"
    );
}

#[test]
fn what_left_its_spread_is_named_with_its_ratio() {
    let before = folder(|_| ());
    let after = folder(|matrix| slow_down(matrix, 0, 100.0));
    let text = printed(&before, &after, &[]);
    let changed = below(&text, "Changed beyond the noise");
    assert_eq!(changed, ["fork shm 1: run 100 × what it was"]);
    let back = printed(&after, &before, &[]);
    assert_eq!(
        below(&back, "Changed beyond the noise"),
        ["fork shm 1: run 0.01 × what it was"]
    );
}

#[test]
fn cells_of_one_side_and_failed_cells_are_named() {
    let before = folder(|matrix| {
        matrix.cells.remove(0);
    });
    let after = folder(|matrix| {
        matrix.cells[1].summary = None;
        matrix.cells[1].failed = Some("exit code 1: no room".to_owned());
    });
    let text = printed(&before, &after, &[]);
    assert_eq!(below(&text, "Only in B"), ["fork shm 1"]);
    assert_eq!(
        below(&text, "Without figures in B"),
        ["spawn shm 1: failed: exit code 1: no room"]
    );
}

#[test]
fn another_machine_and_other_limits_are_told() {
    let before = folder(|_| ());
    let after = folder(|matrix| matrix.machine.kernel = "1.0.0".to_owned());
    let path = after.path().join("limits.json");
    let mut limits: Limits = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let value = limits.limits[0].value.as_mut().unwrap();
    for figure in [&mut value.min, &mut value.median, &mut value.max] {
        *figure *= 10.0;
    }
    fs::write(&path, serde_json::to_string(&limits).unwrap()).unwrap();
    let text = printed(&before, &after, &[]);
    assert!(text.contains("The machines, or their settings, differ"));
    let machine = below(&text, "The machine itself changed");
    assert_eq!(machine.len(), 1, "{text}");
    assert!(machine[0].ends_with("(10.0 ×)"), "{text}");
}

#[test]
fn other_numbers_of_records_are_refused_unless_forced() {
    let before = folder(|_| ());
    let after = folder(|matrix| matrix.dataset.records = 200_000_000);
    let refused = compare(&before, &after, &[]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(refused.stdout.is_empty());
    let stderr = String::from_utf8_lossy(&refused.stderr);
    assert!(
        stderr.contains("has 200_000_000") && stderr.contains("--force"),
        "{stderr}"
    );
    let forced = printed(&before, &after, &["--force"]);
    assert!(forced.contains("differ in their number of records"));
}

#[test]
fn markdown_is_markdown() {
    let same = folder(|_| ());
    let text = printed(&same, &same, &["--format", "markdown"]);
    assert!(text.starts_with("# Comparison\n\nA: "), "{text}");
    assert_eq!(
        text.lines()
            .filter(|line| line.starts_with("| shm"))
            .count(),
        4
    );
    assert_eq!(
        text.lines()
            .filter(|line| line.starts_with("| mmap"))
            .count(),
        4
    );
    assert!(text.contains("\n## Changed beyond the noise\n\n- nothing\n"));
}
