//! Which front ends are heard together: every ensemble of Fig. 3, and any other by name.

use std::collections::BTreeMap;

use super::back_ends::BackEnd;
use super::detector::{Errors, Row};
use super::front_ends::FrontEnd;

/// Front ends whose standardised errors are summed (eq. 8).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ensemble {
    pub(super) name: String,
    pub(super) members: Vec<FrontEnd>,
}

/// The ensembles of Table 1.
const PAPER: [(&str, &str); 4] =
    [("all (A-H)", "ABCDEFGH"), ("only BD (E-H)", "EFGH"), ("only ASE (B-D)", "BCD"), (PROPOSED, "BCDFGH")];

/// The paper's proposal.
pub(super) const PROPOSED: &str = "proposed (B-D, F-H)";

impl Ensemble {
    /// Members by their letters.
    pub(super) fn new(name: &str, letters: &str) -> Result<Self, String> {
        let member = |letter: char| {
            let found =
                FrontEnd::ALL.into_iter().find(|front_end| format!("{front_end:?}") == letter.to_string());
            found.ok_or_else(|| {
                format!("ensemble `{name}`: `{letter}` is no front end; write letters from A to H")
            })
        };
        let mut members = letters.chars().map(member).collect::<Result<Vec<_>, _>>()?;
        members.sort();
        members.dedup();
        if members.is_empty() {
            return Err(format!("ensemble `{name}` has no members; write letters from A to H"));
        }
        Ok(Self { name: name.to_owned(), members })
    }

    /// The rows of Table 1 in its order, single front ends first, then `own` ensembles; only those whose members are
    /// all among `trained`.
    pub(super) fn table(trained: &[FrontEnd], own: &BTreeMap<String, String>) -> Result<Vec<Self>, String> {
        let single = FrontEnd::ALL.map(|front_end| Ensemble {
            name: format!("({front_end:?}) {}", front_end.name()),
            members: vec![front_end],
        });
        let own = own.iter().map(|(name, letters)| (name.as_str(), letters.as_str()));
        let several = PAPER.into_iter().chain(own).map(|(name, letters)| Self::new(name, letters));
        let mut rows: Vec<Self> = single.into_iter().map(Ok).chain(several).collect::<Result<_, _>>()?;
        rows.retain(|row| row.members.iter().all(|member| trained.contains(member)));
        Ok(rows)
    }

    /// E of eq. (8) over the scores of its members.
    pub(super) fn score(&self, back_end: BackEnd, scores: &BTreeMap<String, f64>) -> f64 {
        let rows = self.members.iter().map(|&front_end| Row { back_end, front_end });
        rows.map(|row| scores.get(&row.to_string()).copied().unwrap_or(f64::NAN)).sum()
    }
}

/// The inner sums of eq. (8), over time and channels, as a mean, so that segments of any length compare.
pub(super) fn segment_scores(errors: &Errors) -> BTreeMap<String, f64> {
    let mean = |errors: &ndarray::Array2<f32>| {
        errors.iter().map(|&error| f64::from(error)).sum::<f64>() / errors.len().max(1) as f64
    };
    errors.iter().map(|(row, errors)| (row.to_string(), mean(errors))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_papers() {
        let rows = Ensemble::table(&FrontEnd::ALL, &BTreeMap::new()).unwrap();
        assert_eq!(rows.len(), 12);
        assert_eq!(rows[6].name, "(G) BD + NMU");
        assert_eq!(rows[11].members.len(), 6);
        assert!(!rows[11].members.contains(&FrontEnd::A) && !rows[11].members.contains(&FrontEnd::E));
        let own = BTreeMap::from([("pair".to_owned(), "FB".to_owned())]);
        let few = Ensemble::table(&[FrontEnd::B, FrontEnd::F], &own).unwrap();
        assert_eq!(few.len(), 3);
        assert_eq!(few[2].members, [FrontEnd::B, FrontEnd::F]);
        assert!(Ensemble::new("x", "AZ").is_err() && Ensemble::new("x", "").is_err());
    }

    #[test]
    fn scores_add_up() {
        let row = |front_end| Row { back_end: BackEnd::Autoencoder, front_end };
        let errors = Errors::from([
            (row(FrontEnd::B), ndarray::array![[1.0, 2.0], [3.0, 2.0]]),
            (row(FrontEnd::F), ndarray::array![[-1.0, -1.0], [-1.0, -1.0]]),
        ]);
        let pair = Ensemble::new("pair", "BF").unwrap();
        assert_eq!(pair.score(BackEnd::Autoencoder, &segment_scores(&errors)), 1.0);
    }
}
