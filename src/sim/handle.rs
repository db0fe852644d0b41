//! What tests and the demo do to a running simulator from within the process. The same over HTTP is in `levers`.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use crate::sim::Simulator;
use crate::sim::clock::now_ms;
use crate::sim::levers;
use crate::sim::levers::fault::{Fault, Refused};
use crate::sim::levers::gate::{Gate, Moment};
use crate::sim::levers::rules::Rules;
use crate::sim::route;
use crate::sim::world::application::Application;
use crate::sim::world::content::Content;
use crate::sim::world::drive::{Drive, Node};
use crate::sim::world::film::Film;

impl Simulator {
    /// A new refresh token of the first user, issued to OpenList's application.
    #[must_use]
    pub fn refresh_token(&self) -> String {
        self.refresh_token_of(0)
    }

    /// A new refresh token of the first user, issued to an application.
    #[must_use]
    pub fn refresh_token_for(&self, application: Application) -> String {
        let world = &mut *self.shared.world.lock();
        world.tokens.new_refresh(0, &world.users[0], application)
    }

    /// A new refresh token of the user 0 or 1, issued to OpenList's application.
    #[must_use]
    pub fn refresh_token_of(&self, user: usize) -> String {
        let world = &mut *self.shared.world.lock();
        world.tokens.new_refresh(user, &world.users[user], Application::OpenList)
    }

    /// A refresh token of the first user that was issued to OpenList's application so many days ago.
    #[must_use]
    pub fn refresh_token_aged(&self, days: i64) -> String {
        let world = &mut *self.shared.world.lock();
        world.tokens.aged_refresh(0, &world.users[0], Application::OpenList, days * 86_400)
    }

    /// What the person with the phone does with a QR code: `scan`, `confirm`, `expire` or `refuse`. False for an
    /// unknown code.
    pub fn qr(&self, sid: &str, act: &str) -> bool {
        levers::set_login(&mut self.shared.world.lock(), sid, act).is_ok()
    }

