//! The API's JSON as the service writes it: every field that is not an id may be absent or null
//! (reference 0.2), several have two spellings (reference 7.2). Two spellings are two fields here: an
//! answer may carry both.
//!
//! What of an item is neither id, name nor type may also be of a type that we do not expect: it counts as not
//! told, since one odd field must not take a folder away.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::clock::UnixMillis;
use crate::digest::Sha1;
use crate::upstream::error::{Error, ErrorKind};
use crate::upstream::signed_url::Intake;
use crate::upstream::types::{Address, Category, DownloadLink, Item, ItemKind, LivpStream, Media, Page, PartUrl};

#[derive(Debug, Deserialize)]
pub(in crate::upstream) struct WireItem {
    file_id: Option<String>,
    parent_file_id: Option<String>,
    name: Option<String>,
    file_name: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default, deserialize_with = "bytes")]
    size: Option<u64>,
    #[serde(default, deserialize_with = "told")]
    content_hash: Option<String>,
    #[serde(default, deserialize_with = "told")]
    created_at: Option<String>,
    #[serde(default, deserialize_with = "told")]
    updated_at: Option<String>,
    #[serde(default, deserialize_with = "told")]
    local_modified_at: Option<String>,
    #[serde(default, deserialize_with = "told")]
    mime_type: Option<String>,
    #[serde(default, deserialize_with = "told")]
    category: Option<String>,
    #[serde(default, deserialize_with = "told")]
    url: Option<String>,
    #[serde(default, deserialize_with = "told")]
    trashed: Option<bool>,
    #[serde(default, deserialize_with = "told")]
    starred: Option<bool>,
    #[serde(default, deserialize_with = "told")]
    status: Option<String>,
    #[serde(default, deserialize_with = "told")]
    punish_flag: Option<i64>,
    #[serde(default, deserialize_with = "told")]
    streams_info: Option<serde_json::Map<String, Value>>,
    #[serde(default)]
    play_cursor: Value,
    #[serde(default)]
    video_media_metadata: Value,
    #[serde(default)]
    image_media_metadata: Value,
}

/// The value, if it is of the type that is expected.
pub(super) fn told<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(from)?).ok())
}

/// A number of bytes, also in words: `12`, `12.0`, `"12"`.
pub(super) fn bytes<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    Ok(as_bytes(&Value::deserialize(from)?))
}

fn as_bytes(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| number.to_string().strip_suffix(".0")?.parse().ok()),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

impl WireItem {
    /// The item with the address that came with it.
    ///
    /// # Errors
    /// As [`WireItem::into_item`].
    pub(in crate::upstream) fn into_addressed_item(
        mut self,
        call: &'static str,
        intake: Intake,
    ) -> Result<Item, Error> {
        let url = self.url.take().and_then(|text| intake.url(&text, None));
        let address = url.map(|(url, life)| Address { url, life });
        Ok(Item { address, ..self.into_item(call)? })
    }

    /// # Errors
    /// An item without id, name or type is no item.
    pub(in crate::upstream) fn into_item(self, call: &'static str) -> Result<Item, Error> {
        let missing = |field: &str| Error::new(call, ErrorKind::Malformed).message(format!("an item without {field}"));
        let kind = match self.kind.as_deref() {
            Some("file") => ItemKind::File,
            Some("folder") => ItemKind::Folder,
            _ => return Err(missing("type")),
        };
        let sha1 = self.content_hash.as_deref().and_then(Sha1::parse);
        Ok(Item {
            file_id: self.file_id.filter(|id| !id.is_empty()).ok_or_else(|| missing("file_id"))?,
            parent_file_id: self.parent_file_id.filter(|id| !id.is_empty()),
            name: self.name.or(self.file_name).filter(|name| !name.is_empty()).ok_or_else(|| missing("name"))?,
            kind,
            size: self.size.or_else(|| (sha1 == Some(Sha1::EMPTY)).then_some(0)).filter(|_| kind == ItemKind::File),
            sha1,
            created: self.created_at.as_deref().and_then(parse_time),
            updated: self.updated_at.as_deref().and_then(parse_time),
            local_modified: self.local_modified_at.as_deref().and_then(parse_time),
            mime_type: self.mime_type.filter(|m| !m.is_empty()),
            category: self.category.as_deref().map(category),
            address: None,
            trashed: self.trashed.unwrap_or(false),
            starred: self.starred.unwrap_or(false),
            uploading: self.status.as_deref() == Some("uploading"),
            punish_flag: self.punish_flag.unwrap_or(0),
            cursor_s: number(&self.play_cursor).filter(|_| kind == ItemKind::File),
            media: media(&self.video_media_metadata).or_else(|| media(&self.image_media_metadata)),
            streams: self.streams_info.map(streams).unwrap_or_default(),
        })
    }
}

