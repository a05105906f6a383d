//! Archives made to break out, or to fill the disk.
use std::{
    fs::{self, File},
    io::Write,
    path::Path,
};

use flate2::{Compression, write::GzEncoder};
use xtask::{
    checksum::{self, Sums},
    unpack::{self, Format, Limit},
};
use zip::{ZipWriter, write::SimpleFileOptions};

fn unpack(archive: &Path, format: Format, folder: &Path) -> anyhow::Result<Sums> {
    unpack::unpack(archive, format, folder, Limit::default())
}

pub(crate) fn zip(path: &Path, entries: &[(&str, &[u8])]) {
    let mut writer = ZipWriter::new(File::create(path).unwrap());
    for (name, content) in entries {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap();
}

fn tar_gz(path: &Path, build: impl FnOnce(&mut tar::Builder<GzEncoder<File>>)) {
    let mut builder = tar::Builder::new(GzEncoder::new(File::create(path).unwrap(), Compression::fast()));
    build(&mut builder);
    builder.into_inner().unwrap().finish().unwrap();
}

/// A tar entry whose name the tar crate itself would refuse to write.
fn raw_entry(builder: &mut tar::Builder<GzEncoder<File>>, name: &str, kind: tar::EntryType, link: &str) {
    let mut header = tar::Header::new_gnu();
    header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
    header.as_gnu_mut().unwrap().linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_entry_type(kind);
    header.set_size(0);
    header.set_mode(0o644);
    header.set_cksum();
    builder.append(&header, &[][..]).unwrap();
}

#[test]
fn files_and_folders_come_out_with_their_sums() {
    let folder = tempfile::tempdir().unwrap();
    let (zipped, tarred) = (folder.path().join("a.zip"), folder.path().join("a.tar.gz"));
    zip(&zipped, &[("top.txt", b"top"), ("deep/er/file.txt", b"file")]);
    tar_gz(&tarred, |builder| {
        for (name, content) in [("top.txt", "top"), ("./deep/er/file.txt", "file")] {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, content.as_bytes()).unwrap();
        }
    });
    for (archive, format) in [(&zipped, Format::Zip), (&tarred, Format::TarGz)] {
        let into = folder.path().join(format!("{format:?}"));
        // Twice: an interrupted unpacking is simply done again.
        for _ in 0..2 {
            let sums = unpack(archive, format, &into).unwrap();
            assert_eq!(sums.files.keys().collect::<Vec<_>>(), ["deep/er/file.txt", "top.txt"]);
            assert_eq!(sums.files["top.txt"], checksum::of_file(&into.join("top.txt")).unwrap().sha256);
            assert_eq!(fs::read(into.join("deep/er/file.txt")).unwrap(), b"file");
        }
    }
}

#[test]
fn names_that_lead_outside_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (index, name) in ["../evil.txt", "a/../../evil.txt", "/evil.txt"].into_iter().enumerate() {
        let archive = folder.path().join(format!("{index}.zip"));
        zip(&archive, &[(name, b"evil")]);
        let into = folder.path().join("into");
        let error = unpack(&archive, Format::Zip, &into).unwrap_err();
        assert!(format!("{error:#}").contains("points outside"), "{name}: {error:#}");

        let archive = folder.path().join(format!("{index}.tgz"));
        tar_gz(&archive, |builder| raw_entry(builder, name, tar::EntryType::Regular, ""));
        let error = unpack(&archive, Format::TarGz, &into).unwrap_err();
        assert!(format!("{error:#}").contains("points outside"), "{name}: {error:#}");
        assert!(!folder.path().join("evil.txt").exists());
    }
}

#[test]
fn links_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for kind in [tar::EntryType::Symlink, tar::EntryType::Link] {
        let archive = folder.path().join("links.tgz");
        tar_gz(&archive, |builder| raw_entry(builder, "a", kind, "../.."));
        let error = unpack(&archive, Format::TarGz, &folder.path().join("into")).unwrap_err();
        assert!(format!("{error:#}").contains("is a link"), "{error:#}");
    }
    let archive = folder.path().join("links.zip");
    let mut writer = ZipWriter::new(File::create(&archive).unwrap());
    writer.add_symlink("a", "../..", SimpleFileOptions::default()).unwrap();
    writer.finish().unwrap();
    let error = unpack(&archive, Format::Zip, &folder.path().join("into")).unwrap_err();
    assert!(format!("{error:#}").contains("is a link"), "{error:#}");
}

#[test]
fn a_link_left_in_the_folder_is_replaced_and_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (archive, into) = (folder.path().join("a.zip"), folder.path().join("into"));
    let outside = folder.path().join("outside.txt");
    fs::write(&outside, "mine").unwrap();
    fs::create_dir(&into).unwrap();
    std::os::unix::fs::symlink(&outside, into.join("a.txt")).unwrap();
    zip(&archive, &[("a.txt", b"theirs")]);
    unpack(&archive, Format::Zip, &into).unwrap();
    assert_eq!(fs::read(&outside).unwrap(), b"mine");
    assert_eq!(fs::read(into.join("a.txt")).unwrap(), b"theirs");
}

#[test]
fn a_bomb_is_refused_before_it_fills_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("bomb.zip");
    let mut writer = ZipWriter::new(File::create(&archive).unwrap());
    writer.start_file("zeros", SimpleFileOptions::default()).unwrap();
    writer.write_all(&vec![0; 10 << 20]).unwrap();
    writer.finish().unwrap();
    let into = folder.path().join("into");
    let error = unpack::unpack(&archive, Format::Zip, &into, Limit { ratio: 200, free: 0 }).unwrap_err();
    assert!(format!("{error:#}").contains("a bomb"), "{error:#}");
    assert!(fs::metadata(into.join("zeros")).unwrap().len() < 3 << 20, "stopped early");
    unpack(&archive, Format::Zip, &into).unwrap();
}

#[test]
fn a_damaged_archive_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("damaged.zip");
    fs::write(&archive, "this is no zip").unwrap();
    let error = unpack(&archive, Format::Zip, &folder.path().join("into")).unwrap_err();
    assert!(format!("{error:#}").contains("damaged.zip"), "{error:#}");
}

#[test]
fn formats_are_told_by_their_names() {
    for (name, format) in [
        ("a.zip", Some(Format::Zip)),
        ("A.ZIP", Some(Format::Zip)),
        ("a.tar.gz", Some(Format::TarGz)),
        ("a.tgz", Some(Format::TarGz)),
        ("a.tar", Some(Format::Tar)),
        ("MIR-1K.rar", Some(Format::Bsdtar)),
        ("a.mp3", None),
    ] {
        assert_eq!(Format::of(name), format, "{name}");
    }
}
