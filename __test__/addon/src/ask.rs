//! Threads and futures that ask.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use napi::bindgen_prelude::{Env, FnArgs, Function, PromiseRaw, Unknown};
use napi_derive::napi;
use texample_bridge::napi::{Asker, Bridge, Questions};
use texample_bridge::{AskError, Closed, Options};

use crate::messages::Fussy;

/// Askers of each call, wherever they run: only statics outlive an environment.
static ASKERS: Mutex<Vec<Asker<f64, f64>>> = Mutex::new(Vec::new());
static CLOSED: AtomicU32 = AtomicU32::new(0);
static OTHERS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// How many threads saw `Closed` last.
#[napi]
pub fn closed() -> u32 {
    CLOSED.load(Ordering::SeqCst)
}

/// What other threads saw last.
#[napi]
pub fn others() -> Vec<String> {
    OTHERS.lock().map_or_else(|error| vec![error.to_string()], |others| others.clone())
}

fn text(answer: Result<f64, AskError>) -> String {
    match answer {
        Ok(answer) => answer.to_string(),
        Err(AskError::Thrown { message, code }) => format!("thrown {message} {}", code.unwrap_or_default()),
        Err(AskError::Conversion(reason)) => format!("conversion {reason}"),
        Err(error) => format!("{error:?}"),
    }
}

/// Numbers that are asked for.
#[napi]
pub struct Numbered {
    questions: Questions<f64, f64>,
    asker: Option<Asker<f64, f64>>,
}

#[napi]
impl Numbered {
    /// Has `callback` answer.
    #[napi(constructor)]
    pub fn new(
        env: Env,
        callback: Function<'_, f64, Unknown<'_>>,
        capacity: Option<u32>,
    ) -> napi::Result<Self> {
        let mut options = Options::default();
        if let Some(capacity) = capacity {
            options.capacity = capacity as usize;
        }
        let (questions, asker) = Questions::open(&env, "numbered", options, &callback)?;
        Ok(Self { questions, asker: Some(asker) })
    }

    /// Threads ask `count` questions each; `report` is called with the text of each answer.
    #[napi]
    pub fn ask(
        &self,
        env: Env,
        threads: u32,
        count: u32,
        timeout: Option<f64>,
        report: Function<'_, String, ()>,
    ) -> napi::Result<()> {
        let (_, producer) = Bridge::builder("report").capacity(65_536).each(&env, &report)?.open()?;
        for thread in 0..threads {
            let Some(asker) = self.asker.clone() else { continue };
            let producer = producer.clone();
            std::thread::spawn(move || {
                for i in 0..count {
                    let question = f64::from(thread * count + i);
                    let answer = match timeout {
                        None => asker.ask(question),
                        Some(ms) => asker.ask_timeout(question, Duration::from_secs_f64(ms / 1000.0)),
                    };
                    if producer.post(text(answer)).is_err() {
                        return;
                    }
                }
            });
        }
        Ok(())
    }

