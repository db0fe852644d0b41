//! What the simulated service allows and how it says things: every choice that the reference leaves
//! open (section 7.4) is a switch here.

use serde::{Deserialize, Serialize};

/// The service's rules; the defaults are the reference's most compatible choices.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Rules {
    /// Whether call rates are limited at all.
    pub rate_limits: bool,
    /// Calls of `list` within ten seconds (reference 4.1).
    pub list_per_10s: usize,
    /// Calls of `getDownloadUrl` within ten seconds.
    pub link_per_10s: usize,
    /// All other calls within ten seconds.
    pub other_per_10s: usize,
    /// What a second may hold of them.
    pub rate_shape: RateShape,
    /// Whether a 429 carries `x-retry-after`.
    pub retry_after: bool,
    /// Life of an access token in seconds.
    pub access_token_s: i64,
    /// Whether a refresh token works once only.
    pub single_use_refresh: bool,
    /// How URLs are signed.
    pub signature: SignatureVersion,
    /// Life of a download URL in seconds, whatever is asked for.
    pub link_s: i64,
    /// How the answer to `getDownloadUrl` tells the URL's expiry.
    pub link_expiration: Expiration,
    /// Life of a part URL in seconds.
    pub part_url_s: i64,
    /// Life of a preview URL in seconds, whatever is asked for.
    pub preview_url_s: i64,
    /// How URLs of previews and thumbnails are signed.
    pub preview_signature: SignatureVersion,
    /// Whether URLs of previews are those of web tokens, which need the service's own `Referer` and say so.
    pub preview_referer: bool,
    /// Whether the preview host lets pages of other origins read.
    pub preview_cors: bool,
    /// Whether the data host does.
    pub data_cors: bool,
    /// What a playlist is called.
    pub playlist_type: String,
    /// How long the making of a segment takes that nobody has asked for yet, in milliseconds; the first three are made.
    pub segment_making_ms: u64,
    /// Whether where a film was left stands beside the answer's `video_preview_play_info`; else within.
    pub cursor_beside: bool,
    /// Whether the account's space is exceeded, so that nothing can be played.
    pub over_capacity: bool,
    /// Life of a thumbnail's URL in seconds.
    pub thumbnail_s: i64,
    /// Seconds by which the service's clock is ahead of this machine's: in `Date`, in signatures and expiries.
    pub clock_offset_s: i64,
    /// Whether answers have a `Date`.
    pub dated: bool,
    /// Whether the data host serves a GET without `Range`.
    pub bare_get: bool,
    /// Whether data URLs name the service's hosts, which are reached with the simulator as `http://` proxy; else its address.
    pub named_hosts: bool,
    /// Whether downloads are at the unsteady host then.
    pub unsteady_links: bool,
    /// What the steady data host does.
    pub steady_host: HostMood,
    /// What the unsteady one does.
    pub unsteady_host: HostMood,
    /// Open download bodies of a user; the next is refused.
    pub max_downloads: usize,
    /// Largest page of a listing.
    pub max_list_limit: u64,
    /// Whether a larger one is cut to it instead of refused.
    pub clamp_list_limit: bool,
    /// Code of the refusal, whose suffix varies between sources.
    pub list_limit_code: String,
    /// Whether listings hold trashed items and unfinished uploads too, marked as such.
    pub list_unavailable: bool,
    /// How sizes are told.
    pub sizes: SizeForm,
    /// Whether `get_by_path` gives the oldest of same-named items; else the newest.
    pub by_path_oldest: bool,
    /// Bytes of an account.
    pub quota: u64,
    /// Largest file in bytes.
    pub max_file_size: u64,
    /// Most parts of an upload.
    pub max_parts: usize,
    /// Least bytes of a part that is not the last.
    pub min_part_size: u64,
    /// Whether parts must come in order, each once (reference 3.12); else in any, and the last of a number counts.
    pub sequential_parts: bool,
    /// Status of a bad or expired access token.
    pub bad_token_status: u16,
    /// Whether the token endpoint takes the form encoding beside JSON.
    pub form_tokens: bool,
    /// Whether a second `complete` gives the object; else the session is gone.
    pub complete_twice: bool,
    /// Whether `create` with `refuse` answers success with `exist:true`; else by `AlreadyExist.File`.
    pub refusal_is_success: bool,
    /// Whether the data host refuses verbs that the URL was not signed for.
    pub signed_verb: bool,
    /// Whether the data host refuses a foreign `Referer`.
    pub checked_referer: bool,
    /// Whether a part's `Content-Type` is part of the signature.
    pub signed_type: bool,
    /// Status of `PreHashMatched`.
    pub pre_hash_status: u16,
    /// Status of `NotFound.File`, but for `get_by_path`.
    pub not_found_status: u16,
    /// Status of `NotFound.File` at `get_by_path`.
    pub not_found_by_path_status: u16,
    /// Status of `ForbiddenFileInTheRecycleBin`.
    pub recycled_status: u16,
    /// Status of `AlreadyExist.File`.
    pub exists_status: u16,
    /// Whether trash and delete answer 204 without a body.
    pub empty_removal_answer: bool,
    /// How often a folder's task says `Running` before it succeeds; absent for no task at all.
    pub task_polls: Option<u32>,
    /// Whether names with `\:*?"<>|` are refused.
    pub strict_names: bool,
    /// Bytes a second of each download connection; absent for no limit.
    pub download_bytes_per_s: Option<u64>,
    /// Delay of every API answer in milliseconds.
    pub latency_ms: u64,
    /// Whether errors come in the long form with nulls (reference 0.4).
    pub long_errors: bool,
    /// Whether fields without a value are left out instead of null.
    pub omit_nulls: bool,
    /// How pages are filled.
    pub page_shape: PageShape,
    /// What of a page is no item.
    pub odd_items: OddItems,
    /// Whether hashes come in lower case.
    pub lower_case_hashes: bool,
    /// How the last page says that it is the last.
    pub last_marker: LastMarker,
    /// Whether the user granted the resource drive.
    pub grant_resource: bool,
    /// Whether the user granted the backup drive.
    pub grant_backup: bool,
    /// Whether the service calls the resource drive the default one, as for some accounts; else the backup drive. It
    /// does so whether or not that one was granted (reference 2.1).
    pub default_is_resource: bool,
    /// Whether copying into the same folder without `auto_rename` is refused.
    pub refuse_copy_in_place: bool,
    /// Whether an item that is to be put where it is already counts as its own namesake there.
    pub own_namesake: bool,
    /// Whether each token server has an application of its own, so that it refuses the tokens of the others; else all
    /// renew all (reference 1.8).
    pub own_applications: bool,
    /// Whether OpenList's server for mainland China holds the same application as its other one; nobody states it.
    pub mainland_shares_application: bool,
    /// What stands before OpenList's server; nothing stands before its twin for mainland China.
    pub bot_check: BotCheck,
    /// Whether OpenList's servers are of the versions that call `driver_txt` `apps_types` (reference 1.8.2).
    pub old_driver_name: bool,
    /// Polls after which a QR login confirms itself; absent for never.
    pub qr_auto_confirm: Option<u32>,
    /// Which user, 0 or 1, scans the QR codes.
    pub qr_user: usize,
    /// Whether uploaded content above a megabyte is hashed but not kept, for measurements.
    pub discard_uploads: bool,
    /// Whether a link comes with the hash of its content.
    pub link_hashes: bool,
    /// Whether listed live photos carry their streams already.
    pub list_streams: bool,
    /// How far the search's index is behind, in milliseconds.
    pub search_lag_ms: i64,
    /// How a search's result is told.
    pub search_shape: SearchShape,
    /// What the `url` of a file object leads to.
    pub listed_url: ListedUrl,
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

