//! `cargo xtask data`: what there is, and getting it.
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail};

use crate::{
    Stop, Workspace,
    checksum::{self, Digests, Sums},
    datasets::{Access, Catalogue, Dataset, List, Manifest, Source, Zenodo},
    download::{Downloader, Patience, Wanted},
    intervals, lock, manifest, process,
    progress::{Progress, Unit},
    unpack::{self, Format, Limit},
};

/// List, describe, fetch and check data sets.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Every data set, one per line.
    List,
    /// All that is known about one.
    Info {
        /// The data set.
        name: String,
    },
    /// Download and unpack one; goes on where an earlier attempt stopped.
    Fetch(Fetch),
    /// Check the files and the manifests of one.
    Verify {
        /// The data set.
        name: String,
        /// The folder that holds your data sets.
        #[arg(long, value_name = "DIR")]
        into: Option<PathBuf>,
    },
}

/// What to fetch, from where, to where.
#[derive(Clone, Debug, clap::Args)]
pub struct Fetch {
    /// The data set.
    pub name: String,
    /// Take the files, by their names, from this URL or folder instead.
    #[arg(long, value_name = "URL|DIR")]
    pub mirror: Option<String>,
    /// The folder that holds your data sets; `datasets` by default.
    #[arg(long, value_name = "DIR")]
    pub into: Option<PathBuf>,
    /// Fail rather than use the network.
    #[arg(long)]
    pub offline: bool,
}

/// Does what the subcommand says.
pub fn run(workspace: &Workspace, command: &Command) -> Result<()> {
    let catalogue = Catalogue::read(workspace)?;
    match command {
        Command::List => list(workspace, &catalogue),
        Command::Info { name } => {
            info(workspace, catalogue.get(name)?);
            Ok(())
        }
        Command::Fetch(args) => fetch(workspace, catalogue.get(&args.name)?, args, Patience::default()),
        Command::Verify { name, into } => verify(workspace, catalogue.get(name)?, into.as_deref()),
    }
}

fn list(workspace: &Workspace, catalogue: &Catalogue) -> Result<()> {
    println!("{:<18}{:<9}{:<8}{:<24}title", "name", "access", "here", "for");
    for dataset in &catalogue.datasets {
        let lies_here = folder(workspace, dataset, None)?.join(checksum::SUMS_FILE).is_file();
        let here = if lies_here { "yes" } else { "-" };
        let tasks = dataset.tasks.join(", ");
        println!("{:<18}{:<9}{here:<8}{tasks:<24}{}", dataset.name, dataset.access.name(), dataset.title);
    }
    Ok(())
}

fn info(workspace: &Workspace, dataset: &Dataset) {
    let line = |name: &str, text: &str| {
        if !text.is_empty() {
            println!("{name:<11}{text}");
        }
    };
    line("name", &dataset.name);
    line("title", &dataset.title);
    line("for", &dataset.tasks.join(", "));
    line("access", dataset.access.name());
    line("licence", &dataset.licence);
    line("size", dataset.size.as_deref().unwrap_or_default());
    line("layout", &dataset.layout);
    let splits = dataset.splits.iter().map(|(part, count)| format!("{part} {count}"));
    line("splits", &splits.collect::<Vec<_>>().join(", "));
    line("stand-ins", &dataset.stand_ins.join(", "));
    line("cite", &dataset.citation);
    line("notes", dataset.notes.as_deref().unwrap_or_default());
    for source in &dataset.sources {
        match source {
            Source::Zenodo(record) => {
                line("source", &format!("https://zenodo.org/records/{}", record.zenodo))
            }
            Source::List(list) => {
                line("source", &format!("{} for each row of {}", list.url, list.list.display()))
            }
            Source::File(file) => line("source", &file.url.join(", ")),
        }
    }
    match &dataset.shipped {
        Some(folder) => line("here", &workspace.shown(&workspace.path(folder))),
        None if dataset.access == Access::Open && !dataset.sources.is_empty() => {
            line("fetch", &format!("cargo xtask data fetch {}", dataset.name));
        }
        None => line("ask", dataset.ask.as_deref().unwrap_or_default()),
    }
}

