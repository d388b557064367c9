//! Writes the samples of a target into a folder, as the corpus of libFuzzer: `TARGET FOLDER`.

use std::io::{Error, Result};
use std::path::PathBuf;

use sluice_fuzz::Target;

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let name = arguments.next().unwrap_or_default();
    let target = name
        .to_str()
        .and_then(Target::named)
        .ok_or_else(|| Error::other(format!("no target is named {}", name.display())))?;
    let folder = arguments
        .next()
        .map(PathBuf::from)
        .ok_or_else(|| Error::other("name the folder to write to"))?;
    std::fs::create_dir_all(&folder)?;
    for (index, sample) in (target.samples)().iter().enumerate() {
        std::fs::write(folder.join(format!("sample-{index}")), sample)?;
    }
    Ok(())
}
