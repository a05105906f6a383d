//! Fetching one file over HTTP, from a `file://` URL or from a folder: resumed, checked while it streams, and put in
//! place in one step.
//!
//! The bytes gather in `NAME.part`; `NAME.part.from` remembers the URL and the server's validator (ETag or date), so
//! that a later process may ask for the rest (`Range`, RFC 9110 section 14) and be told (`If-Range`, section 13.1.5)
//! when the file has changed meanwhile. `NAME` itself only ever exists whole and checked.
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail};
use ureq::{
    Agent, Body,
    http::{HeaderMap, Response, StatusCode, header},
    tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem},
};

use crate::{
    Stop,
    checksum::{self, Digests, Hasher},
    progress::{Progress, Unit},
};

/// How long to wait and how often to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Tries in a row that bring nothing new before giving up.
    pub attempts: u32,
    /// Pause before the second try; doubles from try to try.
    pub backoff: Duration,
    /// How long a server may stay silent in the middle of an answer.
    pub stall: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { attempts: 5, backoff: Duration::from_secs(1), stall: Duration::from_secs(60) }
    }
}

/// A file to fetch, and what is known about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Where it is; tried in this order.
    pub urls: Vec<String>,
    /// Its size in bytes.
    pub bytes: Option<u64>,
    /// Its SHA-256, lower-case hexadecimal.
    pub sha256: Option<String>,
    /// Its MD5, lower-case hexadecimal.
    pub md5: Option<String>,
}

impl Wanted {
    fn is_pinned(&self) -> bool {
        self.sha256.is_some() || self.md5.is_some()
    }

    /// What is wrong with a file of these digests.
    fn mismatch(&self, found: &Digests) -> Option<String> {
        let differs = |name: &str, expected: Option<&str>, got: &str| {
            expected
                .filter(|expected| !expected.eq_ignore_ascii_case(got))
                .map(|expected| format!("{name} is {got}, expected {expected}"))
        };
        let bytes = self.bytes.map(|bytes| bytes.to_string());
        differs("size", bytes.as_deref(), &found.bytes.to_string())
            .or_else(|| differs("sha256", self.sha256.as_deref(), &found.sha256))
            .or_else(|| differs("md5", self.md5.as_deref(), &found.md5))
    }
}

/// Why one try failed.
enum Failure {
    /// It may work the next time, after this pause if the server asked for one.
    Passing(anyhow::Error, Option<Duration>),
    /// The bytes are not the right ones.
    Corrupt(anyhow::Error),
    /// Trying this URL again is of no use.
    Final(anyhow::Error),
}

/// Fetches files; keeps connections open from one to the next.
#[derive(Debug)]
pub struct Downloader {
    agent: Agent,
    patience: Patience,
    offline: bool,
}

impl Downloader {
    /// With `offline`, only `file://` URLs and paths are read.
    pub fn new(patience: Patience, offline: bool) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .tls_config(tls())
            .user_agent(concat!("auscult-xtask/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(patience.stall))
            .timeout_recv_response(Some(patience.stall))
            .timeout_per_read(Some(patience.stall))
            .build()
            .new_agent();
        Self { agent, patience, offline }
    }

    /// Puts the file at `target` unless it is there already, and returns its digests.
    pub fn fetch(&self, wanted: &Wanted, target: &Path) -> Result<Digests> {
        if target.is_file() {
            let found = checksum::of_file(target)?;
            return match wanted.mismatch(&found) {
                None => Ok(found),
                Some(problem) => Err(anyhow!("{}: {problem}; remove it to fetch it again", target.display())),
            };
        }
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        let part = Part::of(target);
        let mut failures = Vec::new();
        for url in &wanted.urls {
            match self.get(url, wanted, &part) {
                Ok(digests) => {
                    part.put_in_place(target)?;
                    return Ok(digests);
                }
                Err(error) => failures.push(error.context(url.clone())),
            }
        }
        let last = failures.pop().with_context(|| format!("{} has no URL", target.display()))?;
        for failure in failures {
            eprintln!("{failure:#}");
        }
        Err(last)
    }

    fn get(&self, url: &str, wanted: &Wanted, part: &Part) -> Result<Digests> {
        if let Some(path) = local_path(url) {
            return copy(&path, wanted, part);
        }
        if self.offline {
            return Err(Stop::Manual("this needs the network, which --offline forbids".into()).into());
        }
        let (mut in_a_row, mut corrupt) = (0, 0);
        loop {
            let before = part.len();
            let (error, pause) = match self.attempt(url, wanted, part) {
                Ok(digests) => return Ok(digests),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Passing(error, pause)) => (error, pause),
                Err(Failure::Corrupt(error)) => {
                    part.discard()?;
                    corrupt += 1;
                    if corrupt == 2 {
                        return Err(error.context(
                            "twice the wrong bytes: the file has changed, or the mirror is broken",
                        ));
                    }
                    (error, None)
                }
            };
            // A try that brought new bytes does not count against a flaky line.
            in_a_row = if part.len() > before { 1 } else { in_a_row + 1 };
            if in_a_row >= self.patience.attempts {
                return Err(error.context(format!("gave up after {in_a_row} tries")));
            }
            let pause = pause.unwrap_or(self.patience.backoff * 2_u32.pow((in_a_row - 1).min(6)));
            println!("{url}: {error:#}; trying again in {:.1} s", pause.as_secs_f64());
            thread::sleep(pause);
        }
    }

