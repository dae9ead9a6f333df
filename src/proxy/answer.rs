//! What the relay itself answers when a request cannot be passed on.

use bytes::Bytes;
use hyper::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};

/// An answer in plain words, as a small page for a browser, and never to be cached.
pub(super) fn in_words(status: u16, words: &str, html: bool) -> Response<Bytes> {
    let (kind, text) = if html {
        ("text/html; charset=utf-8", page(status, words))
    } else {
        ("text/plain; charset=utf-8", format!("{words}\n"))
    };
    let mut answer = Response::new(Bytes::from(text));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == 503 {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    answer
}

/// Whether HTML is named before plain text, as browsers do; `*/*` alone is text.
pub(super) fn wants_html(asked: &HeaderMap) -> bool {
    let accept = asked
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let first = accept
        .flat_map(|value| value.split(','))
        .map(|kind| kind.split(';').next().unwrap_or_default().trim())
        .find(|kind| {
            kind.eq_ignore_ascii_case("text/html") || kind.eq_ignore_ascii_case("text/plain")
        });
    first.is_some_and(|kind| kind.eq_ignore_ascii_case("text/html"))
}

fn page(status: u16, words: &str) -> String {
    let words = escaped(words);
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{status}</title>\
         <body style=\"font:16px/1.5 system-ui,sans-serif;margin:4rem auto;max-width:40rem;padding:0 1rem\">\
         <h1 style=\"font-size:1.2rem\">{words}</h1><p>{status}, said by Boatyard's relay. Reload to try again.</p></body></html>\n"
    )
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            char => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_gets_a_page_and_everybody_else_text() {
        for (accept, html) in [
            ("text/html,application/xhtml+xml,*/*;q=0.8", true),
            ("*/*", false),
            ("application/json", false),
            ("text/plain, text/html", false),
        ] {
            let asked = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
            let answer = in_words(
                503,
                "orders is not ready: <boom> & more",
                wants_html(&asked),
            );
            let text = String::from_utf8(answer.body().to_vec()).unwrap();
            assert_eq!(text.contains("&lt;boom&gt; &amp; more"), html, "{accept}");
            assert_eq!(text.contains("<boom>"), !html);
            assert_eq!(answer.status(), 503);
        }
    }
}
