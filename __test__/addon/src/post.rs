//! Numbers, and the ends that a thread can have.

use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use napi::bindgen_prelude::{Either, Env, Function, PromiseRaw, Unknown};
use napi_derive::napi;
use texample_bridge::napi::{Bridge, Waker};
use texample_bridge::{AskError, CodedError, Overflow, PostError, Producer, Stats};

/// How numbers are posted.
#[napi(object, object_to_js = false)]
pub struct Numbers {
    /// The name of the bridge.
    pub name: Option<String>,
    /// How many; without end if it is not said.
    pub count: Option<u32>,
    /// The capacity.
    pub capacity: Option<u32>,
    /// The policy.
    pub overflow: Option<String>,
    /// The next call waits for the promise of the callback.
    pub wait: Option<bool>,
    /// One number a call.
    pub each: Option<bool>,
    /// What the thread does at its end: `panic`, `coded`, `napi`, `io`, `text` or nothing.
    pub end: Option<String>,
    /// Milliseconds between two numbers.
    pub every: Option<u32>,
    /// A clone of the producer stays in a static.
    pub leak: Option<bool>,
}

/// A bridge of numbers.
#[napi]
pub struct Source {
    bridge: Bridge<u32>,
    producer: Option<Producer<u32>>,
}

static LEAKED: Mutex<Vec<Producer<u32>>> = Mutex::new(Vec::new());

pub(crate) fn counters(stats: Stats) -> Vec<f64> {
    let Stats { posted, delivered, failed, dropped, waiting, .. } = stats;
    vec![posted as f64, delivered as f64, failed as f64, dropped as f64, waiting as f64]
}

