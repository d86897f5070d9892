use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::sync::lock;
use crate::{Stats, Thread};

fn options(capacity: usize, overflow: Overflow) -> Options {
    Options { capacity, overflow }
}

#[test]
fn a_burst_wakes_the_consumer_once() {
    let woken = std::sync::Arc::new(AtomicUsize::new(0));
    let counter = std::sync::Arc::clone(&woken);
    let (producer, consumer) = queue(Options::default(), move || {
        counter.fetch_add(1, Ordering::SeqCst);
    });
    for i in 0..100 {
        producer.post(i).unwrap();
    }
    assert_eq!(woken.load(Ordering::SeqCst), 1);
    assert_eq!(consumer.take(60), Taken::Some((0..60).collect()));
    producer.post(100).unwrap();
    assert_eq!(woken.load(Ordering::SeqCst), 1, "the consumer has not found the queue empty yet");
    assert_eq!(consumer.take(60), Taken::Some((60..=100).collect()));
    assert_eq!(consumer.take(60), Taken::Empty);
    producer.post(101).unwrap();
    assert_eq!(woken.load(Ordering::SeqCst), 2);
    assert_eq!(consumer.stats().wakeups, 2);
}

#[test]
fn the_last_producer_wakes_the_consumer_for_the_tail() {
    let (wake, woken) = mpsc::channel();
    let (producer, consumer) = queue(Options::default(), move || wake.send(()).unwrap());
    let other = producer.clone();
    drop(producer);
    assert!(woken.try_recv().is_err());
    other.post(7).unwrap();
    woken.try_recv().unwrap();
    drop(other);
    assert_eq!(consumer.take_into(&mut []), Taken::Some(0), "a message waits still");
    assert_eq!(consumer.take(9), Taken::Some(vec![7]));
    assert_eq!(consumer.take(9), Taken::Ended);
}

#[test]
fn a_closed_queue_returns_the_message_and_drops_the_rest() {
    let (producer, consumer) = queue(Options::default(), || {});
    producer.post(1).unwrap();
    consumer.close();
    assert_eq!(producer.post(2), Err(PostError::Closed(2)));
    assert_eq!(producer.try_post(2), Err(PostError::Closed(2)));
    assert_eq!(producer.post_all([3, 4]), Err(PostError::Closed(3)));
    assert!(producer.is_closed());
    assert_eq!(consumer.take(9), Taken::Empty);
    let stats = consumer.stats();
    assert_eq!((stats.posted, stats.dropped, stats.waiting), (1, 1, 0));
}

#[test]
fn closing_releases_every_producer_blocked_or_asleep() {
    let (producer, consumer) = queue(options(2, Overflow::Block), || {});
    let mut threads = Vec::new();
    for _ in 0..3 {
        threads.push(
            Thread::spawn("blocked", producer.clone(), |producer| -> Result<(), PostError<i32>> {
                loop {
                    producer.post(0)?;
                }
            })
            .unwrap(),
        );
    }
    threads.push(
        Thread::spawn("asleep", producer, |producer| {
            producer.sleep_until(Instant::now() + Duration::from_secs(3600))
        })
        .unwrap(),
    );
    consumer.close();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(consumer.take(1), Taken::Ended);
}

#[test]
fn lent_messages_count_until_the_next_look() {
    let (producer, consumer) = queue(options(4, Overflow::DropNewest), || {});
    producer.post_all([0, 1, 2, 3]).unwrap();
    let mut target = [9; 3];
    assert_eq!(consumer.lend(&mut target), Taken::Some(3));
    assert_eq!(target, [0, 1, 2]);
    producer.post(4).unwrap();
    assert_eq!(consumer.stats().dropped, 1);
    assert_eq!(consumer.lend(&mut target), Taken::Some(1));
    producer.post_all([5, 6, 7, 8]).unwrap();
    assert_eq!(consumer.take(9), Taken::Some(vec![5, 6, 7]));
}

#[test]
fn a_message_is_timed_from_the_moment_it_was_posted() {
    let (producer, consumer) = queue(Options::default(), || {});
    producer.post(0).unwrap();
    std::thread::sleep(Duration::from_millis(20));
    producer.post(1).unwrap();
    let _ = consumer.take(1);
    let first = consumer.stats().longest_wait;
    assert!(first >= Duration::from_millis(20));
    let _ = consumer.take(1);
    assert!(consumer.stats().longest_wait < first + Duration::from_millis(20), "the second waited less");
}

