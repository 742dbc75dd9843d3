//! Recognises the files that are mistaken for datasets, to say what would make one of them.

/// How much of a file's start is examined to find out what it is.
pub(crate) const SAMPLE_LEN: usize = 512;

/// What a file that is not `.npy` seems to be, by its first [`SAMPLE_LEN`] bytes.
pub(crate) fn looks_like(start: &[u8]) -> &'static str {
    let known: [(&[u8], &str); 9] = [
        (
            b"PK\x03\x04",
            "it is a zip archive, perhaps .npz: load it and numpy.save one array of it",
        ),
        (
            b"PAR1",
            "it is a Parquet file: numpy.save(path, pandas.read_parquet(...).to_records()) makes a dataset of it",
        ),
        (
            b"ARROW1",
            "it is an Arrow (Feather) file: numpy.save(path, pandas.read_feather(...).to_records()) makes a dataset of it",
        ),
        (
            b"\x89HDF",
            "it is an HDF5 file: read one dataset of it and numpy.save that",
        ),
        (
            b"\x1f\x8b",
            "it is compressed with gzip: decompress it first",
        ),
        (
            b"\x28\xb5\x2f\xfd",
            "it is compressed with zstd: decompress it first",
        ),
        (b"\xfd7zXZ", "it is compressed with xz: decompress it first"),
        (b"BZh", "it is compressed with bzip2: decompress it first"),
        (b"{", "it looks like JSON"),
    ];
    if start.is_empty() {
        return "it is empty, so its writer failed or has not begun: write it again";
    }
    if let Some((_, what)) = known.iter().find(|(magic, _)| start.starts_with(magic)) {
        return what;
    }
    if matches!(start, [0x80, 2..=5, ..]) {
        return "it is a Python pickle: load it in Python and numpy.save the array";
    }
    let printable = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7e);
    if start.iter().all(printable) {
        return "it is text, perhaps CSV: numpy.save(path, pandas.read_csv(...).to_records()) makes a dataset of it";
    }
    "it does not start with the bytes \\x93NUMPY"
}
