//! `datasets.toml`: every data set, where it comes from, and under which terms.
use std::{fs, path::PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::{Stop, Workspace, download::Wanted};

/// The whole file.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// In the order of the file.
    #[serde(rename = "dataset")]
    pub datasets: Vec<Dataset>,
}

/// Whether anyone may have the data.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Anyone may download it.
    Open,
    /// Its keepers want to be asked first.
    Request,
    /// It is sold.
    Paid,
    /// It is no longer given out.
    Gone,
}

impl Access {
    /// As it stands in the file.
    pub fn name(self) -> &'static str {
        match self {
            Access::Open => "open",
            Access::Request => "request",
            Access::Paid => "paid",
            Access::Gone => "gone",
        }
    }
}

/// One data set.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    /// Its name on the command line.
    pub name: String,
    /// Its full name.
    pub title: String,
    /// The pipelines it is for.
    pub tasks: Vec<String>,
    /// Whether anyone may have it.
    pub access: Access,
    /// The terms of use.
    pub licence: String,
    /// About how large it is, for the person who decides whether to fetch it.
    #[serde(default)]
    pub size: Option<String>,
    /// What lies where in it.
    pub layout: String,
    /// Recordings, clips or songs per part.
    #[serde(default)]
    pub splits: toml::Table,
    /// Data sets to use where this one cannot be had.
    #[serde(default)]
    pub stand_ins: Vec<String>,
    /// The paper or page to cite.
    pub citation: String,
    /// Where to ask, and what to place where: for data that cannot be fetched.
    #[serde(default)]
    pub ask: Option<String>,
    /// What else to know.
    #[serde(default)]
    pub notes: Option<String>,
    /// The folder of the checkout that holds it, if it comes with the checkout.
    #[serde(default)]
    pub shipped: Option<PathBuf>,
    /// The files to fetch.
    #[serde(default, rename = "source")]
    pub sources: Vec<Source>,
    /// The CSVs that list its files.
    #[serde(default, rename = "manifest")]
    pub manifests: Vec<Manifest>,
}

/// One file to fetch, or many of one place.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(untagged)]
pub enum Source {
    /// Some or all files of a Zenodo record.
    Zenodo(Zenodo),
    /// One file per row of a CSV.
    List(List),
    /// One file.
    File(Single),
}

/// One file, at one or several addresses.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Single {
    /// The name it gets; an archive is unpacked and then removed.
    pub file: String,
    /// Where it is; tried in this order.
    pub url: Vec<String>,
    /// Its size.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// Its SHA-256; without one, the first fetch prints the value to write here.
    #[serde(default)]
    pub sha256: Option<String>,
    /// Its MD5.
    #[serde(default)]
    pub md5: Option<String>,
}

/// Files of a Zenodo record. Where none are listed, the record itself says which files it has and their MD5.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Zenodo {
    /// The number of the record.
    pub zenodo: u64,
    /// The folder its archives are unpacked into; `{stem}` stands for the name of the archive. Archives whose
    /// contents have the same names need it.
    #[serde(default)]
    pub folder: String,
    /// The files wanted from it.
    #[serde(default)]
    pub files: Vec<ZenodoFile>,
}

/// A file of a Zenodo record.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ZenodoFile {
    /// Its name in the record.
    pub file: String,
    /// Its size.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// Its MD5, which Zenodo publishes.
    #[serde(default)]
    pub md5: Option<String>,
}

/// One file per row of a CSV; `{column}` in `url` and `file` stands for the value of that column.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// The CSV, from the workspace's root.
    pub list: PathBuf,
    /// Where a row's file is.
    pub url: String,
    /// The name it gets.
    pub file: String,
    /// Seconds between two requests, out of politeness to the server.
    pub pause_s: f64,
}

/// A CSV that lists files of a data set.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The CSV, in the folder of the data set, else from the workspace's root.
    pub csv: PathBuf,
    /// The file of a row, from the folder of the data set; `{column}` stands for the value of that column.
    #[serde(default = "path_column")]
    pub file: String,
    /// The columns that must be there and never empty.
    pub columns: Vec<String>,
    /// A table of labelled intervals beside the CSV, which every row must be in.
    #[serde(default)]
    pub intervals: Option<PathBuf>,
}

fn path_column() -> String {
    "{path}".into()
}

