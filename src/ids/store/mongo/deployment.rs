//! The MongoDB deployment of a URL: the driver's client, and how many connections it has.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossbeam_channel::Sender;
use mongodb::error::Error as DriverError;
use mongodb::event::EventHandler;
use mongodb::event::cmap::CmapEvent;
use mongodb::options::{
    ClientOptions, ConnectionString, ReadPreference, SelectionCriteria, ServerAddress, WriteConcern,
};
use mongodb::{Client, Database};
use tokio::sync::OnceCell;

use crate::ids::lock;

/// Connections to a server unless the URL says otherwise, as in the Node driver.
const MAX_POOL_SIZE: u32 = 100;

/// Connections that the driver opens at a time: its own default.
const CONNECTING: usize = 2;

/// How long an attempt looks for a primary, unless the URL says otherwise. The next attempt looks
/// again, and a caller that gives up in between can be told what is wrong.
const SELECTION: Duration = Duration::from_millis(500);

pub(super) struct Deployment {
    url: String,
    client: OnceCell<(Client, String)>,
    max_pool_size: u32,
    open: Arc<OpenConnections>,
}

/// The connections that are open, by server.
struct OpenConnections {
    connections: Mutex<HashSet<(ServerAddress, u32)>>,
    wake: Sender<()>,
}

impl Deployment {
    pub fn new(url: &str, wake: Sender<()>) -> Self {
        let asked = ConnectionString::parse(url).ok().and_then(|parsed| parsed.max_pool_size);
        Self {
            url: url.to_owned(),
            client: OnceCell::new(),
            max_pool_size: asked.unwrap_or(MAX_POOL_SIZE),
            open: Arc::new(OpenConnections { connections: Mutex::default(), wake }),
        }
    }

    /// How many requests find a connection, or have one opened for them: more would wait in the
    /// driver's own queue while their time runs.
    pub fn room(&self) -> usize {
        let open = lock(&self.open.connections).len();
        usize::try_from(self.max_pool_size).unwrap_or(usize::MAX).min(open + CONNECTING)
    }

    /// The database that the URL names; `test` when it names none.
    pub async fn database(&self) -> Result<Database, DriverError> {
        let (client, name) = self.client.get_or_try_init(|| self.connect()).await?;
        Ok(client.database(name))
    }

    async fn connect(&self) -> Result<(Client, String), DriverError> {
        let mut options = ClientOptions::parse(&self.url).await?;
        options.write_concern = Some(durable(options.write_concern.take()));
        // Claims are writes, and what is read beside them must be as new.
        options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
        options.server_selection_timeout.get_or_insert(SELECTION);
        options.app_name.get_or_insert_with(|| "texample".to_owned());
        options.max_pool_size.get_or_insert(self.max_pool_size);
        let open = Arc::clone(&self.open);
        options.cmap_event_handler = Some(EventHandler::callback(move |event| open.note(event)));
        let name = options.default_database.clone().unwrap_or_else(|| "test".to_owned());
        Ok((Client::with_options(options)?, name))
    }
}

impl OpenConnections {
    fn note(&self, event: CmapEvent) {
        let mut connections = lock(&self.connections);
        match event {
            CmapEvent::ConnectionReady(event) => {
                connections.insert((event.address, event.connection_id));
                // A full channel holds a wake-up already.
                let _ = self.wake.try_send(());
            }
            CmapEvent::ConnectionClosed(event) => {
                connections.remove(&(event.address, event.connection_id));
            }
            _ => {}
        }
    }
}

/// Majority and journal, with the URL's own time limit.
fn durable(asked: Option<WriteConcern>) -> WriteConcern {
    let mut concern = WriteConcern::majority();
    concern.journal = Some(true);
    concern.w_timeout = asked.and_then(|asked| asked.w_timeout);
    concern
}
