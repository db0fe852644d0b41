//! object_store's own integration tests, which it offers to those who make stores, over its WebDAV client.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use object_store::ClientOptions;
use object_store::http::{HttpBuilder, HttpStore};
use object_store::integration;
use object_store::{ObjectStore, path::Path};

/// It takes a path of the server for one of its own, so its root is the server's; the tests come one after another.
fn store() -> HttpStore {
    // The client takes no name and password of its own.
    let login = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(suites::BASIC))]);
    let options = ClientOptions::new().with_allow_http(true).with_default_headers(login);
    HttpBuilder::new().with_url(suites::server()).with_client_options(options).build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn copy_if_not_exists() {
    integration::copy_if_not_exists(&(Arc::new(store()) as Arc<dyn ObjectStore>)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn list_uses_directories_correctly() {
    integration::list_uses_directories_correctly(&(Arc::new(store()) as Arc<dyn ObjectStore>)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn list_with_delimiter() {
    integration::list_with_delimiter(&(Arc::new(store()) as Arc<dyn ObjectStore>)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn put_get_delete_list() {
    integration::put_get_delete_list(&(Arc::new(store()) as Arc<dyn ObjectStore>)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rename_and_copy() {
    integration::rename_and_copy(&(Arc::new(store()) as Arc<dyn ObjectStore>)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn copy_rename_nonexistent_object() {
    integration::copy_rename_nonexistent_object(&(Arc::new(store()) as Arc<dyn ObjectStore>)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn get_nonexistent_object() {
    let store: Arc<dyn ObjectStore> = Arc::new(store());
    let error = integration::get_nonexistent_object(&store, Some(Path::from("none"))).await.unwrap_err();
    assert!(matches!(error, object_store::Error::NotFound { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn get_opts() {
    integration::get_opts(&store()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn list_with_offset_exclusivity() {
    integration::list_with_offset_exclusivity(&(Arc::new(store()) as Arc<dyn ObjectStore>)).await;
}
