//! The calls that change the drive: upload sessions, names, places, removal.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::upstream::api::proof;
use crate::upstream::api::wire::{
    WireCreated, WireItem, WirePart, WireParts, WireTreeChange, WireUploadedParts, write_time,
};
use crate::upstream::client::Client;
use crate::upstream::client::endpoint::Endpoint;
use crate::upstream::error::{Error, ErrorKind};
use crate::upstream::signed_url::Intake;
use crate::upstream::types::{
    CheckNameMode, ContentHint, CreateFile, Created, Item, ItemKind, PartUrl, TreeChange, UploadSession, UploadedPart,
};

const CREATE: Endpoint = Endpoint::new("openFile/create", "/adrive/v1.0/openFile/create");
const UPLOAD_URL: Endpoint = Endpoint::new("openFile/getUploadUrl", "/adrive/v1.0/openFile/getUploadUrl");
const UPLOADED: Endpoint = Endpoint::new("openFile/listUploadedParts", "/adrive/v1.0/openFile/listUploadedParts");
/// Can take many seconds for large files (reference 3.15). Its lost answer is the caller's to resolve.
const COMPLETE: Endpoint =
    Endpoint::new("openFile/complete", "/adrive/v1.0/openFile/complete").timeout(Duration::from_secs(600)).harmful();
const UPDATE: Endpoint = Endpoint::new("openFile/update", "/adrive/v1.0/openFile/update");
const MOVE: Endpoint = Endpoint::new("openFile/move", "/adrive/v1.0/openFile/move");
const COPY: Endpoint = Endpoint::new("openFile/copy", "/adrive/v1.0/openFile/copy").harmful();
const TRASH: Endpoint = Endpoint::new("openFile/recyclebin/trash", "/adrive/v1.0/openFile/recyclebin/trash");
const DELETE: Endpoint = Endpoint::new("openFile/delete", "/adrive/v1.0/openFile/delete");

/// Most pages of uploaded parts: 10,000 parts at ten a page.
const MAX_PART_PAGES: usize = 1000;

impl Client {
    /// Makes a folder (reference 3.10).
    ///
    /// # Errors
    /// Any failed call.
    pub async fn create_folder(
        &self,
        drive_id: &str,
        parent_file_id: &str,
        name: &str,
        mode: CheckNameMode,
    ) -> Result<Created, Error> {
        let body = json!({
            "drive_id": drive_id,
            "parent_file_id": parent_file_id,
            "name": name,
            "type": "folder",
            "check_name_mode": mode_word(mode),
        });
        let made = match self.call::<WireCreated>(CREATE.harmful(), &body).await {
            // Only with refuse does a second arrival make no second folder; what it then finds is the first's.
            Err(error) if mode == CheckNameMode::Refuse && error.kind.leaves_doubt() => {
                tracing::info!(%error, "the answer to the making of a folder was lost; asking again");
                let again = folder_of(self.call(CREATE, &body).await?)?;
                match again {
                    Created::Exists { file_id } if self.get(drive_id, &file_id).await?.kind == ItemKind::Folder => {
                        Created::Done { file_id, name: None, upload_id: None }
                    }
                    again => again,
                }
            }
            made => folder_of(made?)?,
        };
        Ok(made)
    }

    /// Opens an upload session, or attaches content that the drive already has (reference 3.10, 3.11).
    ///
    /// # Errors
    /// Any failed call; [`ErrorKind::PreHashMatched`] and [`ErrorKind::ProofRefused`] ask for another try with
    /// another [`ContentHint`]. After an unclear failure of [`ContentHint::Full`] the content may have been attached.
    pub async fn create_file(&self, request: CreateFile<'_>) -> Result<Created, Error> {
        // An open session that nobody knows of shows nowhere; content that the drive attached does (reference 5).
        let attaches = matches!(request.content, ContentHint::Full { .. });
        let endpoint = if attaches { CREATE.harmful() } else { CREATE };
        // The proof belongs to the token that the request carries, so the body is made with it.
        let (wire, intake) = self.call_for_urls::<WireCreated>(endpoint, |token| create_body(&request, token)).await?;
        let file_id = wire.file_id.filter(|id| !id.is_empty()).ok_or_else(no_file_id)?;
        let upload_id = wire.upload_id.filter(|id| !id.is_empty());
        if wire.exist == Some(true) {
            return Ok(Created::Exists { file_id });
        }
        if wire.rapid_upload == Some(true) {
            return Ok(Created::Done { file_id, name: wire.file_name, upload_id });
        }
        let upload_id = upload_id.ok_or_else(|| malformed("no upload_id"))?;
        Ok(Created::Session(UploadSession {
            file_id,
            upload_id,
            name: wire.file_name,
            parts: parts(wire.part_info_list, intake),
        }))
    }

