//! Which image this process runs: identified by its file, so that a worker of another build is detected.

use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;

/// Identifies this process's image on this machine; 0 where /proc does not say.
pub fn image_id() -> u64 {
    static ID: OnceLock<u64> = OnceLock::new();
    *ID.get_or_init(|| {
        let Ok(file) = std::fs::metadata("/proc/self/exe") else {
            return 0;
        };
        let facts = [
            file.dev(),
            file.ino(),
            file.size(),
            file.mtime() as u64,
            file.mtime_nsec() as u64,
        ];
        let bytes = facts.iter().flat_map(|fact| fact.to_le_bytes());
        let mix = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        bytes.fold(0xcbf2_9ce4_8422_2325, mix).max(1)
    })
}
