//! The MongoDB driver and the runtime under it: one of each for all sequences of a process.
//!
//! tokio runs the driver and nothing else. It lives as long as a claimer needs
//! it; its end is bounded, since a DNS look-up cannot be cancelled.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use crossbeam_channel::{after, bounded, select};
use mongodb::error::Error as DriverError;
use mongodb::options::{ClientOptions, ReadPreference, SelectionCriteria};
use mongodb::{Client, Database};
use tokio::runtime::{Builder, Runtime};

use super::Cancel;

/// How long the end of the runtime may take.
const SHUTDOWN: Duration = Duration::from_secs(1);

/// How long an attempt looks for a primary, unless the URL says otherwise: the next attempt looks again, and meanwhile
/// whoever gives up can be told what is wrong.
const SELECTION: Duration = Duration::from_millis(500);

/// What the claimers of a process share.
static SHARED: Mutex<Weak<Shared>> = Mutex::new(Weak::new());

struct Shared {
    /// Taken when it is shut down.
    runtime: Option<Runtime>,
    /// By URL.
    connections: Mutex<HashMap<String, Weak<Connection>>>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(SHUTDOWN);
        }
    }
}

/// A claimer's share of the driver.
pub(super) struct Driver {
    // Dropped before the runtime that its tasks run on.
    connection: Arc<Connection>,
    shared: Arc<Shared>,
}

/// One client for a URL.
pub(super) struct Connection {
    url: String,
    client: Mutex<Option<(Client, String)>>,
}

impl Driver {
    /// The driver for `url`, started if it is the first.
    pub fn get(url: &str) -> io::Result<Self> {
        let mut current = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = match current.upgrade() {
            Some(shared) => shared,
            None => {
                let runtime = Builder::new_multi_thread()
                    .worker_threads(1)
                    .thread_name("texample-mongodb")
                    .enable_all()
                    .build()?;
                let shared =
                    Arc::new(Shared { runtime: Some(runtime), connections: Mutex::new(HashMap::new()) });
                *current = Arc::downgrade(&shared);
                shared
            }
        };
        let connection = {
            let mut connections = shared.connections.lock().unwrap_or_else(PoisonError::into_inner);
            connections.retain(|_, connection| connection.strong_count() > 0);
            match connections.get(url).and_then(Weak::upgrade) {
                Some(connection) => connection,
                None => {
                    let connection = Arc::new(Connection { url: url.to_owned(), client: Mutex::new(None) });
                    connections.insert(url.to_owned(), Arc::downgrade(&connection));
                    connection
                }
            }
        };
        Ok(Self { connection, shared })
    }

    pub fn connection(&self) -> Arc<Connection> {
        Arc::clone(&self.connection)
    }

    /// Runs `work` until it ends, `deadline` passes or `cancel` comes; none when it was given up.
    pub fn run<T: Send + 'static>(
        &self,
        deadline: Instant,
        cancel: &Cancel,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let runtime = self.shared.runtime.as_ref()?;
        let (sender, receiver) = bounded(1);
        let task = runtime.spawn(async move {
            // The receiver is gone when the attempt was given up.
            let _ = sender.send(work.await);
        });
        let outcome = select! {
            recv(receiver) -> outcome => outcome.ok(),
            recv(cancel.signal()) -> _ => None,
            recv(after(deadline.saturating_duration_since(Instant::now()))) -> _ => None,
        };
        if outcome.is_none() {
            task.abort();
        }
        outcome
    }
}

impl Connection {
    /// The database that the URL names; `test` when it names none.
    pub async fn database(&self) -> Result<Database, DriverError> {
        let connected = || self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((client, database)) = &*connected() {
            return Ok(client.database(database));
        }
        let mut options = ClientOptions::parse(&self.url).await?;
        options.write_concern = Some(super::durable(options.write_concern.take()));
        // Claims are writes, and what is read beside them must be as new.
        options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
        options.server_selection_timeout.get_or_insert(SELECTION);
        options.app_name.get_or_insert_with(|| "texample".to_owned());
        let name = options.default_database.clone().unwrap_or_else(|| "test".to_owned());
        let client = Client::with_options(options)?;
        // Another sequence may have been faster: its client is the one to keep.
        let mut connected = connected();
        let (client, name) = connected.get_or_insert((client, name));
        Ok(client.database(name))
    }
}
