//! Permits without bodies: who gets them, and that none is lost or made.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::drive::slots::{SHRUNK, StreamLimit};

fn slots(slots: usize) -> Arc<StreamLimit> {
    StreamLimit::alone(slots, Duration::from_secs(20), Duration::from_secs(10))
}

// Keeps 33.
#[tokio::test(start_paused = true)]
async fn a_slot_that_the_service_refuses_is_out_of_use_for_five_minutes_and_no_longer() {
    let slots = slots(3);
    let three =
        [slots.acquire(true).await.unwrap(), slots.acquire(true).await.unwrap(), slots.acquire(true).await.unwrap()];
    slots.shrink();
    // Refusals of others at the same moment say the same again.
    slots.shrink();
    drop(three);
    let _two = [slots.acquire(true).await.unwrap(), slots.acquire(false).await.unwrap()];
    assert!(slots.try_acquire_spare().is_none() && slots.acquire(true).await.is_err());
    tokio::time::sleep(SHRUNK).await;
    let _third = slots.acquire(false).await.unwrap();
    assert!(slots.acquire(true).await.is_err(), "more permits than there are slots");
}

#[tokio::test(start_paused = true)]
async fn the_last_slot_is_kept_and_one_that_was_never_given_back_comes_back_too() {
    let slots = slots(2);
    let _one = slots.acquire(true).await.unwrap();
    let two = slots.acquire(true).await.unwrap();
    for _ in 0..3 {
        slots.shrink();
        tokio::time::sleep(Duration::from_secs(40)).await;
    }
    // Held all the time: there is nothing to give back afterwards.
    tokio::time::sleep(SHRUNK).await;
    drop(two);
    let _two = slots.acquire(true).await.unwrap();
    assert!(slots.acquire(true).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn copies_are_served_in_order_of_asking_and_films_before_them() {
    let (slots, order) = (slots(1), Arc::new(Mutex::new(Vec::new())));
    let first = slots.acquire(false).await.unwrap();
    let ask = |name: &'static str, urgent: bool| {
        let (slots, order) = (slots.clone(), order.clone());
        async move {
            let permit = slots.acquire(urgent).await.unwrap();
            order.lock().push(name);
            tokio::time::sleep(Duration::from_millis(10)).await;
            drop(permit);
        }
    };
    let mut tasks = Vec::new();
    for (name, urgent) in [("a", false), ("b", false), ("film", true), ("c", false), ("song", true)] {
        tasks.push(tokio::spawn(ask(name, urgent)));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // Who comes at the very moment when the slot is free stands behind those who wait.
    drop(first);
    ask("late", false).await;
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*order.lock(), ["film", "song", "a", "b", "c", "late"]);
}

#[tokio::test(start_paused = true)]
async fn one_who_stops_waiting_takes_no_slot_with_him() {
    let slots = slots(1);
    let first = slots.acquire(true).await.unwrap();
    for urgent in [true, false] {
        assert!(tokio::time::timeout(Duration::from_millis(5), slots.acquire(urgent)).await.is_err());
    }
    assert!(slots.acquire(false).await.is_err());
    drop(first);
    assert!(slots.try_acquire_spare().is_some());
}
