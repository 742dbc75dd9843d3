//! What can be asked of a job.

use clap::Args;
use report::HandOver;

use crate::values;

/// What can be asked of a job, beside the terms.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Choice {
    /// Hand-overs to run: bytes, array, in-place, inherit, file [default: all that the job has]
    #[arg(long, value_name = "HAND-OVER", value_delimiter = ',')]
    pub(crate) hand_overs: Vec<HandOver>,
    /// Bytes of the job's data [default: 1MiB,16MiB,256MiB where it has data]
    #[arg(long, value_name = "BYTES", value_delimiter = ',', value_parser = values::bytes)]
    pub(crate) sizes: Vec<u64>,
}
