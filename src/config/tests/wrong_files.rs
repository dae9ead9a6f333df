//! Whole stack files that are wrong, and what is said of each.

/// A whole file, and what is said about it.
pub(super) const FILES: &[(&str, &str)] = &[
    (
        "",
        "error: boatyard.toml has no services; add one: [services.web] with build = \"FOLDER\", image = \"NAME:TAG\" or run = \"COMMAND\"",
    ),
    (
        "services = 5",
        "1:12: error: \"services\" in the stack file: expected a table, found a number",
    ),
    (
        "[services]",
        "error: boatyard.toml has no services; add one: [services.web] with build = \"FOLDER\", image = \"NAME:TAG\" or run = \"COMMAND\"",
    ),
    (
        "[services.\"a b\"]\nimage = \"x\"",
        "1:11: error: \"a b\" cannot be the name of a service; use letters, digits, \"-\", \"_\" and \".\", beginning with a letter or digit, 63 at most",
    ),
    (
        "[services.a]",
        "1:11: error: service \"a\" has neither build, image nor run; say what it is: build = \"FOLDER\", image = \"NAME:TAG\", or run = \"COMMAND\"",
    ),
    (
        "services.a = \"x\"",
        "1:14: error: \"a\" of \"services\" in the stack file: expected a table, found a string",
    ),
    (
        "name = \"My Shop\"\n[services.a]\nimage = \"x\"",
        "1:8: error: \"My Shop\" cannot be the name of a stack; did you mean \"myshop\"? Only lower-case letters, digits, \"-\" and \"_\" can stand in it",
    ),
    (
        "max_builds = 0\n[services.a]\nimage = \"x\"",
        "1:14: error: \"max_builds\" in the stack file: 0 is not between 1 and 64",
    ),
    (
        "image_budget = 10\n[services.a]\nimage = \"x\"",
        "1:16: error: \"image_budget\" in the stack file: 10 has no unit; write a number with a unit: \"500MB\", \"10GB\", \"1.5GiB\"",
    ),
    (
        "compose = \"compose.yaml\"",
        "1:11: error: \"compose\" in the stack file: there is no file \"compose.yaml\"; it is relative to the stack file; correct the name",
    ),
    (
        "[service.a]\nimage = \"x\"",
        "1:2: error: unknown key \"service\" in the stack file; did you mean \"services\"? One is written [services.NAME]",
    ),
    (
        "[services.a]\nimage = \"x\"\nimage = \"y\"",
        "3:1: error: the key \"image\" is given twice; remove one of the two, or join them",
    ),
    (
        "[services.a]\nimage = \"x\"\n[services.a]\nimage = \"y\"",
        "3:11: error: the key \"a\" is given twice; remove one of the two, or join them\n4:1: error: the key \"image\" is given twice; remove one of the two, or join them",
    ),
    (
        "[services.a]\nimage = x\nrun = \"y\nreplicas = 2",
        "2:9: error: not valid TOML: string values must be quoted, expected literal string\n3:9: error: not valid TOML: invalid basic string, expected `\"`",
    ),
    (
        "[services.a\nimage = \"x\"",
        "1:12: error: not valid TOML: unclosed table, expected `]`",
    ),
    (
        "[services.a]\nimage =\nrestart = \"no\"",
        "2:8: error: not valid TOML: string values must be quoted, expected literal string",
    ),
    (
        "[services.a]\nimage = \"x\"\ndepends_on = [\"b\"]\n[services.b]\nimage = \"x\"\ndepends_on = { c = \"started\" }\n[services.c]\nimage = \"x\"\ndepends_on = [\"a\"]",
        "3:15: error: services wait for each other: a → b → c → a; remove one of these dependencies; a service that only calls another need not wait for it",
    ),
    (
        "[services.web]\nimage = \"x\"\nports = [\"8080:80\"]\n[services.api]\nimage = \"x\"\nports = [\"0.0.0.0:8080:80\"]",
        "6:10: error: port 8080 of this machine is used by the services \"web\" and \"api\"; give one of them another port before the colon",
    ),
    (
        "[services.web]\nimage = \"x\"\ndepends_on = [\"ordrs\"]\n[services.orders]\nimage = \"x\"",
        "3:15: error: service \"web\" depends on \"ordrs\", which is not a service of this file; did you mean \"orders\"?",
    ),
    (
        "[services.web]\nimage = \"x\"\ndepends_on = [\"db\"]\nenvironment = { DB = \"{{db.host}}\" }\n[services.db]\nimage = \"x\"\nprofiles = [\"data\"]\n[[smoke]]\nname = \"n\"\nrequest = \"http://db/\"",
        "3:15: error: service \"web\" depends on \"db\", whose profile is not chosen; add --profile data\n4:23: error: the environment of service \"web\" names \"db\", whose profile is not chosen; add --profile data\n10:19: warning: smoke check \"n\" names \"db\", whose profile is not chosen; the check is left out; add --profile data",
    ),
    (
        "redact = [\"TOKN\"]\n[services.a]\nimage = \"x\"\nenvironment = { TOKEN = \"x\" }",
        "1:11: warning: \"redact\" in the stack file: no variable is called \"TOKN\", so this text itself is masked; did you mean \"TOKEN\"?",
    ),
    (
        "[services.a]\nimage = \"x\"\nvolumes = [\"dta:/d\"]\n[volumes]\ndata = {}",
        "3:12: warning: the volume \"dta\" is not among [volumes]; did you mean \"data\"?",
    ),
    (
        "[volumes]\ndata = 5\n[services.a]\nimage = \"x\"",
        "2:8: error: \"data\" of \"volumes\" in the stack file: expected an empty table, {}, found a number",
    ),
    (
        "smoke = 5\n[services.a]\nimage = \"x\"",
        "1:9: error: \"smoke\" in the stack file: expected a list of checks, each under [[smoke]], found a number",
    ),
    (
        "[services.a]\nimage = \"x\"\n[[smoke]]\nrequest = \"http://a/\"",
        "3:1: error: \"name\" is missing in smoke check 1",
    ),
    (
        "[services.a]\nimage = \"x\"\n[[smoke]]\nname = \"n\"",
        "3:1: error: smoke check \"n\" has neither \"request\" nor \"command\"; a check makes one request or runs one command",
    ),
    (
        "[services.a]\nimage = \"x\"\n[[smoke]]\nname = \"n\"\nrequest = \"http://a/\"\ncommand = \"x\"",
        "5:1: error: smoke check \"n\" has both \"request\" and \"command\"; a check makes one request or runs one command",
    ),
    (
        "[services.a]\nimage = \"x\"\n[[smoke]]\nname = \"n\"\nrequest = { url = \"http://b:80/\", method = \"PSOT\" }",
        "5:27: error: smoke check \"n\" names \"b\", which is not a service of this file; the only service is \"a\"\n5:44: error: \"method\" in \"request\" in smoke check \"n\": \"PSOT\" is not known; did you mean \"POST\"?",
    ),
    (
        "[services.a]\nimage = \"x\"\n[[smoke]]\nname = \"n\"\nrequest = \"/x\"",
        "5:11: error: \"request\" in smoke check \"n\": \"/x\" is not an http URL; write \"http://SERVICE/path\"",
    ),
    (
        "[services.a]\nimage = \"x\"\n[[smoke]]\nname = \"n\"\nrequest = \"http://a/\"\nexpect = { status = 99, json = { \"state\" = 1 }, body_matches = \"[\", code = 1 }",
        "6:21: error: \"status\" in \"expect\" in smoke check \"n\": 99 is not between 100 and 599\n6:34: error: \"state\" is not a JSONPath: parser error; begin with $: \"$.state\", \"$.items[0].sku\"\n6:64: error: \"body_matches\" in \"expect\" in smoke check \"n\": not a regular expression: unclosed character class; put \\ before a character that is meant as itself\n6:69: error: unknown key \"code\" in \"expect\" in smoke check \"n\"; an HTTP answer has a \"status\"",
    ),
    (
        "[services.a]\nimage = \"x\"\n[[smoke]]\nname = \"n\"\ncommand = \"x\"\ninside = \"aa\"\ntrace = { through = [\"b\"] }\nexpect = { status = 200 }",
        "6:10: error: smoke check \"n\" names \"aa\", which is not a service of this file; did you mean \"a\"?\n7:22: error: smoke check \"n\" names \"b\", which is not a service of this file; the only service is \"a\"\n8:12: error: unknown key \"status\" in \"expect\" in smoke check \"n\"; a command has an exit \"code\"",
    ),
    (
        "[services.a]\nimage = \"x\"\n[[smoke]]\nname = \"n\"\nrequest = \"http://a/\"\n[[smoke]]\nname = \"n\"\nrequest = \"http://a/\"",
        "6:1: error: two smoke checks are called \"n\"; give each a name of its own",
    ),
    (
        "a = 99999999999999999999999\n[services.a]\nimage = \"x\"",
        "1:1: error: unknown key \"a\" in the stack file; known keys: compose, hold, image_budget, max_builds, name, redact, services, smoke, trace, volumes, watch_mode\n1:5: error: the number 99999999999999999999999 is too large",
    ),
];
