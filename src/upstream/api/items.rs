//! The calls that read the tree: listings, items, links, tasks.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::UnixMillis;
use crate::config::{LivpFormat, OrderBy, OrderDirection};
use crate::upstream::api::wire::{WireBatch, WireDownload, WireItem, WirePage, WireTask, write_query_time};
use crate::upstream::client::Client;
use crate::upstream::client::endpoint::Endpoint;
use crate::upstream::error::{Error, ErrorKind};
use crate::upstream::pacer::RateClass;
use crate::upstream::types::{DownloadLink, Item, ListRequest, Page, TaskState};

const LIST: Endpoint = Endpoint::new("openFile/list", "/adrive/v1.0/openFile/list").class(RateClass::List);
const SEARCH: Endpoint = Endpoint::new("openFile/search", "/adrive/v1.0/openFile/search");
const GET: Endpoint = Endpoint::new("openFile/get", "/adrive/v1.0/openFile/get");
const GET_BY_PATH: Endpoint = Endpoint::new("openFile/get_by_path", "/adrive/v1.0/openFile/get_by_path");
const BATCH_GET: Endpoint = Endpoint::new("openFile/batch/get", "/adrive/v1.0/openFile/batch/get");
const DOWNLOAD: Endpoint =
    Endpoint::new("openFile/getDownloadUrl", "/adrive/v1.0/openFile/getDownloadUrl").class(RateClass::Link);
const TASK: Endpoint = Endpoint::new("openFile/async_task/get", "/adrive/v1.0/openFile/async_task/get");

/// Page size taken everywhere in the field, though the manual names 100 (reference 3.2, 7.2).
const DOCUMENTED_PAGE_SIZE: u32 = 100;

/// Largest page of a search (reference 3.3).
const SEARCH_PAGE_SIZE: u32 = 100;

/// Longest life of a link that may be asked for, in seconds; the answer's own word counts (reference 3.8).
const LINK_LIFE_S: u32 = 14_400;

/// An answer without a link has been seen to mend itself (reference 3.8).
const NO_LINK_PAUSE: Duration = Duration::from_secs(1);

impl Client {
    /// One page of a folder (reference 3.2).
    ///
    /// # Errors
    /// Any failed call. A page without its items, or of which none can be read, is a broken answer, never an empty page.
    pub async fn list(&self, request: ListRequest<'_>) -> Result<Page, Error> {
        let limit = self.page_size().load(Ordering::Relaxed);
        match self.list_page(&request, limit).await {
            Err(error) if limit > DOCUMENTED_PAGE_SIZE && may_mean_the_limit(&error) => {
                let page = self.list_page(&request, DOCUMENTED_PAGE_SIZE).await?;
                self.page_size().store(DOCUMENTED_PAGE_SIZE, Ordering::Relaxed);
                Ok(page)
            }
            result => result,
        }
    }

    async fn list_page(&self, request: &ListRequest<'_>, limit: u32) -> Result<Page, Error> {
        let body = json!({
            "drive_id": request.drive_id,
            "parent_file_id": request.parent_file_id,
            "limit": limit,
            "marker": request.marker.unwrap_or_default(),
            "order_by": order_by(request.order_by),
            "order_direction": match request.order_direction { OrderDirection::Asc => "ASC", OrderDirection::Desc => "DESC" },
            "fields": "*",
        });
        let (wire, intake) = self.call_for_urls::<WirePage>(LIST, |_| Ok(body.clone())).await?;
        let page = wire.into_page(LIST.name, intake)?;
        if page.items.is_empty() && page.unreadable > 0 {
            let message = format!("a page of {} items of which none can be read", page.unreadable);
            return Err(Error::new(LIST.name, ErrorKind::Malformed).message(message));
        }
        Ok(page)
    }

    /// An item by its id (reference 3.5).
    ///
    /// # Errors
    /// Any failed call.
    pub async fn get(&self, drive_id: &str, file_id: &str) -> Result<Item, Error> {
        let body = json!({ "drive_id": drive_id, "file_id": file_id, "fields": "*" });
        self.call::<WireItem>(GET, &body).await?.into_item(GET.name)
    }

    /// An item by its absolute path from the drive's root, not encoded (reference 3.6).
    ///
    /// # Errors
    /// Any failed call; [`ErrorKind::NotFound`] whatever the status was.
    pub async fn get_by_path(&self, drive_id: &str, path: &str) -> Result<Item, Error> {
        let body = json!({ "drive_id": drive_id, "file_path": path });
        let (wire, intake) = self.call_for_urls::<WireItem>(GET_BY_PATH, |_| Ok(body.clone())).await?;
        wire.into_addressed_item(GET_BY_PATH.name, intake)
    }