    /// Which bytes of a content of `size` bytes the drive would ask for as proof, by the token of now.
    ///
    /// # Errors
    /// There is no living token.
    pub async fn proof_range(&self, size: u64) -> Result<std::ops::Range<u64>, Error> {
        Ok(proof::proof_range(self.access().await?.expose(), size))
    }

    /// New URLs for parts of a session (reference 3.13).
    ///
    /// # Errors
    /// Any failed call.
    pub async fn upload_urls(
        &self,
        drive_id: &str,
        file_id: &str,
        upload_id: &str,
        part_numbers: &[u32],
    ) -> Result<Vec<PartUrl>, Error> {
        let list: Vec<Value> = part_numbers.iter().map(|number| json!({ "part_number": number })).collect();
        let body = json!({ "drive_id": drive_id, "file_id": file_id, "upload_id": upload_id, "part_info_list": list });
        let (wire, intake) = self.call_for_urls::<WireParts>(UPLOAD_URL, |_| Ok(body.clone())).await?;
        Ok(parts(wire.part_info_list, intake))
    }

    /// The parts that a session holds (reference 3.14).
    ///
    /// # Errors
    /// Any failed call.
    pub async fn uploaded_parts(
        &self,
        drive_id: &str,
        file_id: &str,
        upload_id: &str,
    ) -> Result<Vec<UploadedPart>, Error> {
        let mut found = Vec::new();
        let mut marker = String::new();
        for _ in 0..MAX_PART_PAGES {
            let body = json!({
                "drive_id": drive_id, "file_id": file_id, "upload_id": upload_id, "part_number_marker": marker,
            });
            let wire: WireUploadedParts = self.call(UPLOADED, &body).await?;
            found.extend(wire.uploaded_parts.unwrap_or_default().into_iter().filter_map(|part| {
                Some(UploadedPart { part_number: part.part_number?, size: part.part_size.unwrap_or(0) })
            }));
            let next = match wire.next_part_number_marker {
                Some(Value::String(next)) => next,
                Some(Value::Number(next)) => next.to_string(),
                _ => String::new(),
            };
            if matches!(next.as_str(), "" | "0") || next == marker {
                return Ok(found);
            }
            marker = next;
        }
        Err(Error::new(UPLOADED.name, ErrorKind::Malformed).message("endless list of parts"))
    }

    /// Commits a session (reference 3.15). After an unclear failure `get` tells whether it took effect.
    ///
    /// # Errors
    /// Any failed call.
    pub async fn complete(&self, drive_id: &str, file_id: &str, upload_id: &str) -> Result<Item, Error> {
        let body = json!({ "drive_id": drive_id, "file_id": file_id, "upload_id": upload_id });
        self.call::<WireItem>(COMPLETE, &body).await?.into_item(COMPLETE.name)
    }

    /// Gives an item another name in its folder (reference 3.16).
    ///
    /// # Errors
    /// Any failed call; [`ErrorKind::NameExists`] however the service says so.
    pub async fn rename(&self, drive_id: &str, file_id: &str, name: &str, mode: CheckNameMode) -> Result<Item, Error> {
        let body = json!({
            "drive_id": drive_id, "file_id": file_id, "name": name, "check_name_mode": mode_word(mode),
        });
        let answer: Map<String, Value> = self.call(UPDATE, &body).await?;
        if answer.get("exist") == Some(&Value::Bool(true)) {
            return Err(Error::new(UPDATE.name, ErrorKind::NameExists));
        }
        let wire: WireItem = serde_json::from_value(Value::Object(answer))
            .map_err(|error| Error::new(UPDATE.name, ErrorKind::Malformed).message(error.to_string()))?;
        wire.into_item(UPDATE.name)
    }

    /// Stars an item, or takes its star away (reference 3.16).
    ///
    /// # Errors
    /// Any failed call.
    pub async fn star(&self, drive_id: &str, file_id: &str, starred: bool) -> Result<(), Error> {
        let body = json!({ "drive_id": drive_id, "file_id": file_id, "starred": starred });
        self.call::<Value>(UPDATE, &body).await.map(drop)
    }

    /// Puts an item into another folder of its drive; `new_name` counts only where its name is taken there
    /// (reference 3.17).
    ///
    /// # Errors
    /// Any failed call.
    pub async fn move_item(
        &self,
        drive_id: &str,
        file_id: &str,
        to_parent: &str,
        mode: CheckNameMode,
        new_name: Option<&str>,
    ) -> Result<TreeChange, Error> {
        let mut body = json!({
            "drive_id": drive_id, "file_id": file_id, "to_drive_id": drive_id, "to_parent_file_id": to_parent,
            "check_name_mode": mode_word(mode),
        });
        if let Some(name) = new_name {
            body["new_name"] = name.into();
        }
        self.change(MOVE, &body, file_id).await
    }

