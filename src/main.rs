//! alidav.
fn main() {}
