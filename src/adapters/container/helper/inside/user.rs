//! The user that a program is to run as, by the files of its image.

use std::fs;

use super::super::super::pack::{Owner, owner};

/// A user by number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    pub(super) owner: Owner,
    /// Further groups; none where the setting names a group (as for the engine).
    pub(super) groups: Vec<u32>,
    pub(super) home: String,
}

/// The user that a setting (`""`, `uid`, `uid:gid`, `name`, `name:group`) means in this image; an error in words if there is no
/// user of that name.
pub(super) fn find(setting: &str) -> Result<User, String> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    of(setting, &read("/etc/passwd"), &read("/etc/group"))
}

fn of(setting: &str, passwd: &str, group: &str) -> Result<User, String> {
    let found = owner(setting, passwd, group);
    let (name, has_group) = setting
        .split_once(':')
        .map_or((setting, false), |(name, _)| (name, true));
    let is_number = name.is_empty() || name.parse::<u32>().is_ok();
    let fields = |line: &str| line.split(':').map(str::to_owned).collect::<Vec<_>>();
    let number = found.user.to_string();
    let entry = passwd.lines().map(fields).find(|entry| {
        let wanted = if is_number {
            entry.get(2)
        } else {
            entry.first()
        };
        wanted.is_some_and(|wanted| {
            *wanted
                == if is_number {
                    number.clone()
                } else {
                    name.into()
                }
        })
    });
    if entry.is_none() && !is_number {
        return Err(format!("its image has no user {name}"));
    }
    let login = entry
        .as_ref()
        .and_then(|entry| entry.first().cloned())
        .unwrap_or_default();
    let is_member = |members: Option<&String>| {
        members.is_some_and(|all| all.split(',').any(|one| one == login))
    };
    let groups = group
        .lines()
        .map(fields)
        .filter(|entry| !has_group && !login.is_empty() && is_member(entry.get(3)));
    Ok(User {
        owner: found,
        groups: groups
            .filter_map(|entry| entry.get(2)?.parse().ok())
            .collect(),
        home: entry
            .and_then(|entry| entry.get(5).cloned())
            .filter(|home| !home.is_empty())
            .unwrap_or_else(|| "/".into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_as_the_engine_finds_them() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:App:/home/app:/bin/sh\n";
        let group = "root:x:0:\naudio:x:29:app,other\nwww:x:33:app\n";
        let user = |setting: &str| of(setting, passwd, group);
        let app = user("app").unwrap();
        assert_eq!((app.owner.user, app.owner.group), (1000, 1001));
        assert_eq!(app.groups, [29, 33]);
        assert_eq!(app.home, "/home/app");
        assert_eq!(user("1000").unwrap(), app);
        assert_eq!(user("app:www").unwrap().groups, [0; 0]);
        assert_eq!(user("4711").unwrap().home, "/");
        assert_eq!(user("").unwrap().home, "/root");
        assert!(user("nobody-knows").is_err());
    }
}
