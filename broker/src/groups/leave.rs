//! `LeaveGroup`: members go by themselves or are sent away.

use super::deadlines::Timer;
use super::error::NotMember;
use super::event::Now;
use super::group::Group;
use super::request::{Caller, Leaver, Left};
use crate::model::MemberId;

impl Group {
    /// Removes each leaver that is a member, then rebalances once for all of them.
    pub(super) fn leave(&mut self, leavers: &[Leaver], now: Now) -> Left {
        let members_before = self.roster.len();
        let left = leavers
            .iter()
            .map(|leaver| self.leave_one(leaver))
            .collect();
        if self.roster.len() < members_before {
            self.rebalance_after_removal(now);
        } else {
            // Without the promised places that were given back, all may have joined.
            self.complete_join_if_ready(now);
        }
        left
    }

    fn leave_one(&mut self, leaver: &Leaver) -> Result<(), NotMember> {
        let member = match leaver {
            Leaver::Member(Caller { member, .. }) if self.give_back(member) => return Ok(()),
            Leaver::Member(Caller { member, instance }) => {
                self.roster.check(member, instance.as_ref())?;
                member.clone()
            }
            Leaver::Instance(instance) => {
                let owner = self.roster.owner(instance);
                owner.cloned().ok_or(NotMember::Unknown)?
            }
            Leaver::Nobody => return Err(NotMember::Unknown),
        };
        self.remove(&member, &NotMember::Unknown);
        Ok(())
    }

    /// Forgets a promised place; whether there was one.
    pub(super) fn give_back(&mut self, member: &MemberId) -> bool {
        let was_pending = self.pending.remove(member);
        if was_pending {
            self.deadlines.cancel(&Timer::Member(member.clone()));
        }
        was_pending
    }
}
