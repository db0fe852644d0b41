//! Names that are free beside one that is taken.

use std::borrow::Cow;

use crate::drive::{self, Freshness, Path};
use crate::web::caller::Caller;
use crate::web::error::{Code, Refusal};
use crate::web::site::Site;

/// Names tried for one that stays beside another.
const MOST_NAMES: usize = 1000;

/// The path itself, or one with a number beside it: `a (1).txt`.
pub(super) async fn free(site: &Site, path: &Path, caller: &Caller) -> Result<Path, Refusal> {
    let Some(folder) = path.parent() else { return Err(Refusal::bad("path must name an item")) };
    for n in 0..MOST_NAMES {
        let name = numbered(path.name(), n);
        if name.len() > drive::MAX_NAME_BYTES {
            return Err(Refusal::new(Code::BadName, "the name is too long for a number beside it"));
        }
        let other = folder.join(&name);
        match site.tree.stat(&other.under(&caller.base_path), Freshness::Cached).await {
            Ok(_) => {}
            Err(drive::Error::NotFound) => return Ok(other),
            Err(error) => return Err(error.into()),
        }
    }
    Err(Refusal::new(Code::Exists, format!("there are {MOST_NAMES} items of that name already")))
}

fn numbered(name: &str, n: usize) -> Cow<'_, str> {
    if n == 0 {
        return name.into();
    }
    match name.rsplit_once('.').filter(|(stem, end)| !stem.is_empty() && end.len() <= 10) {
        Some((stem, end)) => format!("{stem} ({n}).{end}").into(),
        None => format!("{name} ({n})").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stands_before_the_extension() {
        for (name, n, expected) in [
            ("a.txt", 0, "a.txt"),
            ("a.txt", 2, "a (2).txt"),
            (".bashrc", 1, ".bashrc (1)"),
            ("a. long tail of a title", 1, "a. long tail of a title (1)"),
            ("资料", 10, "资料 (10)"),
        ] {
            assert_eq!(numbered(name, n), expected);
        }
    }
}
