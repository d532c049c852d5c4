//! Who may ask: under which names the server answers, and the web pages that may drive it. Knows no transport.
//!
//! A server on loopback is reached by every page in the browsers of its machine. A browser says from where a page is (`Origin`) in
//! each request that could change something and in each handshake of a WebSocket, and by which name it has found the server
//! (`Host`). A name that an attacker owns can be made to mean this machine (DNS rebinding), so both are looked at.

use jsonrpsee::server::HttpRequest;
use std::{collections::BTreeSet, fmt, net::IpAddr};

/// The name of this machine to itself.
const LOCALHOST: &str = "localhost";

/// The name that means every name.
const EVERY: &str = "*";

/// Names, or all there are.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Names {
    These(BTreeSet<String>),
    Every,
}

impl Default for Names {
    fn default() -> Self {
        Self::These(BTreeSet::new())
    }
}

impl Names {
    fn of<T: AsRef<str>>(
        names: impl IntoIterator<Item = T>,
        is_one: impl Fn(&str) -> bool,
        refused: impl Fn(String) -> InvalidAccess,
    ) -> Result<Self, InvalidAccess> {
        let (mut these, mut every) = (BTreeSet::new(), false);
        for name in names {
            let name = name.as_ref().trim().to_ascii_lowercase();
            match name.as_str() {
                EVERY => every = true,
                one if is_one(one) => drop(these.insert(name)),
                _ => return Err(refused(name)),
            }
        }
        Ok(if every { Self::Every } else { Self::These(these) })
    }

    fn has(&self, name: &str) -> bool {
        match self {
            Self::These(names) => names.contains(name),
            Self::Every => true,
        }
    }
}

/// Names of hosts and origins of pages that a server answers to.
///
/// It always answers to `localhost` and to addresses of numbers as its host, to requests that no page has made, and to pages that it
/// has served itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    hosts: Names,
    origins: Names,
}

/// Why a name is none that access can be given to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidAccess {
    /// It is no name of a host.
    Host(String),
    /// It is no origin of a page.
    Origin(String),
}

impl fmt::Display for InvalidAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(name) => write!(
                f,
                "`{name}` is no name of a host: give a name without scheme and port, as node.example.org, or * for every name"
            ),
            Self::Origin(name) => write!(
                f,
                "`{name}` is no origin: give scheme, host and port as a browser does, as http://localhost:3000, or * for \
                 every page"
            ),
        }
    }
}

impl core::error::Error for InvalidAccess {}

impl Access {
    /// Answers to `hosts` and `origins` as well; `*` is every one. A host has neither scheme nor port. An origin has both, unless the
    /// port is that of the scheme.
    ///
    /// # Errors
    ///
    /// [`InvalidAccess`] if one is none.
    pub fn new<T: AsRef<str>>(
        hosts: impl IntoIterator<Item = T>,
        origins: impl IntoIterator<Item = T>,
    ) -> Result<Self, InvalidAccess> {
        let is_host = |name: &str| matches!(split_port(name), Some((_, None)));
        Ok(Self {
            hosts: Names::of(hosts, is_host, InvalidAccess::Host)?,
            origins: Names::of(origins, is_origin, InvalidAccess::Origin)?,
        })
    }

    /// Whether `request` may ask, for whoever answers it elsewhere.
    pub fn allows<B>(&self, request: &HttpRequest<B>) -> bool {
        self.check(request).is_ok()
    }

    /// Whether `request` may ask.
    pub(crate) fn check<B>(&self, request: &HttpRequest<B>) -> Result<Asker, Refused> {
        let host = self.host(request)?;
        let Some(origin) = only(request, "origin").map_err(Refused::Origin)? else { return Ok(Asker::NoPage) };
        let origin = origin.to_ascii_lowercase();
        if host.is_some_and(|host| origin.strip_prefix("http://") == Some(host.as_str())) {
            return Ok(Asker::OwnPage);
        }
        match &self.origins {
            Names::Every => Ok(Asker::Page(EVERY.to_owned())),
            // `null` is every page that hides where it is from.
            names if names.has(&origin) && origin != "null" => Ok(Asker::Page(origin)),
            _ => Err(Refused::Origin(origin)),
        }
    }

