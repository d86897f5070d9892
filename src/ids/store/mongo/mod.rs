//! Sequences in MongoDB: a document each, as the original has them.
//!
//! tokio runs the driver and nothing else, on one thread. The end of the runtime is bounded, since
//! a DNS look-up cannot be cancelled.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Sender;
use mongodb::error::{Error as DriverError, ErrorKind, WriteFailure};
use tokio::runtime::{Builder, Runtime};

use super::{Answer, ClaimError, Document, Request, Store, unanswered};
use crate::{Error, ErrorCode};

mod deployment;
mod document;
mod secrets;
mod url_options;

use deployment::Deployment;
use document::SequenceDocument;
pub(super) use secrets::{names_database, without_secrets};
pub(super) use url_options::adapt;

/// How long the end of the runtime may take.
const SHUTDOWN: Duration = Duration::from_secs(1);

/// Server errors that no retry mends: IllegalOperation, CommandNotFound, Unauthorized,
/// AuthenticationFailed, InvalidNamespace, CommandNotSupported, DocumentValidationFailure,
/// CommandNotSupportedOnView, NotImplemented, DataCorruptionDetected, AtlasError,
/// DatabaseDifferCase.
const LASTING: [i32; 12] = [20, 59, 13, 18, 73, 115, 121, 166, 238, 301, 8000, 13297];

/// A MongoDB deployment, as its claimer drives it.
pub(super) struct Mongo {
    url: Arc<str>,
    deployment: Arc<Deployment>,
    /// Started by the first request; taken when it is shut down.
    runtime: Option<Runtime>,
}

impl Mongo {
    pub fn new(url: &str, wake: Sender<()>) -> Self {
        Self { url: url.into(), deployment: Arc::new(Deployment::new(url, wake)), runtime: None }
    }
}

impl Store for Mongo {
    fn room(&self) -> usize {
        self.deployment.room()
    }

    fn start(&mut self, requests: Vec<Request>) {
        if self.runtime.is_none() {
            let started = Builder::new_multi_thread()
                .worker_threads(1)
                .thread_name("texample-mongodb")
                .enable_all()
                .build();
            match started {
                Ok(runtime) => self.runtime = Some(runtime),
                Err(cause) => {
                    let cause = Arc::new(cause);
                    for Request { document, responder, .. } in requests {
                        let message =
                            format!("{} cannot be reached: no thread could be started", document.label);
                        let error = Error::new(ErrorCode::SequenceUnavailable, message);
                        responder.answer(Err(ClaimError::Transient(error.caused_by(Arc::clone(&cause)))));
                    }
                    return;
                }
            }
        }
        let Some(runtime) = &self.runtime else { return };
        for Request { document, operation, responder } in requests {
            let (deployment, url) = (Arc::clone(&self.deployment), Arc::clone(&self.url));
            runtime.spawn(async move {
                let limit = operation.limit();
                let work = async {
                    let database = deployment.database().await?;
                    SequenceDocument::new(database, Arc::clone(&document)).operate(&operation).await
                };
                let answer: Answer = match tokio::time::timeout(limit, work).await {
                    Ok(Ok(outcome)) => Ok(outcome),
                    Ok(Err(Failure::Claim(error))) => Err(error),
                    Ok(Err(Failure::Driver(error))) => Err(failed(&error, &document, &url)),
                    Err(_) => Err(unanswered(&document.label, limit)),
                };
                responder.answer(answer);
            });
        }
    }
}

impl Drop for Mongo {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(SHUTDOWN);
        }
    }
}

/// Why an operation gave nothing.
enum Failure {
    Driver(DriverError),
    Claim(ClaimError),
}

impl From<DriverError> for Failure {
    fn from(error: DriverError) -> Self {
        Self::Driver(error)
    }
}

fn failed(error: &DriverError, document: &Document, url: &str) -> ClaimError {
    let lasting = match &*error.kind {
        ErrorKind::InvalidArgument { .. }
        | ErrorKind::Authentication { .. }
        | ErrorKind::InvalidTlsConfig { .. }
        | ErrorKind::IncompatibleServer { .. } => true,
        _ => code(error).is_some_and(|code| LASTING.contains(&code)),
    };
    let cause = secrets::Cause::new(error, url);
    let message = format!("{} cannot be used: {cause}", document.label);
    let error = Error::new(ErrorCode::SequenceUnavailable, message).caused_by(cause);
    if lasting { ClaimError::Permanent(error) } else { ClaimError::Transient(error) }
}

/// The code of a server's error, wherever it stands.
fn code(error: &DriverError) -> Option<i32> {
    match &*error.kind {
        ErrorKind::Command(error) => Some(error.code),
        ErrorKind::Write(WriteFailure::WriteError(error)) => Some(error.code),
        ErrorKind::Write(WriteFailure::WriteConcernError(error)) => Some(error.code),
        _ => None,
    }
}
