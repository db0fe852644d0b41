//! `alidav export`: a view as files of a local folder, for media servers that read no WebDAV.
//!
//! The whole view is listed first; only then is anything written, and only what differs. What has vanished from the
//! view is removed if it is still as an export wrote it. What others made or changed is never touched.

mod folder;
mod manifest;
mod plan;

use std::collections::HashMap;
use std::path::Path;
use std::process::ExitCode;

use futures_util::StreamExt as _;

use self::folder::Folder;
use self::manifest::Manifest;
use self::plan::{Plan, Wanted, What};
use super::arguments::ExportArguments;
use super::run::load;
use crate::config::{Config, StateLocation};
use crate::drive::{self, Reader, Resource, Tree};
use crate::state::Store;
use crate::upstream::Client;

/// A reader that nobody else is, who can wait.
const READER: Reader = Reader { id: 0, open_ended: false, urgent: false, by_range: false };

/// Ends with 1 if anything could not be carried out, with 2 if the settings are wrong.
pub(super) async fn export(path: Option<&Path>, arguments: &ExportArguments) -> ExitCode {
    let loaded = match load(path) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    match run(&loaded.config, arguments).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("alidav: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all was carried out.
async fn run(config: &Config, arguments: &ExportArguments) -> Result<bool, String> {
    let view = view_path(config, &arguments.view)?;
    if config.state == StateLocation::Memory {
        return Err(
            "the addresses would open nothing: state is \"sqlite::memory:\", whose key ends with each program; \
                    set a file"
                .to_owned(),
        );
    }
    let folder = Folder::open(&arguments.directory)?;
    let manifest = Manifest::read(&folder, view.as_str())?;
    let store = Store::open(&config.state).await.map_err(|error| error.to_string())?;
    let tree = tree(config, &store)?;
    let result = carry_out(&tree, &view, &folder, manifest, arguments.keep).await;
    for client in tree.accounts() {
        client.settled().await;
    }
    store.close().await;
    result
}

fn view_path(config: &Config, named: &str) -> Result<drive::Path, String> {
    let path = drive::Path::parse(&format!("/{named}")).map_err(|error| format!("{named:?}: {error}"))?;
    if config.views.iter().any(|view| view.path == path.as_str()) {
        return Ok(path);
    }
    let all: Vec<&str> = config.views.iter().map(|view| view.path.as_str()).collect();
    let known = if all.is_empty() {
        "the settings have no [[view]]".to_owned()
    } else {
        format!("there is {}", all.join(", "))
    };
    Err(format!("there is no view at {path}: {known}"))
}

fn tree(config: &Config, store: &Store) -> Result<Tree, String> {
    let mut clients = HashMap::new();
    for account in &config.accounts {
        let client = Client::new(account, config, store.clone()).map_err(|error| error.to_string())?;
        clients.insert(account.name.clone(), client);
    }
    Ok(Tree::new(config, clients, store))
}

async fn carry_out(
    tree: &Tree,
    view: &drive::Path,
    folder: &Folder,
    mut manifest: Manifest,
    keep: bool,
) -> Result<bool, String> {
    let wanted = plan::listed(tree, view)
        .await
        .map_err(|error| format!("{view} could not be listed whole: {error}; nothing was changed"))?;
    let plan = Plan::new(folder, &manifest, wanted, keep)?;
    // Killed in the middle, the next run knows as its own what this one was about to write.
    for (at, sum) in plan.to_write.iter().filter_map(|wanted| Some((&wanted.at, wanted.sha1()?))) {
        manifest.expects(at, sum);
    }
    plan.adopted.iter().for_each(|(at, sum)| manifest.has_file(at, *sum));
    if plan.changes_anything() {
        manifest.write(folder)?;
    }
    let (mut wrote, mut failed) = (0, 0);
    for wanted in &plan.to_write {
        match write(tree, folder, wanted, &mut manifest).await {
            Ok(()) => wrote += usize::from(!matches!(wanted.what, What::Folder)),
            Err(problem) => {
                failed += 1;
                eprintln!("alidav: {}: {problem}", wanted.at);
            }
        }
    }
    let (mut removed, mut stayed) = (0, 0);
    for at in &plan.to_remove {
        match folder.remove(at) {
            Ok(true) => removed += 1,
            Ok(false) => stayed += 1,
            Err(error) => {
                failed += 1;
                eprintln!("alidav: {at}: {error}");
                continue;
            }
        }
        manifest.forget(at);
    }
    plan.vanished_folders.iter().for_each(|at| {
        folder.remove_if_empty(at);
        manifest.forget(at);
    });
    plan.given_up.iter().for_each(|at| manifest.forget(at));
    for at in plan.foreign.iter().chain(&plan.given_up) {
        eprintln!("alidav: {at}: left alone: it is not as an export wrote it");
    }
    manifest.write(folder)?;
    let left = plan.foreign.len() + plan.given_up.len() + stayed;
    say!("wrote {wrote}, removed {removed}, left alone {left}, unchanged {}, failed {failed}", plan.unchanged);
    Ok(failed == 0)
}

/// Makes a folder, or puts a file in place of an older one at once.
async fn write(tree: &Tree, folder: &Folder, wanted: &Wanted, manifest: &mut Manifest) -> Result<(), String> {
    let content = match &wanted.what {
        What::Folder => {
            if folder.make(&wanted.at)? {
                manifest.has_folder(&wanted.at);
            }
            return Ok(());
        }
        What::Made(text) => text.clone(),
        What::Kept(file) => read(tree, file).await.map_err(|error| error.to_string())?,
    };
    let sum = folder.put(&wanted.at, &content, wanted.modified)?;
    manifest.has_file(&wanted.at, sum);
    Ok(())
}

async fn read(tree: &Tree, file: &Resource) -> Result<Vec<u8>, drive::Error> {
    let file = tree.sized(file, READER).await?;
    let size = file.entry.size.unwrap_or_default();
    let mut content = Vec::new();
    if size > 0 {
        let mut stream = tree.read(&file, 0..size, READER).await?;
        while let Some(bytes) = stream.next().await {
            content.extend_from_slice(&bytes?);
        }
    }
    Ok(content)
}
