//! The N-API shell of `image`.