    /// Every token and authorisation code given out so far, and the application's secret.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        self.shared.world.lock().tokens.secrets()
    }

    /// A new access token of the first user.
    #[must_use]
    pub fn access_token(&self) -> String {
        let world = &mut *self.shared.world.lock();
        let life = world.rules.access_token_s;
        world.tokens.new_access(0, &world.users[0], Application::OpenList, life)
    }

    /// Changes the rules while running.
    pub fn rules(&self, change: impl FnOnce(&mut Rules)) {
        change(&mut self.shared.world.lock().rules);
    }

    /// Plans a fault.
    pub fn fault(&self, fault: Fault) {
        self.shared.world.lock().ledger.plan(fault);
    }

    /// Forgets all planned faults.
    pub fn clear_faults(&self) {
        self.shared.world.lock().ledger.clear();
    }

    /// Puts up a gate at which calls of an endpoint (`*` for any; transfers are `data PUT` and `data GET`) wait until
    /// the test lets them go. Of several for one call the oldest holds it.
    #[must_use]
    pub fn gate(&self, call: &str, moments: &[Moment]) -> Gate {
        self.shared.gates.lock().put_up(call, moments)
    }

    /// How many calls wait at gates.
    #[must_use]
    pub fn held(&self) -> usize {
        self.shared.held.load(Ordering::Relaxed)
    }

    /// Calls so far by endpoint; transfers are `data GET`, `data PUT`, `preview playlist`, `preview segment`,
    /// `preview subtitle` and `preview thumbnail`.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.shared.world.lock().ledger.calls()
    }

    /// Calls so far, transfers not counted.
    #[must_use]
    pub fn api_calls(&self) -> u64 {
        self.calls().iter().filter(|(call, _)| !route::is_transfer(call)).map(|(_, count)| count).sum()
    }

    /// What was refused since the last reset; planned faults are not among it.
    #[must_use]
    pub fn refused(&self) -> Refused {
        self.shared.world.lock().ledger.refused()
    }

    /// Transfers so far by the host that was asked.
    #[must_use]
    pub fn data_hosts(&self) -> BTreeMap<String, u64> {
        self.shared.world.lock().data_hosts.clone()
    }

    /// Counts from zero again.
    pub fn reset_calls(&self) {
        self.shared.world.lock().ledger.reset();
    }

    /// Most bodies that a user has had open at once.
    #[must_use]
    pub fn peak_downloads(&self) -> usize {
        self.shared.world.lock().users[0].peak_downloads
    }

    /// Bytes sent by all download bodies that are over.
    #[must_use]
    pub fn downloaded(&self) -> u64 {
        self.shared.world.lock().users[0].downloaded
    }

    /// Waits until exactly so many download bodies are open.
    pub async fn wait_open_downloads(&self, count: usize) {
        let mut downloads = self.shared.downloads.subscribe();
        // The sender lives as long as self.
        downloads.wait_for(|open| *open == count).await.ok();
    }

    /// All access tokens given out so far are expired.
    pub fn expire_access_tokens(&self) {
        self.shared.world.lock().tokens.expire_access();
    }

    /// All refresh tokens given out so far are refused.
    pub fn revoke_refresh_tokens(&self) {
        self.shared.world.lock().tokens.revoke_refresh();
    }

    /// All links and part URLs given out so far are expired.
    pub fn expire_links(&self) {
        self.shared.world.lock().links_expired_before_ms = now_ms() + 1;
    }

    /// All unfinished uploads are gone.
    pub fn expire_uploads(&self) {
        let world = &mut *self.shared.world.lock();
        world.uploads.retain(|_, upload| upload.done);
        world.drives.values_mut().for_each(|drive| drive.nodes.retain(|_, node| !node.uploading));
    }

    /// How many bytes have come of each unfinished upload.
    pub fn unfinished_uploads(&self) -> Vec<u64> {
        let world = self.shared.world.lock();
        let unfinished = world.uploads.values().filter(|upload| !upload.done);
        unfinished.map(|upload| upload.parts.values().map(|part| part.size).sum()).collect()
    }

    /// Makes a folder and all above it on the first user's backup drive.
    pub fn mkdir(&self, path: &str) -> String {
        self.with_drive(|drive| drive.mkdir(path))
    }

    /// Puts a file on the first user's backup drive in place of what bears its name.
    pub fn write(&self, path: &str, bytes: impl Into<bytes::Bytes>) -> String {
        let content = Content::Kept(bytes.into());
        self.with_drive(|drive| levers::put(drive, path, content))
    }

    /// Gives the file at a path other content, behind the same id.
    pub fn overwrite(&self, path: &str, bytes: impl Into<bytes::Bytes>) {
        let content = Content::Kept(bytes.into());
        self.with_drive(|drive| {
            let id = drive.find(path).unwrap_or_default();
            if let Some(node) = drive.nodes.get_mut(&id) {
                (node.sha1, node.content) = (content.sha1(), Some(content));
                node.updated_ms = now_ms();
            }
        });
    }

    /// Puts a file of made-up content, which costs nothing whatever its size.
    pub fn write_generated(&self, path: &str, size: u64, seed: u64) -> String {
        self.with_drive(|drive| levers::put(drive, path, Content::Generated { size, seed }))
    }

    /// Makes a folder of so many empty files, `file number 000001.mkv` onwards.
    pub fn fill(&self, path: &str, count: u64) -> String {
        self.with_drive(|drive| levers::fill(drive, path, count))
    }

    /// Adds a file beside others of its name.
    pub fn add_same_name(&self, path: &str, bytes: impl Into<bytes::Bytes>) -> String {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let content = Content::Kept(bytes.into());
        self.with_drive(|drive| {
            let parent = drive.mkdir(folder);
            drive.add(&parent, name, Some(content))
        })
    }

    /// Adds a live photo of the given picture and film.
    pub fn write_livp(&self, path: &str, jpeg: impl Into<bytes::Bytes>, mov: impl Into<bytes::Bytes>) -> String {
        let (jpeg, mov) = (Content::Kept(jpeg.into()), Content::Kept(mov.into()));
        self.with_drive(|drive| {
            let id = levers::put(drive, path, Content::Generated { size: jpeg.size() + mov.size() + 500, seed: 3 });
            if let Some(node) = drive.nodes.get_mut(&id) {
                node.streams = Some((jpeg, mov));
            }
            id
        })
    }

    /// Takes an item away for good.
    pub fn remove(&self, path: &str) {
        self.with_drive(|drive| {
            if let Some(id) = drive.find(path) {
                drive.remove(&id);
            }
        });
    }

    /// Sets an item's punish flag (reference 3.1).
    pub fn punish(&self, path: &str, flag: i64) {
        self.change(path, |node| node.punish_flag = flag);
    }

    /// Marks an item with a star, as the drive's own app does.
    pub fn star(&self, path: &str) {
        self.change(path, |node| node.starred = true);
    }

    /// Tells the transcoder what the file at a path is.
    pub fn film(&self, path: &str, film: Film) {
        self.change(path, |node| node.film = Some(film));
    }

    /// Where a file was left when it was last played, in the service's words.
    #[must_use]
    pub fn play_cursor(&self, path: &str) -> Option<String> {
        self.with_drive(|drive| drive.nodes.get(&drive.find(path)?)?.play_cursor.clone())
    }

    /// The bytes of a file of the first user's backup drive.
    #[must_use]
    pub fn read(&self, path: &str) -> Option<Vec<u8>> {
        self.with_drive(|drive| {
            let id = drive.find(path)?;
            drive.nodes.get(&id)?.content.as_ref()?.all().ok()
        })
    }

    /// What lives on the first user's backup drive, by path, in order: a file's bytes, nothing for a folder. Items of
    /// one name are all there.
    #[must_use]
    pub fn tree(&self) -> Vec<(String, Option<Vec<u8>>)> {
        self.with_drive(|drive| levers::living(drive).into_iter().map(|(path, node)| (path, node.bytes())).collect())
    }

    /// Puts an item into the recycle bin, as another program does.
    pub fn trash(&self, path: &str) {
        self.change(path, |node| (node.trashed, node.updated_ms) = (true, now_ms()));
    }

    /// Gives an item another name in its folder, as another program does.
    pub fn rename(&self, path: &str, name: &str) {
        self.change(path, |node| (node.name, node.updated_ms) = (name.to_owned(), now_ms()));
    }

    fn change(&self, path: &str, change: impl FnOnce(&mut Node)) {
        self.with_drive(|drive| {
            if let Some(node) = drive.find(path).and_then(|id| drive.nodes.get_mut(&id)) {
                change(node);
            }
        });
    }

    /// Ids of the first user's resource and backup drives.
    #[must_use]
    pub fn drive_ids(&self) -> (String, String) {
        let world = self.shared.world.lock();
        (world.users[0].resource_drive.clone(), world.users[0].backup_drive.clone())
    }

    fn with_drive<T>(&self, act: impl FnOnce(&mut Drive) -> T) -> T {
        let mut world = self.shared.world.lock();
        let id = world.users[0].backup_drive.clone();
        let drive = world.drives.entry(id.clone()).or_insert_with(|| Drive { id, user: 0, nodes: Default::default() });
        act(drive)
    }
}
