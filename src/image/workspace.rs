//! Buffers and compressors that a thread keeps from one image to the next.

use std::cell::RefCell;

use super::deflate::Codec;

/// The most bytes of each buffer that are kept between two images.
const KEPT: usize = 4 << 20;

/// What encoding and decoding work with: buffers that grew before, compressors that are set up.
///
/// A thread has one of its own, see [`of_thread`](Self::of_thread).
#[derive(Default)]
pub struct Workspace {
    /// The bytes of the pixels, behind one filter byte: an image of one row needs no other.
    pub(super) rows: Vec<u8>,
    /// Rows with their filter bytes, for compression and after inflation.
    pub(super) raw: Vec<u8>,
    /// Deflated data.
    pub(super) packed: Vec<u8>,
    pub(super) codec: Codec,
}

thread_local! {
    static WORKSPACE: RefCell<Workspace> = RefCell::default();
}

impl Workspace {
    /// Runs `work` with the workspace of this thread.
    ///
    /// Not re-entrant by design: when `work` comes back here (a `Serialize` that encodes an image),
    /// it gets a fresh workspace.
    pub fn of_thread<R>(work: impl FnOnce(&mut Workspace) -> R) -> R {
        WORKSPACE.with(|workspace| match workspace.try_borrow_mut() {
            Ok(mut workspace) => {
                let result = work(&mut workspace);
                workspace.trim();
                result
            }
            Err(_) => work(&mut Workspace::default()),
        })
    }

    /// Frees what one large image left beyond the bound.
    fn trim(&mut self) {
        for buffer in [&mut self.rows, &mut self.raw, &mut self.packed] {
            if buffer.capacity() > KEPT {
                *buffer = Vec::new();
            }
        }
    }
}
