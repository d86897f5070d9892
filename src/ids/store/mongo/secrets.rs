//! Keeps the passwords of a connection string out of everything that is shown.

use std::fmt;

use mongodb::error::Error as DriverError;

/// Options of a URL whose values are secret.
const SECRET_OPTIONS: [&str; 2] = ["authmechanismproperties", "tlscertificatekeyfilepassword"];

/// Scheme, hosts and database alone: no user, no password, no option.
pub(in crate::ids::store) fn without_secrets(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("mongodb", url));
    let (place, _) = parts(rest);
    format!("{scheme}://{}", place.trim_end_matches('/'))
}

/// Whether the URL has a database in its path.
pub(in crate::ids::store) fn names_database(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    parts(rest).0.split_once('/').is_some_and(|(_, database)| !database.is_empty())
}

/// The same URL with a user and a password that are no secret, if it has any.
pub(super) fn with_other_user(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (before, options) = rest
        .split_once('?')
        .map_or((rest, String::new()), |(before, options)| (before, format!("?{options}")));
    match before.rsplit_once('@') {
        Some((_, place)) => format!("{scheme}://user:password@{place}{options}"),
        None => url.to_owned(),
    }
}

/// Hosts with database, and the user part.
fn parts(rest: &str) -> (&str, &str) {
    let before_options = rest.split_once('?').map_or(rest, |(before, _)| before);
    match before_options.rsplit_once('@') {
        Some((user, place)) => (place, user),
        None => (before_options, ""),
    }
}

/// The driver's error as text, without the secret parts of the URL.
#[derive(Debug)]
pub(super) struct Cause {
    text: String,
    deeper: Option<Box<Cause>>,
}

impl Cause {
    pub fn new(error: &DriverError, url: &str) -> Self {
        let secrets = secrets(url);
        // The error's own text adds labels and empty fields.
        let text = hide(error.kind.to_string(), &secrets);
        let deeper = std::error::Error::source(error).map(|source| Box::new(Self::scrub(source, &secrets)));
        Self { text, deeper }
    }

    fn scrub(error: &(dyn std::error::Error + 'static), secrets: &[String]) -> Self {
        let text = hide(error.to_string(), secrets);
        let deeper = error.source().map(|source| Box::new(Self::scrub(source, secrets)));
        Self { text, deeper }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.deeper.as_deref().map(|deeper| deeper as _)
    }
}

/// Replaces the secrets. A short one may be a part of a word that has nothing to do with it.
fn hide(mut text: String, secrets: &[String]) -> String {
    const SHORT: usize = 4;
    for secret in secrets {
        let mut from = 0;
        while let Some(at) = text[from..].find(secret.as_str()).map(|at| from + at) {
            let end = at + secret.len();
            let is_part =
                text[..at].ends_with(char::is_alphanumeric) || text[end..].starts_with(char::is_alphanumeric);
            if secret.len() < SHORT && is_part {
                from = end;
            } else {
                text.replace_range(at..end, "***");
                from = at + 3;
            }
        }
    }
    text
}

/// Every secret of a URL, as written and as meant; the longest first.
fn secrets(url: &str) -> Vec<String> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (_, user) = parts(rest);
    let password = user.split_once(':').map(|(_, password)| password);
    let options = rest.split_once('?').map_or("", |(_, options)| options);
    let secret_options = options.split('&').filter_map(|option| {
        let (name, value) = option.split_once('=')?;
        SECRET_OPTIONS.contains(&name.to_ascii_lowercase().as_str()).then_some(value)
    });
    let written = password.into_iter().chain(secret_options).filter(|secret| !secret.is_empty());
    let mut secrets: Vec<String> = written.flat_map(|secret| [decode(secret), secret.to_owned()]).collect();
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| byte == b'%') {
            Some(decoded) => {
                bytes.push(decoded);
                rest = &tail[2..];
            }
            None => {
                bytes.push(byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "mongodb+srv://ann:p%40ss:w@db.example/app?authMechanismProperties=TOKEN:xyz&w=1";

    #[test]
    fn what_is_shown_holds_no_user_and_no_option() {
        assert_eq!(without_secrets(URL), "mongodb+srv://db.example/app");
        assert_eq!(without_secrets("mongodb://a,b/"), "mongodb://a,b");
        assert!(names_database(URL));
        assert!(!names_database("mongodb://a,b/?w=1"));
    }

    #[test]
    fn secrets_are_found_as_written_and_as_meant() {
        assert_eq!(secrets(URL), ["TOKEN:xyz", "TOKEN:xyz", "p%40ss:w", "p@ss:w"]);
        let error = DriverError::custom("no p@ss:w here");
        assert!(!Cause::new(&error, URL).to_string().contains("p@ss"));
        let hidden = hide("must be b, not bb".to_owned(), &["b".to_owned()]);
        assert_eq!(hidden, "must be ***, not bb");
    }
}
