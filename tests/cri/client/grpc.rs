//! gRPC over a Unix socket: a call is a request of HTTP/2 with one message each way.

use anyhow::{Context, Result, anyhow, bail, ensure};
use bytes::Bytes;
use h2::client::SendRequest;
use prost::Message;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};

/// Longer than any call takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// The bytes before a message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// A connection.
pub(crate) struct Client {
    runtime: Runtime,
    requests: SendRequest<Bytes>,
}

impl Client {
    pub(crate) fn connect(path: &str) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let requests = runtime.block_on(async {
            let stream = UnixStream::connect(path).await.with_context(|| path.to_owned())?;
            let (requests, connection) = h2::client::handshake(stream).await?;
            // It moves whenever something is waited for; its errors are those of the calls.
            drop(tokio::spawn(async { drop(connection.await) }));
            anyhow::Ok(requests)
        })?;
        Ok(Self { runtime, requests })
    }

    /// Calls `method` of the service of pods and containers.
    pub(crate) fn call<T: Message + Default>(
        &self,
        method: &str,
        request: &impl Message,
    ) -> Result<T> {
        let message = request.encode_to_vec();
        let requests = self.requests.clone();
        let answered = async {
            let answer = tokio::time::timeout(PATIENCE, exchange(requests, method, &message));
            answer.await.map_err(|_| anyhow!("no answer after {PATIENCE:?}"))?
        };
        let answer = self.runtime.block_on(answered)?;
        Ok(T::decode(answer.as_slice())?)
    }
}

async fn exchange(requests: SendRequest<Bytes>, method: &str, message: &[u8]) -> Result<Vec<u8>> {
    let request = http::Request::builder()
        .method("POST")
        .uri(format!("http://localhost/runtime.v1.RuntimeService/{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())?;
    let (response, mut body) = requests.ready().await?.send_request(request, false)?;
    let mut framed = vec![0];
    framed.extend(u32::try_from(message.len())?.to_be_bytes());
    framed.extend(message);
    body.send_data(framed.into(), true)?;
    let response = response.await?;
    if let Some(status) = response.headers().get("grpc-status") {
        // An answer without a message.
        ensure!(status == "0", "{}", reason(response.headers()));
    }
    let mut body = response.into_body();
    let mut answer = Vec::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk?;
        body.flow_control().release_capacity(chunk.len())?;
        answer.extend_from_slice(&chunk);
    }
    let Some(trailers) = body.trailers().await? else { bail!("an answer without its status") };
    ensure!(trailers.get("grpc-status").is_some_and(|code| code == "0"), "{}", reason(&trailers));
    Ok(answer.split_off(PREFIX.min(answer.len())))
}

/// The code, and what is said beside it.
fn reason(headers: &http::HeaderMap) -> String {
    let text = |name: &str| {
        headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let code = text("grpc-status").unwrap_or_default();
    format!("code {code}: {}", text("grpc-message").unwrap_or_default())
}
