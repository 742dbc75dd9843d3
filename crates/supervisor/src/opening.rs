//! Calls by name whose arrays are not in the books yet.

use crate::args::Args;
use crate::block::CallBlock;
use crate::call::Call;
use crate::extras::{Extras, MAX_INLINE};
use crate::failure::SubmitError;
use crate::input::Input;
use crate::reply::Reply;
use std::sync::Arc;
use task::arrays::ArrayError;
use task::arrays::coordinator::open;

impl CallBlock {
    /// Enters its arrays in the books: as memory that workers share, or else as bytes.
    ///
    /// # Errors
    /// [`SubmitError::Args`].
    #[inline]
    pub fn into_call(mut self, reply: Arc<dyn Reply>, shared: bool) -> Result<Call, SubmitError> {
        let call = &mut *self;
        if let Some(more) = call.more.as_mut().filter(|more| !more.arrays.is_empty()) {
            open_arrays(call.task, &mut call.args, more, shared)?;
        }
        Call::encoded(self, reply)
    }
}

fn open_arrays(
    task: &'static str,
    args: &mut Args,
    more: &mut Extras,
    shared: bool,
) -> Result<(), SubmitError> {
    let table = std::mem::take(&mut more.arrays);
    let refused = |error: ArrayError| SubmitError::Args {
        task,
        why: error.to_string(),
    };
    // Long arguments are the input, and the bytes of arrays follow them there.
    if let Input::Inline(bytes) = &mut more.input
        && args.is_empty()
    {
        more.opened = Some(open(table, shared, bytes).map_err(refused)?);
        return Ok(());
    }
    let mut bytes = std::mem::take(args).into_vec();
    more.opened = Some(open(table, shared, &mut bytes).map_err(refused)?);
    if bytes.len() > MAX_INLINE && matches!(more.input, Input::None) {
        more.input = Input::Inline(bytes);
    } else {
        *args = bytes.into();
    }
    Ok(())
}
