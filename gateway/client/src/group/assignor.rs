//! Who gets which partitions: Kafka's range and round-robin assignors.
//!
//! The member that leads a generation computes the assignment of all, Java members included, so the
//! results are those of Kafka's own classes for the same members. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::TopicPartition;

/// A rule by which partitions are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Assignor {
    /// Topic by topic, neighbouring partitions to one member (Kafka's `RangeAssignor`).
    Range,
    /// All partitions in turn (Kafka's `RoundRobinAssignor`).
    RoundRobin,
}

impl Assignor {
    /// The name members agree on.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
        }
    }

    /// The assignor of a name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::Range, Self::RoundRobin]
            .into_iter()
            .find(|assignor| assignor.name() == name)
    }

    /// Spreads the partitions of topics over the members subscribed to them. The result has a row
    /// for each member, in the order given.
    pub(super) fn assign(
        self,
        members: &[Subscriber],
        partition_counts: &BTreeMap<Arc<str>, i32>,
    ) -> Vec<Vec<TopicPartition>> {
        let mut order: Vec<usize> = (0..members.len()).collect();
        order.sort_by_key(|place| members.get(*place).map(Subscriber::rank));
        match self {
            Self::Range => assign_range(members, &order, partition_counts),
            Self::RoundRobin => assign_round_robin(members, &order, partition_counts),
        }
    }
}

/// A member, as an assignor sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subscriber {
    pub(super) member_id: String,
    pub(super) instance_id: Option<String>,
    pub(super) topics: Vec<Arc<str>>,
}

impl Subscriber {
    /// Static members come first, by their instance id; then the others by their member id.
    fn rank(&self) -> (bool, &str) {
        match &self.instance_id {
            Some(instance_id) => (false, instance_id),
            None => (true, &self.member_id),
        }
    }

    fn wants(&self, topic: &str) -> bool {
        self.topics.iter().any(|wanted| **wanted == *topic)
    }
}

fn assign_range(
    members: &[Subscriber],
    order: &[usize],
    partition_counts: &BTreeMap<Arc<str>, i32>,
) -> Vec<Vec<TopicPartition>> {
    let mut rows = vec![Vec::new(); members.len()];
    for (topic, count) in partition_counts {
        let wanting = order.iter().copied();
        let wanting: Vec<usize> = wanting
            .filter(|place| {
                members
                    .get(*place)
                    .is_some_and(|member| member.wants(topic))
            })
            .collect();
        let mut partitions = 0..*count;
        let mut left = i32::try_from(wanting.len()).unwrap_or(i32::MAX);
        for place in wanting {
            // The first members get one more where the partitions do not divide.
            let remaining = partitions.end - partitions.start;
            let share = (remaining + left - 1).checked_div(left).unwrap_or(0);
            left -= 1;
            if let Some(row) = rows.get_mut(place) {
                let share = usize::try_from(share).unwrap_or(0);
                let given = partitions.by_ref().take(share);
                row.extend(given.map(|at| TopicPartition::new(Arc::clone(topic), at)));
            }
        }
    }
    rows
}

