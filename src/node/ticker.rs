//! The N-API shell of `ticker`.
