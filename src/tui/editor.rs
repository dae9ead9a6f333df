//! Which command opens a person's editor at a line of a file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What is to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Task {
    /// A file of the person's own.
    File(FilePlace),
    /// Something that is written down to be looked at, and its line to begin at, counted from one.
    Text { text: String, line: usize },
}

/// A place in a file, counted from one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FilePlace {
    pub(super) path: PathBuf,
    pub(super) line: usize,
    pub(super) column: Option<usize>,
}

/// How an editor is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Editor {
    /// What it is called.
    pub(super) name: String,
    program: String,
    arguments: Vec<String>,
    manner: Manner,
}

/// How an editor takes the line, and whether it has a window of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Manner {
    place: Place,
    /// It does not use the terminal.
    window: bool,
    /// What makes an editor with a window stay until the file is closed.
    wait: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// `+LINE FILE`
    Plus,
    /// `+LINE:COLUMN FILE`
    PlusColon,
    /// `+LINE,COLUMN FILE`
    PlusComma,
    /// `FILE:LINE:COLUMN`
    Behind,
    /// `--goto FILE:LINE:COLUMN`
    Goto,
    /// `--line LINE FILE`
    Line,
    /// `FILE`: how it takes a line is not known.
    Nothing,
}

impl Editor {
    /// The person's own editor: `VISUAL`, else `EDITOR`, else `vi`. A variable that is empty does not count.
    ///
    /// # Errors
    /// When the words of the variable cannot be told apart.
    pub(super) fn of_environment(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let set = |name| variable(name).filter(|words| !words.trim().is_empty());
        let named = ["VISUAL", "EDITOR"]
            .into_iter()
            .find_map(|name| Some((name, set(name)?)));
        let (name, words) = named.unwrap_or(("EDITOR", "vi".into()));
        let has_screen = set("DISPLAY").is_some() || set("WAYLAND_DISPLAY").is_some();
        let mut split = shell_words::split(&words)
            .map_err(|_| format!("${name} is no command: a quotation mark is not closed"))?
            .into_iter();
        let program = split.next().ok_or_else(|| format!("${name} is empty"))?;
        let arguments: Vec<String> = split.collect();
        let base = Path::new(&program).file_name();
        let base = base.map_or_else(String::new, |base| base.to_string_lossy().into_owned());
        Ok(Self {
            manner: manner(&base, &arguments, has_screen),
            name: base,
            program,
            arguments,
        })
    }

    /// Whether it needs the terminal.
    pub(super) fn takes_terminal(&self) -> bool {
        !self.manner.window
    }

    /// Program and arguments that open this place; `stay`: until the file is closed.
    pub(super) fn command(&self, place: &FilePlace, stay: bool) -> (&str, Vec<OsString>) {
        let mut words: Vec<OsString> = self.arguments.iter().map(OsString::from).collect();
        let waits = self.manner.wait.filter(|wait| {
            stay && self.manner.window && !self.arguments.iter().any(|word| word == wait)
        });
        words.extend(waits.map(OsString::from));
        let FilePlace { path, line, column } = place;
        let with = |sign: char| match column {
            Some(column) => format!("{line}{sign}{column}"),
            None => line.to_string(),
        };
        let file = OsString::from(path);
        let behind = || {
            let mut word = file.clone();
            word.push(format!(":{}", with(':')));
            word
        };
        match self.manner.place {
            Place::Plus => words.extend([format!("+{line}").into(), file]),
            Place::PlusColon => words.extend([format!("+{}", with(':')).into(), file]),
            Place::PlusComma => words.extend([format!("+{}", with(',')).into(), file]),
            Place::Behind => words.push(behind()),
            Place::Goto => words.extend(["--goto".into(), behind()]),
            Place::Line => words.extend(["--line".into(), line.to_string().into(), file]),
            Place::Nothing => words.push(file),
        }
        (&self.program, words)
    }
}

