//! The broken files of `docs/robustness.md`: each gets the message that stands there.
// clippy.toml allows these in test functions; here the helpers are tests too.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};

use auscult::audio_io::ReadOptions;
use auscult::eval_metrics::{read_rttm, read_uem};
use auscult::fa_speaker::SpeakerModel;
use auscult::models_tch::{Autoencoder, Classifier, Device, Network};
use auscult::pipeline::{asd, birds, separation, speakers, svd};
use auscult_fuzz::Ceiling;
use xtask::unpack::{Format, Limit, unpack};

/// A kind of file; what is broken; the message, with the folder left out, or what came of it.
type Row = (&'static str, String, String);

struct Table {
    folder: tempfile::TempDir,
    rows: Vec<Row>,
}

impl Table {
    /// Reads a broken file of this name by `read`, and notes what came of it.
    fn tried<T, E: std::fmt::Display>(
        &mut self,
        kind: &'static str,
        what: &str,
        name: &str,
        bytes: &[u8],
        read: impl FnOnce(&Path) -> Result<T, E>,
    ) {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let said = Ceiling::watch(|| read(&path).err().map(|error| format!("{error:#}")));
        self.rows.push((kind, what.into(), said.unwrap_or_else(|| "read".into())));
    }

    /// As the document shows it.
    fn markdown(&self) -> Vec<String> {
        let folder = format!("{}/", self.folder.path().display());
        let cell = |text: &str| text.replace(&folder, "").replace('\n', " ").replace('|', "\\|");
        self.rows.iter().map(|(kind, what, said)| format!("| {kind} | {what} | {} |", cell(said))).collect()
    }
}

fn golden(name: &str) -> Vec<u8> {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../crates/audio-io/tests/golden/decode").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A WAV header that may lie, and a few samples.
fn wav(tag: u16, channels: u16, rate: u32, bits: u16, claimed: u32) -> Vec<u8> {
    let data = [7_u8; 64];
    let align = channels.wrapping_mul(bits / 8);
    let mut bytes = b"RIFF\xff\xff\xff\x7fWAVEfmt \x10\0\0\0".to_vec();
    bytes.extend(tag.to_le_bytes());
    bytes.extend(channels.to_le_bytes());
    bytes.extend(rate.to_le_bytes());
    bytes.extend(rate.wrapping_mul(u32::from(align)).to_le_bytes());
    bytes.extend(align.to_le_bytes());
    bytes.extend(bits.to_le_bytes());
    bytes.extend(b"data");
    bytes.extend(claimed.to_le_bytes());
    bytes.extend(data);
    bytes
}

fn sounds(table: &mut Table) {
    let mut tried = |what: &str, name: &str, bytes: &[u8]| {
        table.tried("sound", what, name, bytes, |path| ReadOptions::default().read(path));
    };
    tried("nothing in it", "empty.wav", b"");
    tried("a header that ends early", "cut.wav", &wav(1, 1, 8000, 16, 64)[..30]);
    tried("a header and no samples", "silent.wav", &wav(1, 1, 8000, 16, 0)[..44]);
    tried("4 GB promised, 64 bytes there", "promise.wav", &wav(1, 1, 8000, 16, 0xFFFF_FFF0));
    tried("65 535 channels", "choir.wav", &wav(1, 65_535, 8000, 8, 64));
    tried("0 channels", "nobody.wav", &wav(1, 0, 8000, 16, 64));
    tried("0 Hz", "still.wav", &wav(1, 1, 0, 16, 64));
    tried("999 bits a sample", "deep.wav", &wav(1, 1, 8000, 999, 64));
    tried("NaN among the samples", "nan.wav", &{
        let mut bytes = wav(3, 1, 8000, 32, 64);
        bytes[56..60].copy_from_slice(&f32::NAN.to_le_bytes());
        bytes
    });
    tried("the largest numbers a float holds, twice", "loud.wav", &{
        let mut bytes = wav(3, 1, 8000, 32, 64);
        bytes[44..].copy_from_slice(&[0xFF, 0xFF, 0x7F, 0x7F].repeat(16));
        bytes
    });
    for name in ["lame.mp3", "flac.flac", "vorbis.ogg", "aac.m4a"] {
        let whole = golden(name);
        tried("the second half missing", name, &whole[..whole.len() / 2]);
    }
    tried("a FLAC stream of 2^36 samples, 42 bytes long", "long.flac", &{
        let mut bytes = golden("flac.flac")[..42].to_vec();
        bytes[21..26].fill(0xFF);
        bytes
    });
    tried("an MP4 whose sample table has 2^32 entries", "table.m4a", &{
        let mut bytes = golden("aac.m4a");
        let table = bytes.windows(4).position(|four| four == b"stsz").unwrap();
        bytes[table + 12..table + 16].fill(0xFF);
        bytes
    });
    tried("an MP4 whose boxes are 2^31 bytes long", "box.m4a", &{
        let mut bytes = golden("aac.m4a");
        let moov = bytes.windows(4).position(|four| four == b"moov").unwrap();
        bytes[moov - 4..moov].copy_from_slice(&[0x7F, 0xFF, 0xFF, 0xFF]);
        bytes
    });
    tried("an ID3 tag longer than the file", "tag.mp3", b"ID3\x03\0\0\x7F\x7F\x7F\x7Fand no more");
    tried("a flipped bit in every tenth byte", "noise.ogg", &{
        let mut bytes = golden("vorbis.ogg");
        bytes.iter_mut().skip(3000).step_by(10).for_each(|byte| *byte ^= 16);
        bytes
    });
    tried("a web page called .mp3", "page.mp3", b"<!DOCTYPE html><html>404</html>");
    tried("a zip called .flac", "zip.flac", b"PK\x03\x04and so on");
    tried("a FLAC called .wav", "other.wav", &golden("flac.flac"));
    tried(
        "a pointer to a large file",
        "pointer.wav",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n",
    );
}

fn turns(table: &mut Table) {
    let mut rttm =
        |what: &str, text: &[u8]| table.tried("RTTM", what, "a.rttm", text, |path| read_rttm(path));
    rttm("half a line", b"SPEAKER a 1 0.0 1.0 <NA>\n");
    rttm("a time that is none", b"SPEAKER a 1 soon 1.0 <NA> <NA> x <NA> <NA>\n");
    rttm("NaN seconds", b"SPEAKER a 1 NaN 1.0 <NA> <NA> x <NA> <NA>\n");
    rttm("a negative duration", b"SPEAKER a 1 0.0 -1.0 <NA> <NA> x <NA> <NA>\n");
    rttm("a turn that ends beyond all numbers", b"SPEAKER a 1 1e308 1e308 <NA> <NA> x <NA> <NA>\n");
    rttm("bytes that are no text", b"SPEAKER \xff\xfe 1 0.0\n");
    table.tried("UEM", "an end before its start", "a.uem", b"a 1 2.0 1.0\n", |path| read_uem(path));
}

fn tables(table: &mut Table) {
    let mut birds = |what: &str, text: &[u8]| {
        table.tried("manifest", what, "a.csv", text, |path| birds::read_manifest(path, Path::new("")));
    };
    birds("nothing in it", b"");
    birds("no column `species`", b"path,label\na.wav,wren\n");
    birds("a row with a field too many", b"path,species\na.wav,wren,house\n");
    birds("a quote that is never closed", b"path,species\n\"a.wav,wren\nb.wav,wren\n");
    birds("Latin-1", b"path,species\na.wav,m\xe9sange\n");
    birds("a recording listed twice", b"path,species\na.wav,wren\na.wav,wren\n");
    birds("UTF-16", b"\xff\xfep\0a\0t\0h\0");
    let root = Path::new("");
    table.tried(
        "manifest",
        "a condition unheard of",
        "m.csv",
        b"path,machine,condition\na,fan,broken\n",
        |path| asd::read_manifest(path, root),
    );
    table.tried(
        "manifest",
        "a speaker who trains and tests",
        "s.csv",
        b"path,speaker,part\na,x,background\nb,x,evaluation\n",
        |path| speakers::read_manifest(path, root),
    );
    table.tried("manifest", "a gain below 0", "g.csv", b"song,part,path,gain\na,vocals,v.wav,-1\n", |path| {
        separation::read_manifest(path, root)
    });
    table.tried(
        "labels",
        "an interval that ends before it starts",
        "l.csv",
        b"path,start_s,end_s,label\na,2,1,sing\n",
        |path| svd::read_manifest(path, root),
    );
    table.tried(
        "labels",
        "an interval at infinity",
        "l.csv",
        b"path,start_s,end_s,label\na,0,inf,sing\n",
        |path| svd::read_manifest(path, root),
    );
}

fn recipes(table: &mut Table) {
    let mini = birds::RECIPES.iter().find(|(name, _)| *name == "mini").unwrap().1;
    let mut recipe = |what: &str, text: &str, setting: &str| {
        let settings: Vec<String> =
            Some(setting.to_owned()).filter(|set| !set.is_empty()).into_iter().collect();
        table.tried("recipe", what, "mine.toml", text.as_bytes(), |path| {
            birds::Recipe::read(&path.display().to_string(), &settings)
        });
    };
    recipe("nothing in it", "", "");
    recipe("a key that does not exist", mini, "protocol.sheds=[1]");
    recipe("a word for a number", mini, "protocol.shuffle_splits=many");
    recipe("an FFT of 10^12 samples", mini, "contender.0.front_end.n_fft=1000000000000");
    recipe("10^9 mel bands", mini, "contender.0.front_end.n_mels=1000000000");
    recipe("10^12 MFCC", mini, "contender.0.front_end.n_mfcc=1000000000000");
    recipe("a window of 2^60 frames", mini, "contender.0.window.frames=1152921504606846976");
    recipe("a layer 10^9 wide", mini, "contender.0.network.widths=[1000000000]");
    recipe("two layers a million wide", mini, "contender.0.network.widths=[1000000, 1000000]");
    recipe("a name that leads out of the run's folder", mini, "contender.0.name='../../elsewhere'");
    table.tried("datasets.toml", "a data set listed twice", "datasets.toml", b"", |_| {
        let one = "[[dataset]]\nname = \"a\"\ntitle = \"\"\ntasks = []\naccess = \"gone\"\nlicence = \"\"\nlayout = \"\"\ncitation = \"\"\nask = \"\"\n";
        xtask::datasets::Catalogue::parse(&one.repeat(2))
    });
    table.tried("datasets.toml", "a size below 0", "datasets.toml", b"", |_| {
        xtask::datasets::Catalogue::parse("[[dataset]]\nsource = [{ file = 'a', url = [], bytes = -1 }]\n")
    });
}

/// STEM.safetensors and STEM.json of a network of two layers.
fn model(folder: &Path) -> (Vec<u8>, String) {
    let stem = folder.join("whole");
    let network = Network::Autoencoder { hidden: vec![2] };
    let autoencoder = Autoencoder::new(&network, 2, 0, Device::Cpu).unwrap();
    autoencoder.save(&stem, &Default::default()).unwrap();
    let read = |ending: &str| std::fs::read(stem.with_extension(ending)).unwrap();
    (read("safetensors"), String::from_utf8(read("json")).unwrap())
}

fn models(table: &mut Table) {
    let folder = table.folder.path().to_owned();
    let (weights, json) = model(&folder);
    let load = |path: &Path| Autoencoder::load(&path.with_extension(""), Device::Cpu);
    let mut with = |what: &str, weights: &[u8], json: &str| {
        std::fs::write(folder.join("a.safetensors"), weights).unwrap();
        table.tried("model", what, "a.json", json.as_bytes(), load);
    };
    with("whole", &weights, &json);
    with("weights cut in half", &weights[..weights.len() / 2], &json);
    with("a header of 2^63 bytes", b"\0\0\0\0\0\0\0\x80{}", &json);
    with("a header that is no JSON", b"\x02\0\0\0\0\0\0\0{,", &json);
    let tensor = |shape: &str, offsets: &str| {
        let header = format!("{{\"w\":{{\"dtype\":\"F32\",\"shape\":{shape},\"data_offsets\":{offsets}}}}}");
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat()
    };
    with("a tensor of 2^40 by 2^40", &tensor("[1099511627776,1099511627776]", "[0,4]"), &json);
    with("a tensor of 2^40 numbers in no bytes", &tensor("[1099511627776]", "[0,4398046511104]"), &json);
    with("whole weights, half a description", &weights, &json[..json.len() / 2]);
    with("a description of another format", &weights, &json.replace("\"format\": 1", "\"format\": 7"));
    with(
        "a description of a network 2^40 wide",
        &weights,
        &json.replace("\"features\": 2", "\"features\": 1099511627776"),
    );
    with("a description of another network", &weights, &json.replace("\"features\": 2", "\"features\": 3"));
    with("a description that is no network's", &weights, "[]");
    let classifier = r#"{"format": 1, "network": {"kind": "bi_lstm"}, "input_shape": [1099511627776, 1099511627776],
        "classes": ["a", "b"], "version": "", "metadata": null}"#;
    table.tried("model", "examples of 2^40 by 2^40", "a.json", classifier.as_bytes(), |path| {
        Classifier::load(&path.with_extension(""), Device::Cpu)
    });
    let doubles = |shapes: &[(&str, &str, usize)]| {
        let (mut header, mut length) = (String::from("{"), 0);
        for (name, shape, count) in shapes {
            let comma = if length > 0 { "," } else { "" };
            let end = length + 8 * count;
            header += &format!(
                "{comma}\"{name}\":{{\"dtype\":\"F64\",\"shape\":{shape},\"data_offsets\":[{length},{end}]}}"
            );
            length = end;
        }
        header += "}";
        let numbers = 1.0_f64.to_le_bytes().repeat(length / 8);
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &numbers].concat()
    };
    let speakers = r#"{"format": 1, "kappa": 0.1, "alignment": "soft", "front_end": null, "notes": null}"#;
    let mut speaker = |what: &str, arrays: &[u8]| {
        table.tried("speaker model", what, "s.json", speakers.as_bytes(), |path| {
            SpeakerModel::parse(speakers.as_bytes(), arrays, &path.with_extension(""))
        });
    };
    let ubm = [("ubm.weights", "[1]", 1), ("ubm.means", "[1,1]", 1), ("ubm.variances", "[1,1]", 1)];
    speaker("no eigenvoices", &doubles(&ubm));
    speaker(
        "100 000 eigenvoices of one mean",
        &doubles(&[&ubm[..], &[("eigenvoices", "[1,1,100000]", 100_000)]].concat()),
    );
    speaker(
        "means of another shape",
        &doubles(&[ubm[0], ("ubm.means", "[1,2]", 2), ubm[2], ("eigenvoices", "[1,1,1]", 1)]),
    );
}

