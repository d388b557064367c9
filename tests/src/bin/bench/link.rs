//! A connection to a broker that costs as little as can be: requests and answers of the wire format, no more.

use bytes::Bytes;
use sluice_protocol::header::{decode_response_header, request_frame};
use sluice_protocol::messages::{Message as _, Request};
use sluice_protocol::wire::{Reader, Wire as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufStream};
use tokio::net::TcpStream;

/// One connection.
pub(crate) struct Link {
    stream: BufStream<TcpStream>,
}

impl Link {
    pub(crate) async fn connect(bootstrap: &str) -> Self {
        let stream = TcpStream::connect(bootstrap).await.expect("a connection");
        stream.set_nodelay(true).expect("an option of a socket");
        Self {
            stream: BufStream::with_capacity(1 << 16, 1 << 16, stream),
        }
    }

    /// Asks, and waits for the answer.
    pub(crate) async fn ask<R: Request>(&mut self, request: &R, version: i16) -> R::Response {
        self.send(request, version).await;
        self.answer::<R>(version).await
    }

    /// Sends a request. It may leave with the next one, or when an answer is waited for.
    pub(crate) async fn send<R: Request>(&mut self, request: &R, version: i16) {
        let frame = request_frame(request, version, 0, Some("bench")).expect("a request");
        let size = frame.iter().map(Bytes::len).sum::<usize>();
        let length = i32::try_from(size).expect("a small request");
        self.stream.write_i32(length).await.expect("a link");
        for chunk in frame {
            self.stream.write_all(&chunk).await.expect("a link");
        }
    }

    /// The next answer.
    pub(crate) async fn answer<R: Request>(&mut self, version: i16) -> R::Response {
        self.stream.flush().await.expect("a link");
        let length = self.stream.read_i32().await.expect("an answer");
        let mut frame = vec![0; usize::try_from(length).expect("a length")];
        let read = self.stream.read_exact(&mut frame).await;
        read.expect("an answer");
        let mut reader = Reader::new(frame.into());
        decode_response_header(&mut reader, R::API, version).expect("a header");
        let version = R::Response::version(version).expect("a version");
        R::Response::decode(&mut reader, version).expect("an answer")
    }
}
