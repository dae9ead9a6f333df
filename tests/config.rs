//! Stack files as people write them: what they mean, and what is said about what is wrong in them.

use boatyard::config::{Options, load};
use boatyard::stack::*;

/// The example of the design, whole.
const SHOP: &str = r#"name = "shop"

[services.web]
build = "web"                              # a folder with a Dockerfile
ports = ["8080:8000"]
depends_on = ["orders"]
health = { http = "/healthz" }

[services.orders]
build = { context = "orders", args = { BASE = "${PYTHON_IMAGE:-python:3.12-slim}" } }
run = "python3 app.py"
environment = { PAYMENTS_URL = "{{payments.url}}" }
depends_on = { payments = "ready", seed = "completed" }
watch = [
  { path = "src", action = "sync", target = "/app/src", then = "restart" },
  { path = "requirements.txt", action = "rebuild" },
]
replicas = 2

[services.db]
image = "postgres:16"
health = { tcp = 5432 }
volumes = ["db:/var/lib/postgresql/data"]

[services.payments]
run = "python3 app.py"

[services.seed]
run = "python3 seed.py"

[[smoke]]
name = "an order can be placed"
request = { method = "POST", url = "http://web/orders", json = { sku = "tea", quantity = 1 } }
expect = { status = 201, json = { "$.state" = "paid" }, within = "500ms" }
trace = { through = ["web", "orders", "payments"], errors = 0 }
"#;

#[test]
fn the_sample_of_the_design_is_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for name in ["web", "orders"] {
        std::fs::create_dir_all(root.join(name)).unwrap();
        std::fs::write(root.join(name).join("Dockerfile"), "FROM scratch\n").unwrap();
    }
    std::fs::create_dir_all(root.join("src")).unwrap();
    std::fs::write(root.join("requirements.txt"), "").unwrap();
    std::fs::write(root.join("boatyard.toml"), SHOP).unwrap();
    let loaded = load(&Options {
        directory: Some(root.to_path_buf()),
        ..Options::default()
    });
    let rendered: Vec<String> = loaded.problems.iter().map(|p| p.render(false)).collect();
    assert_eq!(rendered, Vec::<String>::new());
    let stack = loaded.stack.unwrap();
    assert_eq!(stack.services.len(), 5);
    assert_eq!(stack.service(&"orders".into()).unwrap().replicas, 2);
}
