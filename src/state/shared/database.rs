//! A database as what instances share uses it: single statements, their failures told with its name.

use std::sync::Arc;

use sqlx::postgres::{PgArguments, PgListener, PgRow};
use sqlx::query::{Query, QueryAs};
use sqlx::{FromRow, Postgres};

use crate::meters;
use crate::state::error::Error;
use crate::state::server::Server;

/// A database whose failures are told with its name; cheap to clone.
#[derive(Clone, Debug)]
pub(in crate::state) struct Database {
    server: Arc<Server>,
    place: Arc<str>,
}

impl Database {
    /// `place` is how it is called in failures.
    pub(in crate::state) fn new(server: Arc<Server>, place: Arc<str>) -> Self {
        Self { server, place }
    }

    /// All rows of a statement.
    pub(in crate::state) async fn rows<O>(
        &self,
        statement: QueryAs<'_, Postgres, O, PgArguments>,
    ) -> Result<Vec<O>, Error>
    where
        O: Send + Unpin + for<'r> FromRow<'r, PgRow>,
    {
        self.named(self.server.rows(statement).await)
    }

    /// The first row of a statement that gives one at most.
    pub(in crate::state) async fn row<O>(
        &self,
        statement: QueryAs<'_, Postgres, O, PgArguments>,
    ) -> Result<Option<O>, Error>
    where
        O: Send + Unpin + for<'r> FromRow<'r, PgRow>,
    {
        Ok(self.rows(statement).await?.pop())
    }

    /// Runs a statement of which no row is wanted.
    pub(in crate::state) async fn run(&self, statement: Query<'_, Postgres, PgArguments>) -> Result<(), Error> {
        self.named(self.server.run(statement).await)
    }

    pub(in crate::state) async fn listen(&self, channel: &str) -> Result<PgListener, Error> {
        self.named(self.server.listen(channel).await)
    }

    /// Whether nobody wants anything of it any more.
    pub(in crate::state) fn is_closed(&self) -> bool {
        self.server.is_closed()
    }

    pub(in crate::state) fn process(&self) -> &str {
        self.server.process()
    }

    /// Another instance has what is wanted, or this one lost it.
    pub(in crate::state) fn leased(&self) -> Error {
        Error::Leased { place: self.place.to_string() }
    }

    fn named<T>(&self, result: Result<T, sqlx::Error>) -> Result<T, Error> {
        result.map_err(|error| {
            metrics::counter!(meters::STORE_FAILURES).increment(1);
            Error::statement(&self.place, &error)
        })
    }
}
