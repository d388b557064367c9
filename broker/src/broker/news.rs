//! What the parts of a broker find, as its operator is told.

use std::path::Path;

use crate::log::compaction::CompactError;
use crate::log::{
    CommitLogFacts, DamageNews, DiskFull, FORMAT_VERSION, LastStop, LossKind, Room, SpaceFacts,
};
use crate::telemetry::{
    CheckpointDone, CleanedLogsUnknown, CommitLogDamaged, CommitLogHarm, CommitLogLooked,
    CommitLogReplayed, CompactionFailed, CompactionLooked, CompactionUndone, ConfigsContradict,
    DamageCounted, DirectoryOpened, DirectoryUpgraded, ExtentsOf, LogChanged, LogFlushed,
    PartitionCompacted, RecordsDamaged, RecoveryPointsLost, RefusedByDisk, SavingFailed, Shortage,
    SpaceLooked, SpaceUnknown, StrangerQuarantined, TailCut, Telemetry,
};
use crate::topics::{CompactionLook, Observation, RecoveryReport, SpaceConfig};

pub(super) fn tell_damage(news: DamageNews<'_>, telemetry: &Telemetry) {
    match news {
        DamageNews::Count(ranges) => DamageCounted { ranges }.emit(telemetry),
        DamageNews::Found { directory, range } => RecordsDamaged {
            directory,
            begin: range.begin,
            end: range.end,
        }
        .emit(),
    }
}

pub(super) fn tell_compaction(look: &CompactionLook, memory_max: usize, telemetry: &Telemetry) {
    CompactionLooked {
        max_dirty_ratio: look.max_dirty_ratio,
        uncleanable: look.uncleanable,
        memory_max,
    }
    .emit(telemetry);
    for failed in &look.unassessed {
        CompactionFailed {
            topic: &failed.topic,
            partition: &failed.partition,
            reason: &failed.reason,
        }
        .emit();
    }
    let Some(run) = &look.run else { return };
    let (topic, partition) = (&run.topic, &run.partition);
    PartitionCompacted {
        topic,
        partition,
        bytes_before: run.bytes_before,
        bytes_after: run.bytes_after,
        elapsed: run.elapsed,
    }
    .emit(telemetry);
    match &run.outcome {
        Ok(()) | Err(CompactError::Stopped | CompactError::Outdated) => {}
        Err(reason) => CompactionFailed {
            topic,
            partition,
            reason,
        }
        .emit(),
    }
}

pub(super) fn observed(observation: &Observation, config: &SpaceConfig, telemetry: &Telemetry) {
    match observation {
        Observation::Flushed { elapsed } => LogFlushed { elapsed: *elapsed }.emit(telemetry),
        Observation::Checkpointed { elapsed } => {
            CheckpointDone { elapsed: *elapsed }.emit(telemetry);
        }
        // That the disk is full is told already.
        Observation::SavingFailed { reason } if reason.is_full() => {}
        Observation::SavingFailed { reason } => SavingFailed { reason }.emit(),
        Observation::Looked {
            space,
            commit_log,
            pending_bytes,
        } => {
            tell_commit_log(commit_log, *pending_bytes, telemetry);
            match space {
                Ok(facts) => tell_space(facts, config, telemetry),
                Err(error) => SpaceUnknown { reason: error }.emit(),
            }
        }
    }
}

fn tell_commit_log(facts: &CommitLogFacts, pending_bytes: u64, telemetry: &Telemetry) {
    CommitLogLooked {
        used: ExtentsOf {
            count: facts.used_extents,
            bytes: facts.used_bytes,
        },
        free: ExtentsOf {
            count: facts.free_extents,
            bytes: facts.free_bytes,
        },
        bytes_max: facts.bytes_max,
        pending_bytes,
    }
    .emit(telemetry);
}

fn tell_space(facts: &SpaceFacts, config: &SpaceConfig, telemetry: &Telemetry) {
    let DiskFull { of, needed, .. } = facts.full;
    let shortage = Shortage {
        needed,
        of: &of,
        measure: of.measure(),
        advice: facts.full.advice(),
    };
    SpaceLooked {
        free: facts.free.bytes,
        inodes: facts.free.inodes,
        free_min: config.free_min,
        reserve: facts.reserve,
        refused: match facts.room {
            Room::Enough => RefusedByDisk::Nothing,
            Room::Low => RefusedByDisk::Records(shortage),
            Room::Exhausted => RefusedByDisk::Commits(shortage),
        },
        is_news: facts.room != facts.was,
    }
    .emit(telemetry);
}

const fn harm_of(kind: LossKind) -> CommitLogHarm {
    match kind {
        LossKind::Extents => CommitLogHarm::Gone,
        LossKind::Copy | LossKind::Foreign => CommitLogHarm::Stray,
        LossKind::FirstPage
        | LossKind::Frames
        | LossKind::End
        | LossKind::Cut
        | LossKind::ExtentsBefore => CommitLogHarm::Changed,
    }
}

pub(super) fn tell_recovery(report: &RecoveryReport, telemetry: &Telemetry) {
    if let Some(from) = report.earlier_format {
        let format = FORMAT_VERSION;
        DirectoryUpgraded { from, format }.emit();
    }
    CommitLogReplayed {
        bytes: report.replayed_bytes,
    }
    .emit(telemetry);
    for log in &report.cut {
        TailCut {
            directory: &log.directory,
            bytes: log.bytes,
        }
        .emit();
    }
    for segment in &report.undone {
        CompactionUndone { segment }.emit();
    }
    for log in &report.damaged_logs {
        for range in &log.ranges {
            RecordsDamaged {
                directory: Path::new(&log.directory),
                begin: range.begin,
                end: range.end,
            }
            .emit();
        }
    }
    for log in &report.changed_logs {
        LogChanged {
            directory: &log.directory,
            left: log.end.left,
            found: log.end.found,
        }
        .emit();
    }
    for loss in &report.losses {
        CommitLogDamaged {
            harm: harm_of(loss.kind),
            path: &loss.path,
            reason: loss.kind.reason(),
        }
        .emit();
    }
    if report.are_points_lost {
        RecoveryPointsLost.emit();
    }
    if report.are_cleaned_unknown {
        CleanedLogsUnknown.emit();
    }
    for name in &report.quarantined {
        StrangerQuarantined { name }.emit();
    }
    for (topic, contradiction) in &report.contradictions {
        ConfigsContradict {
            topic,
            reason: contradiction,
        }
        .emit();
    }
    DirectoryOpened {
        partitions: report.partition_count,
        was_closed: report.last_stop == LastStop::Clean,
    }
    .emit();
}