    /// Copies an item; the answer names the copy (reference 3.18).
    ///
    /// # Errors
    /// Any failed call; an answer without the copy's id.
    pub async fn copy_item(
        &self,
        drive_id: &str,
        file_id: &str,
        to_drive: &str,
        to_parent: &str,
        auto_rename: bool,
    ) -> Result<TreeChange, Error> {
        let body = json!({
            "drive_id": drive_id, "file_id": file_id, "to_drive_id": to_drive, "to_parent_file_id": to_parent,
            "auto_rename": auto_rename,
        });
        let change = self.change(COPY, &body, "").await?;
        if change.file_id.is_empty() {
            Err(Error::new(COPY.name, ErrorKind::Malformed).message("no file_id"))
        } else {
            Ok(change)
        }
    }

    /// Puts an item into the recycle bin (reference 3.19).
    ///
    /// # Errors
    /// Any failed call; [`ErrorKind::NotFound`] when it is not there or already in the bin.
    pub async fn trash(&self, drive_id: &str, file_id: &str) -> Result<TreeChange, Error> {
        self.change(TRASH, &json!({ "drive_id": drive_id, "file_id": file_id }), file_id).await
    }

    /// Removes an item for good (reference 3.19).
    ///
    /// # Errors
    /// As [`Client::trash`].
    pub async fn delete(&self, drive_id: &str, file_id: &str) -> Result<TreeChange, Error> {
        self.change(DELETE, &json!({ "drive_id": drive_id, "file_id": file_id }), file_id).await
    }

    async fn change(&self, endpoint: Endpoint, body: &Value, default_id: &str) -> Result<TreeChange, Error> {
        let wire: WireTreeChange = self.call(endpoint, body).await?;
        Ok(TreeChange {
            file_id: wire.file_id.filter(|id| !id.is_empty()).unwrap_or_else(|| default_id.to_owned()),
            exists: wire.exist.unwrap_or(false),
            async_task_id: wire.async_task_id.filter(|id| !id.is_empty()),
        })
    }
}

fn folder_of(wire: WireCreated) -> Result<Created, Error> {
    let file_id = wire.file_id.filter(|id| !id.is_empty()).ok_or_else(no_file_id)?;
    Ok(if wire.exist == Some(true) {
        Created::Exists { file_id }
    } else {
        Created::Done { file_id, name: wire.file_name, upload_id: None }
    })
}

fn create_body(request: &CreateFile<'_>, token: &str) -> Result<Value, Error> {
    let parts: Vec<Value> = (1..=request.parts).map(|number| json!({ "part_number": number })).collect();
    let mut body = json!({
        "drive_id": request.drive_id,
        "parent_file_id": request.parent_file_id,
        "name": request.name,
        "type": "file",
        "check_name_mode": mode_word(request.check_name_mode),
        "part_info_list": parts,
    });
    let mut set = |field: &str, value: Option<Value>| {
        if let Some(value) = value {
            body[field] = value;
        }
    };
    set("size", request.size.map(Into::into));
    set("local_modified_at", request.local_modified.and_then(write_time).map(Into::into));
    set("local_created_at", request.local_created.and_then(write_time).map(Into::into));
    match &request.content {
        ContentHint::None => {}
        ContentHint::PreHash(sha1) => set("pre_hash", Some(sha1.upper().to_string().into())),
        ContentHint::Full { sha1, proof: source } => {
            let range = proof::proof_range(token, request.size.unwrap_or(0));
            let bytes =
                if range.is_empty() { Vec::new() } else { (source.0)(range.start, range.end).map_err(unreadable)? };
            set("content_hash", Some(sha1.upper().to_string().into()));
            set("content_hash_name", Some("sha1".into()));
            set("proof_version", Some("v1".into()));
            set("proof_code", Some(proof::encode(&bytes).into()));
        }
    }
    Ok(body)
}

fn unreadable(error: std::io::Error) -> Error {
    Error::new(CREATE.name, ErrorKind::ProofRefused).message(format!("the bytes for the proof are unreadable: {error}"))
}

fn parts(list: Option<Vec<WirePart>>, intake: Intake) -> Vec<PartUrl> {
    list.unwrap_or_default().into_iter().filter_map(|part| part.into_part(intake)).collect()
}

fn mode_word(mode: CheckNameMode) -> &'static str {
    match mode {
        CheckNameMode::Refuse => "refuse",
        CheckNameMode::AutoRename => "auto_rename",
        CheckNameMode::Ignore => "ignore",
    }
}

fn no_file_id() -> Error {
    malformed("no file_id")
}

fn malformed(message: &str) -> Error {
    Error::new(CREATE.name, ErrorKind::Malformed).message(message)
}