#[test]
fn a_consumer_that_takes_nothing_costs_no_memory() {
    for policy in [Overflow::DropOldest, Overflow::DropNewest, Overflow::Latest] {
        for capacity in [1, 64, 4096] {
            let (producer, consumer) = queue(options(capacity, policy), || {});
            for i in 0..2000 {
                producer.post(i).unwrap();
                producer.post_all([i; 50]).unwrap();
            }
            let state = lock(&consumer.queue.state);
            assert!(state.ages.len() <= 66, "{policy:?}, {capacity}: {} marks", state.ages.len());
            assert!(state.waiting.len() <= capacity);
        }
    }
}

#[test]
fn four_producers_lose_nothing_and_each_keeps_its_order() {
    let (wake, woken) = mpsc::channel();
    let (producer, consumer) = queue(options(8, Overflow::Block), move || wake.send(()).unwrap_or_default());
    let threads: Vec<_> = (0..4)
        .map(|id| {
            Thread::spawn("poster", producer.clone(), move |producer| -> Result<(), Closed> {
                for chunk in 0..500 {
                    let at = chunk * 3;
                    producer.post_all([(id, at), (id, at + 1)]).unwrap();
                    producer.post((id, at + 2)).unwrap();
                }
                Ok(())
            })
            .unwrap()
        })
        .collect();
    drop(producer);
    let mut next = [0; 4];
    'wakes: while woken.recv().is_ok() {
        loop {
            match consumer.take(5) {
                Taken::Some(batch) => {
                    for (id, i) in batch {
                        assert_eq!(next[id], i);
                        next[id] += 1;
                    }
                }
                Taken::Empty => break,
                Taken::Ended => break 'wakes,
            }
        }
    }
    assert_eq!(next, [1500; 4]);
    for thread in threads {
        thread.join().unwrap();
    }
    assert!(consumer.stats().max_waiting <= 8);
}

#[test]
fn try_post_returns_what_does_not_fit() {
    for policy in [Overflow::Block, Overflow::DropNewest] {
        let (producer, consumer) = queue(options(1, policy), || {});
        producer.try_post("first").unwrap();
        assert_eq!(producer.try_post("second"), Err(PostError::Full("second")));
        let stats = consumer.stats();
        assert_eq!((stats.posted, stats.dropped), (1, 0));
    }
    let (producer, consumer) = queue(options(1, Overflow::Latest), || {});
    producer.try_post(1).unwrap();
    producer.try_post(2).unwrap();
    assert_eq!(consumer.take(9), Taken::Some(vec![2]));
}

#[test]
fn a_full_queue_is_an_error_on_the_thread_that_takes() {
    let (producer, consumer) = queue(options(2, Overflow::Block), || {});
    consumer.bind_to_this_thread();
    assert_eq!(producer.post_all([1, 2, 3, 4]), Err(PostError::Full(3)));
    assert_eq!(producer.post(5), Err(PostError::Full(5)));
    assert_eq!(consumer.take(9), Taken::Some(vec![1, 2]));
}

#[test]
fn a_post_waits_for_room_until_its_deadline() {
    let (producer, _consumer) = queue(options(1, Overflow::Block), || {});
    producer.post(1).unwrap();
    let deadline = Instant::now() + Duration::from_millis(5);
    assert_eq!(producer.post_until(2, deadline), Err(PostError::Full(2)));
    assert!(Instant::now() >= deadline);
}

#[test]
fn post_all_takes_messages_of_any_kind_and_says_how_many() {
    let (producer, consumer) = queue(options(3, Overflow::DropOldest), || {});
    let words = ["a", "b", "c", "d", "e"].map(String::from);
    assert_eq!(producer.post_all(words), Ok(5));
    assert_eq!(consumer.take(9), Taken::Some(["c", "d", "e"].map(String::from).to_vec()));
    assert_eq!(producer.post_all(Vec::<String>::new()), Ok(0));
}

