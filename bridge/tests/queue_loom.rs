//! The queue's protocol, model-checked: loom runs every interleaving of these few steps.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --release --package texample-bridge --test queue_loom`
//!
//! A lost wake-up, a producer that is never released or a lost end shows as a deadlock,
//! which loom reports; everything else is asserted.
#![cfg(loom)]

use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;
use texample_bridge::{Consumer, Options, Overflow, PostError, Producer, Stats, Taken, queue};

/// The event loop: sleeps until it is woken, once for each wake-up.
struct Loop {
    wakeups: Mutex<usize>,
    woken: Condvar,
}

impl Loop {
    fn wake(&self) {
        *self.wakeups.lock().unwrap() += 1;
        self.woken.notify_one();
    }

    fn sleep(&self) {
        let mut wakeups = self.wakeups.lock().unwrap();
        while *wakeups == 0 {
            wakeups = self.woken.wait(wakeups).unwrap();
        }
        *wakeups -= 1;
    }
}

fn looped<T: Send + 'static>(capacity: usize, overflow: Overflow) -> (Producer<T>, Consumer<T>, Arc<Loop>) {
    let event_loop = Arc::new(Loop { wakeups: Mutex::new(0), woken: Condvar::new() });
    let (producer, consumer) = queue(Options { capacity, overflow }, {
        let event_loop = event_loop.clone();
        move || event_loop.wake()
    });
    (producer, consumer, event_loop)
}

fn model(check: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    // Schedules with more preemptions than this find nothing new in so few steps, and cost minutes.
    builder.preemption_bound = Some(3);
    builder.check(check);
}

/// Takes everything, `max` at a time, sleeping whenever the queue says that a wake-up will come.
fn drain<T>(consumer: &Consumer<T>, event_loop: &Loop, max: usize) -> Vec<T> {
    let mut all = Vec::new();
    loop {
        event_loop.sleep();
        loop {
            match consumer.take(max) {
                Taken::Some(batch) => {
                    assert!(!batch.is_empty() && batch.len() <= max);
                    all.extend(batch);
                }
                Taken::Empty => break,
                Taken::Ended => return all,
            }
        }
    }
}

fn accounted(stats: Stats) {
    assert_eq!(stats.posted, stats.delivered + stats.failed + stats.dropped + stats.waiting as u64);
}

#[test]
fn no_wake_up_is_lost_and_no_tail() {
    model(|| {
        let (producer, consumer, event_loop) = looped(4, Overflow::Block);
        let poster = thread::spawn(move || {
            producer.post(0).unwrap();
            producer.post_all([1, 2]).unwrap();
        });
        assert_eq!(drain(&consumer, &event_loop, 2), [0, 1, 2]);
        poster.join().unwrap();
    });
}

#[test]
fn two_producers_keep_their_orders_and_end_last() {
    model(|| {
        let (producer, consumer, event_loop) = looped(4, Overflow::Block);
        let other = producer.clone();
        let one = thread::spawn(move || {
            producer.post(10).unwrap();
            producer.post(11).unwrap();
        });
        let two = thread::spawn(move || other.post(20).unwrap());
        let all = drain(&consumer, &event_loop, 4);
        assert_eq!(all.len(), 3);
        assert!(all.iter().position(|i| *i == 10) < all.iter().position(|i| *i == 11));
        one.join().unwrap();
        two.join().unwrap();
    });
}

#[test]
fn a_full_queue_holds_producers_back_and_releases_each() {
    model(|| {
        let (producer, consumer, event_loop) = looped(1, Overflow::Block);
        let other = producer.clone();
        let one = thread::spawn(move || producer.post_all([1, 2]).unwrap());
        let two = thread::spawn(move || other.post(3).unwrap());
        let mut all = drain(&consumer, &event_loop, 1);
        all.sort_unstable();
        assert_eq!(all, [1, 2, 3]);
        assert_eq!(consumer.stats().max_waiting, 1);
        one.join().unwrap();
        two.join().unwrap();
    });
}

#[test]
fn producers_are_released_when_half_of_the_queue_is_free() {
    model(|| {
        let (producer, consumer, event_loop) = looped(2, Overflow::Block);
        let poster = thread::spawn(move || producer.post_all([0, 1, 2, 3]).unwrap());
        assert_eq!(drain(&consumer, &event_loop, 1), [0, 1, 2, 3]);
        assert!(consumer.stats().max_waiting <= 2);
        poster.join().unwrap();
    });
}