/// A number, also in words.
pub(super) fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    (number.is_finite() && number >= 0.0).then_some(number)
}

pub(super) fn pixels(value: &Value) -> Option<u32> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 100,000")]
    number(value).filter(|number| (1.0..100_000.0).contains(number)).map(|number| number as u32)
}

/// Tracks that are told of, and characters of a coding's name: a film has few, and a name is a word.
const MAX_TRACKS: usize = 32;
const MAX_CODING: usize = 32;

fn media(told: &Value) -> Option<Box<Media>> {
    let codings = |tracks: &Value| -> Vec<String> {
        let tracks = tracks.as_array().into_iter().flatten().take(MAX_TRACKS);
        let coding = |track: &Value| Some(track["code_name"].as_str()?.to_owned());
        tracks.filter_map(coding).filter(|coding| (1..=MAX_CODING).contains(&coding.len())).collect()
    };
    told.as_object()?;
    Some(Box::new(Media {
        duration_s: number(&told["duration"]),
        width: pixels(&told["width"]),
        height: pixels(&told["height"]),
        video: codings(&told["video_media_video_stream"]),
        sound: codings(&told["video_media_audio_stream"]),
    }))
}

fn category(word: &str) -> Category {
    match word {
        "video" => Category::Video,
        "audio" => Category::Audio,
        "image" => Category::Image,
        "doc" => Category::Document,
        "zip" => Category::Archive,
        _ => Category::Other,
    }
}

fn streams(info: serde_json::Map<String, Value>) -> Vec<LivpStream> {
    info.into_iter()
        .filter_map(|(name, stream)| {
            let size = as_bytes(stream.get("size")?)?;
            let sha1 = stream.get("content_hash").and_then(|h| h.as_str()).and_then(Sha1::parse);
            Some(LivpStream { name, size, sha1 })
        })
        .collect()
}

/// Answer of `list` and `search`.
#[derive(Debug, Deserialize)]
pub(in crate::upstream) struct WirePage {
    /// Absent or null is a broken answer, not an empty folder.
    items: Option<Vec<Value>>,
    next_marker: Option<String>,
}

impl WirePage {
    /// The page without what is no item: null, without id, name or type, or of another form.
    ///
    /// # Errors
    /// There are no items at all, not even none.
    pub(in crate::upstream) fn into_page(self, call: &'static str, intake: Intake) -> Result<Page, Error> {
        let told = self.items.ok_or_else(|| Error::new(call, ErrorKind::Malformed).message("a page without items"))?;
        let count = told.len();
        let readable = told
            .into_iter()
            .filter_map(|item| WireItem::deserialize(item).ok()?.into_addressed_item(call, intake).ok());
        let items: Vec<Item> = readable.collect();
        let next_marker = self.next_marker.filter(|marker| !marker.is_empty());
        Ok(Page { unreadable: count - items.len(), items, next_marker })
    }
}

/// Answer of `batch/get`: what does not exist is left out or null (reference 3.7).
#[derive(Debug, Deserialize)]
pub(in crate::upstream) struct WireBatch {
    pub(in crate::upstream) items: Option<Vec<Option<WireItem>>>,
}

