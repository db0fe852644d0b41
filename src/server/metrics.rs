//! Prometheus metrics of the process.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::meters::{self, Kind, Meter};

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

pub(super) fn render() -> String {
    HANDLE
        .get()
        .map(|handle| {
            handle.run_upkeep();
            handle.render()
        })
        .unwrap_or_default()
}
