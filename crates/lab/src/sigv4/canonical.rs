//! The one spelling of a request that client and server both sign.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::SignedRequest;

/// The canonical request over the headers named in `signed`, in that order.
pub(super) fn request(request: &SignedRequest<'_>, signed: &[String]) -> String {
    let mut text =
        format!("{}\n{}\n{}\n", request.method, path(request.path), query(request.query));
    for name in signed {
        let values: Vec<String> =
            request.headers.get_all(name.as_str()).iter().map(header_value).collect();
        let _ = writeln!(text, "{name}:{}", values.join(","));
    }
    let _ = write!(text, "\n{}\n{}", signed.join(";"), hex(&Sha256::digest(request.body)));
    text
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The path with `.` and `..` resolved, and encoded once more (every service but S3).
fn path(sent: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in sent.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            other => segments.push(other),
        }
    }
    let mut text = String::new();
    for segment in &segments {
        text.push('/');
        encode_into(&mut text, segment.as_bytes());
    }
    if segments.is_empty() || sent.ends_with('/') {
        text.push('/');
    }
    text
}

/// Parameters each encoded in the one way, sorted by name, then value.
fn query(sent: &str) -> String {
    let mut pairs: Vec<(String, String)> = sent
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (reencode(name), reencode(value))
        })
        .collect();
    pairs.sort();
    let pairs: Vec<String> =
        pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// Outer blanks removed, inner runs of blanks made one.
fn header_value(value: &http::HeaderValue) -> String {
    let text = String::from_utf8_lossy(value.as_bytes());
    text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn reencode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    encode_into(&mut encoded, &percent_decode(text.as_bytes()));
    encoded
}

fn percent_decode(bytes: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, tail)) = rest.split_first() {
        let escaped = match tail {
            [high, low, ..] if byte == b'%' => {
                let digits = (char::from(*high).to_digit(16), char::from(*low).to_digit(16));
                match digits {
                    (Some(high), Some(low)) => u8::try_from(high * 16 + low).ok(),
                    _ => None,
                }
            }
            _ => None,
        };
        decoded.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    decoded
}

/// RFC 3986 section 2.3: letters, digits, `-`, `.`, `_` and `~` stay, everything else is `%XX`.
fn encode_into(text: &mut String, bytes: &[u8]) {
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
}
