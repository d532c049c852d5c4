//! The command in the hands of somebody who gets it wrong: each mistake has an error with a remedy, and none waits.

use super::network::{Network, PROGRAM};
use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// The exit code of a command and what it printed, once it has ended.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(PROGRAM);
    let child = command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (mut child, begun) = (child.spawn().unwrap(), Instant::now());
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
            panic!("it does not end: {arguments:?}");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn mistakes_have_errors() {
    let mut network = Network::prepare(1);
    network.start(0);
    network.reach(&[0], 2);
    let path = |name: &str| network.folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("empty.toml"), "").unwrap();
    let (url, address) = (format!("http://{}", network.rpc(0)), "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266");
    let (chain, config, folder) = (path("chain.toml"), path("node-0/validator.toml"), path(""));
    let metrics = format!("http://{}/metrics", network.metrics_address(0));

    let verify = |chain: &str, from: &str, block: &str| {
        run(&["verify", "--chain", chain, "--from", from, "--block", block, "--address", address])
    };
    for block in ["0", "1"] {
        let (code, out, _) = verify(&chain, &url, block);
        assert!(code == 0 && out.contains("balance 10000000000000000000000, no code"), "{out}");
    }
    for ((chain, from, block), (code, error)) in [
        ((&*chain, &*url, "99999999"), (1, "has no certificate of block 99999999: ask for another block")),
        ((&chain, &url, "x"), (2, "invalid value 'x' for '--block")),
        ((&chain, "127.0.0.1:26601", "1"), (2, "a URL is needed, as http://127.0.0.1:26601")),
        ((&chain, "http://127.0.0.1:1", "1"), (1, "cannot ask http://127.0.0.1:1")),
        ((&chain, &metrics, "1"), (1, "cannot ask")),
        ((&folder, &url, "1"), (1, "cannot read")),
        ((&path("nothing.toml"), &url, "1"), (1, "cannot read")),
        ((&path("empty.toml"), &url, "1"), (1, "empty.toml is not as it must be")),
        ((&config, &url, "1"), (1, "validator.toml is not as it must be")),
    ] {
        let (actual, out, err) = verify(chain, from, block);
        assert!(actual == code && err.contains(error) && out.is_empty(), "{error}: {actual}: {out}{err}");
    }
    for (arguments, code, error) in [
        (&["validator", "--config", &config][..], 1, "another process has the folder"),
        (&["validator", "--config", &folder], 1, "cannot read"),
        (&["validator", "--config", &path("empty.toml")], 1, "missing field `key`"),
        (&["key", &path("node-0/key.hex")], 1, "cannot make the key file"),
        (&["prepare", "--nodes", "0"], 1, "0 validators: give 1 to 100"),
        (&["prepare", "--nodes", "4", "--folder", &folder], 1, "has another network, of 1 validators"),
        (&["prepare", "--folder", &path("other"), "--port", "65530"], 1, "give at most --port 65524"),
        (&["prepare", "--folder", &chain], 1, "cannot"),
        (&["follow", "--chain", &chain], 2, "--from"),
        (&["follow", "--chain", &chain, "--from", "http://127.0.0.1:1"], 1, "cannot ask"),
        (&[], 2, "Usage"),
    ] {
        let (actual, out, err) = run(arguments);
        assert!(actual == code && err.contains(error) && out.is_empty(), "{arguments:?}: {actual}: {out}{err}");
    }
    // Its ports are taken.
    let text = fs::read_to_string(&config).unwrap().replace("data = \"data\"", "data = \"other\"");
    fs::write(path("node-0/other.toml"), text).unwrap();
    let (code, _, err) = run(&["validator", "--config", &path("node-0/other.toml")]);
    assert!(code == 1 && err.contains("cannot listen at"), "{code}: {err}");

    // A reader that goes after some lines is no failure.
    let mut command = Command::new(PROGRAM);
    command.args(["follow", "--chain", &chain, "--from", &url]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert!(line.starts_with("block 1 0x"), "{line}");
    drop(lines);
    let status = child.wait().unwrap();
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert!(status.success() && err.is_empty(), "{status}: {err}");
    network.stop();
}
