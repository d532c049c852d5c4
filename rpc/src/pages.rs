//! `GET /`: the explorer, a page of three files in the binary. It asks the node over JSON-RPC as every client does; nothing of
//! it comes from elsewhere, and the browser is told to refuse what would.

use jsonrpsee::server::{HttpBody, HttpRequest, HttpResponse};

/// What the page may load, and from where: its own script and style, and the node that it asks. No markup that a contract could
/// have written is ever a script or a style.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                              base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

/// The files: path, type, content.
const FILES: [(&str, &str, &str); 3] = [
    ("/", "text/html; charset=utf-8", include_str!("explorer/index.html")),
    ("/explorer.css", "text/css; charset=utf-8", include_str!("explorer/explorer.css")),
    ("/explorer.js", "text/javascript; charset=utf-8", include_str!("explorer/explorer.js")),
];

/// The answer to a `GET` or `HEAD` that asks for no WebSocket.
pub(crate) fn answer<B>(request: &HttpRequest<B>) -> HttpResponse {
    let path = request.uri().path();
    match FILES.iter().find(|(name, ..)| *name == path) {
        Some((_, kind, content)) => plain(200, kind, *content),
        None => plain(404, "text/plain; charset=utf-8", "there is no such page: the explorer is at /\n"),
    }
}

/// An answer of HTTP that is no JSON-RPC.
pub(crate) fn plain(status: u16, kind: &str, content: impl Into<HttpBody>) -> HttpResponse {
    let response = HttpResponse::<()>::builder()
        .status(status)
        .header("content-type", kind)
        .header("content-security-policy", CONTENT_POLICY)
        .header("x-content-type-options", "nosniff")
        .header("referrer-policy", "no-referrer")
        .header("cross-origin-resource-policy", "same-origin")
        .header("cache-control", "no-cache")
        .body(content.into());
    // Each part is one of the constants above.
    response.unwrap_or_else(|_| HttpResponse::new(HttpBody::from("")))
}
