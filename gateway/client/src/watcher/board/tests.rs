use futures_util::FutureExt;

use super::*;

fn at(partition: i32) -> TopicPartition {
    TopicPartition::new("t", partition)
}

struct Room {
    board: Board,
    now: Instant,
}

impl Room {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            board: Board::new(3, now),
            now,
        }
    }

    /// A reader at an offset of some partitions.
    fn reader(&mut self, offset: i64, partitions: &[i32]) -> (Arc<Waiter>, Wait) {
        let waiter = Arc::new(Waiter::default());
        let positions: Vec<_> = partitions.iter().map(|it| (at(*it), offset)).collect();
        let wait = self.board.wait(&positions, &waiter, self.now);
        (waiter, wait)
    }

    /// Plans a fetch: its slot, and the partitions it names with their offsets.
    fn plan(&mut self) -> Option<(Slot, Vec<(i32, i64)>)> {
        let park = self.board.plan(true, self.now)?;
        let named = park
            .changed
            .iter()
            .map(|(at, offset)| (at.partition, *offset));
        let mut named: Vec<_> = named.collect();
        named.sort_unstable();
        Some((park.slot, named))
    }

    fn ends(&mut self, slot: Slot, ends: &[(i32, i64)]) {
        let news = ends
            .iter()
            .map(|(partition, end)| (at(*partition), News::End(*end)));
        self.board.answered(slot, news);
    }
}

fn is_woken(waiter: &Waiter) -> bool {
    waiter.0.notified().now_or_never().is_some()
}

#[test]
fn a_reader_is_woken_when_the_log_passes_its_position() {
    let mut room = Room::new();
    let (early, _wait) = room.reader(5, &[0]);
    let (late, _later) = room.reader(7, &[0]);
    assert_eq!(room.plan(), Some((MAIN, vec![(0, 5)])));
    room.ends(MAIN, &[(0, 7)]);
    assert!(is_woken(&early) && !is_woken(&late));
    assert_eq!(room.plan(), Some((MAIN, vec![(0, 7)])));
    room.ends(MAIN, &[(0, 8)]);
    assert!(is_woken(&late));
}

#[test]
fn a_reader_behind_the_known_end_is_woken_at_once() {
    let mut room = Room::new();
    let (_first, _wait) = room.reader(5, &[0]);
    room.plan();
    room.ends(MAIN, &[(0, 7)]);
    let (behind, _behind) = room.reader(6, &[0]);
    assert!(is_woken(&behind));
}

#[test]
fn new_partitions_park_at_once_and_join_the_main_fetch_when_it_returns() {
    let mut room = Room::new();
    let (_a, _wait_a) = room.reader(1, &[0]);
    assert_eq!(room.plan(), Some((MAIN, vec![(0, 1)])));
    let (_b, _wait_b) = room.reader(2, &[1]);
    assert_eq!(room.plan(), Some((1, vec![(1, 2)])));
    let (_c, _wait_c) = room.reader(3, &[2, 0]);
    assert_eq!(room.plan(), Some((2, vec![(2, 3)])));
    // No slot is left: the next one waits for the first that returns.
    let (d, _wait_d) = room.reader(4, &[3]);
    assert_eq!(room.plan(), None);
    room.ends(1, &[(1, 2)]);
    assert_eq!(room.plan(), Some((1, vec![(1, 2), (3, 4)])));
    // The main fetch takes over all of them; their own fetches then end without a successor.
    room.ends(MAIN, &[]);
    assert_eq!(room.plan(), Some((MAIN, vec![(1, 2), (2, 3), (3, 4)])));
    assert_eq!(room.board.covered().len(), 4);
    room.ends(2, &[(2, 3)]);
    room.ends(1, &[(3, 5)]);
    assert!(is_woken(&d));
    assert_eq!(room.plan(), None);
}

#[test]
fn a_partition_stays_parked_for_readers_that_come_back() {
    let mut room = Room::new();
    let (_reader, wait) = room.reader(5, &[0]);
    room.plan();
    room.ends(MAIN, &[(0, 6)]);
    room.board.end(&wait);
    assert_eq!(room.plan(), Some((MAIN, vec![(0, 6)])));
    let (again, _again) = room.reader(6, &[0]);
    assert_eq!(room.plan(), None);
    room.ends(MAIN, &[(0, 7)]);
    assert!(is_woken(&again));
}

#[test]
fn a_partition_with_news_for_nobody_goes() {
    let mut room = Room::new();
    let (_gone, wait) = room.reader(5, &[0]);
    let (_stays, _wait) = room.reader(5, &[1]);
    room.plan();
    room.board.end(&wait);
    room.ends(MAIN, &[(0, 6)]);
    let park = room.board.plan(true, room.now).unwrap();
    assert_eq!((park.changed, park.forgotten), (vec![], vec![at(0)]));
}

#[test]
fn a_partition_nobody_waits_for_goes_after_a_while() {
    let mut room = Room::new();
    let (_gone, wait) = room.reader(5, &[0]);
    room.plan();
    room.board.end(&wait);
    room.ends(MAIN, &[]);
    room.now += LINGER;
    assert_eq!(room.plan(), None);
    assert!(room.board.rows.is_empty());
}

#[test]
fn an_error_wakes_the_readers_of_its_partition() {
    let mut room = Room::new();
    let (failed, _failed) = room.reader(5, &[0]);
    let (other, _other) = room.reader(5, &[1]);
    room.plan();
    room.board.answered(MAIN, [(at(0), News::Error)]);
    assert!(is_woken(&failed) && !is_woken(&other));
    assert_eq!(room.plan(), Some((MAIN, vec![])));
}

#[test]
fn a_lost_fetch_wakes_its_readers_and_no_others() {
    let mut room = Room::new();
    let (main, _main) = room.reader(5, &[0]);
    room.plan();
    let (other, _other) = room.reader(5, &[1]);
    room.plan();
    room.board.failed(1);
    assert!(is_woken(&other) && !is_woken(&main));
    room.board.failed(MAIN);
    assert!(is_woken(&main));
    assert_eq!(room.plan(), None);
}

#[test]
fn a_session_begun_anew_names_everything() {
    let mut room = Room::new();
    let (reader, _wait) = room.reader(5, &[0, 1]);
    room.plan();
    room.board.restart();
    assert_eq!(room.plan(), Some((MAIN, vec![])));
    assert_eq!(room.board.covered().len(), 2);
    assert!(!is_woken(&reader));
}

#[test]
fn while_the_main_fetch_may_not_park_new_partitions_go_elsewhere() {
    let mut room = Room::new();
    let (_a, _wait_a) = room.reader(1, &[0]);
    let park = room.board.plan(false, room.now).unwrap();
    assert_eq!((park.slot, park.changed), (1, vec![(at(0), 1)]));
    assert_eq!(room.board.plan(false, room.now), None);
    assert_eq!(room.plan(), Some((MAIN, vec![(0, 1)])));
}
