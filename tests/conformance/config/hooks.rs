//! config.md, "POSIX-platform Hooks".

use crate::{refuses, shared};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::fs;
use tests::{Bundle, Root};

const KINDS: [&str; 6] =
    ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];

fn script(text: &str) -> Value {
    json!({ "path": "/bin/sh", "args": ["sh", "-c", text], "env": ["PATH=/usr/bin:/bin"] })
}

/// A life whose hooks write what `text` prints into files after their kinds: all that was written.
struct Life {
    root: Root,
    directory: String,
}

impl Life {
    /// Every kind has hooks of these texts, in which `$kind` stands for it.
    fn with(texts: &[&str]) -> Result<Self> {
        let root = Root::new()?;
        let directory = shared(&root)?;
        fs::write(format!("{directory}/order"), "")?;
        let hooks: serde_json::Map<_, _> = KINDS
            .iter()
            .map(|kind| {
                let prelude = format!("cd {directory}; kind={kind}; ");
                let hooks = texts.iter().map(|text| script(&format!("{prelude}{text}")));
                ((*kind).to_owned(), hooks.collect())
            })
            .collect();
        let bundle = root.shell(&format!("echo program >>{directory}/order; sleep 1000"))?;
        let bundle = bundle
            .as_root(&[])
            .with_mount("none", &directory, &directory, &["bind"])
            .with("/annotations", json!({ "com.example.key": "value" }))
            .with("/hooks", hooks);
        let container = root.create("c", &bundle)?;
        mark(&directory, "created")?;
        container.start()?;
        mark(&directory, "started")?;
        container.kill("KILL")?;
        container.wait()?;
        container.delete(&[])?;
        mark(&directory, "deleted")?;
        Ok(Self { root, directory })
    }

    fn read(&self, name: &str) -> Result<String> {
        let path = format!("{}/{name}", self.directory);
        Ok(fs::read_to_string(&path).with_context(|| path)?.trim().to_owned())
    }

    /// Of the words in the file of the order, those that are given.
    fn order(&self, words: &[&str]) -> Result<String> {
        let text = self.read("order")?;
        let found = text.split_whitespace().filter(|word| words.contains(word));
        Ok(found.collect::<Vec<_>>().join(" "))
    }
}

fn mark(directory: &str, word: &str) -> Result<()> {
    use std::io::Write;
    Ok(writeln!(fs::File::options().append(true).open(format!("{directory}/order"))?, "{word}")?)
}

/// The life of hooks that put their kinds down in the order.
fn ordered(words: &[&str]) -> Result<String> {
    Life::with(&["echo $kind >>order"])?.order(words)
}

#[test]
fn prestart_is_called_in_create() -> Result<()> {
    let seen = ordered(&["prestart", "created"])?;
    ensure!(seen == "prestart created", "{seen}");
    Ok(())
}

#[test]
fn prestart_is_called_before_create_runtime() -> Result<()> {
    let seen = ordered(&["prestart", "createRuntime"])?;
    ensure!(seen == "prestart createRuntime", "{seen}");
    Ok(())
}

#[test]
fn create_runtime_is_called_in_create() -> Result<()> {
    let seen = ordered(&["createRuntime", "created"])?;
    ensure!(seen == "createRuntime created", "{seen}");
    Ok(())
}

#[test]
fn create_container_is_called_in_create_after_create_runtime() -> Result<()> {
    let seen = ordered(&["createRuntime", "createContainer", "created"])?;
    ensure!(seen == "createRuntime createContainer created", "{seen}");
    Ok(())
}

#[test]
fn start_container_is_called_in_start_before_the_program() -> Result<()> {
    let seen = ordered(&["created", "startContainer", "program", "started"])?;
    ensure!(seen.starts_with("created startContainer"), "{seen}");
    Ok(())
}

#[test]
fn poststart_is_called_before_start_returns() -> Result<()> {
    let seen = ordered(&["created", "poststart", "started"])?;
    ensure!(seen == "created poststart started", "{seen}");
    Ok(())
}

#[test]
fn poststart_is_called_after_the_program_is_executed() -> Result<()> {
    let life = Life::with(&["test $kind != poststart || \
        cat /proc/$(sed 's/.*\"pid\": *\\([0-9]*\\).*/\\1/' | head -1)/comm >comm"])?;
    let seen = life.read("comm")?;
    ensure!(seen == "sh" || seen == "sleep", "{seen}");
    Ok(())
}

#[test]
fn poststop_is_called_before_delete_returns() -> Result<()> {
    let seen = ordered(&["started", "poststop", "deleted"])?;
    ensure!(seen == "started poststop deleted", "{seen}");
    Ok(())
}

#[test]
fn poststop_is_called_after_the_container_is_deleted() -> Result<()> {
    let root = Root::new()?;
    let directory = shared(&root)?;
    // The process is no more by then.
    let text = format!("ls /proc/$(cat {directory}/pid) >{directory}/seen 2>&1; true");
    let bundle = root.shell("exec sleep 1000")?.with("/hooks/poststop", json!([script(&text)]));
    let container = root.start_container("c", &bundle)?;
    fs::write(format!("{directory}/pid"), container.pid().to_string())?;
    container.kill("KILL")?;
    container.wait()?;
    container.delete(&[])?;
    let seen = fs::read_to_string(format!("{directory}/seen"))?;
    ensure!(seen.contains("No such file"), "{seen}");
    Ok(())
}