fn assign_round_robin(
    members: &[Subscriber],
    order: &[usize],
    partition_counts: &BTreeMap<Arc<str>, i32>,
) -> Vec<Vec<TopicPartition>> {
    let mut rows = vec![Vec::new(); members.len()];
    let mut turn = order.iter().copied().cycle();
    for (topic, count) in partition_counts {
        for partition in 0..*count {
            let wanting = turn.by_ref().take(order.len());
            let mut wanting =
                wanting.filter(|place| members.get(*place).is_some_and(|it| it.wants(topic)));
            if let Some(row) = wanting.next().and_then(|place| rows.get_mut(place)) {
                row.push(TopicPartition::new(Arc::clone(topic), partition));
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(member_id: &str, topics: &[&str]) -> Subscriber {
        Subscriber {
            member_id: member_id.to_owned(),
            instance_id: None,
            topics: topics.iter().map(|topic| (*topic).into()).collect(),
        }
    }

    fn counts(counts: &[(&str, i32)]) -> BTreeMap<Arc<str>, i32> {
        counts
            .iter()
            .map(|(topic, count)| ((*topic).into(), *count))
            .collect()
    }

    fn assigned(
        assignor: Assignor,
        members: &[Subscriber],
        partitions: &[(&str, i32)],
    ) -> Vec<String> {
        let rows = assignor.assign(members, &counts(partitions)).into_iter();
        let rows = rows.map(|row| {
            let names: Vec<String> = row.iter().map(ToString::to_string).collect();
            names.join(" ")
        });
        rows.collect()
    }

    // The expected rows are what RangeAssignor and RoundRobinAssignor of Kafka document.

    #[test]
    fn range_gives_neighbours_to_one_member() {
        let members = [member("b", &["t", "u"]), member("a", &["t", "u"])];
        let rows = assigned(Assignor::Range, &members, &[("t", 3), ("u", 3)]);
        assert_eq!(rows, ["t-2 u-2", "t-0 t-1 u-0 u-1"]);
    }

    #[test]
    fn range_leaves_members_without_partitions_where_there_are_too_few() {
        let members = [
            member("a", &["t"]),
            member("b", &["t"]),
            member("c", &["t"]),
        ];
        let rows = assigned(Assignor::Range, &members, &[("t", 2)]);
        assert_eq!(rows, ["t-0", "t-1", ""]);
    }

    #[test]
    fn round_robin_spreads_all_topics_evenly() {
        let members = [member("a", &["t", "u"]), member("b", &["t", "u"])];
        let rows = assigned(Assignor::RoundRobin, &members, &[("t", 3), ("u", 3)]);
        assert_eq!(rows, ["t-0 t-2 u-1", "t-1 u-0 u-2"]);
    }

    #[test]
    fn round_robin_skips_members_that_do_not_want_the_topic() {
        let members = [
            member("a", &["t"]),
            member("b", &["t", "u"]),
            member("c", &["t", "u", "v"]),
        ];
        let partitions = [("t", 1), ("u", 2), ("v", 3)];
        let rows = assigned(Assignor::RoundRobin, &members, &partitions);
        assert_eq!(rows, ["t-0", "u-0", "u-1 v-0 v-1 v-2"]);
    }

    #[test]
    fn a_topic_nobody_wants_goes_to_nobody() {
        let members = [member("a", &["t"])];
        for assignor in [Assignor::Range, Assignor::RoundRobin] {
            let rows = assigned(assignor, &members, &[("t", 1), ("u", 1)]);
            assert_eq!(rows, ["t-0"], "{assignor:?}");
            assert!(assigned(assignor, &[], &[("t", 1)]).is_empty());
        }
    }

    #[test]
    fn static_members_come_first() {
        let mut fixed = member("z", &["t"]);
        fixed.instance_id = Some("y".to_owned());
        let rows = assigned(Assignor::Range, &[member("a", &["t"]), fixed], &[("t", 1)]);
        assert_eq!(rows, ["", "t-0"]);
    }

    #[test]
    fn every_partition_goes_to_exactly_one_member_that_wants_it() {
        use proptest::prelude::*;
        let topics = ["t", "u", "v"];
        let wishes = prop::collection::vec(prop::collection::vec(any::<bool>(), 3), 1..8);
        let sizes = prop::collection::vec(0..9_i32, 3);
        proptest!(|(wishes in wishes, sizes in sizes)| {
            let members: Vec<_> = wishes.iter().enumerate().map(|(place, wishes)| {
                let wanted = topics.iter().zip(wishes).filter(|(_, wants)| **wants);
                let wanted: Vec<_> = wanted.map(|(topic, _)| *topic).collect();
                member(&place.to_string(), &wanted)
            }).collect();
            let sized: Vec<_> = topics.into_iter().zip(sizes).collect();
            for assignor in [Assignor::Range, Assignor::RoundRobin] {
                let rows = assignor.assign(&members, &counts(&sized));
                for (topic, size) in &sized {
                    let is_wanted = members.iter().any(|member| member.wants(topic));
                    for partition in 0..*size {
                        let at = TopicPartition::new(*topic, partition);
                        let owners: Vec<_> = (0..rows.len())
                            .filter(|place| rows[*place].contains(&at))
                            .collect();
                        prop_assert_eq!(owners.len(), usize::from(is_wanted));
                        prop_assert!(owners.iter().all(|place| members[*place].wants(topic)));
                    }
                }
            }
        });
    }
}
