//! Only tests, and the programs that they run; see `tests/cases`.
