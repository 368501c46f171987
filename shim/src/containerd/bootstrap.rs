//! What containerd says to `start` on standard input, and how it wants to be answered.
//!
//! | containerd | says | is answered with |
//! | --- | --- | --- |
//! | 2.3 and later | `BootstrapParams` | `BootstrapResult` |
//! | 2.0 to 2.2 | the runtime's options as `Any`, or nothing | JSON |
//! | 1.6 and 1.7 | the same | the address alone |
//!
//! 1.7 refuses the JSON of 2.0, and nothing tells the two apart. So 1.x has to be named: by a
//! program that is called [`LEGACY`], or by the option `ShimVersion = 2`.

use super::args::Args;
use super::options::Options;
use crate::proto::{Any, bootstrap};
use anyhow::{Context, Result, bail};
use prost::Message;
use serde::Serialize;
use std::path::PathBuf;

/// In the program's name, as that of `runtime_type = "io.containerd.peapod-legacy.v1"` has it.
pub const LEGACY: &str = "-legacy-";

/// More than this is no bootstrap; as containerd's own shim has it.
pub(super) const LIMIT: u64 = 10 << 20;

const PROTOCOL: &str = "ttrpc";

/// How containerd wants to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// With a `BootstrapResult`.
    Protobuf,
    /// With the same as JSON.
    Json,
    /// With the address.
    Address,
}

/// What containerd has said.
#[derive(Debug, PartialEq)]
pub struct Asked {
    /// How it wants to be answered.
    pub dialect: Dialect,
    /// The options of the runtime.
    pub options: Options,
    /// Where it listens for gRPC. This goes into the name of the socket.
    pub address: String,
    /// Where it listens for ttrpc, if that is said here and not in the environment.
    pub ttrpc_address: Option<String>,
    /// Below which directory the socket should be.
    pub socket_dir: Option<PathBuf>,
    /// Whether it logs for debugging.
    pub debug: bool,
}

impl Asked {
    /// Reads `input`, which came to the program `name` with `args`.
    ///
    /// # Errors
    ///
    /// If it is neither of the two messages, or asks for what cannot be.
    pub fn read(input: &[u8], args: &Args, name: &str) -> Result<Self> {
        // Options can be read as parameters, but then those make no sense.
        let params = bootstrap::Params::decode(input).ok();
        let is_meant = |params: &bootstrap::Params| {
            params.instance_id == args.id && params.namespace == args.namespace
        };
        if let Some(params) = params.filter(is_meant) {
            return Self::of_params(params, args);
        }
        let any = match input {
            [] => None,
            input => Some(Any::decode(input).context("standard input: not runtime options")?),
        };
        let options = Options::of(any.as_ref())?;
        let is_legacy = name.contains(LEGACY) || options.shim_version == Some(2);
        Ok(Self {
            dialect: if is_legacy { Dialect::Address } else { Dialect::Json },
            options,
            address: args.address.clone(),
            ttrpc_address: None,
            socket_dir: None,
            debug: args.debug,
        })
    }

    fn of_params(params: bootstrap::Params, args: &Args) -> Result<Self> {
        let values = params.extensions.iter().filter_map(|extension| extension.value.as_ref());
        let mut known = values.filter(|any| Options::is_known(any));
        let options = Options::of(known.next())?;
        if known.next().is_some() {
            bail!("extensions: options of the runtime are given twice");
        }
        let or = |text: String, other: &String| if text.is_empty() { other.clone() } else { text };
        Ok(Self {
            dialect: Dialect::Protobuf,
            options,
            address: or(params.containerd_grpc_address, &args.address),
            ttrpc_address: Some(params.containerd_ttrpc_address).filter(|text| !text.is_empty()),
            socket_dir: params.socket_dir.filter(|dir| !dir.is_empty()).map(PathBuf::from),
            debug: args.debug || params.log_level < 0,
        })
    }
}

impl Dialect {
    /// The answer: the shim listens at `address`.
    ///
    /// # Errors
    ///
    /// If `address` cannot be written in JSON.
    pub fn answer(self, address: &str) -> Result<Vec<u8>> {
        let address = address.to_owned();
        Ok(match self {
            Self::Protobuf => bootstrap::Answer {
                version: 3,
                address,
                protocol: PROTOCOL.to_owned(),
                ..bootstrap::Answer::default()
            }
            .encode_to_vec(),
            Self::Json => serde_json::to_vec(&Json { version: 3, address, protocol: PROTOCOL })?,
            Self::Address => address.into_bytes(),
        })
    }
}