/// Fetches a data set into its folder, file by file; what is done stays done.
pub fn fetch(workspace: &Workspace, dataset: &Dataset, args: &Fetch, patience: Patience) -> Result<()> {
    if let Some(shipped) = &dataset.shipped {
        println!("{} comes with the checkout: {}", dataset.name, shipped.display());
        return Ok(());
    }
    let folder = folder(workspace, dataset, args.into.as_deref())?;
    if let Some(ask) =
        dataset.ask.as_ref().filter(|_| dataset.access != Access::Open || dataset.sources.is_empty())
    {
        return Err(Stop::Manual(format!(
            "{} cannot be fetched ({}). {ask} Its place is {}.{}",
            dataset.name,
            dataset.access.name(),
            folder.display(),
            stand_ins(dataset)
        ))
        .into());
    }
    println!("{}: {} Licence: {}", dataset.name, dataset.title, dataset.licence);
    let job = Job {
        folder: &folder,
        mirror: args.mirror.as_deref(),
        downloader: Downloader::new(patience, args.offline),
    };
    let _lock = lock::exclusive(&folder.join(".lock"))?;
    for source in &dataset.sources {
        match source {
            Source::File(single) => {
                let wanted = Wanted {
                    urls: single.url.clone(),
                    bytes: single.bytes,
                    sha256: single.sha256.clone(),
                    md5: single.md5.clone(),
                };
                job.one(&single.file, wanted, "")?;
            }
            Source::Zenodo(record) => {
                for (file, wanted) in job.record(record)? {
                    job.one(&file, wanted, &record.folder)?;
                }
            }
            Source::List(list) => job.list(&workspace.path(&list.list), list)?,
        }
    }
    println!("{}: complete in {}", dataset.name, folder.display());
    Ok(())
}

fn stand_ins(dataset: &Dataset) -> String {
    match dataset.stand_ins.as_slice() {
        [] => String::new(),
        names => format!(" Meanwhile, use {}.", names.join(" or ")),
    }
}

/// Where a data set lies, or would.
fn folder(workspace: &Workspace, dataset: &Dataset, into: Option<&Path>) -> Result<PathBuf> {
    match (&dataset.shipped, into) {
        (Some(shipped), _) => Ok(workspace.path(shipped)),
        (None, Some(into)) => Ok(process::absolute(into)?.join(&dataset.name)),
        (None, None) => Ok(workspace.path("datasets").join(&dataset.name)),
    }
}

/// One data set on its way in.
struct Job<'a> {
    folder: &'a Path,
    mirror: Option<&'a str>,
    downloader: Downloader,
}

