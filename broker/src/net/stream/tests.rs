use super::*;

/// Bytes of buffers that are kept.
const BUFFERS_MAX: usize = 4 * 1024 * 1024;

const LIMITS: StreamLimits = StreamLimits {
    size_max: 1024 * 1024,
    stall_timeout: Duration::from_secs(30),
};

fn source<R: AsyncRead + Unpin + Send + 'static>(stream: R, budget: Budget) -> StreamSource<R> {
    StreamSource::new(stream, LIMITS, budget, RequestBuffers::new(BUFFERS_MAX))
}

async fn error_of(bytes: &'static [u8]) -> LinkError {
    let mut source = source(bytes, Budget::new(4 * 1024 * 1024));
    source.next().await.unwrap_err()
}

#[tokio::test]
async fn frames_are_taken_one_by_one_however_they_arrive() {
    let (client, server) = tokio::io::duplex(7);
    let frames = [vec![1; 3], vec![2; 100_000], vec![3; 1]];
    let sent = frames.clone();
    let write = async move {
        let mut sink = StreamSink::new(client, LIMITS.stall_timeout);
        for frame in sent {
            let (head, tail) = frame.split_at(frame.len() / 2);
            let chunks = vec![Bytes::copy_from_slice(head), Bytes::copy_from_slice(tail)];
            sink.send(chunks).await.unwrap();
        }
    };
    let read = async move {
        let mut source = source(server, Budget::new(4 * 1024 * 1024));
        for frame in frames {
            let taken = source.next().await.unwrap();
            assert_eq!(taken.chunks.concat(), frame);
            assert!(taken.reservation.bytes() >= frame.len());
        }
        assert!(matches!(source.next().await, Err(LinkError::Closed)));
    };
    tokio::join!(write, read);
}

#[tokio::test]
async fn lengths_that_no_frame_has_are_refused_before_anything_is_allocated() {
    for bytes in [&[0, 0, 0, 0], &[0xff, 0xff, 0xff, 0xff], &[0x80, 0, 0, 0]] {
        assert!(matches!(error_of(bytes).await, LinkError::FrameSize { .. }));
    }
    for bytes in [&[0x7f, 0xff, 0xff, 0xff, 1], b"GET /"] {
        assert!(matches!(
            error_of(bytes).await,
            LinkError::FrameTooLarge {
                limit: 1_048_576,
                ..
            }
        ));
    }
}

#[tokio::test]
async fn a_stream_that_ends_inside_a_frame_is_an_error() {
    for bytes in [&[0][..], &[0, 0, 0, 9], &[0, 0, 0, 9, 1, 2, 3]] {
        assert!(matches!(error_of(bytes).await, LinkError::Io(_)));
    }
}

#[tokio::test]
async fn memory_grows_with_the_bytes_that_arrive_and_not_with_the_length_announced() {
    let (mut client, server) = tokio::io::duplex(64);
    let mut source = source(server, Budget::new(4 * 1024 * 1024));
    client
        .write_all(&1_000_000_i32.to_be_bytes())
        .await
        .unwrap();
    client.write_all(&[7; 32]).await.unwrap();
    let next = timeout(Duration::from_millis(20), source.next()).await;
    assert!(next.is_err(), "{next:?}");
    let large = source.large.unwrap();
    assert_eq!(large.capacity(), BUFFER_BYTES_MIN);
    assert_eq!(source.reservation.bytes(), BUFFER_BYTES_MIN);
}

#[tokio::test(start_paused = true)]
async fn silence_inside_a_frame_is_a_stall() {
    let (mut client, server) = tokio::io::duplex(64);
    let mut source = source(server, Budget::new(1024 * 1024));
    client.write_all(&[0, 0]).await.unwrap();
    assert!(matches!(source.next().await, Err(LinkError::Stalled)));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_no_response_is_a_stall() {
    let (client, _server) = tokio::io::duplex(64);
    let mut sink = StreamSink::new(client, LIMITS.stall_timeout);
    let response = vec![Bytes::from(vec![0; 1000])];
    assert!(matches!(sink.send(response).await, Err(LinkError::Stalled)));
}

#[tokio::test(start_paused = true)]
async fn a_frame_gives_up_where_the_rest_of_it_finds_no_room_in_memory() {
    let budget = Budget::new(300_000);
    let (mut client, server) = tokio::io::duplex(256 * 1024);
    let mut source = source(server, budget.clone());
    client.write_all(&600_000_i32.to_be_bytes()).await.unwrap();
    client.write_all(&[7; 200_000]).await.unwrap();
    assert!(matches!(source.next().await, Err(LinkError::OutOfBudget)));
    drop(source);
    assert_eq!(budget.reserve(300_000).await.bytes(), 300_000);
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_trickles_is_a_stall() {
    let (mut client, server) = tokio::io::duplex(256 * 1024);
    let mut source = source(server, Budget::new(4 * 1024 * 1024));
    client.write_all(&100_000_i32.to_be_bytes()).await.unwrap();
    let trickle = async {
        while client.write_all(&[7]).await.is_ok() {
            tokio::time::sleep(Duration::from_secs(20)).await;
        }
    };
    let begun = Instant::now();
    tokio::select! {
        next = source.next() => assert!(matches!(next, Err(LinkError::Stalled))),
        () = trickle => {}
    }
    assert!(begun.elapsed() <= LIMITS.stall_timeout + Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn frames_that_have_not_arrived_leave_room_for_those_that_have() {
    const MIB: usize = 1024 * 1024;
    let budget = Budget::new(4 * MIB);
    let mut slow = Vec::new();
    for _ in 0..10 {
        let (mut client, server) = tokio::io::duplex(2 * MIB);
        let source = source(server, budget.clone());
        client.write_all(&900_000_i32.to_be_bytes()).await.unwrap();
        client.write_all(&[7; 800_000]).await.unwrap();
        slow.push((client, source));
    }
    let reading = slow.iter_mut().map(|(_, source)| source.next());
    let mut reading = reading.map(Box::pin).collect::<Vec<_>>();
    for frame in &mut reading {
        let next = timeout(Duration::from_millis(1), frame).await;
        assert!(next.is_err(), "{next:?}");
    }
    assert_eq!(budget.reserve(2 * MIB).await.bytes(), 2 * MIB);
    let (mut client, server) = tokio::io::duplex(64);
    client.write_all(&[0, 0, 0, 2, 7, 7]).await.unwrap();
    let mut small = source(server, budget);
    assert_eq!(small.next().await.unwrap().size(), 2);
}
