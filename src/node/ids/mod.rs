//! The Node-API shell of `ids`.

mod handles;
mod news;
mod store;
