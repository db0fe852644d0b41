//! Opening the store where the settings have it.

mod postgres;
mod sqlite;

use std::time::Duration;

use crate::config::{StateLocation, Timeouts};
use crate::state::error::Error;
use crate::state::store::{Pool, Store};

impl Store {
    /// Opens the store, makes a file where it does not exist, and brings its tables up to date.
    ///
    /// # Errors
    /// Each names the place and the remedy.
    pub async fn open(location: &StateLocation) -> Result<Self, Error> {
        Self::open_within(location, Timeouts::default().store_busy).await
    }

    /// Opens a store that an alidav has made; where none has, nothing is made.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_made(location: &StateLocation) -> Result<Self, Error> {
        let (place, busy) = (location.to_string(), Timeouts::default().store_busy);
        let made = match location {
            StateLocation::Memory => false,
            StateLocation::File(file) => sqlite::is_made(file, busy).await?,
            StateLocation::Postgres(url) => postgres::is_made(url, &place, busy).await?,
        };
        if made {
            return Self::open_within(location, busy).await;
        }
        let remedy = "name the one that alidav has served from, as `state` of its settings does";
        Err(Error::Open { place, problem: "there is no state of an alidav".to_owned(), remedy })
    }

    /// The same as [`Store::open`], with the time that a statement waits for another process that holds the file, or for the server.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_within(location: &StateLocation, busy: Duration) -> Result<Self, Error> {
        let place = location.to_string();
        let pool = match location {
            StateLocation::Memory => Pool::Sqlite(sqlite::open(None, busy).await?),
            StateLocation::File(file) => Pool::Sqlite(sqlite::open(Some(file), busy).await?),
            StateLocation::Postgres(url) => Pool::Postgres(postgres::open(url, &place, busy).await?.into()),
        };
        let file = if let StateLocation::File(file) = location { Some(file.as_path().into()) } else { None };
        Ok(Self { pool, place: place.into(), file, shared: None })
    }
}
