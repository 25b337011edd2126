//! Reads a trace: lines `unix seconds,value`, plain or gzip.

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use forescale::analyze::models::prophet::Point;

/// The samples, in order; what is no number (a head line) is passed over. Local time is UTC.
pub(crate) fn read(path: &Path) -> Result<Vec<Point>, Box<dyn Error>> {
    let file = File::open(path).map_err(|error| format!("`{}`: {error}", path.display()))?;
    let packed = path.extension().is_some_and(|extension| extension == "gz");
    let text: Box<dyn Read> = if packed {
        Box::new(MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    };
    let mut points = Vec::new();
    for line in BufReader::new(text).lines() {
        let line = line?;
        let Some((at, value)) = line.split_once(',') else {
            continue;
        };
        if let (Ok(at), Ok(value)) = (at.trim().parse::<i64>(), value.trim().parse()) {
            points.push(Point {
                at,
                local: at,
                value,
            });
        }
    }
    Ok(points)
}
