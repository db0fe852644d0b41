//! What the API's answers say, in our words: the service's nulls, spellings and time strings end here.

use std::fmt;

use crate::clock::{UnixMillis, UnixSeconds};
use crate::digest::Sha1;
use crate::upstream::signed_url::{Life, SignedUrl};

/// Whether an item is a file or a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the variants say it")]
pub enum ItemKind {
    File,
    Folder,
}

/// What the service takes a file's content for (reference 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the variants say it")]
pub enum Category {
    Video,
    Audio,
    Image,
    Document,
    Archive,
    /// `others`, `app`, and what the reference does not know.
    Other,
}

/// The `url` of a file object: of an image a preview, of other files below 5 MB their download address (reference 3.1).
#[derive(Debug, Clone)]
pub struct Address {
    /// Signed URL.
    pub url: SignedUrl,
    /// How long new requests may be made with it.
    pub life: Life,
}

/// A file or folder as the service reports it (reference 3.1).
#[derive(Debug, Clone)]
pub struct Item {
    /// Stable id of the item.
    pub file_id: String,
    /// Id of its folder; absent for the root.
    pub parent_file_id: Option<String>,
    /// Name as the drive has it.
    pub name: String,
    /// File or folder.
    pub kind: ItemKind,
    /// Bytes; absent for folders, and where the service does not say.
    pub size: Option<u64>,
    /// SHA-1 of the content, where the service knows it.
    pub sha1: Option<Sha1>,
    /// Server's time of creation.
    pub created: Option<UnixMillis>,
    /// Server's time of the last change.
    pub updated: Option<UnixMillis>,
    /// Time of modification that the uploader gave.
    pub local_modified: Option<UnixMillis>,
    /// MIME type the service derived, where it gives one.
    pub mime_type: Option<String>,
    /// What the service takes its content for; absent for folders, and where it does not say.
    pub category: Option<Category>,
    /// Its `url`, where the call is one whose addresses are of use.
    pub address: Option<Address>,
    /// Whether the item is in the recycle bin.
    pub trashed: bool,
    /// Whether the user has starred it.
    pub starred: bool,
    /// Not yet completed (`status: uploading`).
    pub uploading: bool,
    /// 0 normal; see reference 3.1 for the other values.
    pub punish_flag: i64,
    /// Seconds at which it was left, of a film.
    pub cursor_s: Option<f64>,
    /// What is told of a film's or a picture's content.
    pub media: Option<Box<Media>>,
    /// Streams of a live photo by name (`jpeg`, `heic`, `mov`); only `get` fills it.
    pub streams: Vec<LivpStream>,
}

#[cfg(test)]
impl Item {
    /// A file that bears its id as its name, in the root folder.
    pub(crate) fn test_file(id: &str, updated: UnixMillis) -> Self {
        Self {
            file_id: id.to_owned(),
            parent_file_id: Some("root".to_owned()),
            name: id.to_owned(),
            kind: ItemKind::File,
            size: Some(1),
            sha1: None,
            created: None,
            updated: Some(updated),
            local_modified: None,
            mime_type: None,
            category: None,
            address: None,
            trashed: false,
            starred: false,
            uploading: false,
            punish_flag: 0,
            cursor_s: None,
            media: None,
            streams: Vec::new(),
        }
    }
}

/// What the service has found in a film or a picture (reference 3.1).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Media {
    /// Seconds.
    pub duration_s: Option<f64>,
    /// Pixels.
    pub width: Option<u32>,
    /// Pixels.
    pub height: Option<u32>,
    /// The coding of each track of pictures, such as `h264`.
    pub video: Vec<String>,
    /// The coding of each track of sound, such as `aac`.
    pub sound: Vec<String>,
}

/// One stream of a live photo (reference 3.1, `streams_info`).
#[derive(Debug, Clone)]
pub struct LivpStream {
    /// `jpeg`, `heic` or `mov`.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// SHA-1 of the stream, where given.
    pub sha1: Option<Sha1>,
}

/// One page of a listing.
#[derive(Debug, Clone)]
pub struct Page {
    /// Members on this page; may be none although more pages follow.
    pub items: Vec<Item>,
    /// How many more the answer has that are no items: null, without a name, or not of an item's form.
    pub unreadable: usize,
    /// Where the next page begins; absent on the last.
    pub next_marker: Option<String>,
}

/// What a listing asks for (reference 3.2).
#[derive(Debug, Clone, Copy)]
pub struct ListRequest<'a> {
    /// Drive.
    pub drive_id: &'a str,
    /// Folder.
    pub parent_file_id: &'a str,
    /// Order.
    pub order_by: crate::config::OrderBy,
    /// Direction.
    pub order_direction: crate::config::OrderDirection,
    /// Page to fetch; absent for the first.
    pub marker: Option<&'a str>,
}

/// Space of the whole account (reference 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpaceInfo {
    /// Bytes used.
    pub used: u64,
    /// Bytes in all.
    pub total: u64,
}

