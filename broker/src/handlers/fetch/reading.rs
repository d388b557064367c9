//! Where a fetch gets its records from, and what it may take for that.
//!
//! First from the tails of logs, which costs nothing but a reference; then from what the system has in memory, which
//! is a copy, and is done where connections are served, a bit at a time; only then from the disk, on threads of their
//! own. Few wait for the disk at once, and each of them holds little memory, so that whoever reads what is in memory,
//! or produces, does not notice.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::timeout;

use super::{Asked, Patience, Read, Target, Wish};
use crate::budget::Reservation;
use crate::handlers::call::Call;
use crate::handlers::error::{Refusal, RequestError};
use crate::limits::COLD_READ_BYTES_MAX;
use crate::model::Isolation;
use crate::topics::{Partition, ReadError, ReadOutcome, ReadRequest};

/// Memory that a fetch waits for where the budget is spent: enough for a batch of usual size.
const RESPONSE_BYTES_MIN: usize = 64 * 1024;
/// How long a fetch waits for memory, or for its turn at the disk: not for ever, since its own request holds
/// some memory too.
const TURN_WAIT_MAX: Duration = Duration::from_secs(10);

/// Bytes that a fetch copies before it lets others have the thread.
const STRETCH_BYTES: usize = 1024 * 1024;
/// Partitions that a fetch looks at before it lets others have the thread.
const STRETCH_PARTITIONS: usize = 4096;

/// What was read within memory.
struct Taken {
    all: Vec<Result<Read, Refusal>>,
    memory: Reservation,
    /// Whether there may be more that the client has asked for.
    is_cut: bool,
}

/// What may be read.
#[derive(Clone, Copy, Debug)]
struct Room {
    /// Bytes of all partitions.
    bytes: usize,
    /// Bytes of the first batch, even where it exceeds the others (KIP-74); `None` makes no exception.
    first_batch_max: Option<usize>,
}

/// Why partitions were not read.
#[derive(Clone, Copy, Debug)]
enum Unread {
    /// Not all of it is in memory.
    NotInMemory,
    /// The first batch takes so many bytes.
    NoRoom { bytes: usize },
}

/// Partitions read so far, in their order.
struct Progress {
    isolation: Isolation,
    room: Room,
    all: Vec<Result<Read, Refusal>>,
}

/// A wait for the disk.
#[derive(Debug, Default)]
struct Once {
    is_over: bool,
    /// Whether something was left out that would have had to wait too.
    is_cut: bool,
}

impl Wish {
    /// Reads all partitions; `None` where it is worth waiting for more.
    pub(super) async fn read(
        &self,
        call: &Call,
        patience: Patience,
    ) -> Option<Vec<Result<Read, Refusal>>> {
        let is_worth_it = |all: &[Result<Read, Refusal>]| {
            patience == Patience::Over
                || size_of(all) >= self.min_bytes
                || all.iter().any(is_urgent)
        };
        let cached = self.read_cached().await;
        if cached.as_ref().is_some_and(|all| !is_worth_it(all)) {
            return None;
        }
        // Until there is memory for it, nothing that is cached is held on to.
        let counted = cached.and_then(|all| {
            let memory = call.peer.budget.try_reserve_answer(size_of(&all))?;
            Some(Taken {
                all,
                memory,
                is_cut: false,
            })
        });
        let mut taken = match counted {
            Some(counted) => counted,
            None => self.read_within_memory(call).await,
        };
        if !taken.is_cut && !is_worth_it(&taken.all) {
            return None;
        }
        taken.memory.shrink_to(size_of(&taken.all));
        call.hold_for_response(taken.memory);
        Some(taken.all)
    }

    /// As [`Wish::read`] where everything is in the tails of logs.
    async fn read_cached(&self) -> Option<Vec<Result<Read, Refusal>>> {
        let room = Room {
            bytes: self.max_bytes,
            first_batch_max: Some(usize::MAX),
        };
        let cached = |partition: &Partition, request| partition.read_cached(request);
        self.read_here(room, cached).await.ok()
    }

    /// As [`Wish::read`], within reserved memory. Without memory in time the answer has no records, and the
    /// client asks again.
    async fn read_within_memory(&self, call: &Call) -> Taken {
        let asked = self.partitions.iter().map(|asked| asked.max_bytes);
        let wanted = asked.fold(0, usize::saturating_add).min(self.max_bytes);
        let mut least = RESPONSE_BYTES_MIN.min(wanted);
        let mut is_in_memory = true;
        loop {
            let read = match is_in_memory {
                true => self.read_resident(call, wanted, least).await,
                false => self.read_cold(call, wanted, least).await,
            };
            match read {
                Ok(taken) => return taken,
                Err(Unread::NotInMemory) => is_in_memory = false,
                Err(Unread::NoRoom { bytes }) => least = bytes,
            }
        }
    }

    /// As [`Wish::read_within_memory`] where nothing has to wait for the disk.
    async fn read_resident(
        &self,
        call: &Call,
        wanted: usize,
        least: usize,
    ) -> Result<Taken, Unread> {
        let reserving = call.peer.budget.reserve_answer(wanted.max(least), least);
        let memory = timeout(TURN_WAIT_MAX, reserving).await.ok();
        let resident = |partition: &Partition, request| partition.read_resident(request);
        let room = self.room(memory.as_ref(), least);
        let all = self.read_here(room, resident).await?;
        Ok(Taken {
            is_cut: room.is_cut(wanted, size_of(&all)),
            all,
            memory: memory.unwrap_or_default(),
        })
    }

