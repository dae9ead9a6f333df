//! The known name that a mistyped one was probably meant to be.

/// The nearest of these names, if one is near enough to be worth naming.
pub(super) fn nearest<'n>(
    wrong: &str,
    known: impl IntoIterator<Item = &'n str>,
) -> Option<&'n str> {
    const LONGEST: usize = 64;
    let wrong = wrong.to_lowercase();
    let letters = wrong.chars().count();
    if letters > LONGEST {
        return None;
    }
    let allowed = match letters {
        0..=1 => 0,
        2..=3 => 1,
        4..=6 => 2,
        _ => 3,
    };
    known
        .into_iter()
        .map(|name| {
            (
                strsim::damerau_levenshtein(&wrong, &name.to_lowercase()),
                name,
            )
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// `did you mean "NAME"?`, or else the names there are.
pub(super) fn suggest<'n>(
    wrong: &str,
    known: impl IntoIterator<Item = &'n str> + Clone,
    of_what: &str,
) -> Option<String> {
    const MOST: usize = 30;
    if let Some(name) = nearest(wrong, known.clone()) {
        return Some(format!("did you mean \"{name}\"?"));
    }
    let mut names: Vec<&str> = known.into_iter().collect();
    names.sort_unstable();
    match names.len() {
        0 => None,
        1 => Some(format!("the only {of_what} is \"{}\"", names[0])),
        count if count <= MOST => Some(format!("{of_what}s: {}", names.join(", "))),
        count => Some(format!(
            "{of_what}s: {}, and {} more",
            names[..MOST].join(", "),
            count - MOST
        )),
    }
}
