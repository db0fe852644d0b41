//! Addresses of small files, as listings name them: what spares a link.
//!
//! A listing gives the download address of each file below 5 MB along with it (reference 3.1). They live
//! some 15 minutes and are some 700 bytes long, so they are kept apart from the listings, within a bound of their
//! own. None is believed by itself: who reads by one proves what came (`whole`). What has turned out to lie is
//! remembered here too.

use std::time::Duration;

use crate::digest::Sha1;
use crate::drive::entry::Entry;
use crate::upstream::{Address, Category, Item};

/// Files of this size and larger have none (reference 3.1).
const SMALL: u64 = 5 << 20;

/// Most memory of one account's addresses; with what each of them costs beside its text.
const MAX_BYTES: u64 = 16 << 20;
const OVERHEAD: u32 = 400;

/// Life that an address must have left to be used: the request has to arrive, and may wait for its slot.
const MIN_LIFE: Duration = Duration::from_secs(20);

/// How long addresses of a kind are not used after one of them has lied.
const DISTRUST: Duration = Duration::from_secs(3600);

/// Files whose addresses are alike: those of one category of one mount.
type Kind = (usize, Category);

/// The addresses of one account's files, by file id.
pub(in crate::drive) struct Addresses {
    known: moka::sync::Cache<Box<str>, Known>,
    liars: moka::sync::Cache<Kind, ()>,
}

#[derive(Clone)]
struct Known {
    /// Content that was listed with it.
    sha1: Sha1,
    address: Address,
    /// The data host says that its time is over, whatever it says itself.
    expired: bool,
}

/// What is known of a file's address.
pub(in crate::drive) enum Found {
    Living(Address),
    /// There was one; a new listing has another.
    Expired,
    None,
}

impl Addresses {
    pub(in crate::drive) fn new() -> Self {
        let weight =
            |known: &Known| u32::try_from(known.address.url.size()).unwrap_or(u32::MAX).saturating_add(OVERHEAD);
        let known = moka::sync::Cache::builder()
            .max_capacity(MAX_BYTES)
            .weigher(move |_, known: &Known| weight(known))
            // The folder that was listed last is read next.
            .eviction_policy(moka::policy::EvictionPolicy::lru())
            .time_to_live(DISTRUST)
            .build();
        Self { known, liars: moka::sync::Cache::builder().max_capacity(10_000).time_to_live(DISTRUST).build() }
    }

    /// Takes over a listed item's address, if it is one that files are read by.
    pub(in crate::drive) fn take_in(&self, item: &mut Item) {
        let Some(address) = item.address.take() else { return };
        if let Some(sha1) = item.sha1.filter(|_| is_read_by_address(&Entry::from(&*item))) {
            self.known.insert(item.file_id.as_str().into(), Known { sha1, address, expired: false });
        }
    }

    /// The address by which a file's listed content is to be read.
    pub(in crate::drive) fn find(&self, mount: usize, entry: &Entry) -> Found {
        let Some((kind, sha1)) = kind(mount, entry).zip(entry.sha1) else { return Found::None };
        if self.liars.contains_key(&kind) {
            return Found::None;
        }
        match self.known.get(&entry.file_id).filter(|known| known.sha1 == sha1) {
            None => Found::None,
            Some(known) if known.expired || known.address.life.left() < MIN_LIFE => Found::Expired,
            Some(known) => Found::Living(known.address),
        }
    }

    /// The data host says that the file's address has expired. A newer one may have come meanwhile.
    pub(in crate::drive) fn expire(&self, entry: &Entry, address: &Address) {
        if let Some(known) = self.known.get(&entry.file_id).filter(|known| known.address.url == address.url) {
            self.known.insert(entry.file_id.clone(), Known { expired: true, ..known });
        }
    }

    /// The file's address is of no use; a new listing may have a better one.
    pub(in crate::drive) fn forget(&self, entry: &Entry, address: &Address) {
        if self.known.get(&entry.file_id).is_some_and(|known| known.address.url == address.url) {
            self.known.invalidate(&entry.file_id);
        }
    }

    /// The file's address gave something else than the file: those of its kind are not asked for a while.
    pub(super) fn distrust(&self, mount: usize, entry: &Entry) {
        if let Some(kind) = kind(mount, entry) {
            tracing::warn!(category = ?kind.1, file = %entry.file_id,
                "the address that a listing gave for a file leads to something else; links are used for an hour");
            self.liars.insert(kind, ());
        }
    }
}

