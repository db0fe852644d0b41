//! QR codes for pages.

use qrcode::QrCode;
use qrcode::render::svg::Color;

/// Width and height in pixels, at least; it is drawn to be scaled.
const SIDE: u32 = 240;

/// A text as a picture; absent where it is too long for any code.
pub(super) fn svg(text: &str) -> Option<String> {
    let code = QrCode::new(text.as_bytes()).ok()?;
    Some(code.render::<Color<'_>>().min_dimensions(SIDE, SIDE).build())
}