/// What an account's user has paid for (reference 2.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// `member`, `vip`, `svip`.
    pub identity: String,
    /// `8TB`, `20TB`.
    pub level: Option<String>,
    /// Until when.
    pub expires: Option<UnixSeconds>,
    /// Whether the package for other programs is there too, by which downloads of ours are fast (reference 4.3).
    pub third_party: Option<bool>,
    /// Until when.
    pub third_party_expires: Option<UnixSeconds>,
}

/// Answer of `getDownloadUrl` (reference 3.8).
#[derive(Debug, Clone)]
pub struct DownloadLink {
    /// Signed URL; for a live photo the stream that was asked for.
    pub url: SignedUrl,
    /// How long new requests may be made with it.
    pub life: Life,
    /// Bytes, where the answer says.
    pub size: Option<u64>,
    /// SHA-1 of the content, where the answer says.
    pub sha1: Option<Sha1>,
}

/// Whether a same-named sibling stops a change (reference 3.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckNameMode {
    /// Nothing is made; the existing item is reported.
    Refuse,
    /// The service appends a suffix.
    AutoRename,
    /// A second item of the same name is made.
    Ignore,
}

/// What `create` is asked for a file (reference 3.10).
#[derive(Debug, Clone)]
pub struct CreateFile<'a> {
    /// Drive.
    pub drive_id: &'a str,
    /// Folder.
    pub parent_file_id: &'a str,
    /// Name to give.
    pub name: &'a str,
    /// What a same-named sibling means.
    pub check_name_mode: CheckNameMode,
    /// Bytes, where known.
    pub size: Option<u64>,
    /// How many part URLs to ask for; 0 for an empty file.
    pub parts: u32,
    /// What the service is told of the content beforehand.
    pub content: ContentHint,
    /// Uploader's time of modification.
    pub local_modified: Option<UnixMillis>,
    /// Uploader's time of creation.
    pub local_created: Option<UnixMillis>,
}

/// What `create` tells the service of the content (reference 3.11).
#[derive(Debug, Clone)]
pub enum ContentHint {
    /// Nothing: a plain upload.
    None,
    /// SHA-1 of the first 1,024 bytes: asks whether the drive may have the content.
    PreHash(Sha1),
    /// SHA-1 of the whole and the bytes the proof may need: commits without sending if the drive has it.
    Full {
        /// SHA-1 of the whole content.
        sha1: Sha1,
        /// Gives the 1 to 8 bytes at an offset; called again with another offset after a token refresh.
        proof: ProofSource,
    },
}

/// Gives the bytes of the content in `[start, end)`; at most 8 are asked (reference 3.11).
#[derive(Clone)]
pub struct ProofSource(
    /// The function that reads them.
    pub std::sync::Arc<dyn Fn(u64, u64) -> std::io::Result<Vec<u8>> + Send + Sync>,
);

impl fmt::Debug for ProofSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProofSource")
    }
}

/// Answer of `create`.
#[derive(Debug, Clone)]
pub enum Created {
    /// A folder, or a file attached without sending (`rapid_upload`).
    Done {
        /// Id of the new item.
        file_id: String,
        /// Its final name, where the answer says.
        name: Option<String>,
        /// Session to complete, where the answer to a rapid upload names one.
        upload_id: Option<String>,
    },
    /// A same-named sibling exists and the mode was refuse.
    Exists {
        /// Id of the sibling.
        file_id: String,
    },
    /// An upload session waits for its parts.
    Session(UploadSession),
}

/// Upload id and the part URLs that came with it.
#[derive(Debug, Clone)]
pub struct UploadSession {
    /// Id of the file to be.
    pub file_id: String,
    /// Id of the session.
    pub upload_id: String,
    /// Final name, where the answer says.
    pub name: Option<String>,
    /// Part URLs in part order.
    pub parts: Vec<PartUrl>,
}

/// Temporary target of one part.
#[derive(Debug, Clone)]
pub struct PartUrl {
    /// From 1.
    pub part_number: u32,
    /// Signed URL.
    pub url: SignedUrl,
    /// How long new requests may be made with it.
    pub life: Life,
    /// `Content-Type` to send, where the service demands one.
    pub content_type: Option<String>,
}

/// A part the service holds (reference 3.14).
#[derive(Debug, Clone)]
pub struct UploadedPart {
    /// From 1.
    pub part_number: u32,
    /// Bytes.
    pub size: u64,
}

/// Answer of move, copy, trash and delete.
#[derive(Debug, Clone)]
pub struct TreeChange {
    /// Id of the item afterwards; a new one for copy.
    pub file_id: String,
    /// Refused because of a same-named item.
    pub exists: bool,
    /// Task to wait for; absent when all is done.
    pub async_task_id: Option<String>,
}

/// State of an asynchronous task (reference 3.19).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are the service's own words")]
pub enum TaskState {
    Running,
    Succeed,
    Failed,
}
