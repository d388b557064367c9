//! Static members (KIP-345): a process that was restarted takes the place of the one before.

use super::change::Change;
use super::deadlines::Timer;
use super::error::{JoinError, NotMember, Unavailable};
use super::event::{Now, Reply, Waiter};
use super::group::Group;
use super::request::{JoinRequest, Joined};
use super::state::State;
use super::write::Then;
use crate::model::{InstanceId, MemberId};

/// A static member that waits for its new id to be durable.
#[derive(Debug)]
pub(crate) struct Replacement {
    waiter: Waiter,
    instance: InstanceId,
    joined: Joined,
}

impl Replacement {
    /// Whether it is this member that waits.
    pub(super) fn is_of(&self, member: &MemberId) -> bool {
        self.joined.member == *member
    }
}

impl Group {
    /// A static member came back under another id, which fences the process before it. Unless the
    /// group would choose another protocol, the assignment stays and nobody notices.
    pub(super) fn replace(
        &mut self,
        waiter: Waiter,
        instance: InstanceId,
        (old, new): (MemberId, MemberId),
        request: JoinRequest,
        now: Now,
    ) {
        let can_skip = request.can_skip_assignment;
        let leader = self.roster.leader().cloned();
        self.fence(&old, instance.clone(), &new);
        self.roster.rename(&old, new.clone());
        self.roster.update(&new, request);
        self.deadlines.cancel(&Timer::Member(old));
        if self.roster.get(&new).is_some_and(|member| member.is_new) {
            self.start_first_join(&new, now);
        } else {
            self.start_session(&new, now);
        }
        let is_settled = matches!(&self.state,
            State::Stable { protocol, .. } if *protocol == self.roster.vote());
        if !is_settled {
            return self.park(waiter, new, now);
        }
        let mut joined = self.joined(&new);
        joined.skip_assignment = can_skip && joined.leader == new;
        if !joined.skip_assignment {
            // An old client that leads would assign anew; it is told that it does not lead.
            joined.members.clear();
            joined.leader = leader.unwrap_or(joined.leader);
        }
        let replacement = Replacement {
            waiter,
            instance,
            joined,
        };
        let changes = vec![Change::Group(self.metadata(now))];
        self.write(changes, Then::Replace(replacement));
    }

    /// The new id is durable. If the group has begun to rebalance meanwhile, the member takes part.
    pub(super) fn complete_replacement(&mut self, replacement: Replacement, now: Now) {
        let Replacement {
            waiter,
            instance,
            joined,
        } = replacement;
        self.touch(&joined.member, now);
        let result = match (
            self.roster.check(&joined.member, Some(&instance)),
            &self.state,
        ) {
            (Err(why), _) => Err(why.into()),
            (Ok(_), State::PreparingRebalance { .. }) => {
                return self.park(waiter, joined.member, now);
            }
            (Ok(_), State::Stable { .. }) if joined.generation == self.generation => Ok(joined),
            (Ok(_), _) => Err(JoinError::Superseded),
        };
        self.reply(waiter, Reply::Join(result));
    }

    /// The new id may not be durable.
    pub(super) fn fail_replacement(&mut self, replacement: &Replacement, now: Now) {
        self.touch(&replacement.joined.member, now);
        let error = JoinError::Unavailable(Unavailable::Storage);
        self.reply(replacement.waiter, Reply::Join(Err(error)));
    }

    /// Turns away whatever the process before waits for.
    fn fence(&mut self, old: &MemberId, instance: InstanceId, new: &MemberId) {
        let owner = new.clone();
        self.refuse_parked(old, &NotMember::Fenced { instance, owner });
        if let Some(unsynced) = self.state.unsynced()
            && unsynced.remove(old)
        {
            unsynced.insert(new.clone());
        }
    }
}