fn manner(name: &str, arguments: &[String], has_screen: bool) -> Manner {
    let has = |options: &[&str]| {
        arguments
            .iter()
            .any(|word| options.contains(&word.as_str()))
    };
    let terminal = |place| Manner {
        place,
        window: false,
        wait: None,
    };
    let window = |place, wait| Manner {
        place,
        window: true,
        wait: Some(wait),
    };
    // Debian's `vim.basic` and `vim.tiny` are vim.
    let name = name.split('.').next().unwrap_or_default();
    let in_terminal = has(&["-nw", "-t", "--tty", "--no-window-system"]);
    match name {
        "gvim" | "mvim" => window(Place::Plus, "-f"),
        "vi" | "vim" | "nvim" | "view" | "vimx" | "elvis" | "nvi" | "vis" | "ex" | "joe" | "mg"
        | "ne" | "jed" | "jmacs" | "jpico" | "mcedit" | "less" => terminal(Place::Plus),
        "nano" | "pico" | "rnano" => terminal(Place::PlusComma),
        "emacs" if has_screen && !in_terminal => Manner {
            window: true,
            ..terminal(Place::PlusColon)
        },
        "emacsclient" if !in_terminal => Manner {
            window: true,
            ..terminal(Place::PlusColon)
        },
        "micro" | "kak" | "emacs" | "emacsclient" => terminal(Place::PlusColon),
        "hx" | "helix" => terminal(Place::Behind),
        "subl" | "sublime_text" | "zed" | "zeditor" | "zedit" => window(Place::Behind, "--wait"),
        "code" | "code-insiders" | "codium" | "vscodium" | "code-oss" | "cursor" | "windsurf"
        | "positron" => window(Place::Goto, "--wait"),
        "idea" | "pycharm" | "goland" | "webstorm" | "rustrover" | "clion" | "phpstorm"
        | "rubymine" | "rider" => window(Place::Line, "--wait"),
        "kate" => window(Place::Line, "--block"),
        "gedit" | "gnome-text-editor" | "xed" | "pluma" => window(Place::Plus, "--wait"),
        _ => terminal(Place::Nothing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn editor(words: &str) -> Editor {
        let variable = |name: &str| (name == "EDITOR").then(|| words.to_owned());
        Editor::of_environment(variable).expect("an editor")
    }

    fn command(words: &str, stay: bool) -> String {
        let place = FilePlace {
            path: "/a b/x.py".into(),
            line: 12,
            column: Some(5),
        };
        let editor = editor(words);
        let (program, arguments) = editor.command(&place, stay);
        let mut all = vec![program.to_owned()];
        all.extend(arguments.iter().map(|word| word.to_string_lossy().into()));
        let kind = if editor.takes_terminal() {
            ""
        } else {
            " (window)"
        };
        all.join("|") + kind
    }

    #[test]
    fn each_editor_is_told_the_line_in_its_own_way() {
        let cases = [
            ("vi", "vi|+12|/a b/x.py"),
            (
                "/usr/bin/vim.basic -u NONE",
                "/usr/bin/vim.basic|-u|NONE|+12|/a b/x.py",
            ),
            ("nano", "nano|+12,5|/a b/x.py"),
            ("micro", "micro|+12:5|/a b/x.py"),
            ("emacs -nw", "emacs|-nw|+12:5|/a b/x.py"),
            ("emacsclient", "emacsclient|+12:5|/a b/x.py (window)"),
            ("hx", "hx|/a b/x.py:12:5"),
            ("'/opt/my editor'", "/opt/my editor|/a b/x.py"),
            ("code", "code|--goto|/a b/x.py:12:5 (window)"),
            ("subl -n", "subl|-n|/a b/x.py:12:5 (window)"),
            ("idea", "idea|--line|12|/a b/x.py (window)"),
            ("gvim", "gvim|+12|/a b/x.py (window)"),
        ];
        for (words, wished) in cases {
            assert_eq!(command(words, false), wished, "{words}");
        }
    }

    #[test]
    fn who_has_a_window_stays_only_where_that_is_wanted() {
        let wished = "code|--wait|--goto|/a b/x.py:12:5 (window)";
        assert_eq!(command("code", true), wished);
        assert_eq!(command("code --wait", true), wished);
        assert_eq!(command("vim", true), "vim|+12|/a b/x.py");
    }

    #[test]
    fn the_environment_names_the_editor() {
        let of = |visual: &str, editor: &str| {
            Editor::of_environment(|name| match name {
                "VISUAL" => Some(visual.to_owned()),
                "EDITOR" => Some(editor.to_owned()),
                _ => None,
            })
        };
        assert_eq!(
            of("nvim", "nano").map(|editor| editor.name),
            Ok("nvim".into())
        );
        assert_eq!(of(" ", "nano").map(|editor| editor.name), Ok("nano".into()));
        assert_eq!(of("", "").map(|editor| editor.name), Ok("vi".into()));
        assert!(of("'vim", "").is_err_and(|wrong| wrong.contains("$VISUAL")));
    }

    #[test]
    fn emacs_has_a_window_where_there_are_windows() {
        let of = |display: &str, words: &str| {
            Editor::of_environment(|name| match name {
                "DISPLAY" => Some(display.to_owned()),
                "EDITOR" => Some(words.to_owned()),
                _ => None,
            })
            .map(|editor| editor.takes_terminal())
        };
        assert_eq!(of(":0", "emacs"), Ok(false));
        assert_eq!(of(":0", "emacs -nw"), Ok(true));
        assert_eq!(of("", "emacs"), Ok(true));
    }
}
