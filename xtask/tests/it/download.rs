//! The downloader against a server that does everything servers do.
use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use xtask::{
    checksum::{self, Digests, Hasher},
    download::{Downloader, Patience, Wanted},
    exit_code,
};

use crate::server::{Reply, Server};

const PATIENCE: Patience =
    Patience { attempts: 3, backoff: Duration::from_millis(5), stall: Duration::from_millis(300) };

fn content(seed: u8) -> Vec<u8> {
    (0..200_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8 ^ seed).collect()
}

fn digests(bytes: &[u8]) -> Digests {
    let mut hasher = Hasher::default();
    hasher.update(bytes);
    hasher.finish()
}

fn unpinned(server: &Server) -> Wanted {
    Wanted { urls: vec![format!("{}/file.zip", server.url)], ..Wanted::default() }
}

fn pinned(server: &Server, bytes: &[u8]) -> Wanted {
    let digests = digests(bytes);
    Wanted {
        bytes: Some(digests.bytes),
        sha256: Some(digests.sha256),
        md5: Some(digests.md5),
        ..unpinned(server)
    }
}

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn target(&self) -> PathBuf {
        self.folder.path().join("file.zip")
    }

    fn part(&self) -> PathBuf {
        self.folder.path().join("file.zip.part")
    }

    fn fetch(&self, wanted: &Wanted) -> anyhow::Result<Digests> {
        Downloader::new(PATIENCE, false).fetch(wanted, &self.target())
    }

    /// The file is whole, and nothing else is left.
    fn assert_holds(&self, bytes: &[u8]) {
        assert_eq!(fs::read(self.target()).unwrap(), bytes);
        assert_eq!(fs::read_dir(self.folder.path()).unwrap().count(), 1);
    }

    fn assert_holds_nothing(&self) {
        assert!(!self.target().exists());
    }
}

#[test]
fn a_good_server_is_asked_once() {
    let server = Server::start(|request, _| Reply::good(request, &content(0), "\"a\""));
    let place = Place::new();
    assert_eq!(place.fetch(&pinned(&server, &content(0))).unwrap(), digests(&content(0)));
    place.assert_holds(&content(0));
    place.fetch(&pinned(&server, &content(0))).unwrap();
    assert_eq!(server.seen().len(), 1, "a file that is there is not fetched again");
}

#[test]
fn a_broken_line_is_resumed_where_it_broke() {
    // Broken off six times: more often than the three tries without progress that are allowed.
    let server = Server::start(|request, before| {
        let reply = Reply::good(request, &content(0), "\"a\"");
        if before < 6 { reply.cut(30_000) } else { reply }
    });
    let place = Place::new();
    place.fetch(&unpinned(&server)).unwrap();
    place.assert_holds(&content(0));
    let ranges: Vec<usize> = server.seen().iter().filter_map(|request| request.range()).collect();
    assert_eq!(ranges, [30_000, 60_000, 90_000, 120_000, 150_000, 180_000]);
    assert!(server.seen()[1..].iter().all(|request| request.headers["if-range"] == "\"a\""));
}

#[test]
fn another_process_goes_on_where_one_was_killed() {
    let server = Server::start(|request, before| {
        let reply = Reply::good(request, &content(0), "\"a\"");
        if before == 0 { reply.cut(50_000) } else { reply }
    });
    let place = Place::new();
    let once = Patience { attempts: 1, ..PATIENCE };
    assert!(Downloader::new(once, false).fetch(&unpinned(&server), &place.target()).is_err());
    assert_eq!(fs::metadata(place.part()).unwrap().len(), 50_000);
    place.assert_holds_nothing();

    place.fetch(&unpinned(&server)).unwrap();
    place.assert_holds(&content(0));
    assert_eq!(server.seen()[1].range(), Some(50_000));
}

