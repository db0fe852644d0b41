//! The pages and their API, as a browser and a program meet them over HTTP.

mod changing;
mod files;
mod finding;
mod jobs;
mod reading;
mod session;
mod shells;
mod zips;