    /// The host of a request with its port, in small letters, after it was looked at. A browser says it in each request.
    fn host<B>(&self, request: &HttpRequest<B>) -> Result<Option<String>, Refused> {
        let named = only(request, "host").map_err(Refused::Host)?;
        let aimed = request.uri().authority().map(|authority| authority.as_str());
        let hosts = [named, aimed].into_iter().flatten().map(str::to_ascii_lowercase);
        let mut found = None;
        for host in hosts {
            let answers = split_port(&host).is_some_and(|(name, _)| self.answers_to(name));
            if !answers || found.as_ref().is_some_and(|found| *found != host) {
                return Err(Refused::Host(host));
            }
            found = Some(host);
        }
        Ok(found)
    }

    fn answers_to(&self, name: &str) -> bool {
        // An address in numbers is not a name: nothing resolves it anew.
        name == LOCALHOST || address(name).is_some() || self.hosts.has(name)
    }
}

/// The one value of a header, if it is there.
fn only<'a, B>(request: &'a HttpRequest<B>, name: &str) -> Result<Option<&'a str>, String> {
    let mut values = request.headers().get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    match (value.to_str(), values.next()) {
        (Ok(text), None) => Ok(Some(text.trim())),
        (Ok(text), Some(_)) => Err(format!("{text} and another")),
        (Err(_), _) => Err("a value that is no text".to_owned()),
    }
}

/// A host and its port.
fn split_port(host: &str) -> Option<(&str, Option<u16>)> {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inner, rest)) => {
            inner.parse::<std::net::Ipv6Addr>().ok()?;
            (host.get(..inner.len().checked_add(2)?)?, rest)
        }
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let port = match port.strip_prefix(':') {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
        None if port.is_empty() => None,
        _ => return None,
    };
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    (is_name || address(name).is_some()).then_some((name, port))
}

/// An address of numbers.
fn address(name: &str) -> Option<IpAddr> {
    match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse().ok().map(IpAddr::V6),
        None => name.parse().ok().map(IpAddr::V4),
    }
}

/// Whether it is an origin as browsers write it: a scheme and a host, without a path.
fn is_origin(text: &str) -> bool {
    let Some((scheme, host)) = text.split_once("://") else { return false };
    let of_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    !scheme.is_empty() && scheme.bytes().all(of_scheme) && split_port(host).is_some()
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asker {
    /// No page: a tool.
    NoPage,
    /// A page that this server has served.
    OwnPage,
    /// Another page that may; with what CORS calls it.
    Page(String),
}

/// Who may not ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Who has found the server by this name.
    Host(String),
    /// A page from there.
    Origin(String),
}

/// Letters of a name that are told again.
const SHOWN_MAX: usize = 100;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |name: &str| name.chars().take(SHOWN_MAX).collect::<String>();
        match self {
            Self::Host(name) => writeln!(
                f,
                "the host of the request is {}, and this node answers to localhost, to addresses of numbers, and to the hosts that \
                 its operator has named",
                shown(name)
            ),
            Self::Origin(name) => writeln!(
                f,
                "the request comes from a page of {}, and this node answers to its own page and to those of the origins that \
                 its operator has named",
                shown(name)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_none_are_refused() {
        for host in ["node.example.org", "NODE", "10.0.0.1", "[::1]", "*"] {
            assert!(Access::new([host], []).is_ok(), "{host}");
        }
        for host in ["", "a:80", "http://a", "a/b", "a b", "::1", "[::1", "[x]", "a@b"] {
            assert_eq!(Access::new([host], []), Err(InvalidAccess::Host(host.to_owned())), "{host}");
        }
        for origin in ["http://localhost:3000", "https://a.example", "chrome-extension://abc", "http://[::1]:1", "*"] {
            assert!(Access::new([], [origin]).is_ok(), "{origin}");
        }
        for origin in
            ["", "null", "localhost", "http://", "://a", "http://a/", "http://a:b", "http://a:99999", "http://a@b"]
        {
            assert_eq!(Access::new([], [origin]), Err(InvalidAccess::Origin(origin.to_owned())), "{origin}");
        }
    }
}
