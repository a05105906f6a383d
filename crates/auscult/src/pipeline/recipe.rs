//! Reading recipes: TOML by name or path, with `key=value` settings on top.

use std::path::Path;

use serde::{Serialize, de::DeserializeOwned};

use crate::{Error, Result};

/// Reads a recipe.
///
/// `name` is a file, or the NAME of one of `built_in` (pairs of name and TOML text). `settings` are
/// `dotted.key=value` pairs applied on top; the value is read as TOML and, where that fails, as a string;
/// numbers in the path index into arrays (`contender.0.training.epochs=5`). Returns the recipe's name and
/// the recipe.
///
/// # Errors
/// [`Error::Recipe`] for an unknown name, text that is not TOML, unknown keys, values of the wrong kind.
pub fn read<R: DeserializeOwned>(
    name: &str,
    built_in: &[(&str, &str)],
    settings: &[String],
) -> Result<(String, R)> {
    let problem = |problem: String| Error::Recipe { name: name.into(), problem };
    let path = Path::new(name);
    let (short, text) = if let Some((name, text)) = built_in.iter().find(|(known, _)| *known == name) {
        ((*name).to_owned(), (*text).to_owned())
    } else if path.is_file() {
        let stem = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        (stem, std::fs::read_to_string(path).map_err(Error::io("read", path))?)
    } else {
        let known: Vec<&str> = built_in.iter().map(|(name, _)| *name).collect();
        return Err(problem(format!(
            "there is no such file, and the recipes that come along are: {}",
            known.join(", ")
        )));
    };
    let wrong = |error: toml::de::Error| problem(error.to_string());
    if settings.is_empty() {
        return Ok((short, toml::from_str(&text).map_err(wrong)?));
    }
    let mut table: toml::Table = text.parse().map_err(wrong)?;
    for setting in settings {
        apply(&mut table, setting).map_err(&problem)?;
    }
    // Through text again, so that a wrong key or value is shown.
    let text = toml::to_string(&table).map_err(|error| problem(error.to_string()))?;
    let recipe = toml::from_str(&text).map_err(|error| problem(error.to_string()))?;
    Ok((short, recipe))
}

/// A recipe as TOML, every default written out.
///
/// # Errors
/// [`Error::Recipe`] for values that TOML has no word for.
pub fn text<R: Serialize>(recipe: &R) -> Result<String> {
    toml::to_string(recipe)
        .map_err(|error| Error::Recipe { name: "recipe.toml".into(), problem: error.to_string() })
}

/// Applies one `dotted.key=value`.
fn apply(table: &mut toml::Table, setting: &str) -> Result<(), String> {
    let (key, value) =
        setting.split_once('=').ok_or_else(|| format!("setting `{setting}` has no `=`; write key=value"))?;
    let value = format!("value = {value}")
        .parse::<toml::Table>()
        .ok()
        .and_then(|mut parsed| parsed.remove("value"))
        .unwrap_or_else(|| toml::Value::String(value.trim().to_owned()));
    let mut steps: Vec<&str> = key.trim().split('.').collect();
    let last = steps.pop().unwrap_or_default();
    let mut place = PlaceMut::Table(table);
    for step in steps {
        place = place
            .enter(step)
            .ok_or_else(|| format!("setting `{setting}`: there is no `{step}` to go into"))?;
    }
    place.set(last, value).ok_or_else(|| format!("setting `{setting}`: there is no item `{last}`"))
}

enum PlaceMut<'a> {
    Table(&'a mut toml::Table),
    Array(&'a mut Vec<toml::Value>),
}

impl<'a> PlaceMut<'a> {
    fn enter(self, step: &str) -> Option<PlaceMut<'a>> {
        let value = match self {
            Self::Table(table) => table.entry(step).or_insert_with(|| toml::Value::Table(toml::Table::new())),
            Self::Array(items) => items.get_mut(step.parse::<usize>().ok()?)?,
        };
        match value {
            toml::Value::Table(table) => Some(PlaceMut::Table(table)),
            toml::Value::Array(items) => Some(PlaceMut::Array(items)),
            _ => None,
        }
    }

    fn set(self, step: &str, value: toml::Value) -> Option<()> {
        match self {
            Self::Table(table) => {
                table.insert(step.to_owned(), value);
            }
            Self::Array(items) => *items.get_mut(step.parse::<usize>().ok()?)? = value,
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Toy {
        epochs: usize,
        name: String,
        part: Vec<Part>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Part {
        rate: f64,
    }

    const TOY: &[(&str, &str)] = &[("toy", "epochs = 3\nname = 'a'\n[[part]]\nrate = 0.1\n")];

    fn toy(settings: &[&str]) -> Result<Toy> {
        let settings: Vec<String> = settings.iter().map(|&s| s.to_owned()).collect();
        read("toy", TOY, &settings).map(|(_, toy)| toy)
    }

    #[test]
    fn settings_reach_every_depth() {
        let toy = toy(&["epochs=7", "name=new name", "part.0.rate=0.5"]).unwrap();
        assert_eq!(toy, Toy { epochs: 7, name: "new name".into(), part: vec![Part { rate: 0.5 }] });
    }

    #[test]
    fn errors_name_the_key_and_the_choices() {
        let message = |settings: &[&str]| toy(settings).unwrap_err().to_string();
        assert!(message(&["epoch=7"]).contains("unknown field `epoch`"));
        assert!(message(&["epochs=many"]).contains("epochs"));
        assert!(message(&["epochs"]).contains("no `=`"));
        assert!(message(&["part.3.rate=1"]).contains("there is no `3`"));
        let error = read::<Toy>("none", TOY, &[]).unwrap_err().to_string();
        assert!(error.contains("recipes that come along are: toy"), "{error}");
    }
}
