//! Who is signed in, and what there is for them.

use http::{Response, StatusCode};
use serde_json::json;

use crate::config::Permission;
use crate::protocol::{Body, reply};
use crate::web::caller::{Caller, KnownBy};

/// `GET session` of a browser that nobody is signed in with, where strangers may do nothing. Nobody is an answer to "who
/// am I": as a failure it would be one more on the console of whoever opens a page.
pub(in crate::web) fn nobody() -> Response<Body> {
    reply::json(StatusCode::OK, &json!({ "user": null, "permission": "none", "by": "nothing", "features": {} }))
}

/// `GET session`.
pub(in crate::web) fn answer(caller: &Caller) -> Response<Body> {
    let writes = caller.permission == Permission::Write;
    let by = match caller.by {
        KnownBy::Cookie => "cookie",
        KnownBy::Basic => "basic",
        KnownBy::Nothing => "anonymous",
    };
    let told = json!({
        "user": caller.user.as_deref(),
        "permission": if writes { "write" } else { "read" },
        "base_path": caller.base_path.as_str(),
        "version": env!("CARGO_PKG_VERSION"),
        "by": by,
        "features": {
            "sign_in": writes, "links": true, "video": true, "thumbs": true, "search": true, "recent": true,
            "all": caller.runs_all(),
        },
    });
    reply::json(StatusCode::OK, &told)
}
