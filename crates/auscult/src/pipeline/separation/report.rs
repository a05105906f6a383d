//! The report's section of a separation run.

use maud::{Markup, html};

use super::results::Results;
use super::summary::summary;
use crate::{Result, Run};

/// The section of one finished run.
///
/// # Errors
/// [`Error::Run`](crate::Error::Run) where the run is not finished.
pub fn section(run: &Run) -> Result<Markup> {
    let results: Results = run.results()?;
    Ok(html! {
        h2 { "The voice and the band, apart" }
        pre { (summary(&results)) }
    })
}
