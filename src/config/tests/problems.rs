//! What is said about wrong files: a line of a service, or a whole file, and every problem in one line each.

use super::wrong_files::FILES;
use super::{read_text, said, with_line};

/// A line of a service that is otherwise sound, and what is said about it.
const LINES: &[(&str, &str)] = &[
    (
        "prots = [\"8080:80\"]",
        "3:1: error: unknown key \"prots\" in service \"a\"; did you mean \"ports\"?",
    ),
    (
        "healthcheck = { test = \"x\" }",
        "3:1: error: unknown key \"healthcheck\" in service \"a\"; did you mean \"health\"?",
    ),
    (
        "zzzzzzzzz = 1",
        "3:1: error: unknown key \"zzzzzzzzz\" in service \"a\"; known keys: build, command, depends_on, directory, entrypoint, env_file, environment, expose, extra_hosts, faults, health, helper, hold, image, init, keep_network, labels, overlap, ports, profiles, replicas, restart, run, stdin_open, stop_grace_period, stop_signal, sync, trace, tty, user, and 4 more",
    ),
    (
        "sync = \"auto\"",
        "3:8: error: \"sync\" in service \"a\": there is no \"build\" from which it could be inferred; give it a build, or write \"watch\" rules with action = \"sync\"",
    ),
    (
        "sync = true",
        "3:8: error: \"sync\" in service \"a\": expected \"auto\" or \"off\", found true; write sync = \"auto\"",
    ),
    (
        "sync = \"atuo\"",
        "3:8: error: \"sync\" in service \"a\": \"atuo\" is not known; did you mean \"auto\"?",
    ),
    (
        "sync = [\"src:/app\"]",
        "3:8: error: \"sync\" in service \"a\": expected \"auto\" or \"off\"; rules of your own are written under \"watch\", with action = \"sync\"",
    ),
    (
        "replicas = \"two\"",
        "3:12: error: \"replicas\" in service \"a\": expected a number, found a string",
    ),
    (
        "replicas = 0",
        "3:12: error: \"replicas\" in service \"a\": 0 is not between 1 and 100",
    ),
    (
        "replicas = 1.5",
        "3:12: error: \"replicas\" in service \"a\": expected a number, found a decimal number",
    ),
    (
        "image = 5",
        "3:1: error: the key \"image\" is given twice; remove one of the two, or join them",
    ),
    (
        "tty = \"yes\"",
        "3:7: error: \"tty\" in service \"a\": expected true or false, found a string",
    ),
    (
        "tty = 1",
        "3:7: error: \"tty\" in service \"a\": expected true or false, found a number",
    ),
    (
        "ports = \"8080:80\"",
        "3:9: error: \"ports\" in service \"a\": expected a list, found a string",
    ),
    (
        "ports = [\"8080:\"]",
        "3:10: error: \"ports\" in service \"a\": a port number is missing",
    ),
    (
        "ports = [\"99999\"]",
        "3:10: error: \"ports\" in service \"a\": \"99999\" is not a port (1 to 65535)",
    ),
    (
        "ports = [\"a:80\"]",
        "3:10: error: \"ports\" in service \"a\": \"a\" is not a port (1 to 65535)",
    ),
    (
        "ports = [\"1-3:80\"]",
        "3:10: error: \"ports\" in service \"a\": several host ports cannot lead to one container port in \"1-3:80\"; name one",
    ),
    (
        "ports = [\"1-2:80-90\"]",
        "3:10: error: \"ports\" in service \"a\": the two ranges of \"1-2:80-90\" differ in length",
    ),
    (
        "ports = [\"9-5\"]",
        "3:10: error: \"ports\" in service \"a\": the range \"9-5\" ends before it begins",
    ),
    (
        "ports = [\"80/sctp\"]",
        "3:10: error: \"ports\" in service \"a\": the protocol \"sctp\" is not known; use tcp or udp",
    ),
    (
        "ports = [\"localhost:80:80\"]",
        "3:10: error: \"ports\" in service \"a\": \"localhost\" is not an IP address",
    ),
    (
        "ports = [0]",
        "3:10: error: \"ports\" in service \"a\": 0 is not between 1 and 65535",
    ),
    (
        "ports = [true]",
        "3:10: error: \"ports\" in service \"a\": expected a port such as \"8080:80\", found a boolean",
    ),
    (
        "ports = [{ published = 80 }]",
        "3:10: error: \"target\" is missing in \"ports\" in service \"a\"",
    ),
    (
        "ports = [{ target = 80, prot = \"udp\" }]",
        "3:25: error: unknown key \"prot\" in \"ports\" in service \"a\"; known keys: host_ip, protocol, published, target",
    ),
    (
        "ports = [\"80:80\", \"80:81\"]",
        "3:19: error: port 80 of this machine is used twice by service \"a\"; give one of them another port before the colon",
    ),
    (
        "stop_grace_period = 10",
        "3:21: error: \"stop_grace_period\" in service \"a\": expected a duration, found a number; give it a unit: \"10s\" or \"10ms\"",
    ),
    (
        "stop_grace_period = \"10\"",
        "3:21: error: \"stop_grace_period\" in service \"a\": \"10\" has no unit; write a number with a unit: \"500ms\", \"10s\", \"1m30s\", \"2h\"",
    ),
    (
        "stop_grace_period = \"ten\"",
        "3:21: error: \"stop_grace_period\" in service \"a\": \"ten\" is not a duration; write a number with a unit: \"500ms\", \"10s\", \"1m30s\", \"2h\"",
    ),
    (
        "stop_grace_period = \"-1s\"",
        "3:21: error: \"stop_grace_period\" in service \"a\": \"-1s\": a duration cannot be negative; write a number with a unit: \"500ms\", \"10s\", \"1m30s\", \"2h\"",
    ),
    (
        "stop_grace_period = \"1s2\"",
        "3:21: error: \"stop_grace_period\" in service \"a\": \"1s2\" has no unit; write a number with a unit: \"500ms\", \"10s\", \"1m30s\", \"2h\"",
    ),
    (
        "stop_grace_period = [\"1s\"]",
        "3:21: error: \"stop_grace_period\" in service \"a\": expected a duration such as \"10s\", found a list",
    ),
    (
        "stop_signal = \"TREM\"",
        "3:15: error: \"stop_signal\" in service \"a\": \"TREM\" is not a signal; did you mean \"TERM\"?",
    ),
    (
        "stop_signal = 99",
        "3:15: error: \"stop_signal\" in service \"a\": 99 is not the number of a signal",
    ),
    (
        "restart = \"alway\"",
        "3:11: error: \"restart\" in service \"a\": \"alway\" is not known; did you mean \"always\"?",
    ),
    (
        "restart = \"never\"",
        "3:11: error: \"restart\" in service \"a\": \"never\" is not known; possible values: always, no, on-failure, unless-stopped",
    ),
    (
        "command = 'echo \"x'",
        "3:11: error: \"command\" in service \"a\": a quote is never closed",
    ),
    (
        "command = 5",
        "3:11: error: \"command\" in service \"a\": expected a command: a string, or a list of words, found a number",
    ),
    (
        "run = \" \"",
        "3:7: error: \"run\" in service \"a\": the command is empty",
    ),
    (
        "command = [[\"a\"]]",
        "3:12: error: \"command\" in service \"a\": expected a string, number or boolean, found a list",
    ),
    (
        "environment = \"A=1\"",
        "3:15: error: \"environment\" in service \"a\": expected a table, or a list of \"NAME=value\", found a string",
    ),
    (
        "environment = { A = [1] }",
        "3:21: error: \"A\" of \"environment\" in service \"a\": expected a string, number or boolean, found a list",
    ),
    (
        "environment = [\"=x\"]",
        "3:16: error: \"environment\" in service \"a\": \"\" is not the name of a variable",
    ),
    (
        "env_file = \"none.env\"",
        "3:12: error: \"env_file\" in service \"a\": \"none.env\" cannot be read: there is no such file; create it, or write { path = \"…\", required = false }",
    ),
    (
        "env_file = \"bad.env\"",
        "tests/data/config/bad.env:2:1: error: a variable name cannot contain a space: \"NOT FINE\"",
    ),
    (
        "env_file = \"web\"",
        "3:12: error: \"env_file\" in service \"a\": \"web\" cannot be read: it is a folder; create it, or write { path = \"…\", required = false }",
    ),
    (
        "env_file = 5",
        "3:12: error: \"env_file\" in service \"a\": expected a string, found a number",
    ),
    (
        "environment = { U = \"{{b.url}}\" }",
        "3:22: error: the environment of service \"a\" names \"b\", which is not a service of this file; the only service is \"a\"",
    ),
    (
        "environment = { U = \"{{a.ulr}}\" }",
        "3:22: error: {{a.ulr}} asks for \"ulr\", which an address does not have; did you mean \"url\"?",
    ),
    (
        "environment = { U = \"{{a.url}}\" }",
        "3:22: error: {{a.url}} cannot be filled in: no port of service \"a\" is known; add expose = [8000], with the right number, to [services.a], or EXPOSE to its Dockerfile",
    ),
    (
        "environment = { V = \"${NONE}\" }",
        "3:22: warning: the variable \"NONE\" is not set; an empty text is used; set it in the environment or in .env, or give a default: ${NONE:-default}",
    ),
    (
        "environment = { V = \"${NONE:?set it}\" }",
        "3:22: error: the variable \"NONE\" is required: set it; set NONE in the environment or in .env beside the stack file",
    ),
    (
        "environment = { V = \"${NONE:?}\" }",
        "3:22: error: the variable \"NONE\" is required; set NONE in the environment or in .env beside the stack file",
    ),
    (
        "environment = { V = \"${-x}\" }",
        "3:22: error: \"${-x}\" is not a variable; write ${NAME}, ${NAME:-default} or ${NAME:?why}; for a plain dollar write $$",
    ),
    (
        "environment = { V = \"${NONE\" }",
        "3:22: error: \"${NONE\" is not a variable; write ${NAME}, ${NAME:-default} or ${NAME:?why}; for a plain dollar write $$",
    ),
    (
        "environment = { V = \"${NONE:}\" }",
        "3:22: error: \"${NONE:}\" is not a variable; write ${NAME}, ${NAME:-default} or ${NAME:?why}; for a plain dollar write $$",
    ),
    (
        "depends_on = \"b\"",
        "3:14: error: \"depends_on\" in service \"a\": expected a list of services, or a table such as { db = \"ready\" }, found a string",
    ),
    (
        "depends_on = [\"b\"]",
        "3:15: error: service \"a\" depends on \"b\", which is not a service of this file",
    ),
    (
        "depends_on = [\"a\"]",
        "3:15: error: service \"a\" depends on itself",
    ),
    (
        "depends_on = { b = \"redy\" }",
        "3:20: error: \"b\" of \"depends_on\" in service \"a\": \"redy\" is not known; did you mean \"ready\"?",
    ),
    (
        "depends_on = { b = { condition = \"service_healthy\", restart = true } }",
        "3:16: error: service \"a\" depends on \"b\", which is not a service of this file",
    ),
    (
        "health = \"/healthz\"",
        "3:10: error: \"health\" in service \"a\": expected a table such as { http = \"/healthz\" }, found a string",
    ),
    (
        "health = {}",
        "3:10: error: \"health\" in service \"a\": no question is given; give one of http, tcp, grpc, exec and log",
    ),
    (
        "health = { http = \"/\", tcp = 1 }",
        "3:24: error: \"health\" in service \"a\": both http and tcp are given; a service has one health probe; keep one",
    ),
    (
        "health = { http = \"healthz\" }",
        "3:19: error: \"http\" in the health of service \"a\": \"healthz\" is not a path; write \"/path\", or \":PORT/path\"",
    ),
    (
        "health = { http = \":x/healthz\" }",
        "3:19: error: \"http\" in the health of service \"a\": \"x\" is not a port; write \"/path\", or \":PORT/path\"",
    ),
    (
        "health = { http = \"/\" }",
        "3:10: error: the health probe of service \"a\" has no port to ask; add \"ports\" or expose = [8000], with the right number, or name it in the probe: http = \":8000/healthz\"",
    ),
    (
        "health = { tcp = \"x\" }",
        "3:18: error: \"tcp\" in the health of service \"a\": expected a port, or true for the service's own, found a string",
    ),
    (
        "health = { log = \"(\" }",
        "3:18: error: \"log\" in the health of service \"a\": not a regular expression: unclosed group; put \\ before a character that is meant as itself",
    ),
    (
        "health = { tcp = 1, interval = \"0s\" }",
        "3:32: error: \"interval\" in the health of service \"a\": must be longer than nothing",
    ),
    (
        "health = { tcp = 1, retries = 0 }",
        "3:31: error: \"retries\" in the health of service \"a\": 0 is not between 1 and 1000000",
    ),
    (
        "health = { tcp = 70000 }",
        "3:18: error: \"tcp\" in the health of service \"a\": 70000 is not between 1 and 65535",
    ),
    (
        "health = { cmd = \"x\" }",
        "3:10: error: \"health\" in service \"a\": no question is given; give one of http, tcp, grpc, exec and log\n3:12: error: unknown key \"cmd\" in the health of service \"a\"; did you mean \"exec\"?",
    ),
    (
        "volumes = [\"data\"]",
        "3:12: error: \"volumes\" in service \"a\": \"data\" is not an absolute path; the path in the container must begin with \"/\"",
    ),
    (
        "volumes = [\"data:d\"]",
        "3:12: error: \"volumes\" in service \"a\": \"d\" is not an absolute path; the path in the container must begin with \"/\"",
    ),
    (
        "volumes = [\"a/b:/d\"]",
        "3:12: error: \"volumes\" in service \"a\": \"a/b\" is not the name of a volume; for a folder of this machine write \"./a/b\"",
    ),
    (
        "volumes = [\":/d\"]",
        "3:12: error: \"volumes\" in service \"a\": \":/d\" says nothing about what is mounted; write \"NAME:/path\", \"./folder:/path\", either with \":ro\" behind it, or \"/path\"",
    ),
    (
        "volumes = [\"a:/d:z\"]",
        "3:12: warning: \"volumes\" in service \"a\": the option \"z\" has no effect here; only ro and rw are known; leave it out",
    ),
    (
        "volumes = [\"./none:/d\"]",
        "3:12: warning: \"volumes\" in service \"a\": tests/data/config/none does not exist; the engine would make an empty folder of root's there; create it first",
    ),
    (
        "volumes = [\"a:b:c:d\"]",
        "3:12: error: \"volumes\" in service \"a\": \"a:b:c:d\" has too many colons; write \"NAME:/path\", \"./folder:/path\", either with \":ro\" behind it, or \"/path\"",
    ),
    (
        "volumes = [{ type = \"bind\", target = \"/d\" }]",
        "3:12: error: \"volumes\" in service \"a\": a bind mount needs a \"source\"",
    ),
    (
        "volumes = [{ type = \"nfs\", target = \"/d\" }]",
        "3:21: error: \"type\" in \"volumes\" in service \"a\": \"nfs\" is not known; possible values: bind, tmpfs, volume",
    ),
    (
        "volumes = {}",
        "3:11: error: \"volumes\" in service \"a\": expected a list, found a table",
    ),
    (
        "watch = [{ path = \"web\" }]",
        "3:10: error: \"action\" is missing in a watch rule of service \"a\"",
    ),
    (
        "watch = [{ path = \"web\", action = \"snyc\" }]",
        "3:35: error: \"action\" in a watch rule of service \"a\": \"snyc\" is not known; did you mean \"sync\"?",
    ),
    (
        "watch = [{ path = \"web\", action = \"sync\" }]",
        "3:10: error: this watch rule syncs, but has no \"target\"; say where in the container the files go: target = \"/app/src\"",
    ),
    (
        "watch = [{ path = \"web\", action = \"rebuild\" }]",
        "3:35: error: this watch rule cannot apply to service \"a\": it has no \"build\"; for a service that only runs as a process use action = \"restart\"",
    ),
    (
        "watch = [{ path = \"none\", action = \"restart\" }]",
        "3:19: warning: \"path\" in a watch rule of service \"a\": \"none\" does not exist; nothing is watched until it does; paths are relative to the stack file or the service's folder",
    ),
    (
        "watch = [{ path = \"web\", action = \"restart\", target = \"/x\" }]",
        "3:46: error: \"target\" in a watch rule of service \"a\" has a meaning only with a sync; leave it out, or use action = \"sync\"",
    ),
    (
        "watch = [{ path = \"web\", action = \"sync\", target = \"/x\", then = \"exec\" }]",
        "3:65: error: \"then\" in a watch rule of service \"a\": \"exec\" of what?; write then = { exec = [\"program\", \"argument\"] }",
    ),
    (
        "watch = [{ path = \"web\", action = \"sync\", target = \"/x\", then = \"signal:X\" }]",
        "3:65: error: \"then\" in a watch rule of service \"a\": \"X\" is not a signal",
    ),
    (
        "build = \"none\"",
        "3:9: error: \"build\" in service \"a\": there is no folder tests/data/config/none; the build folder is relative to the stack file; create it or correct the name",
    ),
    (
        "build = \"api\"",
        "3:9: error: \"build\" in service \"a\": tests/data/config/api/Dockerfile cannot be read: there is no such file; create it, or name another with build = { context = \"…\", dockerfile = \"…\" }",
    ),
    (
        "build = { context = \"web\", dockerfile = \"Dokcerfile\" }",
        "3:41: error: \"dockerfile\" in the build of service \"a\": tests/data/config/web/Dokcerfile cannot be read: there is no such file; create it, or name another with build = { context = \"…\", dockerfile = \"…\" }",
    ),
    (
        "build = { context = \"stages\", target = \"devv\" }",
        "3:40: error: \"target\" in the build of service \"a\": the Dockerfile has no stage \"devv\"; did you mean \"dev\"?",
    ),
    (
        "build = 5",
        "3:9: error: \"build\" in service \"a\": expected a folder, or a table such as { context = \"web\" }, found a number",
    ),
    (
        "build = { contxt = \"web\" }",
        "3:11: error: unknown key \"contxt\" in the build of service \"a\"; did you mean \"context\"?",
    ),
    (
        "build = { context = \"web\", secrets = { a = { file = \"none\" } } }",
        "3:53: error: \"file\" in \"a\" of \"secrets\" in the build of service \"a\": there is no such file; create it; paths are relative to the stack file",
    ),
    (
        "build = { context = \"web\", secrets = { a = {} } }",
        "3:44: error: \"a\" of \"secrets\" in the build of service \"a\": give either \"file\" or \"environment\"; { file = \"PATH\" } or { environment = \"NAME\" }",
    ),
    (
        "build = { context = \"web\", secrets = { a = { environment = \"NONE\" } } }",
        "3:60: warning: \"environment\" in \"a\" of \"secrets\" in the build of service \"a\": the variable \"NONE\" is not set",
    ),
    (
        "directory = \"none\"",
        "3:13: error: \"directory\" in service \"a\": there is no folder tests/data/config/none; it is relative to the stack file; create it or correct the name",
    ),
    (
        "extra_hosts = [\"x\"]",
        "3:16: error: \"extra_hosts\" in service \"a\": \"x\" is not NAME:ADDRESS",
    ),
    (
        "profiles = 5",
        "3:12: error: \"profiles\" in service \"a\": expected a string, found a number",
    ),
    (
        "overlap = \"x\"",
        "3:11: error: \"overlap\" in service \"a\": expected true or false, found a string",
    ),
    (
        "labels = 5",
        "3:10: error: \"labels\" in service \"a\": expected a table, or a list of \"NAME=value\", found a number",
    ),
    (
        "expose = [\"x\"]",
        "3:11: error: \"expose\" in service \"a\": \"x\" is not a port (1 to 65535)",
    ),
    (
        "user = []",
        "3:8: error: \"user\" in service \"a\": expected a string, number or boolean, found a list",
    ),
    (
        "image = \"\"",
        "3:1: error: the key \"image\" is given twice; remove one of the two, or join them",
    ),
];

#[test]
fn wrong_lines_of_a_service() {
    for (line, expected) in LINES {
        check(&with_line(line), expected);
    }
}

#[test]
fn wrong_files() {
    for (text, expected) in FILES {
        check(text, expected);
    }
}

/// What is said about this text; the file's own name is left out.
#[track_caller]
fn check(text: &str, expected: &str) {
    let loaded = read_text(text);
    let found = said(&loaded).replace("boatyard.toml:", "");
    assert_eq!(found, expected, "\n{text}");
    assert_eq!(loaded.stack.is_none(), loaded.has_errors(), "{text}");
}