    fn attempt(&self, url: &str, wanted: &Wanted, part: &Part) -> Result<Digests, Failure> {
        let mut have = part.len();
        let validator = part.validator(url);
        // Without a validator or a checksum, nothing would notice two halves of different files.
        if have > 0 && validator.is_none() && !wanted.is_pinned() {
            have = 0;
        }
        let mut request = self.agent.get(url).header("Accept-Encoding", "identity");
        if have > 0 {
            request = request.header("Range", format!("bytes={have}-"));
            if let Some(validator) = &validator {
                request = request.header("If-Range", validator);
            }
        }
        let response = request.call().map_err(of_transport)?;
        let headers = response.headers();
        let total = match response.status() {
            StatusCode::OK => {
                have = 0;
                content_length(headers)
            }
            StatusCode::PARTIAL_CONTENT => {
                let (start, total) = content_range(headers)
                    .ok_or_else(|| Failure::Corrupt(anyhow!("206 without a usable Content-Range")))?;
                let changed =
                    validator.is_some_and(|ours| validator_of(headers).is_some_and(|theirs| theirs != ours));
                if start != have || changed {
                    return Err(Failure::Corrupt(anyhow!("the file changed between two tries")));
                }
                total.or_else(|| content_length(headers).map(|rest| have + rest))
            }
            // Nothing is left to send: what is here is whole, or not what the server has.
            StatusCode::RANGE_NOT_SATISFIABLE if have > 0 => {
                if unsatisfied_total(headers).is_some_and(|total| total != have) {
                    return Err(Failure::Corrupt(anyhow!("the file changed between two tries")));
                }
                Some(have)
            }
            status => return Err(of_status(status, headers)),
        };
        if let (Some(expected), Some(total)) = (wanted.bytes, total)
            && expected != total
        {
            return Err(Failure::Final(anyhow!(
                "size is {total}, expected {expected}: the file has changed"
            )));
        }
        if response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
            return finish(wanted, part.digests_so_far(have).map_err(Failure::Final)?.finish());
        }
        if have == 0 {
            part.begin(url, validator_of(headers)).map_err(Failure::Final)?;
        }
        receive(response, wanted, part, have, total)
    }
}

/// Streams the body behind the `have` bytes that are there.
fn receive(
    response: Response<Body>,
    wanted: &Wanted,
    part: &Part,
    have: u64,
    total: Option<u64>,
) -> Result<Digests, Failure> {
    let mut hasher = part.digests_so_far(have).map_err(Failure::Final)?;
    let mut file = part.open(have).map_err(Failure::Final)?;
    let mut progress = Progress::new(&part.name(), Unit::Bytes, total.or(wanted.bytes));
    progress.advance(have);
    let mut body = response.into_body().into_reader();
    let mut buffer = vec![0; 1 << 16];
    let mut received = have;
    loop {
        let count = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                return Err(Failure::Passing(anyhow!("broken off after {received} bytes: {error}"), None));
            }
        };
        received += count as u64;
        if wanted.bytes.is_some_and(|bytes| received > bytes) {
            return Err(Failure::Corrupt(anyhow!(
                "more than the expected {} bytes",
                wanted.bytes.unwrap_or(0)
            )));
        }
        hasher.update(&buffer[..count]);
        file.write_all(&buffer[..count])
            .with_context(|| format!("cannot write {}", part.path.display()))
            .map_err(Failure::Final)?;
        progress.advance(count as u64);
    }
    if total.is_some_and(|total| received < total) {
        return Err(Failure::Passing(anyhow!("broken off after {received} bytes"), None));
    }
    file.sync_all().context("cannot write to disk").map_err(Failure::Final)?;
    finish(wanted, hasher.finish())
}

