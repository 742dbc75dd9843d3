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

/// Gives every cell twelve runs, whose wall times differ by up to 4 % in an order without a trend.
fn with_many_runs(matrix: &mut Matrix) {
    for cell in &mut matrix.cells {
        let run = cell.runs[0].clone();
        cell.runs = (0..12_u32)
            .map(|round| {
                let mut run = run.clone();
                run.round = Some(round + 1);
                let part = 1.0 + f64::from(round * 5 % 12) / 300.0;
                run.wall_seconds *= part;
                run
            })
            .collect();
    }
}

/// Makes every run of a cell take longer by a part of its wall time, in its phase `run`.
fn slow_down(matrix: &mut Matrix, cell: usize, part: f64) {
    for run in &mut matrix.cells[cell].runs {
        let more = run.wall_seconds * part;
        run.wall_seconds += more;
        run.seconds.run += more;
        run.seconds.total += more;
    }
}

#[test]
fn nothing_changed_in_the_same_matrix() {
    let same = folder(with_many_runs);
    let text = printed(&same, &same, &["--fail-above", "0"]);
    assert_eq!(below(&text, "Significant changes"), ["none"]);
    assert!(!text.contains("Only in"));
    assert!(!text.contains("too few runs"), "{text}");
    assert!(text.contains("without a baseline in both"), "{text}");
}

#[test]
fn three_runs_are_too_few_for_any_change() {
    let before = folder(|_| ());
    let after = folder(|matrix| slow_down(matrix, 0, 100.0));
    let text = printed(&before, &after, &[]);
    assert_eq!(below(&text, "Significant changes"), ["none"]);
    assert!(
        text.contains("too few runs to find any change: 8 cells with 3 runs each"),
        "{text}"
    );
}

#[test]
fn a_change_is_named_with_its_size_and_its_phase() {
    let before = folder(with_many_runs);
    let after = folder(|matrix| {
        with_many_runs(matrix);
        slow_down(matrix, 0, 0.5);
    });
    let text = printed(&before, &after, &[]);
    let changed = below(&text, "Significant changes");
    assert_eq!(changed.len(), 1, "{text}");
    assert!(
        changed[0].starts_with("fork shm 1: wall 1.50 × ["),
        "{text}"
    );
    assert!(changed[0].contains(", mostly run: "), "{text}");
    let back = printed(&after, &before, &["--fail-above", "0"]);
    let changed = below(&back, "Significant changes");
    assert!(
        changed[0].starts_with("fork shm 1: wall 0.67 × ["),
        "{back}"
    );
}

#[test]
fn an_increase_above_the_threshold_is_an_exit_code() {
    let before = folder(with_many_runs);
    let after = folder(|matrix| {
        with_many_runs(matrix);
        slow_down(matrix, 0, 0.5);
    });
    let code = |threshold: &str| {
        let output = compare(&before, &after, &["--fail-above", threshold]);
        output.status.code()
    };
    assert_eq!(code("40"), Some(1));
    assert_eq!(code("40%"), Some(1));
    assert_eq!(code("60"), Some(0));
    assert_eq!(code("-1"), Some(2));
    assert_eq!(code("nan"), Some(2));
}

#[test]
fn records_of_earlier_versions_are_read() {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results");
    let records: Vec<_> = fs::read_dir(results)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("matrix.json").exists())
        .collect();
    assert!(!records.is_empty());
    for record in &records {
        let output = Command::new(env!("CARGO_BIN_EXE_lab"))
            .arg("compare")
            .args([record, record])
            .output()
            .unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{}", record.display());
        assert_eq!(below(&stdout, "Significant changes"), ["none"]);
    }
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
fn another_machine_and_other_references_are_reported() {
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
    let machine = below(&text, "The machine itself, not tested");
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
    assert!(text.contains("\n## Significant changes\n\n- none\n"));
}

#[test]
fn json_has_every_figure_that_was_compared() {
    let same = folder(with_many_runs);
    let text = printed(&same, &same, &["--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let figures = json["figures"].as_array().unwrap();
    assert_eq!(json["same_machine"], true);
    assert!(json["cells"].as_u64().unwrap() > 0 && !figures.is_empty());
    for figure in figures {
        assert_eq!(
            (&figure["ratio"], &figure["changed"]),
            (&1.0.into(), &false.into())
        );
    }
}
