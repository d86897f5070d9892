//! The N-API shell of `ids`.
