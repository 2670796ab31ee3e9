//! Versions of layouts.

use super::version::version;

version! {
    /// Version of a layout. Every change of a layout raises it. Seat indexes are valid only within one version.
    LayoutVersion
}