impl Default for Rules {
    fn default() -> Self {
        Self {
            rate_limits: true,
            list_per_10s: 40,
            link_per_10s: 10,
            other_per_10s: 150,
            rate_shape: RateShape::Blurred,
            retry_after: true,
            access_token_s: 7200,
            single_use_refresh: true,
            signature: SignatureVersion::V4,
            link_s: 900,
            link_expiration: Expiration::Right,
            part_url_s: 3600,
            preview_url_s: 900,
            preview_signature: SignatureVersion::V2,
            preview_referer: false,
            preview_cors: true,
            data_cors: false,
            playlist_type: "application/vnd.apple.mpegurl".to_owned(),
            segment_making_ms: 0,
            cursor_beside: false,
            over_capacity: false,
            thumbnail_s: 900,
            clock_offset_s: 0,
            dated: true,
            bare_get: true,
            named_hosts: false,
            unsteady_links: true,
            steady_host: HostMood::Serves,
            unsteady_host: HostMood::Invalid,
            max_downloads: 3,
            max_list_limit: 200,
            clamp_list_limit: false,
            list_limit_code: "InvalidParameter.Limit".to_owned(),
            list_unavailable: false,
            sizes: SizeForm::Number,
            by_path_oldest: false,
            quota: 8 << 40,
            max_file_size: 80_000_000_000,
            max_parts: 10_000,
            min_part_size: 100 << 10,
            sequential_parts: true,
            bad_token_status: 401,
            form_tokens: true,
            complete_twice: true,
            refusal_is_success: true,
            signed_verb: true,
            checked_referer: true,
            signed_type: true,
            pre_hash_status: 409,
            not_found_status: 404,
            not_found_by_path_status: 400,
            recycled_status: 400,
            exists_status: 409,
            empty_removal_answer: false,
            task_polls: Some(1),
            strict_names: false,
            download_bytes_per_s: None,
            latency_ms: 0,
            long_errors: false,
            omit_nulls: false,
            page_shape: PageShape::Full,
            odd_items: OddItems::None,
            lower_case_hashes: false,
            last_marker: LastMarker::Empty,
            grant_resource: true,
            grant_backup: true,
            default_is_resource: false,
            refuse_copy_in_place: true,
            own_namesake: false,
            own_applications: true,
            mainland_shares_application: false,
            bot_check: BotCheck::Off,
            old_driver_name: false,
            qr_auto_confirm: None,
            qr_user: 0,
            discard_uploads: false,
            link_hashes: true,
            list_streams: false,
            search_lag_ms: 0,
            search_shape: SearchShape::Right,
            listed_url: ListedUrl::Content,
        }
    }
}
