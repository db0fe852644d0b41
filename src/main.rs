//! The `alidav` program; all of it is in the library.

fn main() -> std::process::ExitCode {
    alidav::cli::main()
}
