//! Recipes of every pipeline, and the catalogue of data sets.

use std::path::Path;

use auscult::pipeline::{RecipeChoice, asd, birds, separation, speakers, svd};

/// As each of them; settings are laid on top, too.
pub(crate) fn read(folder: &Path, bytes: &[u8]) {
    let path = crate::lay(folder, "recipe.toml", bytes);
    let name = path.display().to_string();
    // The first line is also taken for a setting.
    let line = String::from_utf8_lossy(bytes).lines().next().unwrap_or_default().to_owned();
    for settings in [Vec::new(), vec![line]] {
        let _ = birds::Recipe::read(&name, &settings);
        let _ = svd::Recipe::read(&name, &settings);
        let _ = speakers::Recipe::read(&name, &settings);
        let _ = separation::Recipe::read(&name, &settings);
        let _ = asd::Recipe::choose(&RecipeChoice {
            recipe: name.clone(),
            settings: settings.clone(),
            name: None,
        });
        if settings.iter().any(|setting| setting.contains('=')) {
            let _ = birds::Recipe::read("mini", &settings);
        }
    }
    let _ = xtask::datasets::Catalogue::parse(&String::from_utf8_lossy(bytes));
}
