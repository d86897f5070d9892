//! The row of those who wait for a SQLite file: a small file that its processes share.
//!
//! ```text
//! a byte for each place: what its owner does            PLACES bytes
//! who was told last, and a count of the turns           2
//! for each place, from HEAD on: an order and an answer  PLACES × (ORDER + ANSWER)
//! ```
//!
//! States and orders are hints: one that cannot be written or read is not seen,
//! and its owner does the work itself. An answer counts. So it holds the number
//! of its order, drawn at random, and a checksum: what is half written, or left
//! from an earlier wait, or from somebody who was killed, is no answer.

use std::fs::File;
use std::io;

use libdeflater::crc32;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::file_id::FileId;
use super::{Claim, Range};

/// So many connections wait fairly. Whoever else comes looks now and then, and may wait until its deadline while all of
/// the others are busy.
pub(super) const PLACES: usize = 256;

/// What stands in the row at a place: nothing, that its owner waits for its bell, that it was told to come, or that
/// it waits without a bell and looks at the row.
pub(super) const AWAY: u8 = 0;
pub(super) const WAITS: u8 = 1;
pub(super) const TOLD: u8 = 2;
pub(super) const LOOKS: u8 = 3;

const HEAD: usize = 512;

/// Bytes of an order, and of an answer, with checksum and length. An order that needs more is not written.
const ORDER: usize = 896;
const ANSWER: usize = 128;
const SEAL: usize = 8;

/// A place fits into a byte, and the states and two more before the first order.
const _: () = assert!(PLACES <= 256 && PLACES + 2 <= HEAD);

/// The first bytes of the row.
pub(super) struct Head {
    pub states: [u8; PLACES],
    /// The place of who was told last.
    pub last: usize,
    /// Counts the turns, from 255 on to 0.
    pub turns: u8,
}

/// What somebody who waits would do when it is in, for whoever is in to do together with its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Order {
    /// Where its owner waits.
    pub place: usize,
    /// Drawn at random; the answer holds it too.
    pub number: u64,
    pub of: Sequence,
    pub claim: Claim,
}

/// The row of the table that a claim raises. Only who would raise the same one may do so for somebody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sequence {
    /// The path may lead to another one by now.
    pub file: FileId,
    pub table: String,
    pub name: String,
}

pub(super) struct Row(File);

impl Row {
    pub fn new(file: File) -> Self {
        Self(file)
    }

    /// What cannot be read is taken for empty.
    pub fn head(&self) -> Head {
        let mut bytes = [AWAY; PLACES + 2];
        let _ = read_at(&self.0, &mut bytes, 0);
        let mut states = [AWAY; PLACES];
        states.copy_from_slice(&bytes[..PLACES]);
        Head { states, last: usize::from(bytes[PLACES]), turns: bytes[PLACES + 1] }
    }

    /// On a full disk nobody is told, and everybody looks when out of patience.
    pub fn mark(&self, place: usize, state: u8) {
        let _ = write_at(&self.0, &[state], place);
    }

    /// One turn is over, and the owner of a place is told to come next.
    pub fn turn(&self, last: usize, turns: u8) {
        let _ = write_at(&self.0, &[last as u8, turns], PLACES);
    }

    /// Leaves an order at its place.
    pub fn put_order(&self, order: &Order) {
        let Order { place, number, of: Sequence { file, table, name }, claim } = order;
        let fields = (number, (file.0, file.1), table, name, claim.count, claim.start, claim.owned_to);
        self.put::<ORDER>(order_at(*place), Some(fields));
    }

    /// Takes the last order away.
    pub fn clear_order(&self, place: usize) {
        self.put::<ORDER>(order_at(place), None::<()>);
    }

    pub fn order(&self, place: usize) -> Option<Order> {
        let (number, (device, inode), table, name, count, start, owned_to) =
            self.get::<ORDER, _>(order_at(place))?;
        let file = FileId(device, inode);
        let (of, claim) = (Sequence { file, table, name }, Claim { count, start, owned_to });
        Some(Order { place, number, of, claim })
    }

    pub fn put_answer(&self, place: usize, number: u64, range: Range) {
        self.put::<ANSWER>(order_at(place) + ORDER, Some((number, range.start, range.end)));
    }

    /// The number of the last order that was answered, and the range that somebody claimed for it.
    pub fn answer(&self, place: usize) -> Option<(u64, Range)> {
        let (number, start, end) = self.get::<ANSWER, (u64, i64, i64)>(order_at(place) + ORDER)?;
        Some((number, Range::new(start, end)))
    }

    /// Whether who waits there has its answer, and only has to wake up.
    pub fn is_answered(&self, place: usize) -> bool {
        let answered = self.answer(place).map(|(number, _)| number);
        answered.is_some() && self.order(place).map(|order| order.number) == answered
    }

    fn put<const SIZE: usize>(&self, at: usize, value: Option<impl Serialize>) {
        let text = value.and_then(|value| serde_json::to_vec(&value).ok());
        let text = text.filter(|text| SEAL + text.len() <= SIZE).unwrap_or_default();
        let seal = [crc32(&text), text.len() as u32].map(u32::to_le_bytes);
        let _ = write_at(&self.0, &[seal.concat(), text].concat(), at);
    }

    fn get<const SIZE: usize, T: DeserializeOwned>(&self, at: usize) -> Option<T> {
        let mut bytes = [0; SIZE];
        read_at(&self.0, &mut bytes, at).ok()?;
        let (crc, rest) = bytes.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let text = rest.get(..u32::from_le_bytes(*length) as usize)?;
        if crc32(text) != u32::from_le_bytes(*crc) {
            return None;
        }
        serde_json::from_slice(text).ok()
    }
}

const fn order_at(place: usize) -> usize {
    HEAD + place * (ORDER + ANSWER)
}

/// Fewer bytes than asked for, at the end of the file.
#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], at: usize) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, bytes, at as u64)
}

#[cfg(unix)]
fn write_at(file: &File, bytes: &[u8], at: usize) -> io::Result<usize> {
    std::os::unix::fs::FileExt::write_at(file, bytes, at as u64)
}

#[cfg(windows)]
fn read_at(file: &File, bytes: &mut [u8], at: usize) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, bytes, at as u64)
}

#[cfg(windows)]
fn write_at(file: &File, bytes: &[u8], at: usize) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_write(file, bytes, at as u64)
}
