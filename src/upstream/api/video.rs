//! The calls for films and pictures: play info, where a film was left, thumbnails (reference 3.22, 3.7), and those that
//! look through a whole drive (reference 3.3, 3.4).

use serde_json::{Value, json};

use crate::upstream::api::wire::WirePage;
use crate::upstream::api::wire_video::{WirePlayed, WirePreview, WireThumbnails};
use crate::upstream::client::Client;
use crate::upstream::client::endpoint::Endpoint;
use crate::upstream::error::Error;
use crate::upstream::films::{Picture, PlayInfo, Played};
use crate::upstream::types::{Address, Page};

const PLAY_INFO: Endpoint =
    Endpoint::new("openFile/getVideoPreviewPlayInfo", "/adrive/v1.0/openFile/getVideoPreviewPlayInfo");
const PLAY_META: Endpoint =
    Endpoint::new("openFile/getVideoPreviewPlayMeta", "/adrive/v1.0/openFile/getVideoPreviewPlayMeta");
const RECORD: Endpoint = Endpoint::new("openFile/video/updateRecord", "/adrive/v1.0/openFile/video/updateRecord");
const RECENT: Endpoint = Endpoint::new("openFile/video/recentList", "/adrive/v1.1/openFile/video/recentList");
const BATCH_GET: Endpoint = Endpoint::new("openFile/batch/get", "/adrive/v1.0/openFile/batch/get");
const SEARCH: Endpoint = Endpoint::new("openFile/search", "/adrive/v1.0/openFile/search");
const STARRED: Endpoint = Endpoint::new("openFile/starredList", "/adrive/v1.0/openFile/starredList");

/// Longest life of a playlist's URL that may be asked for, in seconds; the URL's own word counts (reference 3.22).
const URL_LIFE_S: u32 = 14_400;

/// Most ids of one `batch/get` (reference 3.7).
pub const MAX_BATCH: usize = 100;

/// Entries of a page of a search (reference 3.3).
const PAGE_SIZE: u32 = 100;

/// Where in a film its picture is taken, in milliseconds: the service's own choice (reference 3.2).
const PICTURE_AT_MS: u32 = 120_000;

impl Client {
    /// How a film can be played, with all its renditions in one call. It also starts the transcoder (reference 3.22).
    ///
    /// # Errors
    /// Any failed call; [`crate::upstream::ErrorKind::Transcoding`], [`crate::upstream::ErrorKind::NoPreview`], [`crate::upstream::ErrorKind::QuotaExhausted`] of an account
    /// that is over its space.
    pub async fn play_info(&self, drive_id: &str, file_id: &str) -> Result<PlayInfo, Error> {
        let body = json!({
            "drive_id": drive_id, "file_id": file_id, "category": "live_transcoding", "get_subtitle_info": true,
            "url_expire_sec": URL_LIFE_S, "with_play_cursor": true,
        });
        let (wire, intake) = self.call_for_urls::<WirePreview>(PLAY_INFO, |_| Ok(body.clone())).await?;
        wire.into_info(PLAY_INFO.name, intake)
    }

    /// The same without addresses, for which no transcoder is started.
    ///
    /// # Errors
    /// As [`Client::play_info`].
    pub async fn play_meta(&self, drive_id: &str, file_id: &str) -> Result<PlayInfo, Error> {
        let body = json!({ "drive_id": drive_id, "file_id": file_id, "category": "live_transcoding" });
        let (wire, intake) = self.call_for_urls::<WirePreview>(PLAY_META, |_| Ok(body.clone())).await?;
        wire.into_info(PLAY_META.name, intake)
    }

    /// Keeps where a film was left, in seconds.
    ///
    /// # Errors
    /// Any failed call.
    pub async fn record(
        &self,
        drive_id: &str,
        file_id: &str,
        cursor_s: f64,
        duration_s: Option<f64>,
    ) -> Result<(), Error> {
        // Both in words, as the service has them (reference 3.22).
        let mut body = json!({ "drive_id": drive_id, "file_id": file_id, "play_cursor": seconds(cursor_s) });
        if let Some(duration) = duration_s {
            body["duration"] = json!(seconds(duration));
        }
        self.call::<Value>(RECORD, &body).await.map(drop)
    }

    /// The films played last, on all drives of the account, the latest first.
    ///
    /// # Errors
    /// Any failed call.
    pub async fn recent(&self) -> Result<Vec<Played>, Error> {
        let wire: WirePlayed = self.call(RECENT, &json!({ "video_thumbnail_width": 480 })).await?;
        Ok(wire.into_played(RECENT.name))
    }

    /// Pictures of up to [`MAX_BATCH`] films and images, by file id; nothing for what has none.
    ///
    /// # Errors
    /// Any failed call.
    pub async fn thumbnails(
        &self,
        drive_id: &str,
        file_ids: &[String],
        picture: Picture,
    ) -> Result<Vec<(String, Option<Address>)>, Error> {
        let list: Vec<Value> = file_ids.iter().map(|id| json!({ "drive_id": drive_id, "file_id": id })).collect();
        let body = json!({
            "file_list": list, "video_thumbnail_time": picture.at_ms.unwrap_or(PICTURE_AT_MS),
            "video_thumbnail_width": picture.width, "image_thumbnail_width": picture.width,
        });
        let (wire, intake) = self.call_for_urls::<WireThumbnails>(BATCH_GET, |_| Ok(body.clone())).await?;
        Ok(wire.into_addresses(intake))
    }

    /// One page of a drive's items whose names hold these words, in the service's fuzzy way. The index lags, and paths
    /// are not told (reference 3.3).
    ///
    /// # Errors
    /// Any failed call; a page without its items.
    pub async fn search(&self, drive_id: &str, words: &str, marker: Option<&str>) -> Result<Page, Error> {
        let words = words.replace('\\', "\\\\").replace('\'', "\\'");
        let mut body = json!({
            "drive_id": drive_id, "query": format!("name match '{words}'"), "limit": PAGE_SIZE,
            "order_by": "updated_at DESC",
        });
        if let Some(marker) = marker {
            body["marker"] = json!(marker);
        }
        self.page(SEARCH, &body).await
    }

    /// One page of a drive's starred items (reference 3.4).
    ///
    /// # Errors
    /// Any failed call; a page without its items.
    pub async fn starred(&self, drive_id: &str, marker: Option<&str>) -> Result<Page, Error> {
        let body = json!({ "drive_id": drive_id, "limit": PAGE_SIZE, "marker": marker.unwrap_or_default() });
        self.page(STARRED, &body).await
    }

    async fn page(&self, endpoint: Endpoint, body: &Value) -> Result<Page, Error> {
        let (wire, intake) = self.call_for_urls::<WirePage>(endpoint, |_| Ok(body.clone())).await?;
        wire.into_page(endpoint.name, intake)
    }
}

/// Seconds as the service writes them; nothing but digits, whatever came.
fn seconds(number: f64) -> String {
    if number.is_finite() { format!("{:.3}", number.max(0.0)) } else { "0".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_written_plainly() {
        for (number, text) in [(12.5, "12.500"), (-1.0, "0.000"), (f64::NAN, "0"), (1e9, "1000000000.000")] {
            assert_eq!(seconds(number), text);
        }
    }
}