/// A zip of one file whose name and contents are these.
fn zip(name: &str, contents: &[u8]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
    writer.write_all(contents).unwrap();
    writer.finish().unwrap().into_inner()
}

/// A tar of one entry, whose header is spelled out.
fn tar(name: &str, kind: tar::EntryType, link: &str, claimed: u64) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
    header.as_gnu_mut().unwrap().linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_entry_type(kind);
    header.set_size(claimed);
    header.set_mode(0o644);
    header.set_cksum();
    [header.as_bytes().as_slice(), &[0; 1024]].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn archives(table: &mut Table) {
    let folder = table.folder.path().to_owned();
    let mut tried = |what: &str, name: &str, bytes: &[u8]| {
        let into = folder.join("into");
        let limit = Limit { ratio: 200, free: 1 << 20 };
        table.tried("archive", what, name, bytes, |path| {
            unpack(path, Format::of(name).unwrap(), &into, limit)
        });
        assert!(!folder.join("evil").exists(), "{what} got out");
    };
    use tar::EntryType;
    tried("whole", "a.zip", &zip("a/b.txt", b"text"));
    tried("text called .zip", "text.zip", b"this is no archive");
    let whole = zip("b.txt", &[1; 1000]);
    tried("a zip cut in half", "cut.zip", &whole[..whole.len() / 2]);
    tried("a zip with a wrong sum", "sum.zip", &{
        let mut bytes = zip("c.txt", b"text");
        let sum = bytes.windows(4).rposition(|four| four == b"PK\x01\x02").unwrap() + 16;
        bytes[sum] ^= 1;
        bytes[14] ^= 1;
        bytes
    });
    tried("a name that leads outside", "out.zip", &zip("../evil", b"text"));
    tried("an absolute name", "root.zip", &zip("/evil", b"text"));
    tried("a bomb: 300 MB of zeros in 300 kB", "bomb.zip", &zip("zeros", &vec![0; 300 << 20]));
    tried("a bomb in a bomb", "bomb.tar.gz", &gzip(&gzip(&vec![0; 64 << 20])));
    tried("a name that leads outside", "out.tar", &tar("../evil", EntryType::Regular, "", 0));
    tried("a link to elsewhere", "link.tar", &tar("a", EntryType::Symlink, "../..", 0));
    tried("a hard link to elsewhere", "hard.tar", &tar("a", EntryType::Link, "../../evil", 0));
    tried("a device", "device.tar", &tar("a", EntryType::Char, "", 0));
    tried("an entry of 2^62 bytes", "huge.tar", &tar("a", EntryType::Regular, "", 1 << 62));
    tried("gzip cut in half", "cut.tar.gz", &{
        let bytes = gzip(&tar("d", EntryType::Regular, "", 0));
        bytes[..bytes.len() / 2].to_vec()
    });
}

/// Every row of the table in `docs/robustness.md`, made anew.
#[test]
fn every_broken_file_gets_the_message_that_the_docs_say() {
    let mut table = Table { folder: tempfile::tempdir().unwrap(), rows: Vec::new() };
    for tried in [sounds, turns, tables, recipes, models, archives] {
        tried(&mut table);
    }
    let rows = table.markdown();
    let document =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/robustness.md")).unwrap();
    let told: Vec<&str> = document.lines().filter(|line| rows.iter().any(|row| row == line)).collect();
    assert!(told == rows, "docs/robustness.md should have these rows, in this order:\n{}", rows.join("\n"));
}
