//! A table of sequences, named like the collection: a row each, `_id` and `index`.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, params};

use super::failure::Failure;
use crate::ids::Range;
use crate::ids::store::{Claim, ClaimError, Document, bad_document, vanished, went_back};

/// The columns of a table of ids, as its definition ends with them.
pub(super) const COLUMNS: &str = "(_id TEXT PRIMARY KEY NOT NULL, \"index\" INTEGER NOT NULL) STRICT";

/// The table of one document, within a transaction.
pub(super) struct Table<'a> {
    connection: &'a Connection,
    document: &'a Document,
    /// Quoted.
    name: String,
}

impl<'a> Table<'a> {
    pub fn new(connection: &'a Connection, document: &'a Document) -> Self {
        let name = format!("\"{}\"", document.collection.replace('"', "\"\""));
        Self { connection, document, name }
    }

    pub fn create(&self) -> rusqlite::Result<()> {
        self.connection.execute_batch(&format!("CREATE TABLE IF NOT EXISTS {} {COLUMNS}", self.name))
    }

    pub fn exists(&self) -> rusqlite::Result<bool> {
        let select =
            "SELECT 1 FROM sqlite_schema WHERE type IN ('table', 'view') AND name = ?1 COLLATE NOCASE";
        self.connection.prepare_cached(select)?.exists([&self.document.collection])
    }

    /// Raises the index; the range is the claimer's when the transaction is committed.
    pub fn claim(&self, claim: &Claim) -> Result<Range, Failure> {
        // Both numbers fit: a start is below 2^53, a count below 2^31.
        let count = i64::try_from(claim.count).unwrap_or(i64::MAX);
        let (table, name) = (&self.name, &self.document.name);
        let raise = "\"index\" = \"index\" + ?2 \
            WHERE typeof(\"index\") = 'integer' AND \"index\" BETWEEN ?4 AND ?3";
        let most = i64::MAX - count;
        let range = |row: &rusqlite::Row<'_>| row.get(0).map(|end: i64| Range::new(end - count, end));
        let raised = if let Some(owned_to) = claim.owned_to {
            // A sequence that was there must not begin again.
            let update = format!("UPDATE {table} SET {raise} AND _id = ?1 RETURNING \"index\"");
            let mut update = self.connection.prepare_cached(&update)?;
            update.query_row(params![name, count, most, owned_to], range).optional()?
        } else {
            let upsert = format!(
                "INSERT INTO {table} (_id, \"index\") VALUES (?1, ?5 + ?2) \
                 ON CONFLICT (_id) DO UPDATE SET {raise} RETURNING \"index\""
            );
            let mut upsert = self.connection.prepare_cached(&upsert)?;
            upsert.query_row(params![name, count, most, 0, claim.start], range).optional()?
        };
        raised.map_or_else(|| Err(Failure::Claim(self.inspect(claim)?)), Ok)
    }

    /// Makes the start of `unused` the index, if its end still is.
    pub fn release(&self, unused: Range) -> rusqlite::Result<()> {
        let update = format!("UPDATE {} SET \"index\" = ?1 WHERE _id = ?2 AND \"index\" = ?3", self.name);
        let mut update = self.connection.prepare_cached(&update)?;
        update.execute(params![unused.start, self.document.name, unused.end]).map(drop)
    }

    /// The index; none when there is no row.
    pub fn read(&self) -> Result<Option<i64>, Failure> {
        self.held()?.transpose().map_err(|held| Failure::Claim(bad_document(&self.document.label, &held)))
    }

    /// Sets the index. Without `force` an index that is further stays, and is returned.
    pub fn set(&self, index: i64, force: bool) -> Result<Option<i64>, Failure> {
        if !force && let Some(held) = self.read()?.filter(|&held| held > index) {
            return Ok(Some(held));
        }
        let replace = format!("INSERT OR REPLACE INTO {} (_id, \"index\") VALUES (?1, ?2)", self.name);
        self.connection.prepare_cached(&replace)?.execute(params![self.document.name, index])?;
        Ok(None)
    }

    /// Why the statement of a claim touched no row.
    fn inspect(&self, claim: &Claim) -> rusqlite::Result<ClaimError> {
        let label = &self.document.label;
        Ok(match self.held()? {
            None => vanished(label, claim.floor()),
            Some(Ok(index)) if index < claim.floor() => went_back(label, index, claim.floor()),
            Some(Ok(index)) => ClaimError::Exhausted { left: i64::MAX.abs_diff(index) },
            Some(Err(held)) => bad_document(label, &held),
        })
    }

    /// The index, or what stands in its place.
    fn held(&self) -> rusqlite::Result<Option<Result<i64, String>>> {
        let select = format!("SELECT \"index\" FROM {} WHERE _id = ?1", self.name);
        let mut select = self.connection.prepare_cached(&select)?;
        let held = select.query_row([&self.document.name], |row| {
            Ok(match row.get_ref(0)? {
                ValueRef::Integer(index) if index >= 0 => Ok(index),
                ValueRef::Integer(index) => Err(format!("index {index}")),
                ValueRef::Null => Err("index null".to_owned()),
                ValueRef::Real(real) => Err(format!("index {real} (a real number)")),
                ValueRef::Text(text) => {
                    let text: String = String::from_utf8_lossy(text).chars().take(40).collect();
                    Err(format!("index {text:?} (text)"))
                }
                ValueRef::Blob(blob) => Err(format!("an index of {} bytes (a blob)", blob.len())),
            })
        });
        held.optional()
    }
}
