//! Until when a certificate is good. rustls looks at the dates of what others show, and never at those of what it shows itself.

use crate::domain::Timestamp;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// One element of DER, and what stands behind it.
struct Element<'a> {
    tag: u8,
    contents: &'a [u8],
    rest: &'a [u8],
}

/// The `notAfter` of a certificate in DER; `None` where it can't be read.
pub(super) fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let signed = sequence(certificate)?;
    let mut fields = sequence(signed.contents)?.contents;
    if element(fields)?.tag == VERSION {
        fields = element(fields)?.rest;
    }
    // Serial number, algorithm of the signature, issuer.
    for _ in 0..3 {
        fields = element(fields)?.rest;
    }
    let validity = sequence(fields)?;
    let not_before = element(validity.contents)?;
    time(&element(not_before.rest)?)
}

fn sequence(bytes: &[u8]) -> Option<Element<'_>> {
    element(bytes).filter(|element| element.tag == SEQUENCE)
}

fn element(bytes: &[u8]) -> Option<Element<'_>> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if length.len() > 4 {
            return None;
        }
        let length = length
            .iter()
            .fold(0, |sum: u64, byte| (sum << 8) | u64::from(*byte));
        (usize::try_from(length).ok()?, rest)
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    Some(Element {
        tag,
        contents,
        rest,
    })
}

fn time(element: &Element<'_>) -> Option<Timestamp> {
    let text = std::str::from_utf8(element.contents).ok()?;
    let text = match element.tag {
        GENERALIZED_TIME => text.to_owned(),
        // Two digits of the year: from 1950 to 2049.
        UTC_TIME if text.get(..2)? >= "50" => format!("19{text}"),
        UTC_TIME => format!("20{text}"),
        _ => return None,
    };
    let time = jiff::civil::DateTime::strptime("%Y%m%d%H%M%SZ", text).ok()?;
    let time = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Timestamp::from_secs(time.timestamp().as_second()))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn until(year: i32) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, 3, 4);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn the_end_is_read_in_both_ways_of_writing_it() {
        for (year, end) in [
            (1999, "1999-03-04T00:00:00Z"),
            (2031, "2031-03-04T00:00:00Z"),
            (4000, "4000-03-04T00:00:00Z"),
        ] {
            let read = not_after(&until(year)).unwrap();
            assert_eq!(read.to_rfc3339(), end);
        }
    }

    #[test]
    fn what_is_cut_off_anywhere_has_no_end_and_does_no_harm() {
        let whole = until(2031);
        for length in 0..whole.len() {
            assert_eq!(not_after(&whole[..length]), None, "{length}");
        }
        assert_eq!(not_after(&[SEQUENCE, 0xff, 1, 2]), None);
    }
}
