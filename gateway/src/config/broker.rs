//! Settings of the bundled broker.

use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use super::setting::settings;
use super::value::{Advertised, ByteCount, Durability, Listen, TopicDefaults};

settings! {
    /// The bundled broker. Without meaning when `bootstrap_servers` is given.
    pub struct Broker in "broker" {
        /// Where Kafka clients connect: an IP address or `localhost`, and a port; port 0 picks a
        /// free one. `localhost` is served on 127.0.0.1 and, where the machine has it, on `::1`.
        listen: Listen = "127.0.0.1:9092",
        /// The `host:port` that clients are told to connect to, as they can reach it. The port may
        /// be left out: then it is the one listened on. Without it: the address of
        /// `broker.listen`.
        advertised: Option<Advertised> = "",
        /// Connections served at once. Further ones are closed. At least 1. Where the system does not
        /// allow so many open files, fewer; the log says so.
        connections_max: NonZeroU32 = "10000",
        /// The largest request (Kafka's `socket.request.max.bytes`). From 1MiB to 1GiB.
        request_size_max: ByteCount = "100MiB",
        /// Bytes of requests in memory, over all connections (Kafka's `queued.max.request.bytes`). At
        /// least `broker.request_size_max`. Fetched records have half as much besides. Small requests, the
        /// work on large ones and the gateway itself have about as much again, set aside for them.
        /// An eighth of it stays in memory for further requests.
        request_memory_max: ByteCount = "256MiB",
        /// Whether a topic that a client asks for is created (Kafka's `auto.create.topics.enable`).
        auto_create_topics: bool = "true",
        /// Partitions of a topic that does not say how many (Kafka's `num.partitions`). At least 1.
        partitions: NonZeroU16 = "1",
        /// Configs of topics that do not say otherwise, by Kafka's topic keys, such as
        /// `retention.ms=86400000,cleanup.policy=compact,delete`. What is not named is Kafka's default,
        /// so records are kept for 7 days. Where a change makes them contradict what a topic says itself, the
        /// log names the topic at each start, and it is served all the same.
        topic_defaults: Option<TopicDefaults> = "",
        /// When a record is acknowledged, where its topic does not say otherwise with the config
        /// `sluice.durability`: `group` when it is on the disk; `os` when the operating system has it, so
        /// that it survives the end of the program, but a power cut may take what came in the last
        /// seconds; `interval` as `os`, but brought to the disk every `broker.durability_interval`.
        /// Committed offsets and topics are always kept as by `group`. Where `broker.topic_defaults` has
        /// `sluice.durability`, that holds instead.
        durability: Durability = "group",
        /// How often records of durability `interval` are brought to the disk. A power cut may take what came
        /// since then, and while the last sync ran and the one before, which on a slow disk may take
        /// longer. From 10ms to 5s.
        durability_interval: Duration = "1s",
        /// Size of one file of the commit log. From 1MiB to 1GiB. A larger batch gets a file of its own.
        commit_log_extent_size: ByteCount = "16MiB",
        /// Bytes of full files of the commit log at which everybody who writes waits until segments are
        /// brought to the disk: about what a start after a crash may have to replay. At least
        /// `broker.checkpoint_size`, and at most 1,024 times `broker.commit_log_extent_size`.
        commit_log_size_max: ByteCount = "256MiB",
        /// Bytes of full files of the commit log at which segments are brought to the disk, beside the
        /// writing, so that the files can be used again. At least `broker.commit_log_extent_size`.
        checkpoint_size: ByteCount = "16MiB",
        /// The same where less is written: how long a segment waits to be brought to the disk. Longer
        /// where that takes long, so that the disk is not busy with it alone. From 100ms to 10m.
        checkpoint_interval: Duration = "5s",
        /// Bytes of the disk that are to stay free. Where fewer are, records are refused
        /// (`KAFKA_STORAGE_ERROR`), and taken again when a quarter more than this is free, and room for
        /// `broker.disk_reserve` where that is not there; all else is served. At least 1MiB.
        disk_free_min: ByteCount = "256MiB",
        /// Bytes set aside in a file, which are given back to the disk when it has nothing left, for
        /// committed offsets, deletions and upkeep; and taken again when there is room. When three quarters
        /// of them are used up, offsets are refused too. At least twice `broker.commit_log_extent_size`.
        disk_reserve: ByteCount = "64MiB",
        /// Topics there may be. At least 1.
        topics_max: NonZeroU32 = "10000",
        /// Partitions there may be, of all topics together. 1 to 1000000.
        partitions_max: NonZeroU32 = "20000",
        /// Idempotent producers that all partitions together remember, at some 500 bytes each, beside the 16
        /// that each partition remembers in any case. One that writes to many partitions counts in each. Beyond,
        /// those idle for longest are forgotten. At least 1.
        producers_max: NonZeroU32 = "500000",
        /// Bytes of memory for the keys of the partition that is compacted (Kafka's
        /// `log.cleaner.dedupe.buffer.size`), 24 for each key. What does not fit takes another round
        /// over the partition. At least 1MiB.
        compaction_memory_max: ByteCount = "128MiB",
        /// Bytes that compaction reads and writes in a second (Kafka's
        /// `log.cleaner.io.max.bytes.per.second`), so that it does not delay clients. At least 1MiB.
        compaction_rate_max: ByteCount = "64MiB",
        /// Time between two looks for something to compact when nothing is due (Kafka's
        /// `log.cleaner.backoff.ms`). At least 100ms.
        compaction_interval: Duration = "15s",
        /// Bytes of full segments that are read and checked in a second, in the background, to find what
        /// the disk lost or changed before somebody needs it; 0 turns it off. 4MiB check a terabyte in
        /// three days.
        scrub_rate_max: ByteCount = "4MiB",
        /// Time between the end of such a pass over all partitions and the next one. At least 1s.
        scrub_interval: Duration = "24h",
        /// Time between two looks for segments whose records are due to go (Kafka's
        /// `log.retention.check.interval.ms`). At least 100ms.
        retention_check_interval: Duration = "5m",
        /// Takes any replication factor for the one replica there is, for applications that insist on
        /// one, instead of refusing more than 1.
        accept_any_replication_factor: bool = "false",
        /// How long the first rebalance of an empty group waits for further members (Kafka's
        /// `group.initial.rebalance.delay.ms`).
        initial_rebalance_delay: Duration = "0s",
        /// How long committed offsets outlive the last member of their group (Kafka's
        /// `offsets.retention.minutes`). At least 1m.
        offsets_retention: Duration = "7d",
        /// Groups there may be. At least 1.
        groups_max: NonZeroU32 = "100000",
        /// Bytes that groups and their offsets may take in memory. Beyond it nobody new joins and
        /// nothing new is committed. At least 1MiB.
        group_memory_max: ByteCount = "512MiB",
    }
}
