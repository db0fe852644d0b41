//! What the simulated service allows and how it says things: every choice that the reference leaves
//! open (section 7.4) is a switch here.

use serde::{Deserialize, Serialize};

/// The rules with the default of each beside it.
macro_rules! rules {
    ($($(#[$doc:meta])+ $name:ident: $kind:ty = $default:expr,)+) => {
        /// The service's rules; the defaults are the reference's most compatible choices.
        #[derive(Debug, Clone, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Rules {
            $($(#[$doc])+ pub $name: $kind,)+
        }

        impl Default for Rules {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }
    };
}

rules! {
    /// Whether call rates are limited at all.
    rate_limits: bool = true,
    /// Calls of `list` within ten seconds (reference 4.1).
    list_per_10s: usize = 40,
    /// Calls of `getDownloadUrl` within ten seconds.
    link_per_10s: usize = 10,
    /// All other calls within ten seconds.
    other_per_10s: usize = 150,
    /// What a second may hold of them.
    rate_shape: RateShape = RateShape::Blurred,
    /// Whether a 429 carries `x-retry-after`.
    retry_after: bool = true,
    /// Life of an access token in seconds.
    access_token_s: i64 = 7200,
    /// Whether a refresh token works once only.
    single_use_refresh: bool = true,
    /// How URLs are signed.
    signature: SignatureVersion = SignatureVersion::V4,
    /// Life of a download URL in seconds, whatever is asked for.
    link_s: i64 = 900,
    /// How the answer to `getDownloadUrl` tells the URL's expiry.
    link_expiration: Expiration = Expiration::Right,
    /// Life of a part URL in seconds.
    part_url_s: i64 = 3600,
    /// Life of a preview URL in seconds, whatever is asked for.
    preview_url_s: i64 = 900,
    /// How URLs of previews and thumbnails are signed.
    preview_signature: SignatureVersion = SignatureVersion::V2,
    /// Whether URLs of previews are those of web tokens, which need the service's own `Referer` and say so.
    preview_referer: bool = false,
    /// Whether the preview host lets pages of other origins read.
    preview_cors: bool = true,
    /// Whether the data host does.
    data_cors: bool = false,
    /// What a playlist is called.
    playlist_type: String = "application/vnd.apple.mpegurl".to_owned(),
    /// How long the making of a segment takes that nobody has asked for yet, in milliseconds; the first three are made.
    segment_making_ms: u64 = 0,
    /// Whether where a film was left stands beside the answer's `video_preview_play_info`; else within.
    cursor_beside: bool = false,
    /// Whether the account's space is exceeded, so that nothing can be played.
    over_capacity: bool = false,
    /// Life of a thumbnail's URL in seconds.
    thumbnail_s: i64 = 900,
    /// Seconds by which the service's clock is ahead of this machine's: in `Date`, in signatures and expiries.
    clock_offset_s: i64 = 0,
    /// Whether answers have a `Date`.
    dated: bool = true,
    /// Whether the data host serves a GET without `Range`.
    bare_get: bool = true,
    /// Whether data URLs name the service's hosts, which are reached with the simulator as `http://` proxy; else its address.
    named_hosts: bool = false,
    /// Whether downloads are at the unsteady host then.
    unsteady_links: bool = true,
    /// What the steady data host does.
    steady_host: HostMood = HostMood::Serves,
    /// What the unsteady one does.
    unsteady_host: HostMood = HostMood::Invalid,
    /// Open download bodies of a user; the next is refused.
    max_downloads: usize = 3,
    /// Largest page of a listing.
    max_list_limit: u64 = 200,
    /// Whether a larger one is cut to it instead of refused.
    clamp_list_limit: bool = false,
    /// Code of the refusal, whose suffix varies between sources.
    list_limit_code: String = "InvalidParameter.Limit".to_owned(),
    /// Whether listings hold trashed items and unfinished uploads too, marked as such.
    list_unavailable: bool = false,
    /// How sizes are told.
    sizes: SizeForm = SizeForm::Number,
    /// Whether `get_by_path` gives the oldest of same-named items; else the newest.
    by_path_oldest: bool = false,
    /// Bytes of an account.
    quota: u64 = 8 << 40,
    /// Largest file in bytes.
    max_file_size: u64 = 80_000_000_000,
    /// Most parts of an upload.
    max_parts: usize = 10_000,
    /// Parts on a page of `listUploadedParts`.
    part_page: usize = 1000,
    /// Whether it tells their sizes.
    part_sizes: bool = true,
    /// Least bytes of a part that is not the last.
    min_part_size: u64 = 100 << 10,
    /// Whether parts must come in order, each once (reference 3.12); else in any, and the last of a number counts.
    sequential_parts: bool = true,
    /// Status of a bad or expired access token.
    bad_token_status: u16 = 401,
    /// Whether the token endpoint takes the form encoding beside JSON.
    form_tokens: bool = true,
    /// Whether a second `complete` gives the object; else the session is gone.
    complete_twice: bool = true,
    /// Whether `create` with `refuse` answers success with `exist:true`; else by `AlreadyExist.File`.
    refusal_is_success: bool = true,
    /// Whether the data host refuses verbs that the URL was not signed for.
    signed_verb: bool = true,
    /// Whether the data host refuses a foreign `Referer`.
    checked_referer: bool = true,
    /// Whether a part's `Content-Type` is part of the signature.
    signed_type: bool = true,
    /// Status of `PreHashMatched`.
    pre_hash_status: u16 = 409,
    /// Status of `NotFound.File`, but for `get_by_path`.
    not_found_status: u16 = 404,
    /// Status of `NotFound.File` at `get_by_path`.
    not_found_by_path_status: u16 = 400,
    /// Status of `ForbiddenFileInTheRecycleBin`.
    recycled_status: u16 = 400,
    /// Status of `AlreadyExist.File`.
    exists_status: u16 = 409,
    /// Whether trash and delete answer 204 without a body.
    empty_removal_answer: bool = false,
    /// How often a folder's task says `Running` before it succeeds; absent for no task at all.
    task_polls: Option<u32> = Some(1),
    /// Whether names with `\:*?"<>|` are refused.
    strict_names: bool = false,
    /// Bytes a second of each download connection; absent for no limit.
    download_bytes_per_s: Option<u64> = None,
    /// Whether `copy` takes another drive of the user in `to_drive_id`, which nobody has been seen to use.
    copy_to_other_drive: bool = true,
    /// Whether content that the service has already is attached instead of being sent again.
    rapid_upload: bool = true,
    /// Delay of every API answer in milliseconds.
    latency_ms: u64 = 0,
    /// Whether errors come in the long form with nulls (reference 0.4).
    long_errors: bool = false,
    /// Whether fields without a value are left out instead of null.
    omit_nulls: bool = false,
    /// How pages are filled.
    page_shape: PageShape = PageShape::Full,
    /// What of a page is no item.
    odd_items: OddItems = OddItems::None,
    /// Whether hashes come in lower case.
    lower_case_hashes: bool = false,
    /// How the last page says that it is the last.
    last_marker: LastMarker = LastMarker::Empty,
    /// Whether the user granted the resource drive.
    grant_resource: bool = true,
    /// Whether the user granted the backup drive.
    grant_backup: bool = true,
    /// Whether the service calls the resource drive the default one, as for some accounts; else the backup drive. It
    /// does so whether or not that one was granted (reference 2.1).
    default_is_resource: bool = false,
    /// Whether copying into the same folder without `auto_rename` is refused.
    refuse_copy_in_place: bool = true,
    /// Whether an item that is to be put where it is already counts as its own namesake there.
    own_namesake: bool = false,
    /// Whether each token server has an application of its own, so that it refuses the tokens of the others; else all
    /// renew all (reference 1.8).
    own_applications: bool = true,
    /// Whether OpenList's server for mainland China holds the same application as its other one; nobody states it.
    mainland_shares_application: bool = false,
    /// What stands before OpenList's server; nothing stands before its twin for mainland China.
    bot_check: BotCheck = BotCheck::Off,
    /// Whether OpenList's servers are of the versions that call `driver_txt` `apps_types` (reference 1.8.2).
    old_driver_name: bool = false,
    /// Polls after which a QR login confirms itself; absent for never.
    qr_auto_confirm: Option<u32> = None,
    /// Which user, 0 or 1, scans the QR codes.
    qr_user: usize = 0,
    /// Whether uploaded content above a megabyte is hashed but not kept, for measurements.
    discard_uploads: bool = false,
    /// Whether a link comes with the hash of its content.
    link_hashes: bool = true,
    /// Whether listed live photos carry their streams already.
    list_streams: bool = false,
    /// How far the search's index is behind, in milliseconds.
    search_lag_ms: i64 = 0,
    /// How a search's result is told.
    search_shape: SearchShape = SearchShape::Right,
    /// What the `url` of a file object leads to.
    listed_url: ListedUrl = ListedUrl::Content,
}

/// What the `url` of a file object leads to when it is read (reference 3.1). Whether there is one is settled when the
/// object is told, the rest when the URL is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListedUrl {
    /// The file's content, of an image a preview.
    Content,
    /// There is none.
    Absent,
    /// Other bytes of the same length, with the content's own validators.
    OtherBytes,
    /// The first half of the content.
    FewerBytes,
    /// 403 for no reason that the reference knows.
    Refused,
    /// A redirection.
    Redirected,
    /// A web page, with status 200.
    WebPage,
    /// 403 that says that it has expired.
    Expired,
}

/// How a bot check turns requests away before the token server sees them (reference 1.8.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BotCheck {
    /// There is none.
    Off,
    /// Agents that no report knows to pass get 403 and `error code: 1010`.
    Agents,
    /// Everybody gets that.
    Text,
    /// Everybody gets 403 and a challenge page.
    Page,
    /// Everybody gets 503 and a challenge page.
    BusyPage,
}

/// How the documented rates are counted within a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateShape {
    /// A tenth of ten seconds' calls and one, since a second's edges blur on the way.
    Blurred,
    /// A tenth, exactly.
    Exact,
    /// One by one: a bucket that holds one call.
    Spaced,
}

