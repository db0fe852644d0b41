//! The order that people expect of names: numbers by their value, letters whatever their case.

use std::cmp::Ordering;

/// Compares two names; only equal ones are equal.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let (Some(one), Some(two)) = (left.chars().next(), right.chars().next()) else {
            return left.len().cmp(&right.len()).then_with(|| a.cmp(b));
        };
        let order = if one.is_ascii_digit() && two.is_ascii_digit() {
            let (mine, yours) = (number(&mut left), number(&mut right));
            mine.len().cmp(&yours.len()).then_with(|| mine.cmp(yours))
        } else {
            left = &left[one.len_utf8()..];
            right = &right[two.len_utf8()..];
            one.to_lowercase().cmp(two.to_lowercase())
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Takes the digits at the beginning; those that count.
fn number<'a>(text: &mut &'a str) -> &'a str {
    let end = text.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    *text = rest;
    digits.trim_start_matches('0')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_count_and_case_does_not() {
        let mut names = ["E10.mkv", "e2.mkv", "E1.mkv", "E01.mkv", "片 12", "片 3", "E", ""];
        names.sort_by(|a, b| compare(a, b));
        assert_eq!(names, ["", "E", "E01.mkv", "E1.mkv", "e2.mkv", "E10.mkv", "片 3", "片 12"]);
    }

    proptest! {
        #[test]
        fn it_is_an_order(a in "[aB01]{0,4}", b in "[aB01]{0,4}", c in "[aB01]{0,4}") {
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
            prop_assert_eq!(compare(&a, &b) == Ordering::Equal, a == b);
            if compare(&a, &b) != Ordering::Greater && compare(&b, &c) != Ordering::Greater {
                prop_assert!(compare(&a, &c) != Ordering::Greater);
            }
        }
    }
}
