//! What is being encoded or decoded by this thread: where serde's implementations for arrays find the
//! table. Every guard puts back what there was before, also where a panic passes.

use super::table::{Item, Table};
use std::cell::RefCell;

/// The tables of this thread.
#[derive(Default)]
struct Context {
    /// Of the value that is being encoded by our encoder.
    encoding: Option<Table>,
    /// Of the value that is being decoded by our decoder.
    decoding: Option<Table>,
    /// Of the value that will be decoded next: a task's arguments, or a result.
    incoming: Option<Table>,
    /// Of the task's result, once that is encoded.
    outgoing: Option<Table>,
    /// Why an array was refused; serde's formats lose such texts.
    refused: Option<String>,
}

thread_local! {
    static CONTEXT: RefCell<Context> = const {
        RefCell::new(Context {
            encoding: None,
            decoding: None,
            incoming: None,
            outgoing: None,
            refused: None,
        })
    };
}

/// Puts tables back when it is dropped.
struct Restore {
    encoding: Option<Table>,
    decoding: Option<Table>,
}

impl Restore {
    /// Replaces both tables; within one value there is no other.
    fn replace(encoding: Option<Table>, decoding: Option<Table>) -> Restore {
        CONTEXT.with_borrow_mut(|context| {
            context.refused = None;
            Restore {
                encoding: std::mem::replace(&mut context.encoding, encoding),
                decoding: std::mem::replace(&mut context.decoding, decoding),
            }
        })
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        let left = CONTEXT.with_borrow_mut(|context| {
            let encoding = std::mem::replace(&mut context.encoding, self.encoding.take());
            let decoding = std::mem::replace(&mut context.decoding, self.decoding.take());
            (encoding, decoding)
        });
        // Whatever they release happens outside of the borrow.
        drop(left);
    }
}

/// Runs `encode`, in which arrays are entered in a table rather than written as their elements.
pub fn encode<R>(encode: impl FnOnce() -> R) -> (R, Table) {
    let restore = Restore::replace(Some(Table::default()), None);
    let encoded = encode();
    let table = CONTEXT.with_borrow_mut(|context| context.encoding.take());
    drop(restore);
    (encoded, table.unwrap_or_default())
}

/// Runs `decode` on the value at the beginning of `blob`, in which arrays are found in the table that
/// [`with_incoming`] has set. What it does not take is released.
///
/// # Errors
/// Why an array cannot be had, or what `decode` says.
pub fn decode<R>(
    blob: &[u8],
    decode: impl FnOnce(&[u8]) -> Result<R, String>,
) -> Result<R, String> {
    let mut table = CONTEXT
        .with_borrow_mut(|context| context.incoming.take())
        .unwrap_or_default();
    let value = table.settle(blob)?;
    let restore = Restore::replace(None, Some(table));
    let decoded = decode(value);
    let refused = CONTEXT.with_borrow_mut(|context| context.refused.take());
    drop(restore);
    match (decoded, refused) {
        (Err(_), Some(refused)) => Err(refused),
        (decoded, _) => decoded,
    }
}

/// Runs `run`, whose [`decode`] finds `table`; gives the table that it has left by [`set_outgoing`].
pub fn with_incoming<R>(table: Table, run: impl FnOnce() -> R) -> (R, Table) {
    let tables = Tables::replace(Some(table));
    let result = run();
    let outgoing = CONTEXT.with_borrow_mut(|context| context.outgoing.take());
    drop(tables);
    (result, outgoing.unwrap_or_default())
}

/// Bytes of the arrays that the value to be decoded next refers to.
pub fn incoming_bytes() -> u64 {
    CONTEXT.with_borrow(|context| context.incoming.as_ref().map_or(0, Table::bytes))
}

/// Leaves the table of a task's result for the code that runs the task.
pub fn set_outgoing(table: Table) {
    let before = CONTEXT.with_borrow_mut(|context| context.outgoing.replace(table));
    drop(before);
}

/// Puts the tables around a task back when it is dropped.
struct Tables {
    incoming: Option<Table>,
    outgoing: Option<Table>,
}

impl Tables {
    fn replace(incoming: Option<Table>) -> Tables {
        CONTEXT.with_borrow_mut(|context| Tables {
            incoming: std::mem::replace(&mut context.incoming, incoming),
            outgoing: context.outgoing.take(),
        })
    }
}

impl Drop for Tables {
    fn drop(&mut self) {
        let left = CONTEXT.with_borrow_mut(|context| {
            let incoming = std::mem::replace(&mut context.incoming, self.incoming.take());
            let outgoing = std::mem::replace(&mut context.outgoing, self.outgoing.take());
            (incoming, outgoing)
        });
        drop(left);
    }
}

/// Enters an array that is being encoded; `None` where our encoder does not run.
pub(super) fn enter(item: impl FnOnce() -> Item) -> Option<u32> {
    CONTEXT.with_borrow_mut(|context| Some(context.encoding.as_mut()?.push(item())))
}

/// Whether our decoder runs.
pub(super) fn is_decoding() -> bool {
    CONTEXT.with_borrow(|context| context.decoding.is_some())
}

/// Takes the array of an index that was decoded.
pub(super) fn take(index: u32, mutable: bool, size: usize, align: usize) -> Result<Item, String> {
    CONTEXT.with_borrow_mut(|context| {
        let table = context.decoding.as_mut();
        let taken = match table {
            Some(table) => table.take(index, mutable, size, align),
            None => Err("no table of arrays is here".to_owned()),
        };
        if let Err(why) = &taken {
            context.refused = Some(why.clone());
        }
        taken
    })
}
