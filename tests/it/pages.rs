//! The pages and their API, as a browser and a program meet them over HTTP.

mod files;
mod session;
mod shells;
