//! What the service writes of an account: whose it is, its drives, its space, what was paid for (reference 2).

use serde::Deserialize;

use crate::clock::UnixSeconds;
use crate::state::DriveIds;
use crate::upstream::api::wire::{bytes, told};
use crate::upstream::error::{Error, ErrorKind};
use crate::upstream::types::Membership;

#[derive(Debug, Deserialize)]
pub(in crate::upstream) struct WireDriveInfo {
    user_id: Option<String>,
    name: Option<String>,
    nick_name: Option<String>,
    user_name: Option<String>,
    default_drive_id: Option<String>,
    resource_drive_id: Option<String>,
    backup_drive_id: Option<String>,
}

impl WireDriveInfo {
    /// # Errors
    /// An answer without a user says nothing.
    pub(in crate::upstream) fn into_ids(self, call: &'static str) -> Result<DriveIds, Error> {
        let id = |id: Option<String>| id.filter(|id| !id.is_empty());
        let name = [self.name, self.nick_name, self.user_name];
        Ok(DriveIds {
            user_id: id(self.user_id).ok_or_else(|| Error::new(call, ErrorKind::Malformed).message("no user_id"))?,
            name: name.into_iter().flatten().find(|name| !name.is_empty()).unwrap_or_default(),
            default_drive_id: id(self.default_drive_id),
            resource_drive_id: id(self.resource_drive_id),
            backup_drive_id: id(self.backup_drive_id),
        })
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct WireSpaceInfo {
    pub(super) personal_space_info: Option<WireSpace>,
}

#[derive(Debug, Deserialize)]
pub(super) struct WireSpace {
    #[serde(default, deserialize_with = "bytes")]
    pub(super) used_size: Option<u64>,
    #[serde(default, deserialize_with = "bytes")]
    pub(super) total_size: Option<u64>,
}

/// In two spellings (reference 2.3).
#[derive(Debug, Deserialize)]
pub(super) struct WireMembership {
    #[serde(default, deserialize_with = "told")]
    identity: Option<String>,
    #[serde(default, deserialize_with = "told")]
    level: Option<String>,
    #[serde(default, deserialize_with = "told")]
    expire: Option<i64>,
    #[serde(default, rename = "thirdPartyVip", deserialize_with = "told")]
    third_party_camel: Option<bool>,
    #[serde(default, rename = "third_party_vip", deserialize_with = "told")]
    third_party: Option<bool>,
    #[serde(default, rename = "thirdPartyVipExpire", deserialize_with = "told")]
    third_party_expire_camel: Option<i64>,
    #[serde(default, rename = "third_party_vip_expire", deserialize_with = "told")]
    third_party_expire: Option<i64>,
}

impl WireMembership {
    /// # Errors
    /// An answer without an identity says nothing.
    pub(super) fn into_membership(self, call: &'static str) -> Result<Membership, Error> {
        // Zero is no time.
        let time = |seconds: Option<i64>| seconds.filter(|seconds| *seconds > 0).map(UnixSeconds);
        let missing = || Error::new(call, ErrorKind::Malformed).message("no identity");
        Ok(Membership {
            identity: self.identity.filter(|identity| !identity.is_empty()).ok_or_else(missing)?,
            level: self.level.filter(|level| !level.is_empty()),
            expires: time(self.expire),
            third_party: self.third_party_camel.or(self.third_party),
            third_party_expires: time(self.third_party_expire_camel.or(self.third_party_expire)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_paid_for_is_read_in_both_spellings() {
        let told = |json: &str| serde_json::from_str::<WireMembership>(json).unwrap().into_membership("c");
        let camel = r#"{"identity":"svip","level":"20TB","expire":1798761600,"thirdPartyVip":true,"thirdPartyVipExpire":1798761600}"#;
        let snake = r#"{"identity":"svip","level":"20TB","expire":1798761600,"third_party_vip":true,"third_party_vip_expire":1798761600}"#;
        assert_eq!(told(camel).unwrap(), told(snake).unwrap());
        let member = told(r#"{"identity":"member","level":null,"expire":0,"thirdPartyVip":false}"#).unwrap();
        assert_eq!((member.level, member.expires, member.third_party), (None, None, Some(false)));
        assert_eq!(told("{}").unwrap_err().kind, ErrorKind::Malformed);
    }
}