/// How a search's result is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchShape {
    /// Each item once, in the order asked for.
    Right,
    /// Each item twice.
    Repeated,
    /// In the opposite order.
    Reversed,
}

/// How URLs are signed (reference 3.9): by version 4 since 2026, by version 2 before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the variants say it")]
pub enum SignatureVersion {
    V2,
    V4,
}

impl SignatureVersion {
    /// What stands in `x-oss-signature-version`.
    pub(in crate::sim) fn word(self) -> &'static str {
        match self {
            Self::V2 => "OSS2",
            Self::V4 => "OSS4-HMAC-SHA256",
        }
    }
}

/// What a data host does with a request, whatever its URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostMood {
    /// Answers it.
    Serves,
    /// Closes the connection.
    Closes,
    /// Calls it `not a valid request`, with status 400 (reference 3.9).
    Invalid,
    /// Refuses it with status 403.
    Forbids,
}

/// How an answer tells a URL's expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expiration {
    /// As a timestamp, rightly.
    Right,
    /// As null.
    Null,
    /// As the moment a day before.
    Past,
    /// As a number of milliseconds.
    Number,
}

/// How sizes are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the variants say it")]
pub enum SizeForm {
    Number,
    Text,
    Untold,
}

/// How pages are filled (reference 3.2: a page may be short or empty before the last).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageShape {
    /// As many items as were asked for.
    Full,
    /// A third less.
    Short,
    /// Every second page has none.
    SomeEmpty,
}

/// What of a page is null, without a name, or not of an item's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OddItems {
    /// Nothing.
    None,
    /// Four entries more than there are items, if there are any.
    Some,
    /// Every entry.
    All,
}

/// How the last page says that it is the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the variants say it")]
pub enum LastMarker {
    Empty,
    Null,
    Absent,
}
