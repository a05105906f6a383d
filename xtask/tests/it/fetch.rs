//! Fetching whole data sets, from a server, a mirror or a folder.
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use xtask::{
    Workspace,
    checksum::Sums,
    commands::data::{self, Fetch},
    datasets::{Catalogue, Dataset},
    download::Patience,
    exit_code,
};

use crate::{
    archive::zip,
    server::{Reply, Server},
};

const PATIENCE: Patience =
    Patience { attempts: 2, backoff: Duration::from_millis(5), stall: Duration::from_millis(300) };

struct Checkout {
    folder: tempfile::TempDir,
}

impl Checkout {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    fn workspace(&self) -> Workspace {
        Workspace::at(self.folder.path())
    }

    fn fetch(&self, dataset: &Dataset, mirror: Option<&str>) -> anyhow::Result<()> {
        let args = Fetch {
            name: dataset.name.clone(),
            mirror: mirror.map(str::to_owned),
            into: None,
            offline: false,
        };
        data::fetch(&self.workspace(), dataset, &args, PATIENCE)
    }

    fn verify(&self, dataset: &Dataset) -> anyhow::Result<()> {
        data::verify(&self.workspace(), dataset, None)
    }
}

fn dataset(rest: &str) -> Dataset {
    let head = "[[dataset]]\nname = \"d\"\ntitle = \"\"\ntasks = []\nlicence = \"\"\nlayout = \"\"\ncitation = \"\"\n";
    let access = if rest.contains("access") { "" } else { "access = \"open\"\n" };
    Catalogue::parse(&format!("{head}{access}{rest}")).unwrap().datasets.remove(0)
}

fn songs(folder: &Path) -> Vec<u8> {
    let path = folder.join("songs.zip");
    zip(&path, &[("a.wav", b"one"), ("labels.csv", b"path,label\nset/a.wav,x\n")]);
    fs::read(path).unwrap()
}

#[test]
fn an_archive_is_unpacked_once_and_verified() {
    let checkout = Checkout::new();
    let body = songs(checkout.folder.path());
    let server = Server::start(move |request, _| Reply::good(request, &body, "\"a\""));
    let source = format!("[[dataset.source]]\nfile = \"songs.zip\"\nurl = [\"{}/songs.zip\"]\n", server.url);
    let dataset = dataset(&source);

    checkout.fetch(&dataset, None).unwrap();
    assert_eq!(fs::read(checkout.path("datasets/d/a.wav")).unwrap(), b"one");
    assert!(!checkout.path("datasets/d/songs.zip").exists(), "the archive is of no further use");
    checkout.fetch(&dataset, None).unwrap();
    assert_eq!(server.seen().len(), 1, "what is done stays done");

    checkout.verify(&dataset).unwrap();
    fs::write(checkout.path("datasets/d/a.wav"), "two").unwrap();
    let error = checkout.verify(&dataset).unwrap_err();
    assert!(format!("{error:#}").contains("a.wav: sha256"), "{error:#}");
}

