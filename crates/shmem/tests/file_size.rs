//! A limit on the size of files (`ulimit -f`) holds for memory that has no name, too. The kernel sends
//! SIGXFSZ to a process that goes past it, so that this is found out before. It is in force for the
//! whole process: this is the only test of its program.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use shmem::{Limit, MemfdError, SealedMemfd};

#[test]
fn a_limit_on_files_is_an_error_and_no_signal() {
    let (_, hard) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
    setrlimit(Resource::RLIMIT_FSIZE, 4096, hard).unwrap();
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
