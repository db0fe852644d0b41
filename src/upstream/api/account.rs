//! The calls about the account: whose it is, its drives, its space, what was paid for.

use serde_json::json;

use crate::state::DriveIds;
use crate::upstream::api::wire_account::{WireDriveInfo, WireMembership, WireSpaceInfo};
use crate::upstream::auth::access::Access;
use crate::upstream::client::Client;
use crate::upstream::client::endpoint::{DRIVE_INFO, Endpoint};
use crate::upstream::error::{Error, ErrorKind};
use crate::upstream::types::{Membership, SpaceInfo};

const SPACE_INFO: Endpoint = Endpoint::new("user/getSpaceInfo", "/adrive/v1.0/user/getSpaceInfo");
const MEMBERSHIP: Endpoint = Endpoint::new("user/getVipInfo", "/business/v1.0/user/getVipInfo");

impl Client {
    /// Who the account is and which drives it granted (reference 2.1).
    ///
    /// # Errors
    /// Any failed call; an answer without a user.
    pub async fn drive_info(&self) -> Result<DriveIds, Error> {
        self.call::<WireDriveInfo>(DRIVE_INFO, &json!({})).await?.into_ids(DRIVE_INFO.name)
    }

    /// The same for a token that nobody else uses yet.
    ///
    /// # Errors
    /// Any failed call, without a second try; an answer without a user.
    pub(in crate::upstream) async fn drive_info_of(&self, access: &Access) -> Result<DriveIds, Error> {
        let told = self.send::<WireDriveInfo>(DRIVE_INFO, access, &json!({})).await;
        told.map_err(|(refusal, _)| refusal.error)?.into_ids(DRIVE_INFO.name)
    }

    /// Space of the whole account (reference 2.2).
    ///
    /// # Errors
    /// Any failed call; an answer without numbers.
    pub async fn space_info(&self) -> Result<SpaceInfo, Error> {
        let wire: WireSpaceInfo = self.call(SPACE_INFO, &json!({})).await?;
        wire.personal_space_info
            .and_then(|space| Some(SpaceInfo { used: space.used_size?, total: space.total_size? }))
            .ok_or_else(|| Error::new(SPACE_INFO.name, ErrorKind::Malformed).message("no personal_space_info"))
    }

    /// What the account's user has paid for (reference 2.3).
    ///
    /// # Errors
    /// Any failed call; an answer that does not say it.
    pub async fn membership(&self) -> Result<Membership, Error> {
        self.call::<WireMembership>(MEMBERSHIP, &json!({})).await?.into_membership(MEMBERSHIP.name)
    }
}
