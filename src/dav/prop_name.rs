//! Names of properties.

/// Name of a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropName {
    /// Namespace; empty for none.
    pub namespace: String,
    /// Local name.
    pub name: String,
}
