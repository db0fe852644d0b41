//! OpenDAL over its WebDAV service: what its behaviour tests ask of a service, with the checkers of its test kit. The
//! tests themselves are not in its package.

use std::sync::atomic::{AtomicU32, Ordering};

use opendal::services::Webdav;
use opendal::tests::{ReadAction, ReadChecker, WriteChecker};
use opendal::{ErrorKind, Operator};

static FOLDERS: AtomicU32 = AtomicU32::new(0);

/// Each test has a folder of its own.
fn operator() -> Operator {
    let root = format!("/opendal {}/", FOLDERS.fetch_add(1, Ordering::Relaxed));
    let service = Webdav::default().endpoint(&suites::server()).username(suites::USER).password(suites::PASSWORD);
    Operator::new(service.root(&root)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn check() {
    operator().check().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn create_dir() {
    let operator = operator();
    operator.create_dir("a/b/c/").await.unwrap();
    operator.create_dir("a/b/c/").await.unwrap();
    assert!(operator.stat("a/b/c/").await.unwrap().is_dir());
}

#[tokio::test(flavor = "multi_thread")]
async fn write_read_stat() {
    let operator = operator();
    for path in ["plain", "in/a/folder", "空 格 #%?&+;=@.txt", "emoji 🎬", "-dash", "{brace}", "quote'\"s"] {
        let checker = WriteChecker::new(vec![100_000]);
        operator.write(path, checker.chunks()[0].clone()).await.unwrap();
        checker.check(&operator.read(path).await.unwrap().to_vec());
        let about = operator.stat(path).await.unwrap();
        assert!(about.is_file() && about.content_length() == 100_000, "{path}: {about:?}");
        assert!(about.etag().is_some() && about.last_modified().is_some(), "{path}: {about:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn write_empty() {
    let operator = operator();
    operator.write("empty", Vec::<u8>::new()).await.unwrap();
    assert_eq!(operator.stat("empty").await.unwrap().content_length(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn overwrite() {
    let operator = operator();
    operator.write("a", "long before").await.unwrap();
    operator.write("a", "short").await.unwrap();
    assert_eq!(operator.read("a").await.unwrap().to_vec(), b"short");
}

#[tokio::test(flavor = "multi_thread")]
async fn read_ranges() {
    let operator = operator();
    let mut checker = ReadChecker::new(700_000);
    operator.write("a", checker.data()).await.unwrap();
    let actions = [(0, 1), (0, 700_000), (1, 65_536), (699_999, 1), (350_000, 350_000), (123_456, 7)];
    let actions = actions.map(|(offset, size)| ReadAction::Read(offset, size));
    checker.check(operator.reader("a").await.unwrap(), &actions).await;
    checker.check(operator.reader_with("a").concurrent(3).chunk(100_000).await.unwrap(), &actions).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn read_conditions() {
    let operator = operator();
    operator.write("a", "content").await.unwrap();
    let etag = operator.stat("a").await.unwrap().etag().unwrap().to_owned();
    assert_eq!(operator.read_with("a").if_match(&etag).await.unwrap().to_vec(), b"content");
    let failed = operator.read_with("a").if_match("\"other\"").await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::ConditionNotMatch);
    let failed = operator.read_with("a").if_none_match(&etag).await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::ConditionNotMatch);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there() {
    let operator = operator();
    assert_eq!(operator.stat("none").await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(operator.read("none").await.unwrap_err().kind(), ErrorKind::NotFound);
    operator.delete("none").await.unwrap();
    assert!(operator.list("none/").await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn list() {
    let operator = operator();
    operator.create_dir("folder/sub/").await.unwrap();
    operator.write("folder/a", "a").await.unwrap();
    operator.write("folder/sub/b", "b").await.unwrap();
    let mut names: Vec<_> = operator.list("folder/").await.unwrap().iter().map(|e| e.path().to_owned()).collect();
    names.sort();
    assert_eq!(names, ["folder/", "folder/a", "folder/sub/"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn list_recursive() {
    let operator = operator();
    operator.write("folder/a", "a").await.unwrap();
    operator.write("folder/sub/b", "b").await.unwrap();
    let found = operator.list_with("folder/").recursive(true).await.unwrap();
    let mut names: Vec<_> = found.iter().map(|entry| entry.path().to_owned()).collect();
    names.sort();
    assert_eq!(names, ["folder/", "folder/a", "folder/sub/", "folder/sub/b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn copy_and_rename() {
    let operator = operator();
    operator.write("a", "content").await.unwrap();
    operator.copy("a", "to/b").await.unwrap();
    operator.write("to/c", "old").await.unwrap();
    operator.rename("a", "to/c").await.unwrap();
    assert_eq!(operator.read("to/b").await.unwrap().to_vec(), b"content");
    assert_eq!(operator.read("to/c").await.unwrap().to_vec(), b"content");
    assert!(!operator.exists("a").await.unwrap());
    assert_eq!(operator.copy("none", "d").await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn user_metadata() {
    let operator = operator();
    let about = [("color".to_owned(), "blue".to_owned())];
    operator.write_with("a", "content").user_metadata(about.clone()).await.unwrap();
    let found = operator.stat("a").await.unwrap();
    assert_eq!(found.user_metadata().and_then(|kept| kept.get("color")), Some("blue"));
}

#[tokio::test(flavor = "multi_thread")]
async fn remove_all() {
    let operator = operator();
    operator.write("folder/sub/b", "b").await.unwrap();
    operator.delete_with("folder/").recursive(true).await.unwrap();
    assert!(!operator.exists("folder/").await.unwrap());
}
