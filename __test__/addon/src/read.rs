//! A thread that sits in `read(2)`, which only `on_stop` can end.

use std::io::Read;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use napi::bindgen_prelude::{Buffer, Env, Function, PromiseRaw};
use napi_derive::napi;
use texample_bridge::napi::Bridge;

/// The other ends stay open: no read ends by itself.
static OTHERS: Mutex<Vec<UnixStream>> = Mutex::new(Vec::new());
static STOPPED: AtomicU32 = AtomicU32::new(0);

/// How often a reader was interrupted, in this process.
#[napi]
pub fn interrupted() -> u32 {
    STOPPED.load(Ordering::SeqCst)
}

/// A blocking reader.
#[napi]
pub struct Reader {
    bridge: Bridge<Buffer>,
}

#[napi]
impl Reader {
    /// Reads from a socket on which nothing ever comes.
    #[napi(constructor)]
    pub fn new(
        env: Env,
        callback: Function<'_, Buffer, ()>,
        interrupt: Option<String>,
    ) -> napi::Result<Self> {
        let (mut socket, other) = UnixStream::pair()?;
        OTHERS.lock().map_err(|_| napi::Error::from_reason("poisoned"))?.push(other);
        let handle = socket.try_clone()?;
        let ready = Bridge::builder("reader")
            .on_stop(move || {
                STOPPED.fetch_add(1, Ordering::SeqCst);
                let _ = handle.shutdown(Shutdown::Both);
                assert_ne!(interrupt.as_deref(), Some("panic"), "told to");
            })
            .each(&env, &callback)?;
        let bridge =
            ready.spawn(move |producer| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
                let mut frame = [0; 64];
                loop {
                    match socket.read(&mut frame)? {
                        0 => return Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe).into()),
                        length => producer.post(frame[..length].to_vec().into())?,
                    }
                }
            })?;
        Ok(Self { bridge })
    }

    /// Ends it.
    #[napi]
    pub fn stop(&self) {
        self.bridge.stop();
    }

    /// Whether it keeps the event loop alive.
    #[napi]
    pub fn set_ref(&self, keep_alive: bool) {
        self.bridge.set_ref(keep_alive);
    }

    /// Settles at its end.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn done<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, ()>> {
        self.bridge.done(env)
    }
}
