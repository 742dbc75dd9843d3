//! Opening files: NumPy's own, and everything that is not quite a dataset.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use dataset::{ChangedError, Dataset, Layout, OpenError};
use tempfile::TempDir;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// A directory with one small dataset of the original study's layout in it.
fn small(records: u64) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("small.npy");
    let mut bytes = Layout::study().header(records);
    bytes.resize(bytes.len() + records as usize * 24, 0);
    fs::write(&path, bytes).unwrap();
    (dir, path)
}

fn refusal(content: &[u8]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("it.npy");
    fs::write(&path, content).unwrap();
    let message = Dataset::open(&path).unwrap_err().to_string();
    message
        .strip_prefix(&path.display().to_string())
        .expect("the message names the path")
        .to_owned()
}

#[test]
fn every_fixture_opens_as_numpy_says() {
    let text = fs::read_to_string(fixture("expected.json")).unwrap();
    let expected: BTreeMap<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(expected.len(), 6);
    for (name, expected) in expected {
        let dataset = Dataset::open(&fixture(&name)).unwrap();
        assert_eq!(
            Some(dataset.records()),
            expected["records"].as_u64(),
            "{name}"
        );
        assert_eq!(
            Some(dataset.layout().itemsize as u64),
            expected["itemsize"].as_u64(),
            "{name}"
        );
        let column = dataset.column(expected["field"].as_str()).unwrap();
        assert_eq!(column.stride, dataset.layout().itemsize, "{name}");
        assert_eq!(
            dataset.data_offset() + dataset.data_len(),
            dataset.identity().size,
            "{name}"
        );
        assert_eq!(
            dataset.layout().is_study(),
            dataset.layout().itemsize == 24,
            "{name}"
        );
    }
}

#[test]
fn says_what_a_stranger_is() {
    for (content, looks) in [
        (&b""[..], " is not an .npy file: it is empty"),
        (
            b"PK\x03\x04....",
            " is not an .npy file: it is a zip archive, perhaps .npz",
        ),
        (b"PAR1....", " is not an .npy file: it is a Parquet file"),
        (
            b"\x80\x04\x95....",
            " is not an .npy file: it is a Python pickle",
        ),
        (
            b"\x89HDF\r\n\x1a\n",
            " is not an .npy file: it is an HDF5 file",
        ),
        (
            b"\x1f\x8b\x08....",
            " is not an .npy file: it is compressed with gzip",
        ),
        (
            b"a,b\n1,2\n",
            " is not an .npy file: it is text, perhaps CSV",
        ),
        (
            b"\xde\xad\xbe\xef",
            " is not an .npy file: it does not start with the bytes \\x93NUMPY",
        ),
    ] {
        let message = refusal(content);
        assert!(message.starts_with(looks), "{message}");
    }
}

#[test]
fn what_is_no_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let message = |path: &Path| Dataset::open(path).unwrap_err().to_string();
    assert!(message(dir.path()).ends_with(" is a directory, not an .npy file"));
    assert_eq!(
        message(Path::new("/dev/null")),
        "/dev/null is a device, not an .npy file"
    );
    let missing = dir.path().join("missing.npy");
    let text = message(&missing);
    assert!(
        text.starts_with("cannot read ") && text.contains("missing.npy: No such file"),
        "{text}"
    );
}

#[test]
fn files_that_do_not_keep_what_the_header_states() {
    let mut bytes = Layout::study().header(10);
    bytes.resize(192 + 239, 0);
    assert_eq!(
        refusal(&bytes),
        " is cut off: its header states 10 records, 432 bytes in all, and it has 431"
    );
    bytes.resize(192 + 250, 0);
    let message = refusal(&bytes);
    assert!(
        message.starts_with(" has 10 bytes after the last of the 10 records"),
        "{message}"
    );
    let message = refusal(&bytes[..100]);
    assert!(
        message.ends_with("the header is cut off: 192 bytes stated, 100 there"),
        "{message}"
    );
}

#[test]
fn an_unchanged_file_is_unchanged() {
    let (_dir, path) = small(3);
    let dataset = Dataset::open(&path).unwrap();
    assert_eq!(
        (dataset.path(), dataset.records(), dataset.data_len()),
        (path.as_path(), 3, 72)
    );
    dataset.check_unchanged().unwrap();
}

