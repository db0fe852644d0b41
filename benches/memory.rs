//! What a cached entry holds of the heap: bytes that are live after a folder's first listing and were not before.

#![expect(clippy::unwrap_used, reason = "a measurement")]

mod folder;

use folder::{alidav, context, length, propfind};
use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

#[tokio::main]
async fn main() {
    println!("{:>8}  {:>15}", "entries", "bytes per entry");
    for entries in [1000, 10_000, 100_000] {
        let (_sim, dav) = alidav(entries).await;
        // Signing in and the first connection are not what is measured.
        assert_eq!(dav.handle(propfind("/"), &context()).await.status(), 207);
        let before = HEAP.current_usage();
        let answer = dav.handle(propfind("/folder/"), &context()).await;
        assert_eq!(answer.status(), 207);
        assert!(length(answer.into_body()).await > entries * 300, "the listing is short");
        println!("{entries:>8}  {:>15}", HEAP.current_usage().saturating_sub(before) / entries);
    }
}
