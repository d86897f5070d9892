//! Which store a URL names.

use std::fmt;

use super::Store;
use super::memory::Memory;
use crate::{Error, ErrorCode, Result};

/// A store, as named by a URL. Its text shows no user name, password or option.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Location {
    /// This process, for as long as it lives.
    Memory,
    /// A file, by its absolute path.
    #[cfg(feature = "sqlite")]
    Sqlite(std::path::PathBuf),
    /// A MongoDB deployment, by its whole URL.
    #[cfg(feature = "mongo")]
    Mongo(String),
}

impl Location {
    /// Reads `mongodb://…`, `mongodb+srv://…`, `sqlite:FILE` or `memory:`.
    ///
    /// ```
    /// use texample::ids::Location;
    ///
    /// let location = Location::parse("mongodb://ann:secret@db1,db2/app?replicaSet=rs")?;
    /// assert_eq!(location.to_string(), "mongodb://db1,db2/app");
    /// # Ok::<(), texample::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidArgument` when it is none of these. Nothing is connected to, so a host may still be wrong.
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
            #[cfg(feature = "sqlite")]
            return match std::path::absolute(file) {
                Ok(path) => Ok(Self::Sqlite(with_long_prefix(path))),
                Err(error) => Err(wrong("the file has no usable name").caused_by(error)),
            };
            #[cfg(not(feature = "sqlite"))]
            return Err(wrong("this build has no SQLite"));
        }
        if url.starts_with("mongodb://") || url.starts_with("mongodb+srv://") {
            #[cfg(feature = "mongo")]
            return super::mongo::check_url(url).map(|()| Self::Mongo(url.to_owned()));
            #[cfg(not(feature = "mongo"))]
            return Err(wrong("this build has no MongoDB"));
        }
        Err(wrong("received another scheme"))
    }

    /// The name of a sequence for messages, without secrets.
    pub(in crate::ids) fn label(&self, collection: &str, name: &str) -> String {
        match self {
            Self::Memory => format!("sequence {name:?} in {self}{collection}"),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => format!("sequence {name:?} in {self}, table {collection:?}"),
            #[cfg(feature = "mongo")]
            Self::Mongo(url) => {
                // The database is shown by itself when the URL has one.
                let database = if super::mongo::names_database(url) { "." } else { "/test." };
                format!("sequence {name:?} in {self}{database}{collection}")
            }
        }
    }

    /// The store for one sequence. Nothing is connected to before its first claim.
    pub(in crate::ids) fn store(&self, collection: &str, name: &str) -> Box<dyn Store> {
        let label = self.label(collection, name);
        match self {
            Self::Memory => Box::new(Memory::new(collection, name, label)),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(path) => Box::new(super::sqlite::Sqlite::new(path, collection, name, label)),
            #[cfg(feature = "mongo")]
            Self::Mongo(url) => Box::new(super::mongo::Mongo::new(url, collection, name, label)),
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

/// Windows opens a path of more than 259 characters by this prefix alone, where long paths are not switched on.
#[cfg(feature = "sqlite")]
fn with_long_prefix(path: std::path::PathBuf) -> std::path::PathBuf {
    // SQLite appends this to the name.
    const LONGEST: usize = 259 - "-journal".len();
    let text = path.as_os_str();
    if !cfg!(windows) || text.len() <= LONGEST || text.as_encoded_bytes().starts_with(br"\\") {
        return path;
    }
    let mut long = std::ffi::OsString::from(r"\\?\");
    long.push(text);
    long.into()
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory:"),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            #[cfg(feature = "mongo")]
            Self::Mongo(url) => f.write_str(&super::mongo::without_secrets(url)),
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
