//! A store's whole content into another one, of whichever kind: for those who begin to share a database, or leave it.
//!
//! Neither store may be served from meanwhile, and the one that is written must have nothing in it. All that is read is
//! of one moment, all that is written is there together or not at all. Nobody renews tokens meanwhile: they arrive as
//! the last ones that were granted, unspent.

mod side;
mod tables;
#[cfg(test)]
mod tests;

use std::time::Duration;

use self::side::Side;
use self::tables::{TABLES, Table};
use crate::state::alone::{self, Alone, RenewalTurn};
use crate::state::error::Error;
use crate::state::store::{Store, statements};

/// Longest wait for another program that renews tokens.
const LONGEST_TURN: Duration = Duration::from_secs(30);

/// What was copied of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Its name.
    pub table: &'static str,
    /// How many rows both stores have of it.
    pub rows: u64,
}

impl Store {
    /// Copies everything that must survive into an empty store.
    ///
    /// # Errors
    /// One of them is served from, or the other one has something; or a statement failed. The other one is as it was,
    /// unless that is [`Error::Undecided`].
    pub async fn copy_to(&self, to: &Self) -> Result<Vec<Copied>, Error> {
        if self.place == to.place {
            return Err(self.unfit("is named twice", "name another store to copy to"));
        }
        let _alone = (self.unserved().await?, to.unserved().await?);
        let _turns = self.all_renewal_turns().await?;
        let (mut source, mut target) = (Side::reading(self).await?, Side::writing(to).await?);
        for table in &TABLES {
            if target.count(table).await? > 0 {
                let remedy = "name a new file, or an empty database";
                return Err(to.unfit(&format!("it has {} already", table.name), remedy));
            }
        }
        let mut copied = Vec::new();
        for table in &TABLES {
            carry(&mut source, &mut target, table).await?;
            let (had, has) = (source.count(table).await?, target.count(table).await?);
            if had != has {
                let problem = format!("{has} of {had} rows of {} arrived", table.name);
                return Err(to.unfit(&problem, "nothing was kept; try again"));
            }
            copied.push(Copied { table: table.name, rows: had });
        }
        // An instance of a database may have begun in between; it read nothing yet of what is written here.
        self.unshared().await?;
        to.unshared().await?;
        match target.commit().await {
            Err(Error::Away { place, problem, .. }) => Err(Error::Undecided { place, problem }),
            committed => committed.map(|()| copied),
        }
    }

    /// The right to serve, which nobody else has then.
    async fn unserved(&self) -> Result<Alone, Error> {
        self.unshared().await?;
        self.serve_alone().map_err(|error| match error {
            Error::Served { .. } => self.served(),
            error => error,
        })
    }

    async fn unshared(&self) -> Result<(), Error> {
        if self.instances().await?.is_empty() { Ok(()) } else { Err(self.served()) }
    }

    fn served(&self) -> Error {
        self.unfit("an alidav serves from it", "end that one, and copy then")
    }

    fn unfit(&self, problem: &str, remedy: &'static str) -> Error {
        Error::Open { place: self.place.to_string(), problem: problem.to_owned(), remedy }
    }

    /// The turns of all accounts, so that what is copied stays the last word.
    async fn all_renewal_turns(&self) -> Result<Vec<RenewalTurn>, Error> {
        let mut accounts: Vec<String> = statements!(self, connection => {
            sqlx::query_scalar("SELECT account FROM tokens").fetch_all(&mut *connection).await
        })?;
        // Of those that share a turn one is enough, and two would wait for each other.
        accounts.sort_by_key(|account| alone::turn_name(account));
        accounts.dedup_by_key(|account| alone::turn_name(account));
        let mut turns = Vec::new();
        for account in accounts {
            turns.push(self.renewal_turn(&account, LONGEST_TURN).await?);
        }
        Ok(turns)
    }
}

/// All rows of a table, some at a time.
async fn carry(source: &mut Side<'_>, target: &mut Side<'_>, table: &Table) -> Result<(), Error> {
    let mut last = None;
    loop {
        let rows = source.read(table, last.take()).await?;
        let Some(row) = rows.last() else { break };
        last = Some(row.iter().take(table.key.len()).cloned().collect());
        target.write(table, rows).await?;
    }
    target.count_on(table).await
}