#[derive(Serialize)]
struct Json {
    version: u32,
    address: String,
    protocol: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::bootstrap::{Extension, Params};
    use crate::proto::runc;
    use crate::proto::types::RuntimeOptions;

    fn args() -> Args {
        let words = ["-namespace", "k8s.io", "-id", "c1", "-address", "/run/c.sock", "start"];
        Args::parse(words.into_iter().map(Into::into)).unwrap()
    }

    fn read(input: &[u8]) -> Asked {
        Asked::read(input, &args(), "containerd-shim-peapod-v1").unwrap()
    }

    fn options() -> Any {
        Any::pack(&runc::Options { root: "/r".to_owned(), ..runc::Options::default() })
    }

    fn params() -> Params {
        Params {
            instance_id: "c1".to_owned(),
            namespace: "k8s.io".to_owned(),
            log_level: -4,
            containerd_ttrpc_address: "/run/t.sock".to_owned(),
            containerd_grpc_address: "/run/g.sock".to_owned(),
            extensions: vec![Extension { value: Some(options()) }],
            socket_dir: Some("/run/x".to_owned()),
            ..Params::default()
        }
    }

    #[test]
    fn nothing_is_what_an_old_containerd_says_of_a_container_without_options() {
        let asked = read(b"");
        assert_eq!((asked.dialect, asked.options), (Dialect::Json, Options::default()));
        assert_eq!((asked.address.as_str(), asked.socket_dir), ("/run/c.sock", None));
    }

    #[test]
    fn options_are_not_taken_for_parameters() {
        let asked = read(&options().encode_to_vec());
        assert_eq!((asked.dialect, asked.options.root), (Dialect::Json, Some("/r".into())));
    }

    #[test]
    fn parameters_are_what_a_new_containerd_says() {
        let asked = read(&params().encode_to_vec());
        let wanted = Asked {
            dialect: Dialect::Protobuf,
            options: Options { root: Some("/r".into()), ..Options::default() },
            address: "/run/g.sock".to_owned(),
            ttrpc_address: Some("/run/t.sock".to_owned()),
            socket_dir: Some("/run/x".into()),
            debug: true,
        };
        assert_eq!(asked, wanted);
    }

    #[test]
    fn extensions_that_nobody_here_knows_are_passed_over() {
        let mut params = params();
        let other =
            Any { type_url: "containerd.io/nri.v1.PluginConfig".to_owned(), value: vec![9] };
        params.extensions.insert(0, Extension { value: Some(other) });
        params.extensions.push(Extension { value: None });
        assert_eq!(read(&params.encode_to_vec()).options.root, Some("/r".into()));
    }

    #[test]
    fn containerd_1_is_known_by_the_name_of_the_program_or_an_option() {
        let name = "/usr/bin/containerd-shim-peapod-legacy-v1";
        assert_eq!(Asked::read(b"", &args(), name).unwrap().dialect, Dialect::Address);
        let toml =
            RuntimeOptions { config_body: b"ShimVersion = 2\n".to_vec(), ..Default::default() };
        assert_eq!(read(&Any::pack(&toml).encode_to_vec()).dialect, Dialect::Address);
    }

    #[test]
    fn what_is_neither_is_refused() {
        for input in [b"\xff\xff".as_slice(), b"{}", b"\x0a\x02c1"] {
            let name = "containerd-shim-peapod-v1";
            Asked::read(input, &args(), name).expect_err(&String::from_utf8_lossy(input));
        }
    }

    #[test]
    fn each_dialect_has_its_answer() {
        let answer = |dialect: Dialect| dialect.answer("unix:///run/s/1").unwrap();
        assert_eq!(answer(Dialect::Address), b"unix:///run/s/1");
        let json = br#"{"version":3,"address":"unix:///run/s/1","protocol":"ttrpc"}"#;
        assert_eq!(answer(Dialect::Json), json);
        let protobuf = b"\x08\x03\x12\x0funix:///run/s/1\x1a\x05ttrpc";
        assert_eq!(answer(Dialect::Protobuf), protobuf);
    }
}