#[test]
fn a_future_posts_when_there_is_room_and_ends_with_the_queue() {
    struct Count(AtomicUsize);
    impl std::task::Wake for Count {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let (producer, consumer) = queue(options(1, Overflow::Block), || {});
    let count = std::sync::Arc::new(Count(AtomicUsize::new(0)));
    let waker = Waker::from(std::sync::Arc::clone(&count));
    let mut context = Context::from_waker(&waker);
    producer.post(1).unwrap();
    let mut later = producer.post_async(2);
    let mut never = producer.post_async(3);
    assert!(Pin::new(&mut later).poll(&mut context).is_pending());
    assert!(Pin::new(&mut never).poll(&mut context).is_pending());
    assert_eq!(consumer.take(1), Taken::Some(vec![1]));
    assert_eq!(count.0.load(Ordering::SeqCst), 2);
    assert_eq!(Pin::new(&mut later).poll(&mut context), Poll::Ready(Ok(())));
    assert!(Pin::new(&mut never).poll(&mut context).is_pending());
    drop(producer.post_async(4));
    consumer.close();
    assert_eq!(count.0.load(Ordering::SeqCst), 3);
    assert_eq!(Pin::new(&mut never).poll(&mut context), Poll::Ready(Err(PostError::Closed(3))));
    drop((later, never));
    assert!(lock(&consumer.queue.state).wakers.is_empty());
}

#[test]
fn failed_and_discarded_messages_are_not_delivered_ones() {
    let (producer, consumer) = queue(Options::default(), || {});
    producer.post_all(0..10).unwrap();
    let _ = consumer.take(9);
    consumer.failed(2);
    consumer.discarded(3);
    let Stats { posted, delivered, failed, dropped, waiting, .. } = consumer.stats();
    assert_eq!((posted, delivered, failed, dropped, waiting), (10, 4, 2, 3, 1));
    consumer.failed(9);
    assert_eq!((consumer.stats().delivered, consumer.stats().failed), (0, 6), "no more than were delivered");
}

#[derive(Clone, Debug)]
enum Act {
    Post(usize),
    Take(usize),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![(0..12_usize).prop_map(Act::Post), (0..12_usize).prop_map(Act::Take)];
    proptest::collection::vec(act, 0..60)
}

proptest! {
    /// A queue that drops is compared, message for message, with the obvious list.
    #[test]
    fn dropping_queues_do_what_the_obvious_list_does(
        capacity in 1..9_usize,
        policy in prop_oneof![
            Just(Overflow::DropOldest), Just(Overflow::DropNewest), Just(Overflow::Latest)
        ],
        one_by_one in any::<bool>(),
        acts in acts(),
    ) {
        let (producer, consumer) = queue(options(capacity, policy), || {});
        let capacity = consumer.capacity();
        let (mut list, mut next, mut dropped) = (VecDeque::new(), 0_u64, 0);
        for act in acts {
            match act {
                Act::Post(count) => {
                    let messages: Vec<u64> = (next..next + count as u64).collect();
                    next += count as u64;
                    if one_by_one {
                        for message in &messages {
                            producer.post(*message).unwrap();
                        }
                    } else {
                        producer.post_all(messages.clone()).unwrap();
                    }
                    for message in messages {
                        if list.len() < capacity {
                            list.push_back(message);
                        } else {
                            dropped += 1;
                            if policy != Overflow::DropNewest {
                                list.pop_front();
                                list.push_back(message);
                            }
                        }
                    }
                }
                Act::Take(count) => {
                    let mut target = vec![0; count];
                    let taken = match consumer.take_into(&mut target) {
                        Taken::Some(taken) => taken,
                        Taken::Empty | Taken::Ended => 0,
                    };
                    let expected: Vec<u64> = list.drain(..count.min(list.len())).collect();
                    prop_assert_eq!(&target[..taken], &expected[..]);
                }
            }
            let stats = consumer.stats();
            prop_assert_eq!(stats.posted, next);
            prop_assert_eq!(stats.dropped, dropped);
            prop_assert_eq!(stats.waiting, list.len());
            prop_assert_eq!(stats.posted, stats.delivered + stats.failed + stats.dropped + stats.waiting as u64);
            prop_assert!(stats.max_waiting <= capacity);
        }
    }
}
