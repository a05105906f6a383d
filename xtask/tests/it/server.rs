//! A small HTTP server on loopback that misbehaves on request.
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

/// What a client asked for.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) at: Instant,
}

impl Request {
    /// First byte of the range asked for.
    pub(crate) fn range(&self) -> Option<usize> {
        self.headers.get("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// What it gets.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    send: usize,
    stall: bool,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), send: usize::MAX, stall: false }
    }

    /// The whole file, whatever was asked.
    pub(crate) fn whole(body: &[u8]) -> Self {
        Self { body: body.to_vec(), ..Self::status(200) }
    }

    /// What a good server answers: the range, unless the file changed.
    pub(crate) fn good(request: &Request, body: &[u8], etag: &str) -> Self {
        let same = request.headers.get("if-range").is_none_or(|ours| ours == etag);
        let reply = match request.range().filter(|_| same) {
            Some(start) if start >= body.len() => {
                Self::status(416).header("Content-Range", &format!("bytes */{}", body.len()))
            }
            Some(start) => Self { body: body[start..].to_vec(), ..Self::status(206) }
                .header("Content-Range", &format!("bytes {start}-{}/{}", body.len() - 1, body.len())),
            None => Self::whole(body),
        };
        reply.header("ETag", etag)
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Promises all, sends this many bytes, then hangs up.
    pub(crate) fn cut(mut self, send: usize) -> Self {
        self.send = send;
        self
    }

    /// Promises all, sends this many bytes, then goes silent.
    pub(crate) fn stall(mut self, send: usize) -> Self {
        self.stall = true;
        self.cut(send)
    }
}

/// Runs until the test ends.
pub(crate) struct Server {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Answers each request by `answer`, which also gets the number of requests before it.
    pub(crate) fn start(answer: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&seen), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                thread::spawn(move || serve(stream.unwrap(), &log, &*answer));
            }
        });
        Self { url, seen }
    }

    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, log: &Mutex<Vec<Request>>, answer: &dyn Fn(&Request, usize) -> Reply) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let Some(Ok(first)) = lines.next() else { return };
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let headers = lines
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned())))
        .collect();
    let request = Request { path, headers, at: Instant::now() };
    let before = {
        let mut log = log.lock().unwrap();
        log.push(request.clone());
        log.len() - 1
    };
    let reply = answer(&request, before);
    let mut head = format!("HTTP/1.1 {} X\r\nConnection: close\r\n", reply.status);
    head += &format!("Content-Length: {}\r\n", reply.body.len());
    for (name, value) in &reply.headers {
        head += &format!("{name}: {value}\r\n");
    }
    let sent = &reply.body[..reply.send.min(reply.body.len())];
    let _ = stream.write_all(format!("{head}\r\n").as_bytes()).and_then(|()| stream.write_all(sent));
    if reply.stall {
        thread::sleep(Duration::from_secs(20));
    }
}