    /// Futures on tokio's threads ask, all at once.
    #[napi]
    pub fn ask_async(&self, env: Env, count: u32, report: Function<'_, String, ()>) -> napi::Result<()> {
        let (_, producer) = Bridge::builder("report").capacity(65_536).each(&env, &report)?.open()?;
        let Some(asker) = self.asker.clone() else { return Ok(()) };
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build();
            let Ok(runtime) = runtime else { return };
            let tasks: Vec<_> = (0..count)
                .map(|i| {
                    let (asker, producer) = (asker.clone(), producer.clone());
                    runtime.spawn(async move {
                        let answer = asker.ask_async(f64::from(i)).await;
                        drop(producer.post(text(answer)));
                    })
                })
                .collect();
            drop((asker, producer));
            for task in tasks {
                drop(runtime.block_on(task));
            }
        });
        Ok(())
    }

    /// A future that is dropped before it is answered, and one that is polled on.
    #[napi]
    pub fn give_up(&self) {
        use std::task::{Context, Waker};
        let Some(asker) = &self.asker else { return };
        let mut future = Box::pin(asker.ask_async(1.0));
        let mut context = Context::from_waker(Waker::noop());
        assert!(future.as_mut().poll(&mut context).is_pending());
    }

    /// Asks on JavaScript's own thread.
    #[napi]
    pub fn ask_here(&self) -> String {
        self.asker.as_ref().map_or_else(String::new, |asker| text(asker.ask(1.0)))
    }

    /// Threads with an asker each, and one in a static, ask until there is no answer.
    #[napi]
    pub fn ask_for_ever(&self, threads: u32) -> napi::Result<()> {
        let Some(asker) = &self.asker else { return Ok(()) };
        ASKERS.lock().map_err(|_| napi::Error::from_reason("poisoned"))?.push(asker.clone());
        for _ in 0..threads {
            let asker = asker.clone();
            std::thread::spawn(move || {
                loop {
                    match asker.ask(1.0) {
                        Ok(_) | Err(AskError::Thrown { .. }) => continue,
                        Err(AskError::Closed) => drop(CLOSED.fetch_add(1, Ordering::SeqCst)),
                        other => OTHERS.lock().map(|mut others| others.push(text(other))).unwrap_or_default(),
                    }
                    break;
                }
            });
        }
        Ok(())
    }

    /// Drops the asker.
    #[napi]
    pub fn release(&mut self) {
        self.asker = None;
    }

    /// Ends it.
    #[napi]
    pub fn stop(&self) {
        self.questions.stop();
    }

    /// Whether it keeps the event loop alive.
    #[napi]
    pub fn set_ref(&self, keep_alive: bool) {
        self.questions.set_ref(keep_alive);
    }

    /// Settles at its end.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn done<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, ()>> {
        self.questions.done(env)
    }

    /// Posted, delivered, failed, dropped and waiting messages.
    #[napi]
    pub fn stats(&self) -> Vec<f64> {
        crate::post::counters(self.questions.stats())
    }
}

/// Two arguments a question, one of which cannot always be converted.
#[napi]
pub fn ask_pairs(
    env: Env,
    callback: Function<'_, FnArgs<(Fussy, String)>, Unknown<'_>>,
    report: Function<'_, String, ()>,
) -> napi::Result<()> {
    let (_, asker) =
        Questions::<(Fussy, String), String>::open(&env, "pairs", Options::default(), &callback)?;
    let (_, producer) = Bridge::builder("report").each(&env, &report)?.open()?;
    std::thread::spawn(move || {
        for i in 0..8 {
            let text = match asker.ask((Fussy::new(i), i.to_string())) {
                Ok(answer) => answer,
                Err(error) => error.to_string(),
            };
            if producer.post(text).is_err() {
                return;
            }
        }
    });
    Ok(())
}

/// A bridge's thread that waits for an answer from other questions of the same environment.
#[napi]
pub fn crossed(env: Env, callback: Function<'_, f64, Unknown<'_>>) -> napi::Result<()> {
    // Opened before the questions: its hook is the last to run.
    let (sender, receiver) = std::sync::mpsc::channel::<Asker<f64, f64>>();
    let ignored = env.create_function_from_closure::<f64, (), _>("ignored", |_| Ok(()))?;
    let bridge = Bridge::<f64>::builder("crossed").each(&env, &ignored)?.spawn(
        move |producer| -> Result<(), Closed> {
            let Ok(asker) = receiver.recv() else { return Ok(()) };
            loop {
                match asker.ask(1.0) {
                    Ok(_) => producer.sleep_until(Instant::now())?,
                    Err(_) => return Ok(()),
                }
            }
        },
    )?;
    bridge.set_ref(false);
    let (questions, asker) = Questions::<f64, f64>::open(&env, "crossed", Options::default(), &callback)?;
    questions.set_ref(false);
    sender.send(asker).map_err(|_| napi::Error::from_reason("the thread is gone"))
}
