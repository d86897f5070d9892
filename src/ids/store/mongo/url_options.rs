//! The options of a connection string, as the Rust driver takes them.
//!
//! People copy the string that their application gives to the Node driver. What that one takes is
//! taken here where it can be, ignored where it does not matter for claims, and refused by name
//! otherwise.

use mongodb::options::ConnectionString;

use super::secrets::{self, Cause};
use crate::{Error, ErrorCode, Result};

/// Options of the Node driver that claims do not need: they concern the documents of an
/// application, or tune it.
const IGNORED: &str = "autoselectfamily autoselectfamilyattempttimeout bsonregexp checkkeys enableutf8validation \
    family forceserverobjectid ignoreundefined keepalive keepaliveinitialdelay \
    minheartbeatfrequencyms monitorcommands nodelay promotebuffers promotelongs promotevalues raw \
    serializefunctions sockettimeoutms timeoutms usebigint64 usenewurlparser useunifiedtopology";

/// Options that are set for every claim, whatever the URL says: write concern majority with
/// journal.
const FORCED: [&str; 2] = ["w", "journal"];

/// Compressors that this build has.
const COMPRESSORS: [&str; 2] = ["zlib", "snappy"];

/// A connection string for the Rust driver.
pub(in crate::ids::store) struct Adapted {
    pub url: String,
    /// Options that are ignored, with their values.
    pub ignored: Vec<String>,
}

/// Adapts a connection string, without connecting.
///
/// # Errors
/// `InvalidArgument` when the driver would not take it.
pub(in crate::ids::store) fn adapt(url: &str) -> Result<Adapted> {
    let (before, options) = url.split_once('?').unwrap_or((url, ""));
    let mut ignored = Vec::new();
    let mut kept = Vec::new();
    for option in options.split('&').filter(|option| !option.is_empty()) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        match name.to_ascii_lowercase().as_str() {
            name if FORCED.contains(&name) => {}
            name if IGNORED.split(' ').any(|ignored| ignored == name) => ignored.push(option.to_owned()),
            // No limit, to the Node driver; the default is more than enough.
            "maxpoolsize" if value == "0" => ignored.push(option.to_owned()),
            "compressors" => {
                let (known, unknown): (Vec<_>, Vec<_>) =
                    value.split(',').partition(|compressor| COMPRESSORS.contains(compressor));
                if !known.is_empty() {
                    kept.push(format!("{name}={}", known.join(",")));
                }
                // Messages of this size gain nothing by another compressor.
                if unknown.iter().any(|unknown| *unknown != "none") {
                    ignored.push(format!("{name}={}", unknown.join(",")));
                }
            }
            "tlsallowinvalidhostnames" if value == "false" => {}
            "tlsallowinvalidhostnames" if uses_tls(before, options) => {
                return Err(refused(name, "this driver cannot check a certificate without its host name"));
            }
            "tlsallowinvalidhostnames" => ignored.push(option.to_owned()),
            "proxyhost" | "proxyport" | "proxyusername" | "proxypassword" => {
                return Err(refused(name, "this driver connects through no proxy"));
            }
            _ => kept.push(option.to_owned()),
        }
    }
    let adapted = if kept.is_empty() { before.to_owned() } else { format!("{before}?{}", kept.join("&")) };
    check(&adapted)?;
    Ok(Adapted { url: adapted, ignored })
}

fn uses_tls(before: &str, options: &str) -> bool {
    let mut named = options.split('&').filter_map(|option| option.split_once('='));
    before.starts_with("mongodb+srv:")
        || named.any(|(name, value)| {
            matches!(name.to_ascii_lowercase().as_str(), "tls" | "ssl") && value == "true"
        })
}

fn refused(name: &str, reason: &str) -> Error {
    let message = format!("url has the option {name}, which ids do not support: {reason}. Remove it");
    Error::new(ErrorCode::InvalidArgument, message)
}

fn check(url: &str) -> Result<()> {
    let Err(error) = ConnectionString::parse(url) else { return Ok(()) };
    let wrong = |reason: String| {
        Err(Error::new(ErrorCode::InvalidArgument, format!("url is no MongoDB connection string: {reason}")))
    };
    if url.split_once('?').is_some_and(|(_, options)| options.contains('@')) {
        // A password with a raw question mark looks like a host, which the driver would show.
        return wrong(
            "it holds an @ after the first ?; percent-encode both in a password or an option".to_owned(),
        );
    }
    // What the driver says of a URL may hold a piece of the password, so it is asked about the URL
    // without.
    let harmless = secrets::with_other_user(url);
    match ConnectionString::parse(&harmless) {
        Err(error) => wrong(Cause::new(&error, url).to_string()),
        Ok(_) if harmless == url => wrong(Cause::new(&error, url).to_string()),
        Ok(_) => wrong("the user name or the password needs percent-encoding".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(url: &str) -> String {
        adapt(url).err().map(|error| error.message().to_owned()).unwrap_or_default()
    }

    #[test]
    fn options_of_the_node_driver_are_taken_or_ignored_by_name() {
        let adapted = adapt(
            "mongodb://a:b@h/d?compressors=zstd,zlib&useNewUrlParser=true&w=0&journal=true&retryWrites=false\
             &tlsAllowInvalidHostnames=false&timeoutMS=3000",
        )
        .unwrap();
        assert_eq!(adapted.url, "mongodb://a:b@h/d?compressors=zlib&retryWrites=false");
        assert_eq!(adapted.ignored, ["compressors=zstd", "useNewUrlParser=true", "timeoutMS=3000"]);
    }

    #[test]
    fn what_is_refused_is_named_and_the_password_is_not() {
        assert!(
            reason("mongodb://a:b@h/?tls=true&tlsAllowInvalidHostnames=true")
                .contains("tlsAllowInvalidHostnames")
        );
        let unknown = reason("mongodb://ann:secret@h/?fancy=1");
        assert!(unknown.contains("fancy") && !unknown.contains("secret"), "{unknown}");
        assert!(!unknown.contains("percent-encoding"));
        for url in
            ["mongodb://ann:secret?x=1@h/db", "mongodb://ann:se?cret@h/", "mongodb://ann:1234?cret@h/db"]
        {
            let reason = reason(url);
            assert!(
                reason.contains("percent-encode") && !reason.contains("cret") && !reason.contains("1234")
            );
        }
        let encoding = reason("mongodb://ann:se/cret@h/");
        assert!(encoding.contains("percent-encoding") && !encoding.contains("cret"), "{encoding}");
    }
}
