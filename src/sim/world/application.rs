//! The applications under which tokens are given out, one for each token server (reference 1.8).

use serde::{Deserialize, Serialize};

use crate::sim::levers::rules::Rules;

/// The simulated developer's own application.
pub const CLIENT_ID: &str = "fedcba9876543210fedcba9876543210";
/// Its secret.
pub const CLIENT_SECRET: &str = "00112233445566778899aabbccddeeff";

/// Whose tokens they are: under another application they are refused, and not spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Application {
    /// A developer's own, [`CLIENT_ID`], at the service itself.
    #[default]
    Own,
    /// OpenList's, at `/alicloud/…`.
    OpenList,
    /// That of OpenList's server for mainland China, at `/mainland/alicloud/…`, unless the two share one.
    Mainland,
    /// AList's, at `/alist/ali_open/…`.
    AList,
    /// aliyundrive-webdav's, at `/messense/…`.
    AliyundriveWebdav,
    /// The TV client's, at OpenList's servers with `driver_txt=alicloud_tv`; its refresh tokens are no JWTs.
    Tv,
}

impl Application {
    /// `aud` of its tokens.
    pub(in crate::sim) fn id(self) -> &'static str {
        match self {
            Self::Own => CLIENT_ID,
            Self::OpenList => "c78079b71f42427b8c899f81fbe36961",
            // Nobody states it.
            Self::Mainland => "4d61696e6c616e644d61696e6c616e64",
            Self::AList => "b8c990e60b18446eb07f5dca30398e8a",
            Self::AliyundriveWebdav => "73e611831a7c4d87ac49c8481bf9f2c4",
            Self::Tv => "6b5b52e144f748f78b3f96a2626ed5d7",
        }
    }

    /// Whether tokens and codes of `other` are taken here.
    pub(in crate::sim) fn takes(self, other: Self, rules: &Rules) -> bool {
        let openlist = |one| matches!(one, Self::OpenList | Self::Mainland);
        !rules.own_applications
            || self == other
            || rules.mainland_shares_application && openlist(self) && openlist(other)
    }
}