#[derive(Debug, Deserialize)]
pub(in crate::upstream) struct WireDownload {
    url: Option<String>,
    #[serde(default, deserialize_with = "told")]
    expiration: Option<String>,
    #[serde(default, deserialize_with = "bytes")]
    size: Option<u64>,
    #[serde(default, deserialize_with = "told")]
    content_hash: Option<String>,
    #[serde(default, rename = "streamsUrl", deserialize_with = "told")]
    streams_url_camel: Option<serde_json::Map<String, Value>>,
    #[serde(default, deserialize_with = "told")]
    streams_url: Option<serde_json::Map<String, Value>>,
}

impl WireDownload {
    /// The link, for a live photo that of the first of `streams` that is there; absent when there is none.
    pub(in crate::upstream) fn into_link(self, streams: &[&str], intake: Intake) -> Option<DownloadLink> {
        let stream_url = || {
            let urls = [self.streams_url_camel.as_ref(), self.streams_url.as_ref()];
            let url = |name: &str| urls.iter().flatten().find_map(|urls| urls.get(name)?.as_str());
            streams.iter().find_map(|name| url(name).filter(|u| !u.is_empty()))
        };
        let text = if streams.is_empty() { None } else { stream_url() };
        let text = text.or(self.url.as_deref().filter(|u| !u.is_empty()))?;
        let (url, life) = intake.url(text, self.expiration.as_deref().and_then(parse_time))?;
        let sha1 = self.content_hash.as_deref().and_then(Sha1::parse);
        Some(DownloadLink { url, life, size: self.size, sha1 })
    }
}

#[derive(Debug, Deserialize)]
pub(in crate::upstream) struct WireCreated {
    pub(in crate::upstream) file_id: Option<String>,
    pub(in crate::upstream) file_name: Option<String>,
    pub(in crate::upstream) upload_id: Option<String>,
    pub(in crate::upstream) exist: Option<bool>,
    pub(in crate::upstream) rapid_upload: Option<bool>,
    pub(in crate::upstream) part_info_list: Option<Vec<WirePart>>,
}

#[derive(Debug, Deserialize)]
pub(in crate::upstream) struct WireParts {
    pub(in crate::upstream) part_info_list: Option<Vec<WirePart>>,
}

#[derive(Debug, Deserialize)]
pub(in crate::upstream) struct WirePart {
    part_number: Option<u32>,
    upload_url: Option<String>,
    content_type: Option<String>,
}

impl WirePart {
    pub(in crate::upstream) fn into_part(self, intake: Intake) -> Option<PartUrl> {
        let (url, life) = intake.url(self.upload_url.as_deref()?, None)?;
        Some(PartUrl {
            part_number: self.part_number?,
            url,
            life,
            content_type: self.content_type.filter(|t| !t.is_empty()),
        })
    }
}

