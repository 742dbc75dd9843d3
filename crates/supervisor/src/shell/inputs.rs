//! The inputs of calls, in the form in which they are sent, and why one cannot be.

use crate::connection::Connection;
use crate::input::Input;
use crate::region::{Access, Region};
use nix::errno::Errno;
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use wire::{CallInput, RegionId, Source, ToWorker};

/// Why a call was not sent.
pub(super) struct Unsent {
    pub why: String,
    pub transient: bool,
}

impl Unsent {
    pub(super) fn lasting(why: impl ToString) -> Unsent {
        Unsent {
            why: why.to_string(),
            transient: false,
        }
    }

    fn of(region: RegionId, error: &io::Error) -> Unsent {
        Unsent {
            why: format!("region {region}: {error}"),
            transient: is_transient(error),
        }
    }
}

/// Whether the same may succeed later: something has run out that others may give back.
pub(super) fn is_transient(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(
        errno,
        Some(
            Errno::EMFILE
                | Errno::ENFILE
                | Errno::ENOMEM
                | Errno::ENOBUFS
                | Errno::EAGAIN
                | Errno::ETOOMANYREFS
        )
    )
}

/// A call's input in the form that is sent. A region that the worker does not know is introduced first.
pub(super) fn input_of<'a>(
    input: &'a Input,
    regions: &HashMap<RegionId, Region>,
    connection: &mut Connection,
    confined: bool,
) -> Result<CallInput<'a>, Unsent> {
    let (region, offset, len) = match input {
        Input::None => return Ok(CallInput::None),
        Input::Inline(bytes) => return Ok(CallInput::Inline(bytes)),
        Input::Stream(_) => return Ok(CallInput::Stream),
        &Input::Slice {
            region,
            offset,
            len,
        } => (region, offset, len),
    };
    let known = regions
        .get(&region)
        .ok_or_else(|| Unsent::lasting(format!("region {region} has been detached")))?;
    if !connection.knows.contains(&region) {
        let (message, descriptors) = introduction(region, known, confined)?;
        let outbox = &mut connection.outbox;
        outbox
            .push_with(&message, descriptors)
            .map_err(Unsent::lasting)?;
        connection.knows.insert(region);
        connection.attached = connection.attached.wrapping_add(1);
    }
    Ok(CallInput::Slice {
        region,
        offset,
        len,
    })
}

pub(super) fn inline_bytes(input: &CallInput<'_>) -> usize {
    match input {
        CallInput::Inline(bytes) => bytes.len(),
        CallInput::None | CallInput::Slice { .. } | CallInput::Stream => 0,
    }
}

/// What a worker receives about a region; one that is confined cannot open any by name.
fn introduction<'a>(
    id: RegionId,
    region: &'a Region,
    confined: bool,
) -> Result<(ToWorker<'a>, Vec<Arc<OwnedFd>>), Unsent> {
    let to_send =
        |fd: io::Result<OwnedFd>| fd.map(Arc::new).map_err(|error| Unsent::of(id, &error));
    let duplicate = |fd: BorrowedFd<'_>| to_send(fd.try_clone_to_owned());
    let (source, descriptors) = match region {
        Region::Segment(segment) if confined => (
            Source::Descriptor { len: segment.len() },
            vec![to_send(segment.open_reader())?],
        ),
        Region::Segment(segment) => {
            let (name, len) = (segment.name().as_str(), segment.len());
            (Source::Segment { name, len }, Vec::new())
        }
        Region::Memfd(memfd) => (
            Source::Descriptor { len: memfd.len() },
            vec![duplicate(memfd.fd())?],
        ),
        Region::File { file, len, access } => {
            let (source, own) = match access {
                Access::Map => (Source::Descriptor { len: *len }, None),
                // A worker that is confined by then could not open it for itself.
                Access::Read => (Source::File { len: *len }, shmem::reopen_sequential(file)),
            };
            let descriptor = match own {
                Some(own) => Arc::new(own),
                None => duplicate(file.as_fd())?,
            };
            (source, vec![descriptor])
        }
        Region::Inherited(_) => (Source::Inherited, Vec::new()),
    };
    Ok((ToWorker::Attach { region: id, source }, descriptors))
}
