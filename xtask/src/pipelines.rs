//! The pipelines the driver knows: one line each.

/// A pipeline of the `auscult` command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pipeline {
    /// Its name on the command line, in `recipes/` and in `runs/`.
    pub name: &'static str,
    /// What it does, in a few words.
    pub about: &'static str,
}

/// In the order `run all` takes them.
pub const PIPELINES: &[Pipeline] = &[
    Pipeline { name: "birds", about: "which species sings in a recording" },
    Pipeline { name: "asd", about: "whether a machine sounds as it should" },
    Pipeline { name: "speakers", about: "who is the same speaker, and who spoke when" },
    Pipeline { name: "svd", about: "where somebody sings in a song" },
    Pipeline { name: "separation", about: "the voice and the band of a song, apart" },
];

/// The pipelines a command line means: one, or `all`.
pub fn chosen(name: &str) -> Vec<Pipeline> {
    PIPELINES.iter().filter(|pipeline| name == "all" || name == pipeline.name).copied().collect()
}

/// Accepts the name of a pipeline.
pub fn one() -> clap::builder::PossibleValuesParser {
    PIPELINES.iter().map(possible).collect::<Vec<_>>().into()
}

/// Accepts the name of a pipeline, or `all`.
pub fn one_or_all() -> clap::builder::PossibleValuesParser {
    let all = clap::builder::PossibleValue::new("all").help("every pipeline, one after the other");
    PIPELINES.iter().map(possible).chain([all]).collect::<Vec<_>>().into()
}

fn possible(pipeline: &Pipeline) -> clap::builder::PossibleValue {
    clap::builder::PossibleValue::new(pipeline.name).help(pipeline.about)
}