#[derive(Debug, Deserialize)]
pub(in crate::upstream) struct WireUploadedParts {
    pub(in crate::upstream) uploaded_parts: Option<Vec<WireUploadedPart>>,
    pub(in crate::upstream) next_part_number_marker: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub(in crate::upstream) struct WireUploadedPart {
    pub(in crate::upstream) part_number: Option<u32>,
    pub(in crate::upstream) part_size: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(in crate::upstream) struct WireTreeChange {
    pub(in crate::upstream) file_id: Option<String>,
    pub(in crate::upstream) exist: Option<bool>,
    pub(in crate::upstream) async_task_id: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(in crate::upstream) struct WireTask {
    pub(in crate::upstream) state: Option<String>,
}

/// A timestamp of the service.
pub(in crate::upstream) fn parse_time(text: &str) -> Option<UnixMillis> {
    text.parse::<jiff::Timestamp>().ok().map(|time| UnixMillis(time.as_millisecond()))
}

/// A moment in the service's form: always three fraction digits (reference 0.3).
pub(in crate::upstream) fn write_time(moment: UnixMillis) -> Option<String> {
    let time = jiff::Timestamp::from_millisecond(moment.0).ok()?;
    Some(format!("{time:.3}"))
}

/// A moment as a query writes times: without a fraction, without a zone (reference 3.3).
pub(in crate::upstream) fn write_query_time(moment: UnixMillis) -> Option<String> {
    let time = jiff::Timestamp::from_millisecond(moment.0).ok()?;
    Some(format!("{time:.0}").trim_end_matches('Z').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::signed_url::SignedUrl;

    const ITEM: &str = r#"{"drive_id":"10293420","domain_id":"bj29","file_id":"65a1","parent_file_id":"root","name":"clip.mp4","type":"file","size":73400320,"category":"video","file_extension":"mp4","mime_type":"video/mp4","content_hash":"92CA8F2B4163E64A1B53E0FDE263AD56CBDB75FC","content_hash_name":"sha1","status":"available","starred":false,"hidden":false,"trashed":null,"thumbnail":"https://x/t.jpg","url":null,"created_at":"2025-12-31T16:00:00.123Z","updated_at":"2025-12-31T16:00:00.123Z","local_created_at":null,"local_modified_at":null,"play_cursor":"12.5","video_media_metadata":{"duration":"60.5"},"punish_flag":0}"#;

    #[test]
    fn reads_the_reference_item_with_its_nulls() {
        let item = serde_json::from_str::<WireItem>(ITEM).unwrap().into_item("c").unwrap();
        assert_eq!((item.size, item.kind, item.trashed), (Some(73_400_320), ItemKind::File, false));
        assert_eq!(item.updated, Some(UnixMillis(1_767_196_800_123)));
        assert_eq!(item.sha1.unwrap().upper().to_string(), "92CA8F2B4163E64A1B53E0FDE263AD56CBDB75FC");
    }

    #[test]
    fn an_item_without_its_id_is_a_broken_answer() {
        for broken in [
            r#"{"name":"a","type":"file"}"#,
            r#"{"file_id":"1","type":"file"}"#,
            r#"{"file_id":"1","name":"","type":"file"}"#,
            r#"{"file_id":"1","name":"a","type":null}"#,
        ] {
            let error = serde_json::from_str::<WireItem>(broken).unwrap().into_item("c").unwrap_err();
            assert_eq!(error.kind, ErrorKind::Malformed, "{broken}");
        }
    }

    #[test]
    fn a_page_is_what_of_it_can_be_read() {
        let page = |items: &str| {
            let json = format!(r#"{{"items":{items},"next_marker":"m"}}"#);
            serde_json::from_str::<WirePage>(&json).unwrap().into_page("c", Intake::dated(None))
        };
        let odd = r#"null, {}, 5, "x", [], {"file_id":7,"name":"a","type":"file"}, {"file_id":"1","name":null,"type":"file"}"#;
        let read = page(&format!("[{odd}, {ITEM}]")).unwrap();
        assert_eq!((read.items.len(), read.unreadable, read.next_marker.as_deref()), (1, 7, Some("m")));
        assert_eq!(read.items[0].name, "clip.mp4");
        let none = page("[]").unwrap();
        assert_eq!((none.items.len(), none.unreadable), (0, 0));
        assert_eq!(page("null").unwrap_err().kind, ErrorKind::Malformed);
    }

    #[test]
    fn a_size_that_is_not_told_is_not_zero() {
        let size = |json: &str| {
            let json = format!(r#"{{"file_id":"1","name":"a","type":"file",{json}}}"#);
            serde_json::from_str::<WireItem>(&json).unwrap().into_item("c").unwrap().size
        };
        for told in [r#""size":12"#, r#""size":"12""#, r#""size":12.0"#] {
            assert_eq!(size(told), Some(12), "{told}");
        }
        for untold in [r#""size":null"#, r#""size":"""#, r#""size":-1"#, r#""size":1.5"#, r#""size":{}"#, r#""x":0"#] {
            assert_eq!(size(untold), None, "{untold}");
        }
        assert_eq!(size(r#""size":null,"content_hash":"DA39A3EE5E6B4B0D3255BFEF95601890AFD80709""#), Some(0));
    }

    #[test]
    fn a_field_of_another_type_does_not_take_the_item_away() {
        let odd = r#"{"file_id":"1","name":"a","type":"file","punish_flag":"0","trashed":"no","mime_type":5,
            "streams_info":[],"status":7,"local_modified_at":0,"content_hash":false,"updated_at":{}}"#;
        let item = serde_json::from_str::<WireItem>(odd).unwrap().into_item("c").unwrap();
        assert_eq!((item.punish_flag, item.trashed, item.uploading, item.updated), (0, false, false, None));
    }

    #[test]
    fn an_expiration_that_is_no_time_says_nothing() {
        let link = |expiration: &str| {
            let url = "https://h/p?x-oss-expires=1767238400&x-oss-signature-version=OSS2";
            let json = format!(r#"{{"url":"{url}","expiration":{expiration}}}"#);
            let wire = serde_json::from_str::<WireDownload>(&json).unwrap();
            wire.into_link(&[], Intake::dated(Some(1_767_235_999))).unwrap().life.whole().as_secs()
        };
        assert_eq!(link(r#""2026-01-01T03:00:00.000Z""#), 400);
        for odd in ["null", "1767236400000", "true", "{}", r#""""#, r#""soon""#] {
            assert_eq!(link(odd), 2400, "{odd}");
        }
        let none = serde_json::from_str::<WireDownload>(r#"{"url":null,"expiration":null,"size":null}"#).unwrap();
        assert!(none.into_link(&[], Intake::dated(None)).is_none());
    }

    #[test]
    fn a_link_is_kept_as_it_was_written() {
        for text in [
            "https://h.example/A%2fb%2F1?d=attachment%3B%20filename*=UTF-8''a(1).mp4&q={x}|^`&s=a%2Bb%3D",
            "https://h.example:443/a/../b/%2e%2e/c?x-oss-expires=1",
            "http://h.example?q",
        ] {
            let json = serde_json::json!({ "url": text }).to_string();
            let link =
                serde_json::from_str::<WireDownload>(&json).unwrap().into_link(&[], Intake::dated(None)).unwrap();
            assert_eq!(link.url.expose().to_string().replace("example/?", "example?"), text);
        }
        assert_eq!(SignedUrl::parse("https://h/a b").unwrap().expose(), "https://h/a%20b");
        assert_eq!(SignedUrl::parse("ftp://h/a"), None);
        assert_eq!(SignedUrl::parse("/a"), None);
    }

    #[test]
    fn a_live_photo_gives_the_stream_asked_for_in_either_spelling() {
        let urls = r#"{"heic":"https://h/heic","mov":"https://h/mov"}"#;
        for fields in [
            format!(r#""streamsUrl":{urls}"#),
            format!(r#""streams_url":{urls}"#),
            format!(r#""streamsUrl":{{}},"streams_url":{urls}"#),
        ] {
            let json = format!(r#"{{"url":null,{fields}}}"#);
            let link = serde_json::from_str::<WireDownload>(&json)
                .unwrap()
                .into_link(&["jpeg", "heic"], Intake::dated(None))
                .unwrap();
            assert_eq!(link.url.expose().path(), "/heic");
        }
    }

    #[test]
    fn times_have_three_fraction_digits() {
        assert_eq!(write_time(UnixMillis(1_767_196_800_000)).unwrap(), "2025-12-31T16:00:00.000Z");
        assert_eq!(write_query_time(UnixMillis(1_767_196_800_999)).unwrap(), "2025-12-31T16:00:00");
        assert_eq!(parse_time("2025-12-31T16:00:00.123Z"), Some(UnixMillis(1_767_196_800_123)));
        assert_eq!(parse_time("yesterday"), None);
    }
}
