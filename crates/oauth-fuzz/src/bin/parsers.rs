//! What libFuzzer calls: the target that the environment names. `cargo xtask fuzz` builds it with
//! `--cfg fuzzing`; without that there is nothing to run.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    use std::sync::OnceLock;
    static TARGET: OnceLock<oauth_fuzz::Target> = OnceLock::new();
    let target = TARGET.get_or_init(|| {
        let name = std::env::var(oauth_fuzz::VARIABLE).unwrap_or_default();
        let Some(target) = oauth_fuzz::Target::named(&name) else {
            std::process::exit(2)
        };
        target
    });
    (target.check)(data);
});

#[cfg(not(fuzzing))]
fn main() -> std::process::ExitCode {
    std::process::ExitCode::from(2) // `cargo xtask fuzz` builds and runs it
}
