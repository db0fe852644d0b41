//! One lane by a paused clock, and two by one store.

use super::*;
use std::sync::Arc;

async fn times(rate: f64, calls: usize) -> Vec<f64> {
    let lane = Lane::new("test", rate);
    let start = Instant::now();
    let mut times = Vec::new();
    for _ in 0..calls {
        lane.turn(start + Duration::from_secs(600)).await.unwrap();
        times.push(start.elapsed().as_secs_f64());
    }
    times
}

#[tokio::test(start_paused = true)]
async fn no_window_ever_holds_more_calls_than_the_limit() {
    let times = times(4.0, 60).await;
    for (window, limit) in [(1.0, 4), (10.0, 40)] {
        for start in &times {
            let held = times.iter().filter(|t| **t >= *start && **t < start + window - 1e-6).count();
            assert!(held <= limit, "{held} calls in {window} s from {start}");
        }
    }
    assert!(*times.last().unwrap() <= 60.0 / 4.0, "{times:?}");
}

#[tokio::test]
async fn a_first_call_goes_at_once_by_the_real_clock() {
    let lane = Lane::new("test", 4.0);
    lane.turn(Instant::now() + Duration::from_secs(1)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn rates_below_one_a_second_are_kept_too() {
    assert!((times(0.5, 3).await[2] - 4.0 * MARGIN).abs() < 0.01);
}

#[tokio::test(start_paused = true)]
async fn a_rate_that_is_no_whole_number_is_kept_over_time_and_never_passed_in_a_second() {
    for (rate, most) in [(3.9, 4), (14.9, 15), (1.5, 2), (0.9, 1)] {
        let times = times(rate, 60).await;
        for start in &times {
            let held = times.iter().filter(|t| **t >= *start && **t < start + 1.0).count();
            assert!(held <= most, "{held} calls in a second at {rate}");
        }
        // Not counting those that begin, which may go at once.
        let begun = times.iter().filter(|t| **t < 1e-6).count();
        #[expect(clippy::cast_precision_loss, reason = "sixty")]
        let reached = (times.len() - begun) as f64 / times.last().unwrap();
        assert!(reached <= rate && reached >= rate * 0.9, "{reached} at {rate}");
    }
}

// Keeps 55.
#[tokio::test(start_paused = true)]
async fn after_a_refusal_calls_go_one_by_one_for_a_while() {
    let pacer = Pacer::of(&config::Upstream { list_per_s: 4.0, ..config::Upstream::default() }, |lane| lane);
    let start = Instant::now();
    let far = start + Duration::from_secs(3600);
    let mut last = start;
    pacer.turn(RateClass::List, Urgency::Waited, far).await.unwrap();
    pacer.pause(RateClass::List, Duration::from_millis(100)).await;
    for _ in 0..20 {
        pacer.turn(RateClass::List, Urgency::Waited, far).await.unwrap();
        assert!(last.elapsed() >= Duration::from_millis(250), "{:?}", last.elapsed());
        last = Instant::now();
    }
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
    tokio::time::sleep(SPACED).await;
    last = Instant::now();
    for _ in 0..4 {
        pacer.turn(RateClass::List, Urgency::Waited, far).await.unwrap();
    }
    assert!(last.elapsed() < Duration::from_millis(10), "{:?}", last.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_turn_beyond_the_deadline_is_refused_at_once_with_the_time_to_wait() {
    let lane = Lane::new("test", 1.0);
    let start = Instant::now();
    lane.turn(start).await.unwrap();
    let wait = lane.turn(start + Duration::from_millis(500)).await.unwrap_err();
    assert_eq!(wait, Duration::from_secs_f64(MARGIN));
    assert!(start.elapsed() < Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_back_those_who_wait_already() {
    let pacer = Arc::new(Pacer::of(&config::Upstream { link_per_s: 1.0, ..config::Upstream::default() }, |lane| lane));
    let start = Instant::now();
    let far = start + Duration::from_secs(60);
    pacer.turn(RateClass::Link, Urgency::Waited, far).await.unwrap();
    let waiter = tokio::spawn({
        let pacer = pacer.clone();
        async move { pacer.turn(RateClass::Link, Urgency::Waited, far).await }
    });
    tokio::task::yield_now().await;
    pacer.pause(RateClass::Link, Duration::from_secs(5)).await;
    waiter.await.unwrap().unwrap();
    assert!(start.elapsed() >= Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn background_calls_leave_room_for_a_request() {
    let lane = Lane::new("test", 4.0);
    let start = Instant::now();
    let far = start + Duration::from_secs(60);
    for _ in 0..6 {
        lane.spare_turn(far).await.unwrap();
    }
    assert!(start.elapsed() >= Duration::from_secs(2), "two a second of four");
    for _ in 0..2 {
        lane.turn(far).await.unwrap();
    }
    assert!(start.elapsed() < Duration::from_millis(2100), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn background_calls_that_somebody_comes_to_wait_for_queue_up_like_others() {
    let pacer = Arc::new(Pacer::of(&config::Upstream { list_per_s: 1.0, ..config::Upstream::default() }, |lane| lane));
    let far = Instant::now() + Duration::from_secs(600);
    pacer.turn(RateClass::List, Urgency::Waited, far).await.unwrap();
    let background = Background::default();
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for name in ["background", "first", "second"] {
        let urgency = match name {
            "background" => Urgency::Background(background.clone()),
            _ => Urgency::Waited,
        };
        if name == "second" {
            background.is_wanted_now();
        }
        let (pacer, order) = (pacer.clone(), order.clone());
        tasks.push(tokio::spawn(async move {
            pacer.turn(RateClass::List, urgency, far).await.unwrap();
            order.lock().push(name);
        }));
        tokio::task::yield_now().await;
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*order.lock(), ["first", "background", "second"]);
}

#[tokio::test(start_paused = true)]
async fn those_for_whom_nobody_waits_come_last() {
    let lane = Arc::new(Lane::new("test", 1.0));
    let far = Instant::now() + Duration::from_secs(600);
    lane.turn(far).await.unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for name in ["background", "first", "second"] {
        let (lane, order) = (lane.clone(), order.clone());
        tasks.push(tokio::spawn(async move {
            let turn = if name == "background" { lane.spare_turn(far).await } else { lane.turn(far).await };
            turn.unwrap();
            order.lock().push(name);
        }));
        tokio::task::yield_now().await;
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*order.lock(), ["first", "second", "background"]);
}