    /// One page of a drive's items that changed at or after a time (by the service's clock), the newest
    /// first; of all items without one. The index lags, and what is in the recycle bin is not in it (reference 3.3).
    ///
    /// # Errors
    /// Any failed call; a page without its items.
    pub async fn updated_since(
        &self,
        drive_id: &str,
        since: Option<UnixMillis>,
        marker: Option<&str>,
    ) -> Result<Page, Error> {
        let mut body =
            json!({ "drive_id": drive_id, "limit": SEARCH_PAGE_SIZE, "order_by": "updated_at DESC", "fields": "*" });
        if let Some(since) = since.and_then(write_query_time) {
            body["query"] = json!(format!("updated_at >= '{since}'"));
        }
        if let Some(marker) = marker {
            body["marker"] = json!(marker);
        }
        let (wire, intake) = self.call_for_urls::<WirePage>(SEARCH, |_| Ok(body.clone())).await?;
        wire.into_page(SEARCH.name, intake)
    }

    /// Up to 100 items by their ids; those that do not exist are left out (reference 3.7).
    ///
    /// # Errors
    /// Any failed call.
    pub async fn batch_get(&self, drive_id: &str, file_ids: &[&str]) -> Result<Vec<Item>, Error> {
        let list: Vec<Value> = file_ids.iter().map(|id| json!({ "drive_id": drive_id, "file_id": id })).collect();
        let wire: WireBatch = self.call(BATCH_GET, &json!({ "file_list": list, "fields": "*" })).await?;
        let items = wire.items.unwrap_or_default().into_iter().flatten();
        Ok(items.filter_map(|item| item.into_item(BATCH_GET.name).ok()).collect())
    }

    /// A link to a file's content (reference 3.8); `stream`: for a live photo, which of its streams.
    ///
    /// # Errors
    /// Any failed call; [`ErrorKind::NoLink`] when the answer twice holds none.
    pub async fn download_link(
        &self,
        drive_id: &str,
        file_id: &str,
        stream: Option<LivpFormat>,
    ) -> Result<DownloadLink, Error> {
        let body = json!({ "drive_id": drive_id, "file_id": file_id, "expire_sec": LINK_LIFE_S });
        let streams: &[&str] = match stream {
            None => &[],
            Some(LivpFormat::Jpeg) => &["jpeg", "heic"],
            Some(LivpFormat::Mov) => &["mov"],
        };
        for pause in [Some(NO_LINK_PAUSE), None] {
            let (wire, intake) = self.call_for_urls::<WireDownload>(DOWNLOAD, |_| Ok(body.clone())).await?;
            if let Some(link) = wire.into_link(streams, intake) {
                return Ok(link);
            }
            if let Some(pause) = pause {
                tokio::time::sleep(pause).await;
            }
        }
        Err(Error::new(DOWNLOAD.name, ErrorKind::NoLink))
    }

    /// How an asynchronous task stands (reference 3.19).
    ///
    /// # Errors
    /// Any failed call; a state that the reference does not know.
    pub async fn task(&self, task_id: &str) -> Result<TaskState, Error> {
        let wire: WireTask = self.call(TASK, &json!({ "async_task_id": task_id })).await?;
        match wire.state.as_deref() {
            Some("Running") => Ok(TaskState::Running),
            Some("Succeed") => Ok(TaskState::Succeed),
            Some("Failed") => Ok(TaskState::Failed),
            _ => Err(Error::new(TASK.name, ErrorKind::Malformed).message("unknown task state")),
        }
    }
}

/// `InvalidParameter.Limit`, or another code of its family: their suffixes vary (reference 5).
fn may_mean_the_limit(error: &Error) -> bool {
    error.kind == ErrorKind::InvalidRequest
        && error.code.as_deref().is_some_and(|code| code.starts_with("InvalidParameter") && !code.ends_with("Marker"))
}

fn order_by(order: OrderBy) -> &'static str {
    match order {
        OrderBy::Name => "name",
        OrderBy::NameEnhanced => "name_enhanced",
        OrderBy::Size => "size",
        OrderBy::UpdatedAt => "updated_at",
        OrderBy::CreatedAt => "created_at",
    }
}
