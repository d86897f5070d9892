//! What JavaScript hands over to be encoded, in memory that stays while it is encoded.

use std::cell::RefCell;

use napi::Env;

use super::string::{read_pieces, read_whole};
use super::value::Value;
use crate::Result;
use crate::image::{Source, Text, too_large};

/// The most bytes that each buffer of a thread keeps between two images.
const KEPT: usize = 2 << 20;

/// The most buffers that a thread keeps for its next tasks.
const MOST_SPARE: usize = 8;

thread_local! {
    static DATA: RefCell<Data> = const { RefCell::new(Data::new()) };
    /// Fresh memory costs a page fault for each page on the JavaScript thread, so tasks return
    /// theirs.
    static SPARE: RefCell<Vec<Data>> = const { RefCell::new(Vec::new()) };
}

/// How JavaScript hands data over.
#[derive(Clone, Copy, Default)]
pub(super) enum Form {
    /// A string.
    #[default]
    Utf16,
    /// A string without characters above `ÿ`.
    Latin1,
    /// An array of strings, each a JSON array: together they are one.
    Utf16Pieces,
    /// The same without characters above `ÿ`.
    Latin1Pieces,
    /// A `Uint8Array`.
    Bytes,
}

/// Data that were read from JavaScript.
pub(super) struct Data {
    /// Latin-1 text, or bytes.
    narrow: Vec<u8>,
    utf16: Vec<u16>,
    form: Form,
}

impl Data {
    pub(super) const fn new() -> Self {
        Self { narrow: Vec::new(), utf16: Vec::new(), form: Form::Utf16 }
    }

    /// Hands data to `work`, which must not call this function; a string is read into a buffer of
    /// this thread.
    pub(super) fn with<R>(
        env: Env,
        value: Value,
        form: Form,
        most: usize,
        work: impl FnOnce(Source<'_>) -> Result<R>,
    ) -> Result<R> {
        if let Form::Bytes = form {
            // SAFETY: no JavaScript runs during this call, and no other slice of them is made: an
            // image is written into fresh memory, or into a part of the slab that no image has yet.
            return work(Source::Bytes(unsafe { value.bytes(env)? }));
        }
        DATA.with_borrow_mut(|data| {
            let result = data.read(env, value, form, most).and_then(|()| work(data.source()));
            data.trim();
            result
        })
    }

    /// Reads data into memory that is kept for tasks.
    pub(super) fn take(env: Env, value: Value, form: Form, most: usize) -> Result<Self> {
        let mut data = SPARE.with_borrow_mut(Vec::pop).unwrap_or(Self::new());
        data.read(env, value, form, most)?;
        Ok(data)
    }

    /// Keeps the memory of what `take` gave.
    pub(super) fn release(mut self) {
        self.trim();
        SPARE.with_borrow_mut(|spare| {
            if spare.len() < MOST_SPARE {
                spare.push(self);
            }
        });
    }

    pub(super) fn source(&self) -> Source<'_> {
        match self.form {
            Form::Utf16 | Form::Utf16Pieces => Source::Json(Text::Utf16(&self.utf16)),
            Form::Latin1 | Form::Latin1Pieces => Source::Json(Text::Latin1(&self.narrow)),
            Form::Bytes => Source::Bytes(&self.narrow),
        }
    }

    fn read(&mut self, env: Env, value: Value, form: Form, most: usize) -> Result<()> {
        self.form = form;
        match form {
            Form::Utf16 => read_whole(env, value, most, &mut self.utf16),
            Form::Latin1 => read_whole(env, value, most, &mut self.narrow),
            Form::Utf16Pieces => read_pieces(env, value, most, &mut self.utf16),
            Form::Latin1Pieces => read_pieces(env, value, most, &mut self.narrow),
            Form::Bytes => {
                // SAFETY: no JavaScript runs during this call, and no other slice of them exists.
                let bytes = unsafe { value.bytes(env)? };
                if bytes.len() > most {
                    return Err(too_large(&format!("the data are {} bytes,", bytes.len()), most));
                }
                self.narrow.clear();
                self.narrow.extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    fn trim(&mut self) {
        if self.narrow.capacity() > KEPT {
            self.narrow = Vec::new();
        }
        if self.utf16.capacity() > KEPT / 2 {
            self.utf16 = Vec::new();
        }
    }
}
