//! One of the two stores of a copy: a transaction on a connection of its own, which ends without effect unless it is
//! committed.

use std::sync::Arc;

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, QueryBuilder, Row as _, Sqlite};

use super::tables::{Kind, Table};
use crate::state::error::Error;
use crate::state::server::Server;
use crate::state::store::{Pool, Store};

/// A value of a row. Does not print: it may be a token.
#[derive(Clone)]
pub(super) enum Value {
    Text(Option<String>),
    Number(Option<i64>),
    Flag(Option<bool>),
    Bytes(Option<Vec<u8>>),
}

pub(super) struct Side<'a> {
    store: &'a Store,
    end: End,
}

enum End {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(Arc<Server>, Box<PgConnection>),
}

/// Runs statements on the connection, each of which has its time. Gives `Result<_, Error>`.
macro_rules! on {
    ($side:expr, $connection:ident => $body:expr) => {{
        let side: &mut Side<'_> = $side;
        let done: Result<_, sqlx::Error> = match &mut side.end {
            End::Sqlite(held) => {
                let $connection = &mut **held;
                Box::pin(async { $body }).await
            }
            End::Postgres(server, session) => {
                let $connection = &mut **session;
                server.within(Box::pin(async { $body })).await
            }
        };
        side.store.named(done)
    }};
}

impl<'a> Side<'a> {
    /// Sees the store as it is now, whatever is written to it later.
    pub(super) async fn reading(store: &'a Store) -> Result<Self, Error> {
        Self::open(store, "BEGIN", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await
    }

    /// Keeps all others from the store: whoever begins to use it waits, and finds what was copied.
    pub(super) async fn writing(store: &'a Store) -> Result<Self, Error> {
        let locks = "BEGIN; LOCK TABLE tokens, drives, locks, properties, held_files, removals, sessions, link_key \
                     IN ACCESS EXCLUSIVE MODE";
        Self::open(store, "BEGIN IMMEDIATE", locks).await
    }

    async fn open(store: &'a Store, on_sqlite: &'static str, on_postgres: &'static str) -> Result<Self, Error> {
        let (end, begin) = match &store.pool {
            Pool::Sqlite(pool) => {
                let mut held = store.named(pool.acquire().await)?;
                // With what was not committed.
                held.close_on_drop();
                (End::Sqlite(held), on_sqlite)
            }
            Pool::Postgres(server) => {
                let session = store.named(server.own().await)?;
                (End::Postgres(server.clone(), Box::new(session)), on_postgres)
            }
        };
        let mut side = Self { store, end };
        on!(&mut side, connection => sqlx::raw_sql(begin).execute(&mut *connection).await.map(drop))?;
        Ok(side)
    }

    pub(super) async fn count(&mut self, table: &Table) -> Result<u64, Error> {
        let statement = format!("SELECT count(*) FROM {}", table.name);
        let count: i64 = on!(self, connection => {
            sqlx::query_scalar(sqlx::AssertSqlSafe(statement)).fetch_one(&mut *connection).await
        })?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// The next rows behind a key, or the first ones.
    pub(super) async fn read(&mut self, table: &Table, after: Option<Vec<Value>>) -> Result<Vec<Vec<Value>>, Error> {
        let key = table.key();
        on!(self, connection => {
            let mut query = QueryBuilder::new(table.select());
            if let Some(after) = after {
                query.push(format!(" WHERE ({key}) > ("));
                let mut list = query.separated(", ");
                for value in after {
                    match value {
                        Value::Text(it) => list.push_bind(it),
                        Value::Number(it) => list.push_bind(it),
                        Value::Flag(it) => list.push_bind(it),
                        Value::Bytes(it) => list.push_bind(it),
                    };
                }
                query.push(")");
            }
            query.push(format!(" ORDER BY {key} LIMIT {}", table.at_once));
            let rows = query.build().fetch_all(&mut *connection).await?;
            let mut read = Vec::with_capacity(rows.len());
            for row in &rows {
                let mut values = Vec::with_capacity(table.key.len() + table.rest.len());
                for (at, (_, kind)) in table.columns().enumerate() {
                    values.push(match kind {
                        Kind::Text => Value::Text(row.try_get(at)?),
                        Kind::Number => Value::Number(row.try_get(at)?),
                        Kind::Flag => Value::Flag(row.try_get(at)?),
                        Kind::Bytes => Value::Bytes(row.try_get(at)?),
                    });
                }
                read.push(values);
            }
            Ok(read)
        })
    }

    pub(super) async fn write(&mut self, table: &Table, rows: Vec<Vec<Value>>) -> Result<(), Error> {
        on!(self, connection => {
            let mut query = QueryBuilder::new(table.insert());
            query.push_values(rows, |mut list, row| {
                for value in row.into_iter().skip(table.unwritten()) {
                    match value {
                        Value::Text(it) => list.push_bind(it),
                        Value::Number(it) => list.push_bind(it),
                        Value::Flag(it) => list.push_bind(it),
                        Value::Bytes(it) => list.push_bind(it),
                    };
                }
            });
            query.build().execute(&mut *connection).await.map(drop)
        })
    }

    /// New removals are numbered behind those that were written with their numbers; SQLite does so by itself.
    pub(super) async fn count_on(&mut self, table: &Table) -> Result<(), Error> {
        if table.name != "removals" || matches!(self.end, End::Sqlite(_)) {
            return Ok(());
        }
        let statement = "SELECT setval(pg_get_serial_sequence('removals', 'id'), COALESCE(max(id), 0) + 1, false) \
                         FROM removals";
        on!(self, connection => sqlx::query(statement).execute(&mut *connection).await.map(drop))
    }

    pub(super) async fn commit(mut self) -> Result<(), Error> {
        on!(&mut self, connection => sqlx::raw_sql("COMMIT").execute(&mut *connection).await.map(drop))
    }
}