#[test]
fn changes_are_seen() {
    let (_dir, path) = small(3);
    let dataset = Dataset::open(&path).unwrap();
    fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap()
        .write_all(b"more")
        .unwrap();
    let error = dataset.check_unchanged().unwrap_err();
    assert!(
        matches!(
            error,
            ChangedError::Modified {
                size_then: 264,
                size_now: 268,
                ..
            }
        ),
        "{error}"
    );

    let (dir, path) = small(3);
    let dataset = Dataset::open(&path).unwrap();
    let other = dir.path().join("other");
    fs::copy(&path, &other).unwrap();
    fs::rename(&other, &path).unwrap();
    assert!(matches!(
        dataset.check_unchanged(),
        Err(ChangedError::Replaced { .. })
    ));
    fs::remove_file(&path).unwrap();
    assert!(matches!(
        dataset.check_unchanged(),
        Err(ChangedError::Io { .. })
    ));
}

/// Sets the file's modification time back after `change`.
fn with_its_old_time(path: &Path, change: impl FnOnce()) {
    let before = fs::metadata(path).unwrap().modified().unwrap();
    change();
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_modified(before).unwrap();
}

#[test]
fn a_link_another_mode_and_another_name_are_no_change() {
    let (dir, path) = small(3);
    let mut dataset = Dataset::open(&path).unwrap();
    dataset.sample_content();
    let link = dir.path().join("link.npy");
    fs::hard_link(&path, &link).unwrap();
    dataset.check_unchanged().unwrap();
    fs::remove_file(&link).unwrap();
    dataset.check_unchanged().unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    dataset.check_unchanged().unwrap();
    with_its_old_time(&path, || ());
    dataset.check_unchanged().unwrap();
    fs::rename(&path, dir.path().join("renamed.npy")).unwrap();
    dataset.check_unchanged().unwrap();
    // Written to under its other name, it is a change; and so is a file in its place.
    fs::write(&path, "another").unwrap();
    assert!(matches!(
        dataset.check_unchanged(),
        Err(ChangedError::Replaced { .. })
    ));
    fs::remove_file(&path).unwrap();
    let renamed = fs::OpenOptions::new()
        .append(true)
        .open(dir.path().join("renamed.npy"));
    renamed.unwrap().write_all(b"more").unwrap();
    assert!(matches!(
        dataset.check_unchanged(),
        Err(ChangedError::Modified { .. })
    ));
}

#[test]
fn a_write_that_sets_the_time_back_is_seen_in_the_content() {
    let (_dir, path) = small(3);
    let mut dataset = Dataset::open(&path).unwrap();
    dataset.sample_content();
    with_its_old_time(&path, || {
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
    });
    assert!(matches!(
        dataset.check_unchanged(),
        Err(ChangedError::Modified { .. })
    ));
}

#[test]
fn a_mapping_holds_every_record_and_no_more_than_is_left() {
    let (_dir, path) = small(3);
    let dataset = Dataset::open(&path).unwrap();
    let mapping = dataset.map().unwrap();
    let data = mapping
        .slice(dataset.data_offset(), dataset.data_len())
        .unwrap();
    assert_eq!(data, [0; 72]);
    assert!(
        mapping
            .slice(dataset.data_offset(), dataset.data_len() + 1)
            .is_err()
    );

    fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(200)
        .unwrap();
    let message = dataset.map().unwrap_err().to_string();
    assert!(
        message.contains("small.npy: ") && message.contains("200 bytes"),
        "{message}"
    );
}

#[test]
fn opening_does_not_move_the_file_position() {
    use std::io::Seek;
    let dataset = Dataset::open(&fixture("study_layout.npy")).unwrap();
    assert_eq!(dataset.file().stream_position().unwrap(), 0);
}

#[test]
fn headers_are_refused_with_the_path() {
    let text = b"\x93NUMPY\x01\x00\x38\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }";
    let message = refusal(text);
    assert!(
        message.starts_with(": the array has Python objects"),
        "{message}"
    );
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("it.npy");
    fs::write(&path, text).unwrap();
    assert!(matches!(
        Dataset::open(&path),
        Err(OpenError::Header { .. })
    ));
}

#[test]
fn a_field_that_cannot_be_summed_is_refused_with_the_path() {
    let (_dir, path) = small(3);
    let dataset = Dataset::open(&path).unwrap();
    for field in [None, Some("price"), Some("timestamp")] {
        let message = dataset.column(field).unwrap_err().to_string();
        let layout = dataset.layout().column(field).unwrap_err();
        assert_eq!(message, format!("{}: {layout}", path.display()));
    }
}
