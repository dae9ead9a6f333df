//! The wildcards of `COPY`: Go's `filepath.Match`, which no `*` of crosses a `/`.

/// Whether this source has wildcards.
pub(super) fn is_wild(source: &str) -> bool {
    source.contains(['*', '?', '['])
}

/// Whether the pattern is one that Go accepts, and that every builder reads in the same way (no `**`).
pub(super) fn is_plain(pattern: &str) -> bool {
    !pattern.contains("**") && matches(pattern, "").is_some()
}

/// Whether a pattern matches a whole path; `None`: it is no pattern.
pub(super) fn matches(pattern: &str, path: &str) -> Option<bool> {
    let pattern: Vec<char> = pattern.chars().collect();
    let path: Vec<char> = path.chars().collect();
    is_well_formed(&pattern).then(|| match_here(&pattern, &path))
}

fn match_here(pattern: &[char], path: &[char]) -> bool {
    let Some((first, rest)) = pattern.split_first() else {
        return path.is_empty();
    };
    if *first == '*' {
        let stretch = path.iter().take_while(|letter| **letter != '/').count();
        return (0..=stretch).any(|taken| match_here(rest, &path[taken..]));
    }
    let Some((letter, left)) = path.split_first() else {
        return false;
    };
    match first {
        '?' => *letter != '/' && match_here(rest, left),
        '[' => match class(rest, *letter) {
            Some((true, after)) => *letter != '/' && match_here(after, left),
            Some((false, _)) | None => false,
        },
        other => other == letter && match_here(rest, left),
    }
}

fn is_well_formed(pattern: &[char]) -> bool {
    let mut rest = pattern;
    while let Some((first, after)) = rest.split_first() {
        rest = match first {
            '\\' => return false,
            '[' => match class(after, 'a') {
                Some((_, after)) => after,
                None => return false,
            },
            _ => after,
        };
    }
    true
}

/// Whether a class, without its `[`, has this letter, and what follows the class.
fn class(pattern: &[char], letter: char) -> Option<(bool, &[char])> {
    let (negated, mut rest) = match pattern.split_first() {
        Some(('^', rest)) => (true, rest),
        _ => (false, pattern),
    };
    let mut has = false;
    let mut members = 0;
    loop {
        if members > 0
            && let Some((']', after)) = rest.split_first()
        {
            return Some((has != negated, after));
        }
        let (low, after) = member(rest)?;
        rest = after;
        let mut high = low;
        if let Some(('-', after)) = rest.split_first() {
            (high, rest) = member(after)?;
        }
        has |= (low..=high).contains(&letter);
        members += 1;
    }
}

fn member(pattern: &[char]) -> Option<(char, &[char])> {
    let (first, rest) = pattern.split_first()?;
    (!matches!(first, '-' | ']' | '\\')).then_some((*first, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of Go's own test, without backslashes.
    #[test]
    fn patterns_match_as_in_go() {
        for (pattern, path, wanted) in [
            ("abc", "abc", Some(true)),
            ("*", "abc", Some(true)),
            ("*c", "abc", Some(true)),
            ("a*", "a", Some(true)),
            ("a*", "abc", Some(true)),
            ("a*", "ab/c", Some(false)),
            ("a*/b", "abc/b", Some(true)),
            ("a*/b", "a/c/b", Some(false)),
            ("a*b*c*d*e*/f", "axbxcxdxe/f", Some(true)),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/f", Some(true)),
            ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", Some(false)),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/fff", Some(false)),
            ("a*b?c*x", "abxbbxdbxebxczzx", Some(true)),
            ("a*b?c*x", "abxbbxdbxebxczzy", Some(false)),
            ("ab[c]", "abc", Some(true)),
            ("ab[b-d]", "abc", Some(true)),
            ("ab[e-g]", "abc", Some(false)),
            ("ab[^c]", "abc", Some(false)),
            ("ab[^b-d]", "abc", Some(false)),
            ("ab[^e-g]", "abc", Some(true)),
            ("a?b", "a☺b", Some(true)),
            ("a[^a]b", "a☺b", Some(true)),
            ("a???b", "a☺b", Some(false)),
            ("[a-ζ]*", "α", Some(true)),
            ("*[a-ζ]", "A", Some(false)),
            ("a?b", "a/b", Some(false)),
            ("a*b", "a/b", Some(false)),
            ("[]a]", "]", None),
            ("[-]", "-", None),
            ("[x-]", "x", None),
            ("[-x]", "x", None),
            ("[a-b-c]", "a", None),
            ("[", "a", None),
            ("[^", "a", None),
            ("[^bc", "a", None),
            ("a[", "a", None),
            ("a[", "ab", None),
            ("a[", "x", None),
            ("*x", "xxx", Some(true)),
        ] {
            assert_eq!(matches(pattern, path), wanted, "{pattern} {path}");
        }
    }
}
