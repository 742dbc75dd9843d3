//! What a recommendation consists of.

/// One recommendation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Advice {
    /// For whom it is.
    pub(crate) situation: String,
    /// What to choose.
    pub(crate) choose: String,
    /// Why.
    pub(crate) why: String,
    /// The lines that do it.
    pub(crate) code: String,
}
