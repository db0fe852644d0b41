//! Where the clients come to.

/// Who may do everything.
pub const USER: &str = "me";
/// His password.
pub const PASSWORD: &str = "secret word";
/// Both, as a header has them.
pub const BASIC: &str = "Basic bWU6c2VjcmV0IHdvcmQ=";

/// The server's address, below which the tree is.
pub fn server() -> String {
    std::env::var("URL").expect("URL names a running alidav")
}
