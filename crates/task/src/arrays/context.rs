//! What is being encoded or decoded by this thread: where serde's implementations for arrays find the
//! table. Every guard puts back what there was before, also where a panic passes.
//!
//! Most values hold no array. So the tables are apart from one byte that says which coder runs and whether
//! there are any tables: without arrays, nothing but that byte is read and written.

use super::table::{Item, Table};
use std::cell::{Cell, RefCell};

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

/// Our encoder runs.
const ENCODING: u8 = 1;
/// Our decoder runs.
const DECODING: u8 = 2;
/// There may be something in [`CONTEXT`].
const STORED: u8 = 4;

thread_local! {
    static STATE: Cell<u8> = const { Cell::new(0) };
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

/// Puts the context back when it is dropped.
struct Restore {
    state: u8,
    /// `None` where there was nothing in it.
    before: Option<Context>,
}

impl Restore {
    /// Begins a new context in `state`, with nothing in it.
    #[inline]
    fn begin(state: u8) -> Restore {
        let before = STATE.replace(state);
        Restore {
            state: before,
            before: (before & STORED != 0).then(|| CONTEXT.take()),
        }
    }
}

impl Drop for Restore {
    #[inline]
    fn drop(&mut self) {
        let left = STATE.replace(self.state) & STORED != 0;
        if left || self.before.is_some() {
            let left = CONTEXT.replace(self.before.take().unwrap_or_default());
            // Whatever it releases happens outside of the borrow.
            drop(left);
        }
    }
}

/// Changes what is in the context.
fn store<R>(change: impl FnOnce(&mut Context) -> R) -> R {
    STATE.set(STATE.get() | STORED);
    CONTEXT.with_borrow_mut(change)
}

/// Takes something out of the context, where there may be something.
#[inline]
fn stored<R>(take: impl FnOnce(&mut Context) -> Option<R>) -> Option<R> {
    match STATE.get() & STORED {
        0 => None,
        _ => CONTEXT.with_borrow_mut(take),
    }
}

/// Runs `encode`, in which arrays are entered in a table rather than written as their elements.
#[inline]
pub fn encode<R>(encode: impl FnOnce() -> R) -> (R, Table) {
    let restore = Restore::begin(ENCODING);
    let encoded = encode();
    let table = stored(|context| context.encoding.take());
    drop(restore);
    (encoded, table.unwrap_or_default())
}

/// Runs `decode` on the value at the beginning of `blob`, in which arrays are found in the table that
/// [`with_incoming`] has set. What it does not take is released.
///
/// # Errors
/// Why an array cannot be had, or what `decode` says.
#[inline]
pub fn decode<R>(
    blob: &[u8],
    decode: impl FnOnce(&[u8]) -> Result<R, String>,
) -> Result<R, String> {
    let mut table = stored(|context| context.incoming.take());
    let value = match &mut table {
        Some(table) => table.settle(blob)?,
        None => blob,
    };
    let restore = Restore::begin(DECODING);
    if table.is_some() {
        store(|context| context.decoding = table);
    }
    let mut decoded = decode(value);
    if let Err(why) = &mut decoded
        && let Some(refused) = stored(|context| context.refused.take())
    {
        *why = refused;
    }
    drop(restore);
    decoded
}

/// Runs `run`, whose [`decode`] finds `table`; gives the table that it has left by [`set_outgoing`].
#[inline]
pub fn with_incoming<R>(table: Table, run: impl FnOnce() -> R) -> (R, Table) {
    let restore = Restore::begin(0);
    if !table.is_empty() {
        store(|context| context.incoming = Some(table));
    }
    let result = run();
    let outgoing = stored(|context| context.outgoing.take());
    drop(restore);
    (result, outgoing.unwrap_or_default())
}

/// Takes the table of the value that was to be decoded next.
pub(super) fn take_incoming_table() -> Table {
    stored(|context| context.incoming.take()).unwrap_or_default()
}

/// Bytes of the arrays that the value to be decoded next refers to.
pub fn incoming_bytes() -> u64 {
    stored(|context| context.incoming.as_ref().map(Table::bytes)).unwrap_or_default()
}

/// Leaves the table of a task's result for the code that runs the task.
#[inline]
pub fn set_outgoing(table: Table) {
    if table.is_empty() && STATE.get() & STORED == 0 {
        return;
    }
    let before = store(|context| context.outgoing.replace(table));
    drop(before);
}

/// Enters an array that is being encoded; `None` where our encoder does not run.
pub(super) fn enter(item: impl FnOnce() -> Item) -> Option<u32> {
    if STATE.get() & ENCODING == 0 {
        return None;
    }
    let item = item();
    Some(store(|context| {
        context.encoding.get_or_insert_default().push(item)
    }))
}

/// Whether our decoder runs.
pub(super) fn is_decoding() -> bool {
    STATE.get() & DECODING != 0
}

/// Takes the array of an index that was decoded.
pub(super) fn take(index: u32, mutable: bool, size: usize, align: usize) -> Result<Item, String> {
    store(|context| {
        let table = context.decoding.as_mut();
        let taken = match table {
            Some(table) => table.take(index, mutable, size, align),
            None => Err(format!("array {index} is not in the table")),
        };
        if let Err(why) = &taken {
            context.refused = Some(why.clone());
        }
        taken
    })
}