fn finish(wanted: &Wanted, digests: Digests) -> Result<Digests, Failure> {
    match wanted.mismatch(&digests) {
        None => Ok(digests),
        Some(problem) => Err(Failure::Corrupt(anyhow!(problem))),
    }
}

fn copy(path: &Path, wanted: &Wanted, part: &Part) -> Result<Digests> {
    let mut source = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    part.discard()?;
    let mut file = part.open(0)?;
    io::copy(&mut source, &mut file).with_context(|| format!("cannot copy {}", path.display()))?;
    file.sync_all()?;
    let digests = checksum::of_file(&part.path)?;
    if let Some(problem) = wanted.mismatch(&digests) {
        part.discard()?;
        bail!(problem);
    }
    Ok(digests)
}

/// The certificates built in, or those of `SSL_CERT_FILE`, which networks with a proxy of their own set.
fn tls() -> TlsConfig {
    let given = std::env::var_os("SSL_CERT_FILE").and_then(|path| fs::read(path).ok());
    let certificates: Vec<Certificate<'static>> = parse_pem(given.as_deref().unwrap_or_default())
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return TlsConfig::default();
    }
    TlsConfig::builder().root_certs(RootCerts::new_with_certs(&certificates)).build()
}

fn local_path(url: &str) -> Option<PathBuf> {
    match url.strip_prefix("file://") {
        Some(path) => Some(PathBuf::from(path)),
        None => (!url.contains("://")).then(|| PathBuf::from(url)),
    }
}

fn of_transport(error: ureq::Error) -> Failure {
    match error {
        ureq::Error::BadUri(_) | ureq::Error::TooManyRedirects | ureq::Error::Tls(_) => {
            Failure::Final(error.into())
        }
        other => Failure::Passing(other.into(), None),
    }
}

fn of_status(status: StatusCode, headers: &HeaderMap) -> Failure {
    let error = anyhow!("the server answered {status}");
    let passing = status.is_server_error()
        || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
    if !passing {
        return Failure::Final(error);
    }
    let seconds = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Failure::Passing(error, seconds.map(|seconds: u64| Duration::from_secs(seconds.min(300))))
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// First byte and total of `bytes 100-199/1000`; the total may be `*`.
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let (range, total) =
        headers.get(header::CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?.split_once('/')?;
    let start = range.split_once('-')?.0.parse().ok()?;
    Some((start, total.parse().ok()))
}

/// The size in `bytes */1000`, the answer to a range that lies behind the end.
fn unsatisfied_total(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes */")?.parse().ok()
}

/// A strong ETag, else the date: a weak ETag must not be used for ranges.
fn validator_of(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name)?.to_str().ok().map(str::to_owned);
    text(header::ETAG).filter(|etag: &String| !etag.starts_with("W/")).or_else(|| text(header::LAST_MODIFIED))
}

/// The unfinished file.
struct Part {
    path: PathBuf,
    from: PathBuf,
}

impl Part {
    fn of(target: &Path) -> Self {
        let beside = |ending: &str| {
            let mut name = target.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        Self { path: beside(".part"), from: beside(".part.from") }
    }

    fn name(&self) -> String {
        self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn len(&self) -> u64 {
        self.path.metadata().map_or(0, |metadata| metadata.len())
    }

    /// The validator the bytes came with, if they came from this URL.
    fn validator(&self, url: &str) -> Option<String> {
        let text = fs::read_to_string(&self.from).ok()?;
        let (from, validator) = text.split_once('\n')?;
        (from == url && !validator.is_empty()).then(|| validator.to_owned())
    }

    /// Empties the file and remembers whose bytes will go in.
    fn begin(&self, url: &str, validator: Option<String>) -> Result<()> {
        self.discard()?;
        let text = format!("{url}\n{}", validator.unwrap_or_default());
        fs::write(&self.from, text).with_context(|| format!("cannot write {}", self.from.display()))
    }

    fn digests_so_far(&self, have: u64) -> Result<Hasher> {
        let mut hasher = Hasher::default();
        if have > 0 {
            checksum::feed(&self.path, &mut hasher)?;
        }
        Ok(hasher)
    }

    fn open(&self, have: u64) -> Result<File> {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        let file =
            options.open(&self.path).with_context(|| format!("cannot write {}", self.path.display()))?;
        file.set_len(have)?;
        Ok(file)
    }

    fn discard(&self) -> Result<()> {
        for path in [&self.path, &self.from] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("cannot remove {}", path.display()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn put_in_place(&self, target: &Path) -> Result<()> {
        fs::rename(&self.path, target).with_context(|| format!("cannot create {}", target.display()))?;
        self.discard()
    }
}
