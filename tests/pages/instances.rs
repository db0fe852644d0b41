//! What the pages show of several servers on one database; runs where `POSTGRES_FOR_TESTS` names a server for it.

use alidav::config::Config;
use alidav::server::Server;

use crate::pair::Database;
use crate::world::World;

// Keeps 173.
#[tokio::test(flavor = "multi_thread")]
async fn the_status_names_who_shares_the_database_and_who_answers() {
    let Some(database) = Database::make().await else { return };
    let world = World::with(|config| {
        config.state = database.location();
        config.instance = "one".to_owned();
    })
    .await;
    world.visit("/status").await;
    world.sees("h2", "Servers on this database").await;
    world.sees("td strong", "one").await;
    world.sees("td .pill", "answers here").await;
    let two = Config { instance: "two".to_owned(), ..world.site.config.clone() };
    let two = Server::start(&two).await.unwrap();
    world.sees("td", "two").await;
    two.stop().await;
    world.finish().await;
    database.administer(&format!("DROP DATABASE {} WITH (FORCE)", database.name)).await;
}
