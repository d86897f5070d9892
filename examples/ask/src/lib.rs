//! A native host with JavaScript inside: worker threads put each of their inputs to a script, and
//! go on with its answer.
//!
//! The host here ranks lines of text. What a line is worth, the script decides.

mod ranking;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use napi::bindgen_prelude::{Env, Function, PromiseRaw, Unknown};
use napi_derive::napi;
use texample_bridge::napi::{Asker, Bridge, Questions};
use texample_bridge::{AskError, Options, PostError, Producer};

use crate::ranking::Ranking;

/// What became of an input.
#[napi(object)]
pub struct Ranked {
    /// The input.
    pub input: String,
    /// The script's answer.
    pub score: Option<f64>,
    /// How many inputs had a higher score by then.
    pub place: Option<u32>,
    /// Why there is no answer.
    pub error: Option<String>,
}

/// Threads at work.
#[napi]
pub struct Host {
    questions: Questions<String, f64>,
    results: Bridge<Ranked>,
}

#[napi]
impl Host {
    /// Has `threads` native threads put `inputs` to `script`; `on_result` is called with each as it
    /// is ranked.
    #[napi(constructor)]
    pub fn new(
        env: Env,
        #[napi(ts_arg_type = "(input: string) => number | Promise<number>")] script: Function<
            '_,
            String,
            Unknown<'_>,
        >,
        inputs: Vec<String>,
        threads: u32,
        on_result: Function<'_, Ranked, ()>,
    ) -> napi::Result<Self> {
        let (questions, asker) = Questions::open(&env, "ask", Options::default(), &script)?;
        let (results, producer) = Bridge::builder("results").each(&env, &on_result)?.open()?;
        let work = Arc::new(Work { inputs, next: AtomicUsize::new(0), ranking: Ranking::default() });
        let host = Self { questions, results };
        for number in 0..threads {
            let (work, asker, producer) = (Arc::clone(&work), asker.clone(), producer.clone());
            // It ends when the work is done, or an answer or a post says that the host was stopped.
            // The bridge ends when the last thread has dropped its producer.
            let thread = std::thread::Builder::new().name(format!("ask-{number}"));
            // The threads that are there already end as well.
            thread.spawn(move || work.run(&asker, &producer)).inspect_err(|_| host.stop())?;
        }
        Ok(host)
    }

    /// Ends the threads; a question that waits gets no answer.
    #[napi]
    pub fn stop(&self) {
        self.questions.stop();
        self.results.stop();
    }

    /// Settles when the last result was handed over.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn done<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, ()>> {
        self.results.done(env)
    }
}

/// What all threads share.
struct Work {
    inputs: Vec<String>,
    next: AtomicUsize,
    ranking: Ranking,
}

impl Work {
    fn run(&self, asker: &Asker<String, f64>, producer: &Producer<Ranked>) {
        // A host that was stopped has nothing more to do with what is left.
        let _ = self.rank_all(asker, producer);
    }

    fn rank_all(
        &self,
        asker: &Asker<String, f64>,
        producer: &Producer<Ranked>,
    ) -> Result<(), PostError<Ranked>> {
        while let Some(input) = self.inputs.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            let input = input.clone();
            producer.post(match asker.ask(input.clone()) {
                Ok(score) => {
                    Ranked { input, score: Some(score), place: Some(self.ranking.place(score)), error: None }
                }
                Err(AskError::Closed) => return Ok(()),
                Err(error) => Ranked { input, score: None, place: None, error: Some(error.to_string()) },
            })?;
        }
        Ok(())
    }
}