#[test]
fn a_killed_process_leaves_something_to_resume() {
    // The child hangs in the middle of the body; it is killed there, as by a power cut.
    let server = Server::start(|request, before| {
        let reply = Reply::good(request, &content(0), "\"a\"");
        if before == 0 { reply.stall(70_000) } else { reply }
    });
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("xtask")).unwrap();
    fs::write(root.path().join("xtask/Cargo.toml"), "").unwrap();
    let toml = format!(
        "[[dataset]]\nname = \"d\"\ntitle = \"\"\ntasks = []\naccess = \"open\"\nlicence = \"\"\nlayout = \"\"\ncitation = \"\"\n\
         [[dataset.source]]\nfile = \"file.bin\"\nurl = [\"{}/file.bin\"]\n",
        server.url
    );
    fs::write(root.path().join("datasets.toml"), toml).unwrap();
    let xtask = || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(["data", "fetch", "d"]).current_dir(root.path()).stdout(std::process::Stdio::null());
        command
    };
    let mut child = xtask().spawn().unwrap();
    let part = root.path().join("datasets/d/file.bin.part");
    let started = Instant::now();
    while fs::metadata(&part).map_or(0, |part| part.len()) < 70_000 {
        assert!(started.elapsed() < Duration::from_secs(10), "the first half never came");
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();

    assert!(xtask().status().unwrap().success());
    assert_eq!(fs::read(root.path().join("datasets/d/file.bin")).unwrap(), content(0));
    assert_eq!(server.seen()[1].range(), Some(70_000));
}

#[test]
fn a_silent_server_is_left_and_asked_again() {
    let server = Server::start(|request, before| {
        let reply = Reply::good(request, &content(0), "\"a\"");
        if before == 0 { reply.stall(40_000) } else { reply }
    });
    let place = Place::new();
    let started = Instant::now();
    place.fetch(&unpinned(&server)).unwrap();
    place.assert_holds(&content(0));
    assert!(started.elapsed() < Duration::from_secs(5), "waited {:?}", started.elapsed());
    assert_eq!(server.seen()[1].range(), Some(40_000));
}

#[test]
fn a_file_that_changes_between_two_tries_is_taken_whole() {
    let server = Server::start(|request, before| match before {
        0 => Reply::good(request, &content(0), "\"old\"").cut(50_000),
        _ => Reply::good(request, &content(1), "\"new\""),
    });
    let place = Place::new();
    place.fetch(&unpinned(&server)).unwrap();
    place.assert_holds(&content(1));
}

#[test]
fn a_server_that_ignores_if_range_does_not_get_two_halves_glued() {
    let server = Server::start(|request, before| {
        let (body, etag) = if before == 0 { (content(0), "\"old\"") } else { (content(1), "\"new\"") };
        let mut request = request.clone();
        request.headers.remove("if-range");
        let reply = Reply::good(&request, &body, etag);
        if before == 0 { reply.cut(50_000) } else { reply }
    });
    let place = Place::new();
    place.fetch(&unpinned(&server)).unwrap();
    place.assert_holds(&content(1));
}

