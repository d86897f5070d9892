//! The URL of a store.

use std::ffi::OsString;
use std::fmt;
use std::path::{self, PathBuf};

use crossbeam_channel::Sender;

use super::mongo::{Mongo, adapt, names_database, without_secrets};
use super::sqlite::Sqlite;
use super::{Document, Store};
use crate::ids::Cancel;
use crate::{Error, ErrorCode, Result};

/// A store, as named by a URL. Its text shows no user name, password or option.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum StoreUrl {
    /// This process, for as long as it lives.
    Memory,
    /// A file, by its absolute path.
    Sqlite(PathBuf),
    /// A MongoDB deployment, by its whole URL.
    Mongo(String),
}

impl StoreUrl {
    /// Reads `mongodb://…`, `mongodb+srv://…`, `sqlite:FILE` or `memory:`.
    ///
    /// ```
    /// use texample::ids::StoreUrl;
    ///
    /// let url = StoreUrl::parse("mongodb://ann:secret@db1,db2/app?replicaSet=rs")?;
    /// assert_eq!(url.to_string(), "mongodb://db1,db2/app");
    /// # Ok::<(), texample::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidArgument` when it is none of these. Nothing is connected to, so a host may still be
    /// wrong.
    pub fn parse(url: &str) -> Result<Self> {
        let wrong = |what: &str| {
            let message = format!("url must be mongodb://…, mongodb+srv://…, sqlite:FILE or memory:; {what}");
            Error::new(ErrorCode::InvalidArgument, message)
        };
        if url == "memory:" {
            return Ok(Self::Memory);
        }
        if let Some(file) = url.strip_prefix("sqlite:") {
            let file = without_slash_before_drive(file.strip_prefix("//").unwrap_or(file));
            if file.is_empty() || file == ":memory:" || file.contains('\0') {
                return Err(wrong("the file has no usable name"));
            }
            return match path::absolute(file) {
                Ok(path) => Ok(Self::Sqlite(with_long_prefix(path))),
                Err(error) => Err(wrong("the file has no usable name").caused_by(error)),
            };
        }
        if url.starts_with("mongodb://") || url.starts_with("mongodb+srv://") {
            return adapt(url).map(|adapted| Self::Mongo(adapted.url));
        }
        Err(wrong("received another scheme"))
    }

    /// The options of a URL that [`parse`](Self::parse) takes and ignores, with their values.
    #[must_use]
    pub fn ignored_options(url: &str) -> Vec<String> {
        if url.starts_with("mongodb") {
            return adapt(url).map(|adapted| adapted.ignored).unwrap_or_default();
        }
        Vec::new()
    }

    /// The document of a sequence in this store.
    pub(in crate::ids) fn document(&self, collection: &str, name: &str) -> Document {
        let label = match self {
            Self::Memory => format!("sequence {name:?} in {self}{collection}"),
            Self::Sqlite(_) => format!("sequence {name:?} in {self}, table {collection:?}"),
            Self::Mongo(url) => {
                // The database is shown by itself when the URL has one.
                let database = if names_database(url) { "." } else { "/test." };
                format!("sequence {name:?} in {self}{database}{collection}")
            }
        };
        Document { collection: collection.into(), name: name.into(), label: label.into() }
    }

    /// Whether it lives in this process, and needs no claimer thread.
    pub(in crate::ids) fn is_memory(&self) -> bool {
        matches!(self, Self::Memory)
    }

    /// The store for its claimer thread. Nothing is connected to before the first request.
    ///
    /// The store wakes the claimer by `wake` when there is room for more requests, and ends its
    /// waits at `cancel`.
    pub(in crate::ids) fn store(&self, wake: Sender<()>, cancel: Cancel) -> Option<Box<dyn Store>> {
        match self {
            Self::Memory => None,
            Self::Sqlite(path) => Some(Box::new(Sqlite::new(path, cancel))),
            Self::Mongo(url) => Some(Box::new(Mongo::new(url, wake))),
        }
    }
}

/// On Windows a file's URL has a slash before the drive letter: `sqlite:///C:/ids.db`.
fn without_slash_before_drive(file: &str) -> &str {
    match file.as_bytes() {
        [b'/', drive, b':', ..] if cfg!(windows) && drive.is_ascii_alphabetic() => &file[1..],
        _ => file,
    }
}

/// Windows opens a path of more than 259 characters by this prefix alone, where long paths are not
/// switched on.
fn with_long_prefix(path: PathBuf) -> PathBuf {
    // SQLite appends this to the name.
    const LONGEST: usize = 259 - "-journal".len();
    let text = path.as_os_str();
    if !cfg!(windows) || text.len() <= LONGEST || text.as_encoded_bytes().starts_with(br"\\") {
        return path;
    }
    let mut long = OsString::from(r"\\?\");
    long.push(text);
    long.into()
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory:"),
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Mongo(url) => f.write_str(&without_secrets(url)),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