    /// As [`Wish::read_within_memory`], away from the threads that serve connections. The disk is waited for
    /// once; of the partitions behind there is what is in memory.
    async fn read_cold(&self, call: &Call, wanted: usize, least: usize) -> Result<Taken, Unread> {
        let bytes_max = wanted.min(COLD_READ_BYTES_MAX).max(least);
        let taking = async {
            // First the turn: who waits for it holds no memory.
            let turn = call.services.turns.cold_reads.taken().await;
            let memory = call.peer.budget.reserve_answer(bytes_max, least).await;
            turn.map(|turn| (turn, memory))
        };
        let taken = timeout(TURN_WAIT_MAX, taking).await.unwrap_or_default();
        let (turn, memory) = taken.unzip();
        let room = self.room(memory.as_ref(), least);
        let mut progress = Progress::new(self.isolation, room);
        let partitions = Arc::clone(&self.partitions);
        let reading = call.blocking(move || {
            let mut once = Once::default();
            for asked in &*partitions {
                progress.read(asked, |partition, request| once.read(partition, request))?;
            }
            drop(turn);
            Ok(Taken {
                is_cut: once.is_cut || room.is_cut(wanted, size_of(&progress.all)),
                all: progress.all,
                memory: memory.unwrap_or_default(),
            })
        });
        reading.await.unwrap_or_else(|_lost| {
            let lost = || Err(RequestError::Lost.into());
            Ok(Taken {
                all: self.partitions.iter().map(|_| lost()).collect(),
                memory: Reservation::default(),
                is_cut: true,
            })
        })
    }

    /// What may be read into reserved memory.
    fn room(&self, memory: Option<&Reservation>, least: usize) -> Room {
        let bytes = memory.map_or(0, Reservation::bytes);
        Room {
            bytes: bytes.min(self.max_bytes),
            // A batch larger than all there is takes all there is.
            first_batch_max: memory.map(|_| bytes.max(least)),
        }
    }

    /// Reads on the thread that serves the connection, and lets others have it in between. `read` knows
    /// nothing of what would have to wait for the disk.
    async fn read_here(
        &self,
        room: Room,
        read: impl Fn(&Partition, ReadRequest) -> Option<Result<ReadOutcome, ReadError>>,
    ) -> Result<Vec<Result<Read, Refusal>>, Unread> {
        let mut progress = Progress::new(self.isolation, room);
        let (mut partitions, mut bytes) = (0_usize, 0_usize);
        for asked in &*self.partitions {
            bytes = bytes.saturating_add(progress.read(asked, &read)?);
            partitions = partitions.saturating_add(1);
            if bytes >= STRETCH_BYTES || partitions >= STRETCH_PARTITIONS {
                (partitions, bytes) = (0, 0);
                yield_now().await;
            }
        }
        Ok(progress.all)
    }
}

impl Room {
    /// Whether it was the room, and not what the client `wanted`, that ended a read of `size` bytes.
    const fn is_cut(&self, wanted: usize, size: usize) -> bool {
        self.bytes < wanted && size > 0 && size >= self.bytes / 2
    }
}

impl Once {
    /// Reads from the disk, but only once; then what is in memory.
    fn read(
        &mut self,
        partition: &Partition,
        request: ReadRequest,
    ) -> Option<Result<ReadOutcome, ReadError>> {
        if let Some(resident) = partition.read_resident(request) {
            return Some(resident);
        }
        if !self.is_over {
            self.is_over = true;
            return Some(partition.read(request));
        }
        self.is_cut = true;
        Some(partition.read(ReadRequest {
            max_bytes: 0,
            first_batch_max: None,
            ..request
        }))
    }
}

impl Progress {
    const fn new(isolation: Isolation, room: Room) -> Self {
        Self {
            isolation,
            room,
            all: Vec::new(),
        }
    }

    /// Reads the next partition, and gives how many bytes it has of it.
    fn read(
        &mut self,
        asked: &Asked,
        read: impl FnOnce(&Partition, ReadRequest) -> Option<Result<ReadOutcome, ReadError>>,
    ) -> Result<usize, Unread> {
        let request = ReadRequest {
            offset: asked.offset,
            max_bytes: asked.max_bytes.min(self.room.bytes),
            first_batch_max: self.room.first_batch_max,
            isolation: self.isolation,
        };
        let read = match asked.target() {
            Ok(Target::Records(partition)) => match read(partition, request) {
                None => return Err(Unread::NotInMemory),
                Some(Err(ReadError::NoRoom { bytes })) => return Err(Unread::NoRoom { bytes }),
                Some(read) => read.map(Read::Records).map_err(Refusal::from),
            },
            Ok(Target::Diverging(end)) => Ok(Read::Diverging(end)),
            Err(refusal) => Err(refusal),
        };
        let size = read.as_ref().map_or(0, Read::size);
        if size > 0 {
            self.room.first_batch_max = None;
        }
        self.room.bytes = self.room.bytes.saturating_sub(size);
        self.all.push(read);
        Ok(size)
    }
}

/// Bytes of records.
fn size_of(all: &[Result<Read, Refusal>]) -> usize {
    all.iter().flatten().map(Read::size).sum()
}

/// Whether a client should learn of it without delay.
const fn is_urgent(read: &Result<Read, Refusal>) -> bool {
    matches!(read, Err(_) | Ok(Read::Diverging(_)))
}
