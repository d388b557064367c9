//! The task that carries one connection: writes what is queued, reads what is answered, watches the
//! time. Writing and reading go on side by side, so that neither end can block the other for good.

use std::collections::VecDeque;
use std::io;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use super::dial::{Address, Connection};
use super::pending::Pending;
use super::stream::{FrameReader, queue_frame, write_all};
use super::{Awaited, Outgoing, unsent};
use crate::error::ClientError;
use crate::observer::Observed;

/// Frames written with one system call.
const FRAMES_PER_WRITE: usize = 32;

/// Why a connection ends.
enum End {
    /// Nobody holds the link any more.
    Released,
    /// A request got no answer in time.
    Overdue,
    /// The network, or an answer that makes no sense.
    Failed(String),
}

/// Carries `connection` until it ends, then fails what is left.
pub(super) async fn run(
    connection: Connection,
    mut requests: mpsc::Receiver<Outgoing>,
    address: Address,
    frame_bytes_max: usize,
    observed: Option<Observed>,
) {
    let pending = Pending::new(observed);
    let end = match connection {
        Connection::Stream { reader, writer } => {
            let reader = FrameReader::new(reader, frame_bytes_max);
            tokio::select! {
                end = write_stream(writer, &mut requests, &pending) => end,
                end = read_stream(reader, &pending) => end,
                () = pending.overdue() => End::Overdue,
            }
        }
        Connection::Frames {
            requests: frames,
            responses,
        } => {
            tokio::select! {
                end = write_frames(frames, &mut requests, &pending) => end,
                end = read_frames(responses, &pending) => end,
                () = pending.overdue() => End::Overdue,
            }
        }
    };
    requests.close();
    pending.fail(|awaited| failure(&end, awaited, &address));
    while let Some(outgoing) = requests.recv().await {
        if let Some(awaited) = outgoing.awaited {
            drop(awaited.reply.send(Err(unsent(&address))));
        }
    }
}

fn failure(end: &End, awaited: &Awaited, address: &Address) -> ClientError {
    let disconnected = |reason: &str| ClientError::Disconnected {
        address: address.clone(),
        reason: reason.to_owned(),
    };
    match end {
        End::Overdue if awaited.asked.elapsed() >= awaited.timeout => ClientError::TimedOut {
            what: awaited.what,
            after: awaited.timeout,
        },
        End::Overdue => disconnected("an earlier request was not answered in time"),
        End::Released => disconnected("the link was given up"),
        End::Failed(reason) => disconnected(reason),
    }
}

fn failed(error: &io::Error) -> End {
    End::Failed(error.to_string())
}

async fn write_stream(
    mut writer: impl AsyncWrite + Unpin,
    requests: &mut mpsc::Receiver<Outgoing>,
    pending: &Pending,
) -> End {
    let mut batch = Vec::new();
    let mut chunks = VecDeque::new();
    while requests.recv_many(&mut batch, FRAMES_PER_WRITE).await > 0 {
        for outgoing in batch.drain(..) {
            if let Err(error) = queue_frame(&mut chunks, outgoing.frame) {
                return failed(&error);
            }
            if let Some(awaited) = outgoing.awaited {
                pending.push(awaited);
            }
        }
        if let Err(error) = write_all(&mut writer, &mut chunks).await {
            return failed(&error);
        }
    }
    End::Released
}

async fn read_stream(mut reader: FrameReader<impl AsyncRead + Unpin>, pending: &Pending) -> End {
    loop {
        let frame = match reader.next().await {
            Ok(frame) => frame,
            Err(error) => return failed(&error),
        };
        if let Err(reason) = pending.complete(vec![frame]) {
            return End::Failed(reason);
        }
    }
}

async fn write_frames(
    frames: mpsc::Sender<Vec<Bytes>>,
    requests: &mut mpsc::Receiver<Outgoing>,
    pending: &Pending,
) -> End {
    while let Some(outgoing) = requests.recv().await {
        if let Some(awaited) = outgoing.awaited {
            pending.push(awaited);
        }
        if frames.send(outgoing.frame).await.is_err() {
            return End::Failed("the broker takes no more requests".to_owned());
        }
    }
    End::Released
}

async fn read_frames(mut responses: mpsc::Receiver<Vec<Bytes>>, pending: &Pending) -> End {
    while let Some(frame) = responses.recv().await {
        if let Err(reason) = pending.complete(frame) {
            return End::Failed(reason);
        }
    }
    End::Failed("the broker closed the connection".to_owned())
}
