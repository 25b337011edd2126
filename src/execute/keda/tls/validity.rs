//! Until when a certificate is good. rustls looks at the dates of what others show, and never at those of what it shows itself.

use crate::domain::Timestamp;

/// The `notAfter` of a certificate in DER; `None` where it can't be read.
pub(super) fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let end = certificate.validity().not_after;
    Some(Timestamp::from_secs(end.timestamp()))
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
        assert_eq!(not_after(&[0x30, 0xff, 1, 2]), None);
    }
}
