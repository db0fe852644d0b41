//! The JSON about films and pictures as the service writes it: numbers may come in words, one field stands in two
//! places, and what is told of one rendition must not take the others away (reference 3.22).

use serde::Deserialize;
use serde_json::Value;

use crate::upstream::api::wire::{WireItem, number, pixels};
use crate::upstream::error::{Error, ErrorKind};
use crate::upstream::films::{PlayInfo, Played, Rendition, RenditionState, Subtitle};
use crate::upstream::http::classify::shorten;
use crate::upstream::signed_url::Intake;
use crate::upstream::types::Address;

/// Renditions and subtitles that are believed of one film.
const MOST: usize = 64;

/// Answer of `getVideoPreviewPlayInfo` and of its twin without addresses.
#[derive(Debug, Deserialize)]
pub(super) struct WirePreview {
    #[serde(default)]
    video_preview_play_info: Value,
    #[serde(default)]
    video_preview_play_meta: Value,
    #[serde(default)]
    play_cursor: Value,
}

impl WirePreview {
    /// # Errors
    /// An answer without a list of renditions says nothing of the film.
    pub(super) fn into_info(self, call: &'static str, intake: Intake) -> Result<PlayInfo, Error> {
        let told = if self.video_preview_play_info.is_object() {
            self.video_preview_play_info
        } else {
            self.video_preview_play_meta
        };
        let Some(tasks) = told["live_transcoding_task_list"].as_array() else {
            return Err(Error::new(call, ErrorKind::Malformed).message("an answer without renditions"));
        };
        let mut renditions: Vec<_> = tasks.iter().take(MOST).filter_map(|task| rendition(task, intake)).collect();
        renditions.sort_by_key(|rendition| (rendition.shorter_side(), rendition.width));
        let meta = &told["meta"];
        let subtitles = told["live_transcoding_subtitle_task_list"].as_array().into_iter().flatten().take(MOST);
        Ok(PlayInfo {
            duration_s: number(&meta["duration"]),
            width: pixels(&meta["width"]),
            height: pixels(&meta["height"]),
            cursor_s: number(&told["play_cursor"]).or_else(|| number(&self.play_cursor)),
            renditions,
            subtitles: subtitles.map(|task| subtitle(task, intake)).collect(),
        })
    }
}

fn rendition(task: &Value, intake: Intake) -> Option<Rendition> {
    let template = task["template_id"].as_str().filter(|id| is_name(id))?.to_owned();
    let state = match (task["status"].as_str(), address(&task["url"], intake)) {
        (Some("failed"), _) => RenditionState::Failed,
        (Some("running"), None) => RenditionState::Running,
        (_, Some(address)) => RenditionState::Usable(address),
        (_, None) => {
            let words = task["description"].as_str().filter(|words| !words.is_empty());
            RenditionState::Withheld(words.map(|words| shorten(words.to_owned())))
        }
    };
    let (width, height) = (pixels(&task["template_width"]), pixels(&task["template_height"]));
    Some(Rendition { template, width: width.unwrap_or(0), height: height.unwrap_or(0), state })
}

/// A template's id is part of our own URLs.
fn is_name(id: &str) -> bool {
    (1..=16).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn subtitle(task: &Value, intake: Intake) -> Subtitle {
    let language = task["language"].as_str().filter(|language| is_name(language)).unwrap_or("und");
    let failed = task["status"].as_str() == Some("failed");
    Subtitle { language: language.to_owned(), address: address(&task["url"], intake).filter(|_| !failed) }
}

fn address(url: &Value, intake: Intake) -> Option<Address> {
    let (url, life) = intake.url(url.as_str().filter(|url| !url.is_empty())?, None)?;
    Some(Address { url, life })
}

/// Answer of `batch/get`, as far as it is about pictures.
#[derive(Debug, Deserialize)]
pub(super) struct WireThumbnails {
    items: Option<Vec<Value>>,
}

impl WireThumbnails {
    pub(super) fn into_addresses(self, intake: Intake) -> Vec<(String, Option<Address>)> {
        let items = self.items.unwrap_or_default().into_iter();
        let told =
            items.filter_map(|item| Some((item["file_id"].as_str()?.to_owned(), address(&item["thumbnail"], intake))));
        told.collect()
    }
}

/// Answer of `recentList`.
#[derive(Debug, Deserialize)]
pub(super) struct WirePlayed {
    items: Option<Vec<Value>>,
}

impl WirePlayed {
    /// What of it are items with a drive.
    pub(super) fn into_played(self, call: &'static str) -> Vec<Played> {
        let items = self.items.unwrap_or_default().into_iter();
        let played = |item: Value| {
            Some(Played {
                drive_id: item["drive_id"].as_str().filter(|id| !id.is_empty())?.to_owned(),
                item: WireItem::deserialize(item).ok()?.into_item(call).ok()?,
            })
        };
        items.filter_map(played).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(json: &str) -> Result<PlayInfo, Error> {
        serde_json::from_str::<WirePreview>(json).unwrap().into_info("c", Intake::dated(None))
    }

    #[test]
    fn renditions_come_by_height_and_each_tells_whether_it_can_be_played() {
        let told = info(
            r#"{"play_cursor":"12.5","video_preview_play_info":{"meta":{"duration":"60.5","width":1920,"height":1080},
            "live_transcoding_task_list":[
              {"template_id":"FHD","template_width":1920,"template_height":1080,"status":"finished","stage":"stage_none","url":"","description":"members"},
              {"template_id":"HD","template_width":"1280","template_height":"720","status":"running","url":null},
              {"template_id":"SD","status":"failed","url":"https://h/x"}, null, {"template_id":"../x"},
              {"template_id":"LD","template_height":360,"template_width":202,"status":"finished","url":"https://h/LD/media.m3u8"}],
            "live_transcoding_subtitle_task_list":[{"language":"chi","status":"finished","url":"https://h/1"},
              {"language":"chi","status":"running","url":""},{"language":"<b>","status":"finished","url":"https://h/3"}]}}"#,
        )
        .unwrap();
        let names: Vec<_> = told.renditions.iter().map(|r| (r.template.as_str(), r.shorter_side())).collect();
        assert_eq!(names, [("LD", 202), ("SD", 540), ("HD", 720), ("FHD", 1080)]);
        assert!(told.renditions[0].playlist().is_some());
        assert!(matches!(told.renditions[1].state, RenditionState::Failed));
        assert!(matches!(told.renditions[2].state, RenditionState::Running));
        assert!(matches!(&told.renditions[3].state, RenditionState::Withheld(Some(words)) if words == "members"));
        assert_eq!((told.cursor_s, told.duration_s, told.height), (Some(12.5), Some(60.5), Some(1080)));
        let subtitles: Vec<_> = told.subtitles.iter().map(|s| (s.language.as_str(), s.address.is_some())).collect();
        assert_eq!(subtitles, [("chi", true), ("chi", false), ("und", true)]);
    }

    #[test]
    fn the_cursor_stands_within_or_beside_and_an_answer_without_renditions_is_broken() {
        let within = r#"{"video_preview_play_info":{"live_transcoding_task_list":[],"play_cursor":7}}"#;
        assert_eq!(info(within).unwrap().cursor_s, Some(7.0));
        assert_eq!(info("{}").unwrap_err().kind, ErrorKind::Malformed);
        assert!(info(r#"{"video_preview_play_meta":{"live_transcoding_task_list":[]}}"#).is_ok());
    }
}