#[test]
fn lent_messages_count_until_they_are_delivered_and_no_longer() {
    model(|| {
        let (producer, consumer, event_loop) = looped(2, Overflow::Block);
        let poster = thread::spawn(move || producer.post_all([0, 1, 2, 3]).unwrap());
        let mut all: Vec<i32> = Vec::new();
        let mut chunk = [9];
        'wakes: loop {
            event_loop.sleep();
            loop {
                match consumer.lend(&mut chunk) {
                    Taken::Some(count) => {
                        assert!(consumer.stats().waiting + count <= 2);
                        all.extend(&chunk[..count]);
                    }
                    Taken::Empty => break,
                    Taken::Ended => break 'wakes,
                }
            }
        }
        assert_eq!(all, [0, 1, 2, 3]);
        poster.join().unwrap();
    });
}

#[test]
fn closing_releases_every_producer_and_nothing_comes_after_it() {
    model(|| {
        let (producer, consumer, event_loop) = looped(1, Overflow::Block);
        let other = producer.clone();
        let one = thread::spawn(move || while producer.post(1).is_ok() {});
        let two =
            thread::spawn(move || matches!(other.post_all([2, 3]), Ok(2) | Err(PostError::Closed(2..=3))));
        consumer.close();
        accounted(consumer.stats());
        // Whatever the producers do now, the consumer learns of their end, and of nothing else.
        'wakes: loop {
            event_loop.sleep();
            match consumer.take(9) {
                Taken::Some(_) => panic!("a message after the close"),
                Taken::Empty => {}
                Taken::Ended => break 'wakes,
            }
        }
        one.join().unwrap();
        assert!(two.join().unwrap());
        let stats = consumer.stats();
        assert_eq!(stats.waiting, 0);
        accounted(stats);
    });
}

#[test]
fn a_future_that_waits_for_room_is_polled_again() {
    model(|| {
        let (producer, consumer, event_loop) = looped(1, Overflow::Block);
        let poster = thread::spawn(move || {
            loom::future::block_on(producer.post_async(1)).unwrap();
            loom::future::block_on(producer.post_async(2)).unwrap();
        });
        assert_eq!(drain(&consumer, &event_loop, 1), [1, 2]);
        poster.join().unwrap();
    });
}

#[test]
fn closing_ends_the_wait_of_a_future() {
    model(|| {
        let (producer, consumer, _event_loop) = looped(1, Overflow::Block);
        let poster = thread::spawn(move || {
            let _ = producer.post(1);
            loom::future::block_on(producer.post_async(2))
        });
        consumer.close();
        assert_eq!(poster.join().unwrap(), Err(PostError::Closed(2)));
    });
}

#[test]
fn closing_ends_a_sleep() {
    model(|| {
        let (producer, consumer, event_loop) = looped::<u8>(1, Overflow::Block);
        // In the model a sleep never times out: only the close can end it.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(3600);
        let sleeper = thread::spawn(move || producer.sleep_until(deadline).unwrap_err());
        consumer.close();
        sleeper.join().unwrap();
        event_loop.sleep();
        assert_eq!(consumer.take(1), Taken::Ended);
    });
}

#[test]
fn closing_during_a_drain_shows_the_end() {
    model(|| {
        let (producer, consumer, event_loop) = looped(2, Overflow::Block);
        let poster = thread::spawn(move || while producer.post(1).is_ok() {});
        event_loop.sleep();
        assert!(matches!(consumer.take(1), Taken::Some(_)));
        consumer.close();
        // This look answers the wake-up, unless it already sees the end.
        while consumer.take(1) != Taken::Ended {
            event_loop.sleep();
        }
        poster.join().unwrap();
        accounted(consumer.stats());
    });
}

#[test]
fn dropping_policies_never_block_and_count_drops() {
    for overflow in [Overflow::DropOldest, Overflow::DropNewest, Overflow::Latest] {
        model(move || {
            let (producer, consumer, event_loop) = looped(1, overflow);
            let poster = thread::spawn(move || {
                producer.post(0).unwrap();
                producer.post_all([1, 2]).unwrap();
            });
            let all = drain(&consumer, &event_loop, 4);
            poster.join().unwrap();
            assert!(all.is_sorted_by(|a, b| a < b) && !all.is_empty());
            if overflow == Overflow::DropNewest {
                assert_eq!(all[0], 0);
            } else {
                assert_eq!(all[all.len() - 1], 2);
            }
            let stats = consumer.stats();
            assert_eq!((stats.posted, stats.delivered), (3, all.len() as u64));
            accounted(stats);
        });
    }
}