#[test]
fn a_server_that_ignores_range_sends_it_all_again() {
    let server = Server::start(|_, before| {
        let reply = Reply::whole(&content(0)).header("ETag", "\"a\"");
        if before == 0 { reply.cut(50_000) } else { reply }
    });
    let place = Place::new();
    place.fetch(&pinned(&server, &content(0))).unwrap();
    place.assert_holds(&content(0));
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn nothing_is_resumed_that_could_not_be_checked() {
    // No ETag, no date, no checksum; a weak ETag is none.
    let server = Server::start(|request, before| {
        let reply = Reply::good(request, &content(0), "W/\"weak\"");
        if before == 0 { reply.cut(50_000) } else { reply }
    });
    let place = Place::new();
    place.fetch(&unpinned(&server)).unwrap();
    place.assert_holds(&content(0));
    assert_eq!(server.seen()[1].range(), None);
}

#[test]
fn a_part_that_is_whole_is_only_checked() {
    let server = Server::start(|request, _| Reply::good(request, &content(0), "\"a\""));
    let place = Place::new();
    fs::write(place.part(), content(0)).unwrap();
    place.fetch(&pinned(&server, &content(0))).unwrap();
    place.assert_holds(&content(0));
}

#[test]
fn wrong_bytes_are_fetched_once_more_and_then_refused() {
    let wrong_once = Server::start(|request, before| match before {
        0 => Reply::good(request, &content(9), "\"a\""),
        _ => Reply::good(request, &content(0), "\"a\""),
    });
    let place = Place::new();
    place.fetch(&pinned(&wrong_once, &content(0))).unwrap();
    place.assert_holds(&content(0));

    let wrong_always = Server::start(|request, _| Reply::good(request, &content(9), "\"a\""));
    let place = Place::new();
    let error = place.fetch(&pinned(&wrong_always, &content(0))).unwrap_err();
    let message = format!("{error:#}");
    assert!(message.contains(&digests(&content(9)).sha256), "{message}");
    assert!(message.contains(&digests(&content(0)).sha256), "{message}");
    assert_eq!(wrong_always.seen().len(), 2);
    place.assert_holds_nothing();
}

#[test]
fn a_corrupt_first_half_is_found_by_the_checksum() {
    let server = Server::start(|request, _| Reply::good(request, &content(0), "\"a\""));
    let place = Place::new();
    fs::write(place.part(), vec![0; 50_000]).unwrap();
    place.fetch(&pinned(&server, &content(0))).unwrap();
    place.assert_holds(&content(0));
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn redirects_are_followed_also_when_resuming() {
    let server = Server::start(|request, before| match request.path.as_str() {
        "/file.zip" => Reply::status(302).header("Location", "/real/file.zip"),
        _ if before < 2 => Reply::good(request, &content(0), "\"a\"").cut(60_000),
        _ => Reply::good(request, &content(0), "\"a\""),
    });
    let place = Place::new();
    place.fetch(&unpinned(&server)).unwrap();
    place.assert_holds(&content(0));
    assert_eq!(server.seen().last().unwrap().range(), Some(60_000));
}

#[test]
fn redirects_in_a_circle_end() {
    let server = Server::start(|_, _| Reply::status(302).header("Location", "/file.zip"));
    let place = Place::new();
    assert!(place.fetch(&unpinned(&server)).is_err());
    place.assert_holds_nothing();
}

#[test]
fn server_errors_pass_and_missing_files_do_not() {
    let busy = Server::start(|request, before| match before {
        0 => Reply::status(500),
        1 => Reply::status(429).header("Retry-After", "0"),
        _ => Reply::good(request, &content(0), "\"a\""),
    });
    let place = Place::new();
    place.fetch(&unpinned(&busy)).unwrap();
    place.assert_holds(&content(0));

    let down = Server::start(|_, _| Reply::status(503));
    let error = Place::new().fetch(&unpinned(&down)).unwrap_err();
    assert!(format!("{error:#}").contains("gave up after 3 tries"), "{error:#}");
    assert_eq!(down.seen().len(), 3);

    let gone = Server::start(|_, _| Reply::status(404));
    let error = Place::new().fetch(&unpinned(&gone)).unwrap_err();
    assert!(format!("{error:#}").contains("404"), "{error:#}");
    assert_eq!(gone.seen().len(), 1, "a missing file is not asked for twice");
}

#[test]
fn a_file_of_another_size_is_refused_before_it_is_read() {
    let server = Server::start(|request, _| Reply::good(request, &content(0), "\"a\""));
    let wanted = Wanted { bytes: Some(5), ..unpinned(&server) };
    let error = Place::new().fetch(&wanted).unwrap_err();
    assert!(format!("{error:#}").contains("size is 200000, expected 5"), "{error:#}");
}

#[test]
fn the_second_address_helps_where_the_first_fails() {
    let gone = Server::start(|_, _| Reply::status(404));
    let good = Server::start(|request, _| Reply::good(request, &content(0), "\"a\""));
    let mut wanted = unpinned(&gone);
    wanted.urls.extend(unpinned(&good).urls);
    let place = Place::new();
    place.fetch(&wanted).unwrap();
    place.assert_holds(&content(0));
}

#[test]
fn folders_serve_as_well_and_are_checked_too() {
    let source = tempfile::tempdir().unwrap();
    let path = source.path().join("file.zip");
    fs::write(&path, content(0)).unwrap();
    for url in [path.display().to_string(), format!("file://{}", path.display())] {
        let place = Place::new();
        let wanted =
            Wanted { urls: vec![url], sha256: Some(digests(&content(0)).sha256), ..Wanted::default() };
        Downloader::new(PATIENCE, true).fetch(&wanted, &place.target()).unwrap();
        place.assert_holds(&content(0));
        assert!(place.fetch(&Wanted { md5: Some("00".into()), ..wanted }).is_err());
    }
}

#[test]
fn offline_means_no_connection() {
    let server = Server::start(|_, _| Reply::whole(b""));
    let place = Place::new();
    let error = Downloader::new(PATIENCE, true).fetch(&unpinned(&server), &place.target()).unwrap_err();
    assert_eq!(exit_code(&error), 3);
    assert!(server.seen().is_empty());
}

#[test]
fn a_file_that_is_there_but_wrong_is_not_touched() {
    let server = Server::start(|request, _| Reply::good(request, &content(0), "\"a\""));
    let place = Place::new();
    fs::write(place.target(), "mine").unwrap();
    let error = place.fetch(&pinned(&server, &content(0))).unwrap_err();
    assert!(format!("{error:#}").contains("remove it"), "{error:#}");
    assert_eq!(checksum::of_file(&place.target()).unwrap().bytes, 4);
}