impl Catalogue {
    /// Reads `datasets.toml`.
    pub fn read(workspace: &Workspace) -> Result<Self> {
        let path = workspace.path("datasets.toml");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} is wrong", path.display()))
    }

    /// Reads the text of a catalogue, and checks what TOML cannot.
    pub fn parse(text: &str) -> Result<Self> {
        let catalogue: Self = toml::from_str(text)?;
        let named = |name: &str| catalogue.datasets.iter().filter(|dataset| dataset.name == name).count();
        for dataset in &catalogue.datasets {
            let name = &dataset.name;
            if named(name) > 1 {
                bail!("`{name}` is there twice");
            }
            if let Some(absent) = dataset.stand_ins.iter().find(|stand_in| named(stand_in) == 0) {
                bail!("`{name}` names the stand-in `{absent}`, which is not there");
            }
            let can_be_had = dataset.shipped.is_some() || !dataset.sources.is_empty();
            if dataset.access == Access::Open && !can_be_had && dataset.ask.is_none() {
                bail!("`{name}` is open but has neither source nor shipped nor ask");
            }
            if dataset.access != Access::Open && dataset.ask.is_none() {
                bail!("`{name}` is not open: `ask` must say what to do");
            }
        }
        Ok(catalogue)
    }

    /// The data set of that name.
    pub fn get(&self, name: &str) -> Result<&Dataset> {
        self.datasets.iter().find(|dataset| dataset.name == name).ok_or_else(|| {
            let known: Vec<&str> = self.datasets.iter().map(|dataset| dataset.name.as_str()).collect();
            Stop::Usage(format!("no data set `{name}`; there are: {}", known.join(", "))).into()
        })
    }
}

impl Zenodo {
    /// Where the record describes itself.
    pub fn record_url(&self) -> String {
        format!("https://zenodo.org/api/records/{}", self.zenodo)
    }

    /// The files of the record, from the list here or from the record's own description.
    pub fn wanted(&self, description: Option<&str>) -> Result<Vec<(String, Wanted)>> {
        #[derive(Deserialize)]
        struct Record {
            files: Vec<RecordFile>,
        }
        #[derive(Deserialize)]
        struct RecordFile {
            key: String,
            size: u64,
            checksum: String,
        }
        let files = match description {
            None => self.files.clone(),
            Some(text) => {
                let record: Record = serde_json::from_str(text).with_context(|| {
                    format!("Zenodo record {} does not list its files; is it restricted?", self.zenodo)
                })?;
                let known = |file: RecordFile| ZenodoFile {
                    file: file.key,
                    bytes: Some(file.size),
                    md5: file.checksum.strip_prefix("md5:").map(str::to_owned),
                };
                record.files.into_iter().map(known).collect()
            }
        };
        Ok(files.into_iter().map(|file| self.one(file)).collect())
    }

    fn one(&self, file: ZenodoFile) -> (String, Wanted) {
        let url = format!(
            "https://zenodo.org/records/{}/files/{}?download=1",
            self.zenodo,
            file.file.replace(' ', "%20")
        );
        (file.file, Wanted { urls: vec![url], bytes: file.bytes, sha256: None, md5: file.md5 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "title = \"\"\ntasks = []\nlicence = \"\"\nlayout = \"\"\ncitation = \"\"\n";

    fn parse(text: &str) -> Result<Catalogue> {
        Catalogue::parse(&text.replace("HEAD", HEAD))
    }

    #[test]
    fn contradictions_are_refused() {
        let refused = |text: &str| parse(text).unwrap_err().to_string();
        let two = "[[dataset]]\nname = \"a\"\naccess = \"gone\"\nask = \"\"\nHEAD";
        assert!(refused(&format!("{two}{two}")).contains("twice"));
        assert!(refused("[[dataset]]\nname = \"a\"\naccess = \"open\"\nHEAD").contains("neither source"));
        assert!(refused("[[dataset]]\nname = \"a\"\naccess = \"paid\"\nHEAD").contains("`ask`"));
        let stray = "[[dataset]]\nname = \"a\"\naccess = \"paid\"\nask = \"\"\nstand_ins = [\"b\"]\nHEAD";
        assert!(refused(stray).contains("stand-in `b`"));
    }

    #[test]
    fn a_zenodo_record_describes_its_files() {
        let record = Zenodo { zenodo: 7, folder: String::new(), files: Vec::new() };
        let json = r#"{"files": [{"key": "a b.zip", "size": 12, "checksum": "md5:00ff", "links": {}}]}"#;
        let files = record.wanted(Some(json)).unwrap();
        assert_eq!(files[0].0, "a b.zip");
        assert_eq!(files[0].1.urls, ["https://zenodo.org/records/7/files/a%20b.zip?download=1"]);
        assert_eq!((files[0].1.bytes, files[0].1.md5.as_deref()), (Some(12), Some("00ff")));
        assert!(record.wanted(Some("{}")).unwrap_err().to_string().contains("restricted"));
    }
}
