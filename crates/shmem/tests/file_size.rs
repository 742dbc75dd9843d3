//! A limit on the size of files (`ulimit -f`) holds for memory that has no name, too. The kernel sends
//! SIGXFSZ to a process that goes past it, so that this is found out before. It is in force for the
//! whole process: this is the only test of its program.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use shmem::{Limit, MemfdError, SealedMemfd};

#[test]
fn a_limit_on_files_is_an_error_and_no_signal() {
    let _limited = Limited::to(4096);
    assert_eq!(SealedMemfd::from_bytes(&[1; 4096]).unwrap().len(), 4096);
    let error = SealedMemfd::from_bytes(&[1; 4097]).unwrap_err();
    let is_named = matches!(
        &error,
        MemfdError::NoRoom {
            wanted: 4097,
            available: 4096,
            limit: Limit::FileSize { .. },
        }
    );
    assert!(is_named, "{error:?}");
    assert!(error.to_string().contains("`ulimit -f "), "{error}");
}

/// The limit while this exists: the harness may write to a file afterwards, and that may be longer.
struct Limited(u64, u64);

impl Limited {
    fn to(bytes: u64) -> Limited {
        let (soft, hard) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
        setrlimit(Resource::RLIMIT_FSIZE, bytes, hard).unwrap();
        Limited(soft, hard)
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        let Limited(soft, hard) = *self;
        let _ = setrlimit(Resource::RLIMIT_FSIZE, soft, hard);
    }
}
