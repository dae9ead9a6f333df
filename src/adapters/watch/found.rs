//! Files that containers of other people's images lack: what sync rules put there, told before anything is started.

use std::collections::HashMap;
use std::sync::Arc;

use super::plan::Plan;
use super::tree::Tree;
use crate::engine::Event;
use crate::stack::{Service, ServiceName, Stack, WatchRule};

/// What was told, so that it is told once for each set of rules.
#[derive(Debug, Default)]
pub(super) struct Told(HashMap<ServiceName, Vec<WatchRule>>);

/// What each service of this stack lacks that its sync rules are to give its new containers. Walks their trees, so it blocks; for
/// those who watch, the watcher tells it.
pub fn find(stack: &Arc<Stack>) -> Vec<Event> {
    let mut needy = Stack::clone(stack);
    needy.services.retain(|_, service| service.lacks_files());
    if needy.services.is_empty() {
        return Vec::new();
    }
    let plan = Plan::new(&needy, |_| None);
    let mut tree = Tree::new(None, 0);
    tree.lay_out(&plan, None);
    Told::default().news(&needy, &plan, &tree)
}

impl Told {
    /// What is to be told of a tree that was laid out.
    pub(super) fn news(&mut self, stack: &Stack, plan: &Plan, tree: &Tree) -> Vec<Event> {
        let needs = |name: &ServiceName| stack.service(name).is_some_and(Service::lacks_files);
        self.0.retain(|name, _| needs(name));
        let mut news = Vec::new();
        for service in stack.services.values().filter(|one| one.lacks_files()) {
            let before = self.0.insert(service.name.clone(), service.watch.clone());
            if before.as_ref() != Some(&service.watch) {
                let files = plan.synced(&service.name, tree.files.keys());
                let service = service.name.clone();
                news.push(Event::Found { service, files });
            }
        }
        news
    }
}
