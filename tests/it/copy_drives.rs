//! `alidav copy` from drive to drive: of one user, and of two.

use std::fs;

use crate::copy::Copy;
use crate::harness::noise;

/// A drive at `/`, the same user's other one at `/second`, another user's at `/other`.
async fn drives() -> Copy {
    let copy = Copy::start().await;
    let (url, token) = (copy.sim.url().to_owned(), copy.sim.refresh_token_of(1));
    let more = format!(
        "[[mount]]\npath = \"/second\"\ndrive_type = \"resource\"\n[[mount]]\npath = \"/other\"\naccount = \"other\"\n\
         [[account]]\nname = \"other\"\noauth_token_urls = [\"{url}/alicloud/renewapi\"]\nrefresh_token = \"{token}\"\n"
    );
    let settings = fs::read_to_string(copy.config()).unwrap();
    fs::write(copy.config(), settings + &more).unwrap();
    for at in 0..3 {
        copy.sim.write(&format!("/films/{at}"), noise(6_000_000 + at));
    }
    copy
}

// Keeps 152.
#[tokio::test(flavor = "multi_thread")]
async fn from_drive_to_drive_no_content_is_carried() {
    for (to, word, calls) in [
        ("second", "3 copied on the drive", ("openFile/copy", 3)),
        ("other", "3 copied on the drive", ("openFile/create", 4)),
    ] {
        let copy = drives().await;
        let told = copy.run(&["drive:/films", &format!("drive:/{to}/a")], 0);
        assert!(told.contains(word), "{told}");
        assert_eq!(copy.calls("data PUT"), 0);
        assert!(copy.sim.downloaded() < 1_000_000, "{}", copy.sim.downloaded());
        assert!(copy.calls(calls.0) >= calls.1, "{:?}", copy.sim.calls());
        let told = copy.run(&["drive:/films", &format!("drive:/{to}/a")], 0);
        assert!(told.contains("3 present"), "{told}");
        copy.run(&[&format!("drive:/{to}/a/films/"), "local"], 0);
        for at in 0..3 {
            assert!(fs::read(copy.local().join(at.to_string())).unwrap() == noise(6_000_000 + at));
        }
    }
}
