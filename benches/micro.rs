//! The inner loops: writing a listing's XML, reading ranges and PROPFIND bodies, hashing what is uploaded.

#![expect(clippy::unwrap_used, reason = "a measurement")]

mod folder;

use std::hint::black_box;

use alidav::dav::propfind::request::Propfind;
use alidav::dav::ranges;
use alidav::drive::Path;
use alidav::protocol::href;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use folder::{context, length, propfind};
use sha1::Digest as _;

const ENTRIES: usize = 10_000;

fn listings(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (_sim, dav) = runtime.block_on(folder::alidav(ENTRIES));
    let context = context();
    let mut group = criterion.benchmark_group("listing");
    group.throughput(Throughput::Elements(ENTRIES as u64));
    group.bench_function("write the XML of 10,000 entries", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async { length(dav.handle(propfind("/folder/"), &context).await.into_body()).await })
        });
    });
    group.finish();
    let body =
        br#"<?xml version="1.0"?><propfind xmlns="DAV:"><prop><resourcetype/><getcontentlength/><getlastmodified/>
        <displayname/><checksums xmlns="http://owncloud.org/ns"/></prop></propfind>"#;
    criterion.bench_function("read a PROPFIND body", |bencher| {
        bencher.iter(|| Propfind::parse(black_box(body)).unwrap());
    });
    let path = Path::root().join("电影 films").join("a film (2026) 100%.mkv");
    criterion.bench_function("encode an href", |bencher| {
        bencher.iter(|| href::encode(black_box("/dav"), black_box(&path), false));
    });
}

fn range_planner(criterion: &mut Criterion) {
    for (name, header) in [
        ("one range", "bytes=1048576-"),
        ("a suffix", "bytes=-65536"),
        ("ten ranges", "bytes=0-9,20-29,40-49,60-69,80-89,100-109,120-129,140-149,160-169,180-189"),
    ] {
        criterion.bench_function(&format!("plan {name}"), |bencher| {
            bencher.iter(|| ranges::parse(black_box(header), black_box(8_000_000_000)));
        });
    }
}

fn hashing(criterion: &mut Criterion) {
    let piece: Vec<u8> = (0..1 << 20).map(|n: u32| n.to_le_bytes()[0]).collect();
    let mut group = criterion.benchmark_group("hashing");
    group.throughput(Throughput::Bytes(piece.len() as u64));
    group.bench_function("SHA-1 of 1 MiB", |bencher| bencher.iter(|| sha1::Sha1::digest(black_box(&piece))));
    group.finish();
}

criterion_group!(benches, listings, range_planner, hashing);
criterion_main!(benches);
