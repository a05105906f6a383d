//! Tables of recordings, songs, intervals and answers.

use std::path::Path;

use auscult::pipeline::{asd, birds, separation, speakers, svd};

/// Once as each pipeline's manifest, and as what lies beside one.
pub(crate) fn read(folder: &Path, bytes: &[u8]) {
    let path = crate::lay(folder, "table.csv", bytes);
    crate::lay(folder, "labels.csv", bytes);
    crate::lay(folder, "key.csv", bytes);
    crate::lay(folder, "song.lab", bytes);
    let _ = birds::read_manifest(&path, folder);
    let _ = asd::read_manifest(&path, folder);
    let _ = speakers::read_manifest(&path, folder);
    let _ = speakers::read_meetings(&path, folder);
    let _ = separation::read_manifest(&path, folder);
    if let Ok(songs) = svd::read_manifest(&path, folder) {
        for song in songs {
            let _ = song.labels.frames(10.0, 1000);
        }
    }
    let _ = separation::analyse_listening(folder, std::slice::from_ref(&path));
    if let Ok(table) = xtask::manifest::read(&path) {
        for (_, row) in &table.rows {
            let _ = xtask::manifest::filled("{path}/{song}.wav", row);
        }
        let _ = xtask::manifest::problems(&path, folder, "{path}", &["path".to_owned()]);
    }
    // A .lab file, named by a table that is in order.
    let named = crate::lay(folder, "named.csv", b"path,labels\na.wav,song.lab\n");
    let _ = svd::read_manifest(&named, folder);
}
