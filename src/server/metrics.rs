//! Prometheus metrics of the process: what everybody counts, which alidav it is, and what the system tells of it.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::meters::{self, Kind, Meter};
use crate::version;

/// One recorder for the process; several servers may run in it.
static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// Bounds in seconds, from a cached listing to a long transfer.
const BOUNDS: [f64; 12] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];

pub(super) fn install() {
    HANDLE.get_or_init(|| {
        let builder = PrometheusBuilder::new();
        // The bounds are not empty, which is all that can be wrong with them.
        let builder = builder.set_buckets(&BOUNDS).unwrap_or_else(|_| PrometheusBuilder::new());
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another metrics recorder is installed; /metrics stays empty");
        }
        meters::ALL.iter().for_each(describe);
        metrics::gauge!(meters::BUILD_INFO, "version" => version::NUMBER, "commit" => version::COMMIT).set(1.0);
        // The first failure is the one to be told of, and to Prometheus a first step from nothing is none.
        metrics::counter!(meters::STORE_FAILURES).absolute(0);
        handle
    });
}

fn describe(meter: &Meter) {
    match meter.kind {
        Kind::Counter => metrics::describe_counter!(meter.name, meter.unit, meter.meaning),
        Kind::Gauge => metrics::describe_gauge!(meter.name, meter.unit, meter.meaning),
        Kind::Histogram => metrics::describe_histogram!(meter.name, meter.unit, meter.meaning),
    }
}

/// Sets what the system tells of the process; what it does not tell gets no series.
#[cfg(any(target_os = "linux", target_os = "freebsd", target_os = "windows"))]
fn set_process() {
    let told = metrics_process::collector::collect();
    #[expect(clippy::cast_precision_loss, reason = "exact up to petabytes")]
    let set = |name: &'static str, value: Option<u64>| {
        value.into_iter().for_each(|value| metrics::gauge!(name).set(value as f64));
    };
    if let Some(seconds) =
        told.cpu_seconds_total.and_then(|seconds| std::time::Duration::try_from_secs_f64(seconds).ok())
    {
        metrics::counter!(meters::PROCESS_CPU).absolute(seconds.as_secs());
    }
    set(meters::PROCESS_MEMORY, told.resident_memory_bytes);
    set(meters::PROCESS_FILES, told.open_fds);
    set(meters::PROCESS_MOST_FILES, told.max_fds);
    set(meters::PROCESS_START, told.start_time_seconds);
}

#[cfg(not(any(target_os = "linux", target_os = "freebsd", target_os = "windows")))]
fn set_process() {}

pub(super) fn render() -> String {
    HANDLE
        .get()
        .map(|handle| {
            set_process();
            handle.run_upkeep();
            handle.render()
        })
        .unwrap_or_default()
}