/// Whether a file's listed `url` is the address of its content: that of an image is a preview. And without its hash
/// nothing could be proved.
fn is_read_by_address(entry: &Entry) -> bool {
    let small = entry.size.is_some_and(|size| (1..SMALL).contains(&size));
    let image = entry.category.is_none_or(|category| category == Category::Image);
    !entry.is_folder() && small && !image && entry.sha1.is_some() && entry.livp.is_none()
}

fn kind(mount: usize, entry: &Entry) -> Option<Kind> {
    Some((mount, entry.category.filter(|_| is_read_by_address(entry))?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixMillis;
    use crate::upstream::{Life, LivpStream, SignedUrl};

    fn item(id: &str, text: &str, life: Duration) -> Item {
        let address = Address { url: SignedUrl::parse(text).unwrap(), life: Life::lasting(life) };
        let category = Some(Category::Document);
        Item { sha1: Some([7; 20].into()), category, address: Some(address), ..Item::test_file(id, UnixMillis(1)) }
    }

    fn listed(addresses: &Addresses, mut item: Item) -> Found {
        addresses.take_in(&mut item);
        assert!(item.address.is_none());
        addresses.find(0, &Entry::from(&item))
    }

    const LIFE: Duration = Duration::from_secs(900);
    const URL: &str = "https://data.example/x";

    #[tokio::test(start_paused = true)]
    async fn what_is_no_address_of_the_content_is_not_taken_for_one() {
        let addresses = Addresses::new();
        assert!(matches!(listed(&addresses, item("a", URL, LIFE)), Found::Living(_)));
        let category = |category| Item { category, ..item("b", URL, LIFE) };
        let size = |size| Item { size, ..item("b", URL, LIFE) };
        for other in [
            category(Some(Category::Image)),
            category(None),
            size(None),
            size(Some(0)),
            size(Some(5 << 20)),
            Item { sha1: None, ..item("b", URL, LIFE) },
            Item { address: None, ..item("b", URL, LIFE) },
        ] {
            assert!(matches!(listed(&addresses, other), Found::None));
        }
        let streams = vec![LivpStream { name: "jpeg".into(), size: 1, sha1: Some([7; 20].into()) }];
        let photo = Item { name: "a.livp".into(), streams, ..item("a", URL, LIFE) };
        let shown = crate::drive::listing::live_photo::as_stream(&photo, crate::config::LivpFormat::Jpeg);
        assert!(matches!(addresses.find(0, &shown), Found::None));
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_is_used_until_its_end_or_until_it_is_refused_and_a_newer_one_is_not_blamed() {
        let addresses = Addresses::new();
        let entry = Entry::from(&item("a", URL, LIFE));
        let Found::Living(first) = listed(&addresses, item("a", URL, LIFE)) else { panic!("it lives") };
        tokio::time::advance(LIFE - Duration::from_secs(10)).await;
        assert!(matches!(addresses.find(0, &entry), Found::Expired));
        let newer = || item("a", "https://data.example/y", LIFE);
        assert!(matches!(listed(&addresses, newer()), Found::Living(_)));
        addresses.expire(&entry, &first);
        addresses.forget(&entry, &first);
        let Found::Living(second) = addresses.find(0, &entry) else { panic!("it lives") };
        addresses.expire(&entry, &second);
        assert!(matches!(addresses.find(0, &entry), Found::Expired));
        let other = Entry { sha1: Some([8; 20].into()), ..entry.clone() };
        assert!(matches!(addresses.find(0, &other), Found::None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_lie_counts_for_its_kind_and_for_an_hour() {
        let addresses = Addresses::new();
        let entry = Entry::from(&item("a", URL, LIFE));
        addresses.distrust(0, &entry);
        assert!(matches!(listed(&addresses, item("b", URL, LIFE)), Found::None));
        let song = || Item { category: Some(Category::Audio), ..item("c", URL, LIFE) };
        assert!(matches!(listed(&addresses, song()), Found::Living(_)));
        assert!(matches!(addresses.find(1, &Entry::from(&item("b", URL, LIFE))), Found::Living(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_memory_of_all_addresses_is_bounded() {
        let addresses = Addresses::new();
        let text = format!("https://data.example/{}", "x".repeat(700));
        for number in 0..40_000 {
            addresses.take_in(&mut item(&format!("{number}"), &text, LIFE));
        }
        addresses.known.run_pending_tasks();
        assert!(addresses.known.weighted_size() <= MAX_BYTES);
        let last = Entry::from(&item("39999", &text, LIFE));
        assert!(matches!(addresses.find(0, &last), Found::Living(_)));
    }
}
