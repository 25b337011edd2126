use super::*;

#[test]
fn a_refresh_is_given_its_share_and_all_of_them_together_no_more() {
    let fits = Fits::default();
    let (mut one, mut other) = (fits.allowance(), fits.allowance());
    let taken: Vec<_> = (0..AT_ONCE).filter_map(|_| one.take()).collect();
    assert_eq!(taken.len(), AT_ONCE);
    assert!(other.take().is_none(), "all are being made");
    drop(taken);
    assert!(one.take().is_none(), "this refresh has had its share");
    assert!(other.take().is_some());
    let all = fits.take_all();
    assert!(all.len() == AT_ONCE && fits.allowance().take().is_none());
}
