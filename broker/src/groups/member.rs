//! The members of a group, and what they agree on.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::change::StoredMember;
use super::error::NotMember;
use super::request::{JoinRequest, JoinedMember, Protocol};
use crate::model::{InstanceId, MemberId};

/// What a member takes besides its names and bytes, roughly.
const MEMBER_OVERHEAD_BYTES: usize = 1024;
/// What a protocol takes besides its name and bytes, roughly.
const PROTOCOL_OVERHEAD_BYTES: usize = 96;

/// One member.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) id: MemberId,
    pub(crate) instance: Option<InstanceId>,
    pub(crate) client_id: Arc<str>,
    pub(crate) client_host: Arc<str>,
    pub(crate) session_timeout: Duration,
    pub(crate) rebalance_timeout: Duration,
    pub(crate) protocols: Vec<Protocol>,
    pub(crate) assignment: Bytes,
    /// Whether its first join is not answered yet.
    pub(crate) is_new: bool,
    /// Order of arrival.
    seniority: u64,
}

impl Member {
    pub(crate) fn new(id: MemberId, request: JoinRequest) -> Self {
        Self {
            id,
            instance: request.instance,
            client_id: request.client_id,
            client_host: request.client_host,
            session_timeout: request.session_timeout,
            rebalance_timeout: request.rebalance_timeout,
            protocols: own(request.protocols),
            assignment: Bytes::new(),
            is_new: true,
            seniority: 0,
        }
    }

    /// A member as it was stored under `protocol`.
    pub(crate) fn restored(stored: StoredMember, protocol: Arc<str>) -> Self {
        Self {
            id: stored.id,
            instance: stored.instance,
            client_id: stored.client_id,
            client_host: stored.client_host,
            session_timeout: stored.session_timeout,
            rebalance_timeout: stored.rebalance_timeout,
            protocols: vec![Protocol {
                name: protocol,
                metadata: stored.metadata,
            }],
            assignment: stored.assignment,
            is_new: false,
            seniority: 0,
        }
    }

    /// What it says under `protocol`; nothing if it does not support it.
    pub(crate) fn metadata(&self, protocol: &str) -> Bytes {
        self.protocols
            .iter()
            .find(|supported| *supported.name == *protocol)
            .map_or_else(Bytes::new, |supported| supported.metadata.clone())
    }

    /// What it takes in memory, roughly.
    pub(crate) fn bytes(&self) -> usize {
        let instance = self.instance.as_ref();
        MEMBER_OVERHEAD_BYTES
            + self.id.as_str().len()
            + instance.map_or(0, |instance| instance.as_str().len())
            + self.client_id.len()
            + self.client_host.len()
            + protocol_bytes(&self.protocols)
            + self.assignment.len()
    }
}

/// What the protocols of one member take in memory, roughly.
pub(crate) fn protocol_bytes(protocols: &[Protocol]) -> usize {
    let bytes = |protocol: &Protocol| {
        PROTOCOL_OVERHEAD_BYTES + protocol.name.len() + protocol.metadata.len()
    };
    protocols.iter().map(bytes).sum()
}

/// Copies the metadata out of the request, whose whole frame it would keep in memory.
fn own(mut protocols: Vec<Protocol>) -> Vec<Protocol> {
    for protocol in &mut protocols {
        protocol.metadata = Bytes::copy_from_slice(&protocol.metadata);
    }
    protocols
}

/// The members of one group. A group with members has a leader among them.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    members: BTreeMap<MemberId, Member>,
    instances: HashMap<InstanceId, MemberId>,
    leader: Option<MemberId>,
    /// How many members support each protocol.
    support: HashMap<Arc<str>, usize>,
    bytes: usize,
    arrivals: u64,
}