fn overflow(name: Option<&str>) -> Overflow {
    match name {
        Some("drop-oldest") => Overflow::DropOldest,
        Some("drop-newest") => Overflow::DropNewest,
        Some("latest") => Overflow::Latest,
        _ => Overflow::Block,
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn post(producer: &Producer<u32>, options: &Numbers) -> Result<(), Failure> {
    if options.leak == Some(true) {
        LEAKED.lock().map_err(|_| "poisoned")?.push(producer.clone());
    }
    for i in 0..options.count.unwrap_or(u32::MAX) {
        if let Some(every) = options.every {
            producer.sleep_until(Instant::now() + Duration::from_millis(every.into()))?;
        }
        producer.post(i)?;
    }
    match options.end.as_deref() {
        Some("panic") => panic!("unplugged"),
        Some("coded") => {
            let cause = std::io::Error::other("no answer");
            Err(CodedError::new("ERR_DEVICE_GONE", "the device was unplugged").caused_by(cause).into())
        }
        Some("napi") => Err(napi::Error::new("ERR_NAMED", "a napi error".to_owned()).into()),
        Some("io") => Err(std::io::Error::from(std::io::ErrorKind::NotFound).into()),
        Some("thrown") => {
            Err(AskError::Thrown { message: "not for you".to_owned(), code: Some("E_DENIED".to_owned()) }
                .into())
        }
        Some("text") => Err("only a text".into()),
        _ => Ok(()),
    }
}

#[napi]
impl Source {
    /// A thread that posts numbers from 0 on.
    #[napi(constructor)]
    pub fn new(
        env: Env,
        options: Numbers,
        callback: Either<Function<'_, u32, Unknown<'_>>, Function<'_, Vec<u32>, Unknown<'_>>>,
    ) -> napi::Result<Self> {
        let callback = match &callback {
            Either::A(callback) => callback,
            Either::B(_) => return Err(napi::Error::from_reason("not a function")),
        };
        let builder = Bridge::builder(options.name.as_deref().unwrap_or("source"))
            .capacity(options.capacity.map_or(1024, |capacity| capacity as usize))
            .overflow(overflow(options.overflow.as_deref()))
            .wait_for_callback(options.wait.unwrap_or(false));
        let ready = if options.each == Some(true) {
            builder.each(&env, callback)?
        } else {
            batches(builder, &env, callback)?
        };
        let bridge = ready.spawn(move |producer| post(producer, &options))?;
        Ok(Self { bridge, producer: None })
    }

    /// No thread: JavaScript posts.
    #[napi(factory)]
    pub fn open(
        env: Env,
        options: Numbers,
        callback: Function<'_, Vec<u32>, Unknown<'_>>,
    ) -> napi::Result<Self> {
        let (bridge, producer) = Bridge::builder(options.name.as_deref().unwrap_or("source"))
            .capacity(options.capacity.map_or(1024, |capacity| capacity as usize))
            .overflow(overflow(options.overflow.as_deref()))
            .batches(&env, &callback)?
            .open()?;
        if options.leak == Some(true) {
            LEAKED.lock().map_err(|_| napi::Error::from_reason("poisoned"))?.push(producer.clone());
        }
        Ok(Self { bridge, producer: Some(producer) })
    }

    /// Posts on JavaScript's thread: what became of it.
    #[napi]
    pub fn post(&self, number: u32) -> String {
        self.with(|producer| producer.post(number))
    }

    /// Posts without waiting.
    #[napi]
    pub fn try_post(&self, number: u32) -> String {
        self.with(|producer| producer.try_post(number))
    }

    /// Posts many.
    #[napi]
    pub fn post_all(&self, numbers: Vec<u32>) -> String {
        self.with(|producer| producer.post_all(numbers).map(|_| ()))
    }

    /// Drops the producer.
    #[napi]
    pub fn release(&mut self) {
        self.producer = None;
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

    /// Posted, delivered, failed, dropped and waiting messages.
    #[napi]
    pub fn stats(&self) -> Vec<f64> {
        counters(self.bridge.stats())
    }

    fn with(&self, post: impl FnOnce(&Producer<u32>) -> Result<(), PostError<u32>>) -> String {
        match self.producer.as_ref().map(post) {
            None => "no producer".to_owned(),
            Some(Ok(())) => "ok".to_owned(),
            Some(Err(PostError::Full(number))) => format!("full {number}"),
            Some(Err(PostError::Closed(number))) => format!("closed {number}"),
        }
    }
}

/// The same function, as one that takes arrays.
fn batches(
    builder: texample_bridge::napi::Builder<u32>,
    env: &Env,
    callback: &Function<'_, u32, Unknown<'_>>,
) -> napi::Result<texample_bridge::napi::Ready<u32>> {
    use napi::bindgen_prelude::{FromNapiValue, JsValue};
    // SAFETY: a function of `env` in the scope that is open.
    let callback =
        unsafe { Function::<'_, Vec<u32>, Unknown<'_>>::from_napi_value(env.raw(), callback.raw()) }?;
    builder.batches(env, &callback)
}

static DEVICE: Mutex<bool> = Mutex::new(false);

/// A device that only one bridge at a time can open; it posts when it is open.
#[napi]
pub fn exclusive(env: Env, callback: Function<'_, Vec<u32>, ()>) -> napi::Result<Source> {
    let bridge = Bridge::builder("exclusive").batches(&env, &callback)?.spawn(
        |producer: &Producer<u32>| -> Result<(), Failure> {
            {
                let mut is_open = DEVICE.lock().map_err(|_| "poisoned")?;
                if std::mem::replace(&mut *is_open, true) {
                    return Err(CodedError::new("ERR_LOCKED", "the device is open already").into());
                }
            }
            let opened = producer.post(1).map_err(Failure::from);
            let result =
                opened.and_then(|()| Ok(producer.sleep_until(Instant::now() + Duration::from_secs(3600))?));
            // A device takes its time to close.
            std::thread::sleep(Duration::from_millis(50));
            *DEVICE.lock().map_err(|_| "poisoned")? = false;
            result
        },
    )?;
    Ok(Source { bridge, producer: None })
}

/// Wakes `times` times from a thread before it returns, and once more when its environment has
/// ended.
#[napi]
pub fn wake(env: Env, times: u32, callback: Function<'_, (), ()>) -> napi::Result<()> {
    let (end, has_ended) = channel::<()>();
    let (late, was_late) = channel::<()>();
    // Added before the waker, so that it runs after the waker's own hook.
    env.add_env_cleanup_hook(end, move |end| {
        drop(end);
        let _ = was_late.recv();
    })?;
    let waker = Waker::new(&env, "wake", &callback)?;
    let early = waker.clone();
    let burst = std::thread::spawn(move || (0..times).for_each(|_| early.wake()));
    burst.join().map_err(|_| napi::Error::from_reason("the thread panicked"))?;
    std::thread::spawn(move || {
        let _ = has_ended.recv();
        waker.wake();
        drop(late);
    });
    Ok(())
}
