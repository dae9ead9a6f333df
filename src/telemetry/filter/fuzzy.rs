//! Finding a text by a few of its letters.

/// Words that may lie between two letters, at most.
const BETWEEN: usize = 3;

/// Letters that can be asked for, at most.
const MOST: usize = 64;

/// Letters that a text must have in this order, in upper or lower case. The first begins a word. Each other one follows in
/// the same word, or begins one of the next few words: so `?ordtmo` finds "order 17 has a timeout", and not every line that
/// is long enough.
#[derive(Debug, Clone)]
pub(super) struct Fuzzy {
    letters: Vec<char>,
    /// For each ASCII letter, a bit for every place at which it is asked for.
    ascii: Box<[u64; 128]>,
}

/// How much of the letters was found, for each number of words that began since: a bit for each place, set if the letters
/// up to there were found.
type Found = [u64; BETWEEN + 2];

impl Fuzzy {
    /// Letters to look for; spaces among them are of no account.
    ///
    /// # Errors
    /// In one line, if there are none or too many.
    pub(super) fn new(typed: &str) -> Result<Self, String> {
        let letters = typed.chars().filter(|letter| !letter.is_whitespace());
        let letters: Vec<char> = letters.map(lower).collect();
        if letters.is_empty() {
            return Err("letters to look for are missing here".to_owned());
        }
        if letters.len() > MOST {
            return Err(format!(
                "at most {MOST} letters can be looked for like this"
            ));
        }
        let mut ascii = Box::new([0; 128]);
        for (at, letter) in letters.iter().enumerate() {
            if letter.is_ascii() {
                ascii[*letter as usize] |= 1 << at;
            }
        }
        Ok(Self { letters, ascii })
    }

    /// Whether they are in this text.
    pub(super) fn is_in(&self, text: &str) -> bool {
        let last = 1_u64 << (self.letters.len() - 1);
        let mut found: Found = [0; BETWEEN + 2];
        let mut before = ' ';
        for letter in text.chars() {
            let begins = letter.is_alphanumeric()
                && (!before.is_alphanumeric() || (before.is_lowercase() && letter.is_uppercase()));
            if begins {
                found.copy_within(..=BETWEEN, 1);
                found[0] = 0;
            }
            // A letter that is none, such as a slash, stands for itself anywhere between words.
            let may_jump = begins || !letter.is_alphanumeric();
            let places = self.places(lower(letter));
            if places != 0 {
                let ready = if may_jump {
                    found.iter().fold(0, |all, some| all | some)
                } else {
                    found[0]
                };
                let first = u64::from(may_jump);
                found[0] |= (ready << 1 | first) & places;
                if found[0] & last != 0 {
                    return true;
                }
            }
            before = letter;
        }
        false
    }

    /// A bit for every place at which this letter is asked for.
    fn places(&self, letter: char) -> u64 {
        if let Some(places) = self.ascii.get(letter as usize) {
            return *places;
        }
        let places = self.letters.iter().enumerate();
        let places = places.filter(|(_, asked)| **asked == letter);
        places.fold(0, |all, (at, _)| all | 1 << at)
    }
}

fn lower(letter: char) -> char {
    if letter.is_ascii() {
        return letter.to_ascii_lowercase();
    }
    let mut lower = letter.to_lowercase();
    // What becomes several letters stands for itself.
    match (lower.next(), lower.next()) {
        (Some(one), None) => one,
        _ => letter,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn letters_are_found_in_words_that_lie_together() {
        for (letters, text, found) in [
            ("ordtmo", "order timeout", true),
            ("ordtmo", "order 17 has a timeout", true),
            ("ordtmo", "ORDER_TIMEOUT", true),
            ("ordtmo", "OrderTimeout", true),
            ("ordtmo", "order", false),
            ("tmo", "the order timeout", true),
            ("tmo", "atmosphere", false),
            ("tmo", "AtTimeout", true),
            ("pay", "a payment", true),
            ("pay", "play", true),
            ("pay", "display", false),
            ("ot", "order a b c d timeout", false),
            ("ot", "order a b c timeout", true),
            ("/ordit", "GET /orders/17/items", true),
            ("p/o", "POST /orders", true),
            ("17", "order 17", true),
            ("é", "un Été", true),
            ("straß", "Straße", true),
        ] {
            let fuzzy = Fuzzy::new(letters).unwrap();
            assert_eq!(fuzzy.is_in(text), found, "{letters} in {text}");
        }
        assert!(Fuzzy::new("  ").is_err());
        assert!(Fuzzy::new(&"a".repeat(65)).is_err());
        assert!(Fuzzy::new(&"a".repeat(64)).unwrap().is_in(&"a".repeat(64)));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn a_text_is_found_by_all_of_its_letters_and_by_the_beginnings_of_its_words(
            words in proptest::collection::vec("[a-z]{1,8}", 1..6),
            other in "\\PC{0,30}",
        ) {
            let text = words.join(" ");
            prop_assert!(Fuzzy::new(&text).unwrap().is_in(&text));
            let begins: String = words.iter().filter_map(|word| word.chars().next()).collect();
            prop_assert!(Fuzzy::new(&begins).unwrap().is_in(&text));
            // Whatever is typed is looked for; nothing at all is not found.
            let found = Fuzzy::new(&other).is_ok_and(|fuzzy| fuzzy.is_in(&text));
            prop_assert!(!found || !other.trim().is_empty());
        }

        #[test]
        fn what_is_found_has_the_letters_in_that_order(letters in "[a-c]{1,4}", text in "[a-cA-C ./]{0,20}") {
            let lowered = text.to_lowercase();
            let mut rest = lowered.chars();
            let in_order = letters.chars().all(|letter| rest.any(|other| other == letter));
            prop_assert!(in_order || !Fuzzy::new(&letters).unwrap().is_in(&text));
        }
    }
}
