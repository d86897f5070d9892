//! Sequences in MongoDB: a document each, as the original has them.
//!
//! tokio runs the driver and nothing else, on one thread. The end of the runtime is bounded, since
//! a DNS look-up cannot be cancelled.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Sender;
use tokio::runtime::{Builder, Runtime};

use super::{Answer, ClaimError, Request, Store};
use crate::{Error, ErrorCode};

mod deployment;
mod document;
mod failure;
mod secrets;
mod url_options;

use deployment::Deployment;
use document::SequenceDocument;
use failure::unanswered;
pub(super) use secrets::{names_database, without_secrets};
pub(super) use url_options::adapt;

/// How long the end of the runtime may take.
const SHUTDOWN: Duration = Duration::from_secs(1);

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
                    Ok(outcome) => outcome.map_err(|failure| failure.of(&document, &url)),
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
