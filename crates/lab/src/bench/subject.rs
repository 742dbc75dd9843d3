//! What is measured: a job of the laboratory, or a task of another program.

use report::HandOver;

use crate::job::Job;
use crate::jobs::Known;
use crate::own::{self, OwnWay};

/// A job that can be made, with what there is to choose.
pub(crate) struct Subject<'a> {
    /// Its name, which files have.
    pub(crate) name: String,
    /// One sentence on it.
    pub(crate) about: String,
    /// Bytes of its data, where nobody says how many.
    pub(crate) sizes: Vec<u64>,
    /// How its data can be handed over.
    pub(crate) hand_overs: Vec<HandOver>,
    make: Box<dyn Fn(u64) -> anyhow::Result<Job> + 'a>,
}

impl<'a> Subject<'a> {
    /// A job of the laboratory.
    pub(crate) fn known(known: &'static Known) -> Subject<'static> {
        Subject {
            name: known.name.to_owned(),
            about: known.about.to_owned(),
            sizes: known.sizes.to_vec(),
            hand_overs: known.hand_overs.to_vec(),
            make: Box::new(known.make),
        }
    }

    /// Tasks of another program.
    pub(crate) fn own(
        name: &str,
        ways: &'a [OwnWay],
        plain: Option<&'a OwnWay>,
        setup: &'a dyn Fn(),
    ) -> Subject<'a> {
        let mut hand_overs: Vec<HandOver> = ways.iter().map(OwnWay::hand_over).collect();
        hand_overs.push(HandOver::Inherit);
        let threads = match plain {
            Some(_) => "Threads run a plain function.",
            None => {
                "Threads run the task itself, which encodes its arguments and its result in this case too."
            }
        };
        Subject {
            name: name.to_owned(),
            about: format!("The task {name} over all its arguments. {threads}"),
            sizes: vec![0],
            hand_overs,
            make: Box::new(move |_| {
                setup();
                Ok(own::job(ways, plain))
            }),
        }
    }

    /// The job with this number of bytes.
    ///
    /// # Errors
    ///
    /// Where there is no room for its data.
    pub(crate) fn make(&self, bytes: u64) -> anyhow::Result<Job> {
        (self.make)(bytes)
    }
}
