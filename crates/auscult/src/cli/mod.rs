//! The command line: one file per verb.

#[cfg(feature = "torch")]
mod birds;
mod dereverb;
#[cfg(feature = "torch")]
mod diarize;
mod doctor;
#[cfg(feature = "torch")]
mod environment;
#[cfg(feature = "torch")]
mod listening_test;
#[cfg(feature = "torch")]
mod manifest;
#[cfg(feature = "torch")]
mod monitor;
#[cfg(feature = "torch")]
mod places;
mod progress;
#[cfg(feature = "torch")]
mod runs;
mod score;
#[cfg(feature = "torch")]
mod separate;
mod shell;
#[cfg(feature = "torch")]
mod singing;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

/// Machine listening: machines, birds, speakers, singers, songs.
#[derive(Parser)]
#[command(name = "auscult", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Name the birds in recordings: species per window and per file.
    #[cfg(feature = "torch")]
    Birds(birds::BirdsArguments),
    /// Listen to a machine: learn how it sounds when it is well, then score what comes.
    #[cfg(feature = "torch")]
    Monitor(monitor::MonitorArguments),
    /// Say who speaks when in recordings
    #[cfg(feature = "torch")]
    Diarize(diarize::DiarizeArguments),
    /// Say whether two recordings are one speaker's
    #[cfg(feature = "torch")]
    SameSpeaker(diarize::SameSpeakerArguments),
    /// Train a pipeline by a recipe; goes on where an interrupted run of the same recipe was left.
    #[cfg(feature = "torch")]
    Train(runs::TrainArguments),
    /// Score a trained run on a manifest of your own.
    #[cfg(feature = "torch")]
    Eval(runs::EvalArguments),
    /// Write one self-contained HTML page about finished runs.
    #[cfg(feature = "torch")]
    Report(runs::ReportArguments),
    /// Take the late reverberation out of a recording.
    Dereverb(dereverb::DereverbArguments),
    /// Write the manifest of a corpus as it is published.
    #[cfg(feature = "torch")]
    Manifest(manifest::ManifestArguments),
    /// Find where somebody sings in songs: segments with their probability.
    #[cfg(feature = "torch")]
    Singing(singing::SingingArguments),
    /// Make a page to rate stems by ear, and read the ratings
    #[cfg(feature = "torch")]
    ListeningTest(listening_test::ListeningTestArguments),
    /// Part songs into voice and accompaniment
    #[cfg(feature = "torch")]
    Separate(separate::SeparateArguments),
    /// Score results that are already there: separation, diarization, detection, classification
    Score(score::ScoreArgs),
    /// Say what there is on this machine, and how to mend what is not.
    Doctor(doctor::DoctorArguments),
    /// Print a completion script, e.g. for bash: `source <(auscult completions bash)`.
    Completions(shell::CompletionsArguments),
    /// Print the manual page, or write one page a verb.
    Man(shell::ManArguments),
}

/// Parses, runs, and turns errors into a message and exit code 1 (2 is for wrong usage).
pub(crate) fn main() -> ExitCode {
    let arguments = Arguments::parse();
    #[cfg(feature = "torch")]
    environment::settle();
    // the verbs that have --skip-bad
    #[cfg(feature = "torch")]
    let skips = matches!(
        arguments.verb,
        Verb::Birds(_)
            | Verb::Diarize(_)
            | Verb::Train(_)
            | Verb::Eval(_)
            | Verb::Singing(_)
            | Verb::Separate(_)
    );
    #[cfg(not(feature = "torch"))]
    let skips = false;
    let outcome = match arguments.verb {
        #[cfg(feature = "torch")]
        Verb::Birds(arguments) => birds::run(&arguments),
        #[cfg(feature = "torch")]
        Verb::Monitor(arguments) => monitor::run(&arguments),
        #[cfg(feature = "torch")]
        Verb::Diarize(arguments) => diarize::run(&arguments),
        #[cfg(feature = "torch")]
        Verb::SameSpeaker(arguments) => diarize::same_speaker(&arguments),
        #[cfg(feature = "torch")]
        Verb::Manifest(arguments) => manifest::run(&arguments),
        #[cfg(feature = "torch")]
        Verb::Singing(arguments) => singing::run(&arguments),
        #[cfg(feature = "torch")]
        Verb::Train(arguments) => runs::train(&arguments),
        #[cfg(feature = "torch")]
        Verb::Eval(arguments) => runs::eval(&arguments),
        #[cfg(feature = "torch")]
        Verb::Report(arguments) => runs::report(&arguments),
        Verb::Dereverb(arguments) => dereverb::run(&arguments),
        Verb::Score(arguments) => score::run(arguments),
        #[cfg(feature = "torch")]
        Verb::ListeningTest(arguments) => listening_test::run(&arguments),
        #[cfg(feature = "torch")]
        Verb::Separate(arguments) => separate::run(&arguments),
        Verb::Doctor(arguments) => doctor::run(&arguments),
        Verb::Completions(arguments) => shell::completions(&arguments, Arguments::command()),
        Verb::Man(arguments) => shell::man(&arguments, Arguments::command()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {}", in_full(&error)));
            if skips && matches!(error.downcast_ref(), Some(auscult::Error::Recording { .. })) {
                say("hint: --skip-bad goes on without recordings that cannot be used");
            }
            ExitCode::FAILURE
        }
    }
}

/// An error with its causes, but for those whose words it holds already.
fn in_full(error: &anyhow::Error) -> String {
    error.chain().skip(1).map(ToString::to_string).fold(error.to_string(), |text, cause| {
        if text.contains(&cause) { text } else { format!("{text}: {cause}") }
    })
}

/// `auscult ... | head` closes our output early; that is no failure.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let broken = |error: &std::io::Error| error.kind() == std::io::ErrorKind::BrokenPipe;
    let in_csv = |error: &csv::Error| matches!(error.kind(), csv::ErrorKind::Io(error) if broken(error));
    error
        .chain()
        .any(|cause| cause.downcast_ref().is_some_and(broken) || cause.downcast_ref().is_some_and(in_csv))
}

/// A line to the person at the terminal; results go to standard output, all else here.
fn say(line: &str) {
    use std::io::Write as _;
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "{line}");
}
