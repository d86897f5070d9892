//! Threads and futures that ask JavaScript: over the bridge, and as napi-rs does it.
//!
//! Each function starts the askers, and calls `done` with the answers a second when all have their
//! answers.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use napi::bindgen_prelude::{Env, Function, Promise, Unknown};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use texample_bridge::Options;
use texample_bridge::napi::{Bridge, Questions};
use tokio::runtime::{Builder, Runtime};

type Call = ThreadsafeFunction<f64, f64, f64, napi::Status, false>;
type PromiseCall = ThreadsafeFunction<f64, Promise<f64>, f64, napi::Status, false>;

/// Counts the askers down; the last one posts how long all of them took.
struct Finish {
    left: AtomicU32,
    since: Instant,
    producer: texample_bridge::Producer<f64>,
}

fn finish(env: &Env, askers: u32, done: &Function<'_, f64, ()>) -> napi::Result<Arc<Finish>> {
    let (_, producer) = Bridge::builder("finish").each(env, done)?.open()?;
    Ok(Arc::new(Finish { left: AtomicU32::new(askers), since: Instant::now(), producer }))
}

impl Finish {
    fn one(&self) {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            let _ = self.producer.post(self.since.elapsed().as_secs_f64());
        }
    }
}

fn work(micros: u32) {
    let start = Instant::now();
    while start.elapsed() < Duration::from_micros(micros.into()) {
        std::hint::spin_loop();
    }
}

/// Threads over the bridge.
#[napi]
pub fn ask_bridge(
    env: Env,
    callback: Function<'_, f64, Unknown<'_>>,
    threads: u32,
    each: u32,
    work_us: u32,
    done: Function<'_, f64, ()>,
) -> napi::Result<()> {
    let (_, asker) = Questions::<f64, f64>::open(&env, "ask", Options::default(), &callback)?;
    let finish = finish(&env, threads, &done)?;
    for _ in 0..threads {
        let (asker, finish) = (asker.clone(), Arc::clone(&finish));
        thread::spawn(move || {
            for i in 0..each {
                assert!(matches!(asker.ask(f64::from(i)), Ok(answer) if answer == f64::from(i)));
                work(work_us);
            }
            drop(asker);
            finish.one();
        });
    }
    Ok(())
}

/// Threads with `call_with_return_value`, and a channel for the answer.
#[napi]
pub fn ask_channel(
    env: Env,
    callback: Function<'_, f64, f64>,
    threads: u32,
    each: u32,
    work_us: u32,
    done: Function<'_, f64, ()>,
) -> napi::Result<()> {
    let call: Arc<Call> = Arc::new(callback.build_threadsafe_function::<f64>().build()?);
    let finish = finish(&env, threads, &done)?;
    for _ in 0..threads {
        let (call, finish) = (Arc::clone(&call), Arc::clone(&finish));
        thread::spawn(move || {
            let (sender, receiver) = mpsc::channel();
            for i in 0..each {
                let sender = sender.clone();
                call.call_with_return_value(
                    f64::from(i),
                    ThreadsafeFunctionCallMode::NonBlocking,
                    move |answer, _| {
                        let _ = sender.send(answer);
                        Ok(())
                    },
                );
                assert!(matches!(receiver.recv(), Ok(Ok(answer)) if answer == f64::from(i)));
                work(work_us);
            }
            drop(call);
            finish.one();
        });
    }
    Ok(())
}

/// Threads that block on `call_async`, whose callback returns a promise.
#[napi]
pub fn ask_promise(
    env: Env,
    callback: Function<'_, f64, Promise<f64>>,
    threads: u32,
    each: u32,
    done: Function<'_, f64, ()>,
) -> napi::Result<()> {
    let call: Arc<PromiseCall> = Arc::new(callback.build_threadsafe_function::<f64>().build()?);
    let finish = finish(&env, threads, &done)?;
    for _ in 0..threads {
        let (call, finish) = (Arc::clone(&call), Arc::clone(&finish));
        thread::spawn(move || {
            let Ok(runtime) = Builder::new_current_thread().build() else { return };
            for i in 0..each {
                let answer = runtime.block_on(async { call.call_async(f64::from(i)).await?.await });
                assert!(matches!(answer, Ok(answer) if answer == f64::from(i)));
            }
            drop(call);
            finish.one();
        });
    }
    Ok(())
}

fn runtime() -> napi::Result<Runtime> {
    Ok(Builder::new_multi_thread().worker_threads(2).build()?)
}

/// Futures on tokio over the bridge, all of them at once.
#[napi]
pub fn futures_bridge(
    env: Env,
    callback: Function<'_, f64, Unknown<'_>>,
    futures: u32,
    each: u32,
    done: Function<'_, f64, ()>,
) -> napi::Result<()> {
    let (_, asker) = Questions::<f64, f64>::open(&env, "ask", Options::default(), &callback)?;
    let (runtime, finish) = (runtime()?, finish(&env, futures, &done)?);
    for _ in 0..futures {
        let (asker, finish) = (asker.clone(), Arc::clone(&finish));
        runtime.spawn(async move {
            for i in 0..each {
                assert!(matches!(asker.ask_async(f64::from(i)).await, Ok(answer) if answer == f64::from(i)));
            }
            drop(asker);
            finish.one();
        });
    }
    std::mem::forget(runtime);
    Ok(())
}

/// Futures on tokio with `call_async`.
#[napi]
pub fn futures_call(
    env: Env,
    callback: Function<'_, f64, f64>,
    futures: u32,
    each: u32,
    done: Function<'_, f64, ()>,
) -> napi::Result<()> {
    let call: Arc<Call> = Arc::new(callback.build_threadsafe_function::<f64>().build()?);
    let (runtime, finish) = (runtime()?, finish(&env, futures, &done)?);
    for _ in 0..futures {
        let (call, finish) = (Arc::clone(&call), Arc::clone(&finish));
        runtime.spawn(async move {
            for i in 0..each {
                assert!(matches!(call.call_async(f64::from(i)).await, Ok(answer) if answer == f64::from(i)));
            }
            drop(call);
            finish.one();
        });
    }
    std::mem::forget(runtime);
    Ok(())
}

/// Futures on tokio with `call_async`, whose callback returns a promise.
#[napi]
pub fn futures_promise(
    env: Env,
    callback: Function<'_, f64, Promise<f64>>,
    futures: u32,
    each: u32,
    done: Function<'_, f64, ()>,
) -> napi::Result<()> {
    let call: Arc<PromiseCall> = Arc::new(callback.build_threadsafe_function::<f64>().build()?);
    let (runtime, finish) = (runtime()?, finish(&env, futures, &done)?);
    for _ in 0..futures {
        let (call, finish) = (Arc::clone(&call), Arc::clone(&finish));
        runtime.spawn(async move {
            for i in 0..each {
                let answer = async { call.call_async(f64::from(i)).await?.await };
                assert!(matches!(answer.await, Ok(answer) if answer == f64::from(i)));
            }
            drop(call);
            finish.one();
        });
    }
    std::mem::forget(runtime);
    Ok(())
}
