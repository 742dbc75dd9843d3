//! A process in which a library has changed the floating-point environment, as one that was linked with
//! `-ffast-math` does when it is loaded: the sum is the same, by every start method and transport.

use crate::programs::{Running, coordinator};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Subnormals are flushed to zero, on input and output, and every other rounding is toward zero.
const LIBRARY: &str = r#"
#if defined(__x86_64__)
__attribute__((constructor)) static void set(void) {
    unsigned word;
    __asm__ volatile("stmxcsr %0" : "=m"(word));
    word |= 0x8040 | 0x6000;
    __asm__ volatile("ldmxcsr %0" : : "m"(word));
}
#elif defined(__aarch64__)
__attribute__((constructor)) static void set(void) {
    unsigned long word = 1ul << 24 | 3ul << 22;
    __asm__ volatile("msr fpcr, %0" : : "r"(word));
}
#endif
"#;

/// Builds the library; none where there is no compiler for it.
fn library(directory: &Path) -> Option<PathBuf> {
    let (source, library) = (directory.join("set.c"), directory.join("libset.so"));
    fs::write(&source, LIBRARY).unwrap();
    let mut compile = Command::new("cc");
    compile
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(&source);
    let compiled = compile.status().ok()?;
    assert!(compiled.success(), "cc cannot build the library");
    Some(library)
}

fn dataset(path: &Path, descr: &str, records: usize, record: &[u8]) {
    let header = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': ({records},), }}");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend_from_slice(&246u16.to_le_bytes());
    bytes.extend_from_slice(format!("{header:<245}\n").as_bytes());
    bytes.extend(record.repeat(records));
    fs::write(path, bytes).unwrap();
}

const PAIRS: [(&str, &str); 13] = [
    ("fork", "bytes"),
    ("fork", "serde"),
    ("fork", "shm"),
    ("fork", "mmap"),
    ("fork", "inherit"),
    ("spawn", "bytes"),
    ("spawn", "serde"),
    ("spawn", "shm"),
    ("spawn", "mmap"),
    ("forkserver", "bytes"),
    ("forkserver", "serde"),
    ("forkserver", "shm"),
    ("forkserver", "mmap"),
];

#[test]
fn a_library_that_flushes_subnormals_changes_no_sum() {
    let directory = tempfile::tempdir().unwrap();
    let Some(library) = library(directory.path()) else {
        eprintln!("skipped: a_library_that_flushes_subnormals_changes_no_sum needs cc");
        return;
    };
    const RECORDS: usize = 100_003;
    let [f8, f4, fields] =
        ["f8.npy", "f4.npy", "fields.npy"].map(|name| directory.path().join(name));
    dataset(&f8, "'<f8'", RECORDS, &5e-324f64.to_le_bytes());
    let tiny = f32::from_bits(71_362);
    dataset(&f4, "'>f4'", RECORDS, &tiny.to_be_bytes());
    let descr = "[('index', '<i8'), ('timestamp', '<M8[ns]'), ('val', '<f8')]";
    dataset(
        &fields,
        descr,
        RECORDS,
        &[[0; 16].as_slice(), &5e-324f64.to_le_bytes()].concat(),
    );
    // Both sums are exact: that many times the smallest subnormal, and of the other one.
    let many = RECORDS as f64;
    let smallest = (f64::from_bits(RECORDS as u64), "0x0.00000000186a3p-1022");
    let single = f64::from(tiny) * many;
    for (method, transport) in PAIRS {
        for (data, expected, hex) in [
            (&fields, smallest.0, Some(smallest.1)),
            (&f8, smallest.0, Some(smallest.1)),
            (&f4, single, None),
        ] {
            if transport == "serde" && *data != fields {
                continue;
            }
            let run = |format: &str| {
                let mut command = coordinator();
                command
                    .arg("sum")
                    .arg(data)
                    .args(["--format", format, "--quiet"]);
                command.args(["--start-method", method, "--transport", transport]);
                command.args(["--workers", "2"]).env("LD_PRELOAD", &library);
                let ended = Running::start(&mut command).end();
                assert_eq!(
                    ended.code(),
                    Some(0),
                    "{method} {transport}: {}",
                    ended.stderr
                );
                ended.stdout
            };
            let context = format!("{method} {transport} {}", data.display());
            let report: report::Sum = serde_json::from_str(&run("json")).unwrap();
            assert_eq!(report.result.sum, Some(expected), "{context}");
            if let Some(hex) = hex {
                assert_eq!(report.result.sum_hex, hex, "{context}");
            }
            if (method, transport) == ("fork", "mmap") {
                let text = run("text");
                assert!(
                    text.starts_with(&format!("sum      {expected} (")),
                    "{context}: {text}"
                );
            }
        }
    }
}
