//! Documents packed on their way to clients that take gzip: listings, answers of the API. Never the bytes of a file,
//! whose length, ranges and checksum hold for what the drive has.

use std::io::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue, Response, header};
use http_body::{Body as _, Frame};
use http_body_util::BodyExt as _;

use super::body::{Body, BodyError};

/// Shorter documents fit into a packet or two as they are.
const SMALL: u64 = 1024;

/// Packed bytes that are sent at once: some 500 KB of a listing.
const PIECE: usize = 8 << 10;

/// Plain bytes that are packed in one turn: others' requests are not to wait for a whole listing.
const TURN: usize = 64 << 10;

/// An answer with this extension is a document made here, which may be packed.
#[derive(Debug, Clone, Copy)]
pub struct Document;

/// Whether the client takes gzip (RFC 9110, section 12.5.3).
#[must_use]
pub fn is_taken(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    { lists }.flat_map(|list| list.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = weight.trim().strip_prefix("q=").is_some_and(|q| q.trim_end_matches(['0', '.']).is_empty());
        matches!(name.trim(), "gzip" | "x-gzip") && !refused
    })
}

/// Packs a [`Document`] of some length for a client that takes it, by the headers of its request.
#[must_use]
pub fn packed(mut response: Response<Body>, taken: bool) -> Response<Body> {
    let small = response.body().size_hint().upper().is_some_and(|length| length < SMALL);
    let encoded = response.headers().contains_key(header::CONTENT_ENCODING);
    if response.extensions().get::<Document>().is_none() || small || encoded {
        return response;
    }
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if !taken {
        return response;
    }
    response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    response.headers_mut().remove(header::CONTENT_LENGTH);
    // The fastest level: listings repeat themselves so much that the others save little more.
    response
        .map(|plain| Packed { plain, encoder: Some(GzEncoder::new(Vec::new(), Compression::fast())) }.boxed_unsync())
}

struct Packed {
    plain: Body,
    /// Gone once its end was written.
    encoder: Option<GzEncoder<Vec<u8>>>,
}

impl http_body::Body for Packed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let mut packed = 0;
        while let Some(encoder) = &mut this.encoder {
            let Some(frame) = ready!(Pin::new(&mut this.plain).poll_frame(cx)).transpose()? else {
                let rest = this.encoder.take().map(GzEncoder::finish).transpose()?.unwrap_or_default();
                return Poll::Ready(Some(Ok(Frame::data(rest.into()))));
            };
            // A document has no trailers.
            let Ok(plain) = frame.into_data() else { continue };
            encoder.write_all(&plain)?;
            if encoder.get_ref().len() >= PIECE {
                return Poll::Ready(Some(Ok(Frame::data(std::mem::take(encoder.get_mut()).into()))));
            }
            packed += plain.len();
            if packed >= TURN {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.encoder.is_none()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use futures_util::FutureExt as _;

    use super::super::body;
    use super::*;

    fn document(body: Body) -> Response<Body> {
        let mut response = Response::new(body);
        response.extensions_mut().insert(Document);
        response
    }

    #[tokio::test]
    async fn a_long_document_is_packed_and_unpacks_to_itself() {
        let pieces: Vec<String> = (0..300_000).map(|n| format!("<entry>{n}</entry>")).collect();
        let whole = pieces.concat();
        let frames = pieces.into_iter().map(|piece| Ok::<_, BodyError>(Frame::data(Bytes::from(piece))));
        let body = http_body_util::StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync();
        let response = packed(document(body), true);
        assert_eq!(response.headers()[header::CONTENT_ENCODING], "gzip");
        assert_eq!(response.headers()[header::VARY], "Accept-Encoding");
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        assert!(bytes.len() * 3 < whole.len());
        let mut unpacked = String::new();
        flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut unpacked).unwrap();
        assert!(unpacked == whole);
    }

    #[test]
    fn others_have_a_turn_while_a_long_document_is_packed() {
        let frames = (0..8).map(|_| Ok::<_, BodyError>(Frame::data(Bytes::from(vec![b'a'; TURN]))));
        let body = http_body_util::StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync();
        let mut body = packed(document(body), true).into_body();
        assert!(body.frame().now_or_never().is_none());
        // Each turn packs something: eight of them are the whole, and then comes what they are packed to.
        let turns = (1..20).find(|_| body.frame().now_or_never().is_some());
        assert_eq!(turns, Some(8));
    }

    #[tokio::test]
    async fn what_is_cut_off_is_not_ended() {
        let frames = [Ok(Frame::data(Bytes::from(vec![b'a'; 5000]))), Err(BodyError::Stopping)];
        let body = http_body_util::StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync();
        assert!(packed(document(body), true).into_body().collect().await.is_err());
    }

    #[test]
    fn short_documents_files_and_those_who_do_not_take_it_get_what_is_there() {
        let long = || body::full(vec![b'a'; 5000]);
        for response in [
            packed(document(body::full("short")), true),
            packed(Response::new(long()), true),
            packed(document(long()), false),
        ] {
            assert!(!response.headers().contains_key(header::CONTENT_ENCODING));
            assert!(response.body().size_hint().exact().is_some());
        }
    }

    #[test]
    fn gzip_is_for_those_who_name_it_and_do_not_refuse_it() {
        let taken =
            |value| is_taken(&HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(value))]));
        for yes in ["gzip", "br, gzip;q=0.5", "deflate , x-gzip", "gzip;q=1.0"] {
            assert!(taken(yes), "{yes}");
        }
        for no in ["", "br", "gzip;q=0", "gzip; q=0.000", "identity"] {
            assert!(!taken(no), "{no}");
        }
    }
}