impl Job<'_> {
    /// A file; if it is an archive, its content, in a folder of the data set's folder.
    fn one(&self, file: &str, wanted: Wanted, folder: &str) -> Result<()> {
        let target = self.folder.join(file);
        match Format::of(file) {
            None => {
                let digests = self.get(file, wanted, &target)?;
                self.remember([(file.to_owned(), digests.sha256)])
            }
            Some(format) => {
                // The record of an archive that is unpacked and gone.
                let done = self.folder.join(".unpacked").join(format!("{file}.sha256"));
                if done.is_file() {
                    println!("{file}: unpacked already");
                    return Ok(());
                }
                let digests = self.get(file, wanted, &target)?;
                let stem = file.split('.').next().unwrap_or(file);
                let inner = self.folder.join(folder.replace("{stem}", stem));
                let sums = unpack::unpack(&target, format, &inner, Limit::default())
                    .context("if the archive is broken, remove it to fetch it again")?;
                if sums.files.is_empty() {
                    bail!("{} holds no files", target.display());
                }
                let key =
                    |(name, sum): (String, String)| Ok((Sums::key(self.folder, &inner.join(name))?, sum));
                self.remember(sums.files.into_iter().map(key).collect::<Result<Vec<_>>>()?)?;
                if let Some(parent) = done.parent() {
                    fs::create_dir_all(parent)?;
                }
                fs::write(&done, format!("{}  {file}\n", digests.sha256))?;
                fs::remove_file(&target).with_context(|| format!("cannot remove {}", target.display()))
            }
        }
    }

    fn get(&self, file: &str, mut wanted: Wanted, target: &Path) -> Result<Digests> {
        if let Some(mirror) = self.mirror {
            wanted.urls = vec![format!("{}/{file}", mirror.trim_end_matches('/'))];
        }
        let digests =
            self.downloader.fetch(&wanted, target).with_context(|| format!("cannot fetch {file}"))?;
        if wanted.sha256.is_none() {
            let trust = if wanted.md5.is_some() { "md5 is right" } else { "taken on trust" };
            println!("{file}: {trust}; to pin it, write into datasets.toml: sha256 = \"{}\"", digests.sha256);
        }
        Ok(digests)
    }

    /// The files of a Zenodo record; asks the record only where `datasets.toml` does not list them.
    fn record(&self, record: &Zenodo) -> Result<Vec<(String, Wanted)>> {
        if !record.files.is_empty() {
            return record.wanted(None);
        }
        let description = tempfile::tempdir()?;
        let file = format!("zenodo-{}.json", record.zenodo);
        let mut wanted = Wanted { urls: vec![record.record_url()], ..Wanted::default() };
        if let Some(mirror) = self.mirror {
            wanted.urls = vec![format!("{}/{file}", mirror.trim_end_matches('/'))];
        }
        let target = description.path().join(&file);
        self.downloader.fetch(&wanted, &target).with_context(|| format!("cannot fetch {file}"))?;
        record.wanted(Some(&fs::read_to_string(&target)?))
    }

    /// One file per row. A file that cannot be had does not stop the others; all that failed are reported at the end.
    fn list(&self, csv: &Path, list: &List) -> Result<()> {
        let table = manifest::read(csv)?;
        if let Some(problem) = table.problems.first() {
            bail!("{problem}");
        }
        let mut sums = Sums::read(self.folder)?;
        let mut failures: Vec<(String, String)> = Vec::new();
        let mut progress = Progress::new("files", Unit::Files, Some(table.rows.len() as u64));
        let mut asked = false;
        for (_, row) in &table.rows {
            let (file, url) = (manifest::filled(&list.file, row)?, manifest::filled(&list.url, row)?);
            let target = self.folder.join(&file);
            if !(sums.files.contains_key(&file) && target.is_file()) {
                let from_server = self.mirror.is_none() && !target.is_file();
                if asked && from_server {
                    thread::sleep(Duration::from_secs_f64(list.pause_s));
                }
                asked |= from_server;
                let urls = match self.mirror {
                    Some(mirror) => vec![format!("{}/{file}", mirror.trim_end_matches('/'))],
                    None => vec![url],
                };
                match self.downloader.fetch(&Wanted { urls, ..Wanted::default() }, &target) {
                    Ok(digests) => {
                        sums.files.insert(file, digests.sha256);
                        sums.write(self.folder)?;
                    }
                    Err(error) if error.chain().any(|cause| cause.is::<Stop>()) => return Err(error),
                    Err(error) => {
                        progress.note(&format!("{file}: {error:#}"));
                        failures.push((file, format!("{error:#}")));
                    }
                }
            }
            progress.advance(1);
        }
        drop(progress);
        let report = self.folder.join("failed.csv");
        if failures.is_empty() {
            if report.exists() {
                fs::remove_file(&report)?;
            }
            return Ok(());
        }
        let mut writer = csv::Writer::from_path(&report)?;
        writer.write_record(["file", "reason"])?;
        for (file, reason) in &failures {
            writer.write_record([file, reason])?;
        }
        writer.flush()?;
        Err(anyhow!(
            "{} of {} files could not be fetched; {} says why. Run it again to try only those",
            failures.len(),
            table.rows.len(),
            report.display()
        ))
    }

    fn remember(&self, files: impl IntoIterator<Item = (String, String)>) -> Result<()> {
        let mut sums = Sums::read(self.folder)?;
        sums.files.extend(files);
        sums.write(self.folder)
    }
}

/// Checks every file against its sum and every manifest against the files.
pub fn verify(workspace: &Workspace, dataset: &Dataset, into: Option<&Path>) -> Result<()> {
    let folder = folder(workspace, dataset, into)?;
    if !folder.is_dir() {
        let next = format!("there is no {}; `cargo xtask data fetch {}`", folder.display(), dataset.name);
        return Err(Stop::Manual(next).into());
    }
    let sums = Sums::read(&folder)?;
    let mut progress = Progress::new("checking", Unit::Files, Some(sums.files.len() as u64));
    let mut problems = sums.check(&folder, |count| progress.advance(count))?;
    drop(progress);
    let mut rows = BTreeMap::new();
    for Manifest { csv, file, columns, intervals } in &dataset.manifests {
        let own = folder.join(csv);
        let path = if own.is_file() { own } else { workspace.path(csv) };
        problems.extend(manifest::problems(&path, &folder, file, columns)?);
        if let Some(table) = intervals {
            problems.extend(intervals::problems(&path, &path.with_file_name(table))?);
        }
        rows.insert(csv.display().to_string(), manifest::read(&path)?.rows.len());
    }
    if !problems.is_empty() {
        bail!("{}: {} problems:\n{}", dataset.name, problems.len(), problems.join("\n"));
    }
    if sums.files.is_empty() && dataset.manifests.is_empty() {
        bail!("{} has neither {} nor a manifest to check against", folder.display(), checksum::SUMS_FILE);
    }
    println!("{}: {} files have their checksum", dataset.name, sums.files.len());
    for (csv, rows) in rows {
        println!("{}: {rows} rows of {csv} are complete", dataset.name);
    }
    Ok(())
}
