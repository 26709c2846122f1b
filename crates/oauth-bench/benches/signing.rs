//! An assertion's signature, by a key that was parsed once, and the parsing.
#![allow(missing_docs, clippy::expect_used, reason = "a bench fails loudly")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use oauth_core::signing_key::{Algorithm, KeyOptions, SigningKey};

fn signatures(criterion: &mut Criterion) {
    for algorithm in [Algorithm::RS384, Algorithm::ES384] {
        let key = match algorithm {
            Algorithm::RS384 => SigningKey::generate_rsa(algorithm, 2048),
            _ => SigningKey::generate(algorithm),
        };
        let key = key.expect("a key");
        let message = [b'e'; 290];
        criterion.bench_function(&format!("sign {algorithm}"), |bencher| {
            bencher.iter(|| key.sign(black_box(&message)));
        });
        let pem = key.to_pkcs8_pem().expect("a PEM text");
        let options = KeyOptions {
            algorithm: Some(algorithm),
            ..KeyOptions::default()
        };
        criterion.bench_function(&format!("load {algorithm}"), |bencher| {
            bencher.iter(|| SigningKey::load(black_box(pem.expose().as_bytes()), &options));
        });
    }
}

criterion_group!(benches, signatures);
criterion_main!(benches);
