//! Stores of which no sequence is open, and their URLs.

use std::sync::atomic::{AtomicBool, Ordering};

use napi_derive::napi;

use crate::ids::{self, Hold, StoreUrl};
use crate::node::error::Result;

/// Keeps the claimer of a store while no sequence of it is open.
#[napi]
pub struct StoreHold {
    hold: Option<Hold>,
}

#[napi]
impl StoreHold {
    /// Connects to nothing.
    #[napi(constructor)]
    pub fn new(url: String) -> Result<Self> {
        Ok(Self { hold: Some(ids::hold(&StoreUrl::parse(&url)?)) })
    }

    /// Lets go of the claimer. A claimer without handles is stopped and joined.
    #[napi]
    pub fn release(&mut self) {
        self.hold.take();
    }
}

/// The options of a URL that are taken and ignored, with their values.
#[napi]
pub fn ignored_url_options(url: String) -> Vec<String> {
    StoreUrl::ignored_options(&url)
}

/// True the first time in this process: a warning is not repeated by each worker thread.
#[napi]
pub fn is_first_default_store() -> bool {
    static SAID: AtomicBool = AtomicBool::new(false);
    !SAID.swap(true, Ordering::Relaxed)
}