#[test]
fn hooks_of_a_kind_are_called_in_their_order() -> Result<()> {
    let life = Life::with(&["echo 1 >>$kind", "echo 2 >>$kind", "echo 3 >>$kind"])?;
    for kind in KINDS {
        assert_eq!(life.read(kind)?, "1\n2\n3", "{kind}");
    }
    Ok(())
}

/// The states that hooks were told.
fn states() -> Result<Vec<(&'static str, Value, Life)>> {
    let mut all = Vec::new();
    for kind in KINDS {
        let life = Life::with(&["cat >$kind"])?;
        let state = serde_json::from_str(&life.read(kind)?).context(kind)?;
        all.push((kind, state, life));
    }
    Ok(all)
}

#[test]
fn every_hook_is_told_the_state() -> Result<()> {
    for (kind, state, life) in states()? {
        ensure!(state["id"] == life.root.id("c"), "{kind}: {state}");
        ensure!(state["ociVersion"].is_string(), "{kind}: {state}");
        ensure!(state["bundle"].as_str().is_some_and(|path| path.starts_with('/')), "{state}");
        ensure!(state["annotations"]["com.example.key"] == "value", "{kind}: {state}");
    }
    Ok(())
}

#[test]
fn the_state_that_a_hook_is_told_has_the_status_of_that_moment() -> Result<()> {
    let expected = ["creating", "creating", "creating", "created", "running", "stopped"];
    for ((kind, state, _), status) in states()?.iter().zip(expected) {
        ensure!(state["status"] == status, "{kind}: {state}");
    }
    Ok(())
}

/// The namespaces of hooks, beside those of this process.
fn namespaces() -> Result<(Life, String)> {
    let life =
        Life::with(&["readlink /proc/self/ns/mnt >$kind; readlink /proc/self/ns/uts >>$kind"])?;
    let own = ["mnt", "uts"].map(|kind| fs::read_link(format!("/proc/self/ns/{kind}")));
    let [mnt, uts] = own;
    let own = format!("{}\n{}", mnt?.display(), uts?.display());
    Ok((life, own))
}

#[test]
fn those_of_the_runtime_are_executed_in_its_namespaces() -> Result<()> {
    let (life, own) = namespaces()?;
    for kind in ["prestart", "createRuntime", "poststart", "poststop"] {
        assert_eq!(life.read(kind)?, own, "{kind}");
    }
    Ok(())
}

#[test]
fn those_of_the_container_are_executed_in_its_namespaces() -> Result<()> {
    let (life, own) = namespaces()?;
    let create = life.read("createContainer")?;
    assert_eq!(create, life.read("startContainer")?);
    for (inside, outside) in create.lines().zip(own.lines()) {
        ensure!(inside != outside, "{inside}");
    }
    Ok(())
}

#[test]
fn the_path_of_a_hook_is_the_hosts_but_for_start_container() -> Result<()> {
    // Only the container has it, and only the host.
    let life = Life::with(&["test -e /etc/debian_version && echo host >$kind || echo own >$kind"])?;
    for kind in KINDS {
        let expected = if kind == "startContainer" { "own" } else { "host" };
        assert_eq!(life.read(kind)?, expected, "{kind}");
    }
    Ok(())
}

/// One createRuntime hook.
fn with_hook(bundle: Bundle, hook: &Value) -> Bundle {
    bundle.with("/hooks/createRuntime", json!([hook]))
}

/// What a createRuntime hook writes.
fn written(hook: impl FnOnce(&str) -> Value) -> Result<String> {
    let root = Root::new()?;
    let directory = shared(&root)?;
    let path = format!("{directory}/seen");
    let bundle = with_hook(root.shell("true")?, &hook(&path));
    let _container = root.create("c", &bundle)?;
    Ok(fs::read_to_string(path)?)
}

#[test]
fn args_are_what_a_hook_is_called_with() -> Result<()> {
    let seen = written(|path| {
        let text = format!("echo \"$0\" \"$@\" >{path}");
        json!({ "path": "/bin/sh", "args": ["sh", "-c", text, "zero", "one", "two"] })
    })?;
    ensure!(seen == "zero one two\n", "{seen}");
    Ok(())
}

#[test]
fn env_is_the_environment_of_a_hook() -> Result<()> {
    let seen = written(|path| {
        let text = format!("echo $A $HOME >{path}");
        json!({ "path": "/bin/sh", "args": ["sh", "-c", text], "env": ["A=1"] })
    })?;
    ensure!(seen == "1\n", "{seen}");
    Ok(())
}

#[test]
fn args_of_a_hook_are_optional() -> Result<()> {
    crate::runs(|bundle| with_hook(bundle, &json!({ "path": "/bin/true" })))
}

#[test]
fn a_path_is_required() -> Result<()> {
    refuses(|bundle| with_hook(bundle, &json!({ "args": ["true"] })))
}

#[test]
fn a_path_is_absolute() -> Result<()> {
    refuses(|bundle| with_hook(bundle, &json!({ "path": "true" })))
}

#[test]
fn a_timeout_is_more_than_zero() -> Result<()> {
    for timeout in [0, -1] {
        refuses(|bundle| with_hook(bundle, &json!({ "path": "/bin/true", "timeout": timeout })))?;
    }
    Ok(())
}

#[test]
fn a_hook_that_takes_longer_than_its_timeout_fails() -> Result<()> {
    let hook = json!({ "path": "/bin/sleep", "args": ["sleep", "100"], "timeout": 1 });
    refuses(|bundle| with_hook(bundle, &hook))
}
