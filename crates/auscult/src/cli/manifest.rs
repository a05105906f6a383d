//! `auscult manifest CORPUS FOLDER`: a corpus as it is published to a manifest that recipes can name.

use std::path::PathBuf;

use auscult::pipeline::svd::{Corpus, write_manifest};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};

use super::say;

/// Arguments of `auscult manifest`.
#[derive(Debug, Args)]
pub(super) struct ManifestArguments {
    /// The corpus, by its name in datasets.toml
    #[arg(value_parser = corpus())]
    corpus: Corpus,
    /// The folder it lies in; songs.csv and labels.csv are written there
    folder: PathBuf,
}

/// Reads the name of a corpus.
fn corpus() -> impl clap::builder::TypedValueParser<Value = Corpus> {
    PossibleValuesParser::new(Corpus::ALL.map(Corpus::name)).try_map(|name| {
        let known = Corpus::ALL.into_iter().find(|corpus| corpus.name() == name);
        known.ok_or_else(|| format!("there is no corpus `{name}`"))
    })
}

pub(super) fn run(arguments: &ManifestArguments) -> anyhow::Result<()> {
    let (manifest, songs) = write_manifest(arguments.corpus, &arguments.folder)?;
    say(&format!("{}: {songs} songs", manifest.display()));
    Ok(())
}
