//! Memory that calls refer to: made known, and handed to tasks.

use crate::channel::Frame;
use crate::regions::Reach;
use crate::{Regions, panic};
use task::{Failure, Input};
use wire::{CallInput, FailureKind, RegionId, Source};

/// Makes a region known.
pub(super) fn attach(
    regions: &mut Regions,
    frame: &mut Frame<'_>,
    region: RegionId,
    source: &Source<'_>,
) {
    let descriptor = match source {
        Source::Descriptor { .. } | Source::File { .. } => frame.take_descriptor(),
        Source::Segment { .. } | Source::Path { .. } | Source::Inherited => None,
    };
    regions.attach(region, source, descriptor);
}

/// Runs a task on an input that is no stream.
pub(super) fn run_in_reach(
    regions: &Regions,
    input: &CallInput<'_>,
    run: impl FnOnce(Input<'_>) -> Result<Vec<u8>, Failure>,
) -> Result<Vec<u8>, Failure> {
    let reach = match *input {
        CallInput::None | CallInput::Stream => Ok(Reach::Bytes(&[])),
        CallInput::Inline(bytes) => Ok(Reach::Bytes(bytes)),
        CallInput::Slice {
            region,
            offset,
            len,
        } => regions.reach(region, offset, len),
    };
    match reach {
        Ok(mut reach) => panic::catch(|| run(reach.input())),
        Err(error) => Err(Failure::new(FailureKind::BadInput, error.to_string())),
    }
}
