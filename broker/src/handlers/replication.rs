//! Replicas that clients ask for, on a broker that has one node and says so.

use super::error::RequestError;
use crate::config::Config;

/// The replication factor of every topic.
pub(crate) const FACTOR: i16 = 1;

/// Whether a topic may be asked for with this factor; -1 is the default.
///
/// # Errors
/// [`RequestError::ReplicationFactor`].
pub(crate) const fn check_factor(config: &Config, asked: i16) -> Result<(), RequestError> {
    match asked {
        -1 | FACTOR => Ok(()),
        asked if asked > FACTOR && config.topics.accept_any_replication_factor => Ok(()),
        asked => Err(RequestError::ReplicationFactor { asked }),
    }
}

/// Whether the replicas of a partition may be asked to lie on these brokers.
///
/// # Errors
/// [`RequestError::ReplicaAssignment`].
pub(crate) fn check_assignment(config: &Config, brokers: &[i32]) -> Result<(), RequestError> {
    let is_taken = match brokers {
        [broker] => *broker == config.node_id,
        [] => false,
        _ => config.topics.accept_any_replication_factor && brokers.contains(&config.node_id),
    };
    if is_taken {
        return Ok(());
    }
    let reason = format!(
        "replicas can only be on broker {}, the one there is, not on {brokers:?}",
        config.node_id
    );
    Err(RequestError::ReplicaAssignment { reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_one_replica_needs_the_setting_that_the_error_names() {
        let mut config = Config::for_testing("unused");
        assert!(check_factor(&config, -1).is_ok());
        assert!(check_factor(&config, 1).is_ok());
        for factor in [3, 0, -2] {
            let error = check_factor(&config, factor).unwrap_err().to_string();
            assert!(error.contains("accept_any_replication_factor"), "{error}");
        }
        config.topics.accept_any_replication_factor = true;
        assert!(check_factor(&config, 3).is_ok());
        assert!(check_factor(&config, 0).is_err());
    }

    #[test]
    fn replicas_are_assigned_to_the_one_broker_only() {
        let mut config = Config::for_testing("unused");
        assert!(check_assignment(&config, &[1]).is_ok());
        for brokers in [&[][..], &[2], &[1, 2]] {
            assert!(check_assignment(&config, brokers).is_err(), "{brokers:?}");
        }
        config.topics.accept_any_replication_factor = true;
        assert!(check_assignment(&config, &[1, 2]).is_ok());
        assert!(check_assignment(&config, &[2, 3]).is_err());
    }
}
