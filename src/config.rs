//! The settings of one run: checked and typed, read from a TOML file and the environment.
//!
//! Answers for the shape of every setting. Reading and checking live in the submodules; nothing
//! outside this module reads the environment or the configuration file, and nothing here is
//! re-read later: a reload makes a new [`Config`].

mod checks;
mod defaults;
mod entries;
mod environment;
mod fault;
mod load;
mod postgres_url;
mod reader;
mod sections;
mod settings;
#[cfg(test)]
mod tests;
mod timeouts;
mod values;
mod view;
mod view_entry;

pub use environment::{Environment, ProcessEnvironment};
pub use fault::{Fault, Faults};
pub use load::Loaded;
pub use postgres_url::PostgresUrl;
pub use reader::parse_bytes;
pub use settings::{
    Account, Cache, ClientRule, Config, Download, DriveType, LinkPolicy, ListenAddr, LivpFormat, LogFormat, LogTime,
    MetadataFiles, Mount, OrderBy, OrderDirection, Permission, RemoveWay, Segments, StartWith, StateLocation, Tls,
    Upload, Upstream, User, Web,
};
pub use timeouts::Timeouts;
pub use view::{Quality, View, ViewForm, ViewLinks};