impl Roster {
    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// What the members take in memory, roughly.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn leader(&self) -> Option<&MemberId> {
        self.leader.as_ref()
    }

    pub(crate) fn get(&self, id: &MemberId) -> Option<&Member> {
        self.members.get(id)
    }

    pub(crate) fn contains(&self, id: &MemberId) -> bool {
        self.members.contains_key(id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// Who has the instance id.
    pub(crate) fn owner(&self, instance: &InstanceId) -> Option<&MemberId> {
        self.instances.get(instance)
    }

    /// Whether `id` is a member, and the one of `instance` if it names one.
    pub(crate) fn check(
        &self,
        id: &MemberId,
        instance: Option<&InstanceId>,
    ) -> Result<&Member, NotMember> {
        if let Some(instance) = instance {
            let owner = self.owner(instance).ok_or(NotMember::Unknown)?;
            if owner != id {
                return Err(NotMember::Fenced {
                    instance: instance.clone(),
                    owner: owner.clone(),
                });
            }
        }
        self.get(id).ok_or(NotMember::Unknown)
    }

    /// Adds a member; the first one leads.
    pub(crate) fn insert(&mut self, mut member: Member) {
        member.seniority = self.arrivals;
        self.arrivals += 1;
        self.place(member);
    }

    fn place(&mut self, member: Member) {
        self.bytes += member.bytes();
        for protocol in &member.protocols {
            *self.support.entry(Arc::clone(&protocol.name)).or_default() += 1;
        }
        if let Some(instance) = &member.instance {
            self.instances.insert(instance.clone(), member.id.clone());
        }
        self.leader.get_or_insert_with(|| member.id.clone());
        self.members.insert(member.id.clone(), member);
    }

    /// Removes a member; if it led, the most senior of the others does.
    pub(crate) fn remove(&mut self, id: &MemberId) -> Option<Member> {
        let member = self.members.remove(id)?;
        self.bytes -= member.bytes();
        for protocol in &member.protocols {
            if let Some(count) = self.support.get_mut(&protocol.name) {
                *count -= 1;
                if *count == 0 {
                    self.support.remove(&protocol.name);
                }
            }
        }
        if let Some(instance) = &member.instance {
            self.instances.remove(instance);
        }
        if self.leader.as_ref() == Some(id) {
            self.leader = self.senior(|_| true);
        }
        Some(member)
    }

    fn senior(&self, eligible: impl Fn(&MemberId) -> bool) -> Option<MemberId> {
        let eligible = self.iter().filter(|member| eligible(&member.id));
        let senior = eligible.min_by_key(|member| member.seniority);
        senior.map(|member| member.id.clone())
    }

    /// Changes a member in place; its id must stay.
    fn change(&mut self, id: &MemberId, change: impl FnOnce(&mut Member)) {
        let leader = self.leader.clone();
        if let Some(mut member) = self.remove(id) {
            change(&mut member);
            self.place(member);
            self.leader = leader;
        }
    }

    /// Takes over what a member says of itself when it joins again.
    pub(crate) fn update(&mut self, id: &MemberId, request: JoinRequest) {
        self.change(id, |member| {
            member.client_id = request.client_id;
            member.client_host = request.client_host;
            member.session_timeout = request.session_timeout;
            member.rebalance_timeout = request.rebalance_timeout;
            member.protocols = own(request.protocols);
        });
    }

    /// Gives a static member another id. Rank, leadership and assignment stay.
    pub(crate) fn rename(&mut self, old: &MemberId, new: MemberId) {
        let leader = self.leader.clone();
        if let Some(mut member) = self.remove(old) {
            self.leader = leader.map(|leader| if leader == *old { new.clone() } else { leader });
            member.id = new;
            self.place(member);
        }
    }

    /// Marks a member's first join as answered.
    pub(crate) fn settle(&mut self) {
        for member in self.members.values_mut() {
            member.is_new = false;
        }
    }

    /// Gives every member its assignment, or an empty one.
    pub(crate) fn assign(&mut self, assignments: &HashMap<MemberId, Bytes>) {
        for member in self.members.values_mut() {
            self.bytes -= member.assignment.len();
            let assignment = assignments.get(&member.id);
            // A copy, since the slice would keep the frame of the request in memory.
            member.assignment = assignment.map_or_else(Bytes::new, |a| Bytes::copy_from_slice(a));
            self.bytes += member.assignment.len();
        }
    }

    /// Makes somebody eligible lead, the present leader if possible; whether there is anybody.
    pub(crate) fn elect(&mut self, eligible: impl Fn(&MemberId) -> bool) -> bool {
        if self.leader.as_ref().is_some_and(&eligible) {
            return true;
        }
        let Some(leader) = self.senior(eligible) else {
            return false;
        };
        self.leader = Some(leader);
        true
    }

    /// Whether some of the protocols is supported by every member.
    pub(crate) fn supports_any(&self, protocols: &[Protocol]) -> bool {
        protocols
            .iter()
            .any(|protocol| self.supported_by_all(&protocol.name))
    }

    fn supported_by_all(&self, protocol: &str) -> bool {
        self.support.get(protocol) == Some(&self.len())
    }

    /// The protocol most members prefer among those that all support; on a tie, the one the
    /// leader prefers.
    pub(crate) fn vote(&self) -> Arc<str> {
        let leader = self.leader.as_ref().and_then(|leader| self.get(leader));
        let candidates = leader.map_or(&[][..], |leader| &leader.protocols);
        let mut votes: HashMap<&str, usize> = HashMap::new();
        for member in self.members.values() {
            let supported = member.protocols.iter();
            let mut agreed = supported.filter(|protocol| self.supported_by_all(&protocol.name));
            if let Some(favourite) = agreed.next() {
                *votes.entry(&favourite.name).or_default() += 1;
            }
        }
        let votes_of = |candidate: &&Protocol| votes.get(&*candidate.name).copied().unwrap_or(0);
        let elected = candidates.iter().rev().max_by_key(votes_of);
        elected
            .map(|protocol| Arc::clone(&protocol.name))
            .unwrap_or_default()
    }

    /// How long a rebalance waits: as long as the most patient member.
    pub(crate) fn rebalance_timeout(&self) -> Duration {
        let timeouts = self.iter().map(|member| member.rebalance_timeout);
        timeouts.max().unwrap_or_default()
    }

    /// All members, as the leader is told.
    pub(crate) fn joined(&self, protocol: &str) -> Vec<JoinedMember> {
        self.iter()
            .map(|member| JoinedMember {
                member: member.id.clone(),
                instance: member.instance.clone(),
                metadata: member.metadata(protocol),
            })
            .collect()
    }
}