#[test]
fn a_zenodo_record_comes_from_a_mirror_into_folders_of_its_own() {
    let (checkout, mirror) = (Checkout::new(), tempfile::tempdir().unwrap());
    let body = songs(mirror.path());
    for name in ["6_dB_fan.zip", "0_dB_fan.zip"] {
        fs::write(mirror.path().join(name), &body).unwrap();
    }
    let md5 = xtask::checksum::of_file(&mirror.path().join("songs.zip")).unwrap().md5;
    let file =
        |name: &str| format!(r#"{{"key": "{name}", "size": {}, "checksum": "md5:{md5}"}}"#, body.len());
    let record = format!(r#"{{"files": [{}, {}]}}"#, file("6_dB_fan.zip"), file("0_dB_fan.zip"));
    fs::write(mirror.path().join("zenodo-7.json"), record).unwrap();

    let dataset = dataset("[[dataset.source]]\nzenodo = 7\nfolder = \"{stem}\"\n");
    checkout.fetch(&dataset, mirror.path().to_str()).unwrap();
    let sums = Sums::read(&checkout.path("datasets/d")).unwrap();
    let expected = ["0_dB_fan/a.wav", "0_dB_fan/labels.csv", "6_dB_fan/a.wav", "6_dB_fan/labels.csv"];
    assert_eq!(sums.files.keys().collect::<Vec<_>>(), expected);
    checkout.verify(&dataset).unwrap();
}

#[test]
fn a_list_is_fetched_politely_and_one_missing_file_does_not_stop_it() {
    let checkout = Checkout::new();
    let server = Server::start(|request, before| match request.path.as_str() {
        "/17/download" => Reply::status(302).header("Location", "/sounds/17"),
        "/18/download" if before < 4 => Reply::status(404),
        path => Reply::good(request, path.as_bytes(), "\"a\""),
    });
    fs::create_dir(checkout.path("recipes")).unwrap();
    fs::write(checkout.path("recipes/ids.csv"), "xc_id,label\n17,0\n18,1\n19,0\n").unwrap();
    let source = format!(
        "[[dataset.source]]\nlist = \"recipes/ids.csv\"\nurl = \"{}/{{xc_id}}/download\"\nfile = \"{{xc_id}}.mp3\"\npause_s = 0.2\n\
         [[dataset.manifest]]\ncsv = \"recipes/ids.csv\"\nfile = \"{{xc_id}}.mp3\"\ncolumns = [\"xc_id\", \"label\"]\n",
        server.url
    );
    let dataset = dataset(&source);

    let error = checkout.fetch(&dataset, None).unwrap_err();
    assert!(format!("{error:#}").starts_with("1 of 3 files"), "{error:#}");
    let report = fs::read_to_string(checkout.path("datasets/d/failed.csv")).unwrap();
    assert!(report.contains("18.mp3") && report.contains("404"), "{report}");
    assert_eq!(fs::read(checkout.path("datasets/d/19.mp3")).unwrap(), b"/19/download");
    let seen = server.seen();
    let firsts: Vec<_> = seen.iter().filter(|request| request.path.ends_with("download")).collect();
    for pair in firsts.windows(2) {
        assert!(pair[1].at - pair[0].at >= Duration::from_millis(200), "asked too quickly");
    }
    let error = checkout.verify(&dataset).unwrap_err();
    assert!(format!("{error:#}").contains("ids.csv line 3: there is no"), "{error:#}");

    checkout.fetch(&dataset, None).unwrap();
    assert_eq!(server.seen().len(), seen.len() + 1, "only what failed is asked for again");
    assert!(!checkout.path("datasets/d/failed.csv").exists());
    checkout.verify(&dataset).unwrap();
}

#[test]
fn data_that_is_not_open_is_left_to_the_person() {
    let checkout = Checkout::new();
    let dataset = dataset("access = \"paid\"\nask = \"Order it at the shop.\"\n");
    let error = checkout.fetch(&dataset, None).unwrap_err();
    assert_eq!(exit_code(&error), 3);
    let message = format!("{error:#}");
    assert!(message.contains("Order it at the shop.") && message.contains("datasets/d"), "{message}");
    let error = checkout.verify(&dataset).unwrap_err();
    assert_eq!(exit_code(&error), 3);
}

#[test]
fn an_archive_of_nothing_but_bytes_of_the_wrong_kind_is_kept_for_a_look() {
    let (checkout, mirror) = (Checkout::new(), tempfile::tempdir().unwrap());
    fs::write(mirror.path().join("songs.zip"), "<html>please log in</html>").unwrap();
    let dataset =
        dataset("[[dataset.source]]\nfile = \"songs.zip\"\nurl = [\"http://127.0.0.1:9/songs.zip\"]\n");
    let error = checkout.fetch(&dataset, mirror.path().to_str()).unwrap_err();
    assert!(format!("{error:#}").contains("songs.zip"), "{error:#}");
    assert!(checkout.path("datasets/d/songs.zip").is_file());
}
