//! Which of the images that lost their name are worth their place.

use std::collections::{HashMap, HashSet};

use super::layers::Layer;

/// How many old images of one service are kept.
pub(super) const KEPT: usize = 10;

/// So many are kept whatever they weigh: one may be what a run is just being started from, and what is gone back to if the
/// newest image does not work.
pub(super) const KEPT_ANYHOW: usize = 2;

/// What old images of a stack may weigh when nobody says otherwise: 10 GB.
pub(super) const BUDGET: u64 = 10_000_000_000;

/// An image of the stack that has no name any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Old {
    pub id: String,
    pub service: String,
    /// What it was made of; without it, it can never be used again.
    pub content: Option<String>,
    /// When it was last built or used again, in nanoseconds since 1970.
    pub used: i128,
    pub layers: Vec<Layer>,
}

/// Ids of the old images that go, those first that were used least recently. Kept are, from the one that was used last, as
/// many of each service as are worth keeping, as long as the layers that no image with a name holds (`held`) fit into the
/// budget. What can never be used again goes: an image of unknown content, and one of the same content as a newer one.
pub(super) fn surplus(mut old: Vec<Old>, held: &HashSet<String>, budget: u64) -> Vec<String> {
    old.sort_by(|a, b| b.used.cmp(&a.used).then_with(|| a.id.cmp(&b.id)));
    let (mut counts, mut contents) = (HashMap::new(), HashSet::new());
    let (mut counted, mut weight) = (held.clone(), 0_u64);
    let mut goes = Vec::new();
    for image in old {
        let count: &mut usize = counts.entry(image.service).or_default();
        let is_useful = image
            .content
            .is_some_and(|content| contents.insert(content));
        let new = image
            .layers
            .iter()
            .filter(|layer| !counted.contains(&layer.name));
        let bytes: u64 = new.map(|layer| layer.bytes).sum();
        let fits = weight.saturating_add(bytes) <= budget && *count < KEPT;
        if is_useful && (fits || *count < KEPT_ANYHOW) {
            *count += 1;
            weight = weight.saturating_add(bytes);
            counted.extend(image.layers.into_iter().map(|layer| layer.name));
        } else {
            goes.push(image.id);
        }
    }
    goes.reverse();
    goes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An image of a service: its id is also when it was used, and its layers are given by name and size.
    fn old(id: i128, service: &str, content: &str, layers: &[(&str, u64)]) -> Old {
        let layer = |(name, bytes): &(&str, u64)| Layer {
            name: (*name).to_owned(),
            bytes: *bytes,
        };
        Old {
            id: id.to_string(),
            service: service.to_owned(),
            content: (!content.is_empty()).then(|| content.to_owned()),
            used: id,
            layers: layers.iter().map(layer).collect(),
        }
    }

    fn goes(images: Vec<Old>, held: &[&str], budget: u64) -> Vec<String> {
        let held = held.iter().map(|name| (*name).to_owned()).collect();
        surplus(images, &held, budget)
    }

    #[test]
    fn the_least_recently_used_go_beyond_the_number_of_each_service() {
        let mut images: Vec<Old> = (0..12)
            .map(|id| old(id, "a", &format!("a{id}"), &[]))
            .collect();
        images.extend((12..20).map(|id| old(id, "b", &format!("b{id}"), &[])));
        images.reverse();
        assert_eq!(goes(images, &[], BUDGET), ["0", "1"]);
    }

    #[test]
    fn shared_layers_count_once_and_held_ones_not_at_all() {
        let image = |id: i128, own: &'static str| {
            old(id, "a", own, &[("base", 100), ("packages", 50), (own, 1)])
        };
        let images = || {
            (1..=5)
                .map(|id| {
                    image(
                        id,
                        ["", "1", "2", "3", "4", "5"][usize::try_from(id).unwrap()],
                    )
                })
                .collect()
        };
        assert!(
            goes(images(), &["base"], 55).is_empty(),
            "50 and five times 1"
        );
        assert_eq!(goes(images(), &["base"], 54), ["1"]);
        assert!(goes(images(), &["base", "packages"], 5).is_empty());
        assert_eq!(goes(images(), &["base", "packages"], 4), ["1"]);
        assert_eq!(goes(images(), &[], 0), ["1", "2", "3"], "two stay anyhow");
    }

    #[test]
    fn one_that_is_too_large_goes_and_smaller_older_ones_stay() {
        let images = vec![
            old(1, "a", "1", &[("1", 5)]),
            old(2, "a", "2", &[("2", 500)]),
            old(3, "a", "3", &[("3", 5)]),
            old(4, "a", "4", &[("4", 5)]),
        ];
        assert_eq!(goes(images, &[], 20), ["2"]);
    }

    #[test]
    fn what_can_never_be_used_again_goes() {
        let images = vec![
            old(1, "a", "same", &[]),
            old(2, "a", "", &[]),
            old(3, "a", "same", &[]),
            old(4, "b", "same", &[]),
        ];
        assert_eq!(goes(images, &[], BUDGET), ["1", "2", "3"]);
    }

    proptest! {
        #[test]
        fn what_is_kept_fits_unless_it_is_kept_anyhow(
            images in proptest::collection::vec((0..3_u8, 0..8_u8, proptest::collection::vec((0..6_u8, 1..50_u64), 0..4)), 0..40),
            held in proptest::collection::hash_set(0..6_u8, 0..3),
            budget in 0..300_u64,
        ) {
            // One layer has one size.
            let size = |layer: u8| u64::from(layer) * 10 + 1;
            let images: Vec<Old> = images.iter().enumerate().map(|(number, (service, content, layers))| Old {
                id: number.to_string(),
                service: service.to_string(),
                content: (*content > 0).then(|| content.to_string()),
                used: i128::try_from(number).unwrap(),
                layers: layers.iter().map(|(layer, _)| Layer { name: layer.to_string(), bytes: size(*layer) }).collect(),
            }).collect();
            let held: HashSet<String> = held.iter().map(u8::to_string).collect();
            let goes = surplus(images.clone(), &held, budget);
            let kept: Vec<&Old> = images.iter().filter(|image| !goes.contains(&image.id)).collect();
            let mut counts: HashMap<&str, usize> = HashMap::new();
            let mut layers: HashMap<&str, u64> = HashMap::new();
            let mut contents = HashSet::new();
            for image in kept.iter().rev() {
                let own = image.layers.iter().filter(|layer| !held.contains(&layer.name));
                layers.extend(own.map(|layer| (layer.name.as_str(), layer.bytes)));
                let count = counts.entry(&image.service).or_default();
                *count += 1;
                prop_assert!(*count <= KEPT);
                prop_assert!(*count <= KEPT_ANYHOW || layers.values().sum::<u64>() <= budget);
                prop_assert!(contents.insert(image.content.clone().unwrap()));
            }
            prop_assert!(surplus(kept.into_iter().cloned().collect(), &held, budget).is_empty());
        }
    }
}
