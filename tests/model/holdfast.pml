/* The rules of DESIGN section 4 as a model for Spin: see README.md beside this file. */
#include "bounds.pml"
#include "log.pml"
#include "checks.pml"
#include "promotion.pml"
#include "stream.pml"
#include "commit.pml"
#include "faults.pml"

/* Everything that node n can do with node m. */
#define WITH_PEER(m) \
  :: grant(n, m) \
  :: fetch(n, m) \
  :: follow(n, m) \
  :: take_record(n, m) \
  :: learn_commit(n, m)
#if SWITCHOVER
#define HANDS(m) :: hand_over(n, m)
#else
#define HANDS(m)
#endif
#if SNAPSHOTS || DEGRADE
#define SNAPSHOT_FROM(m) :: snapshot(n, m, 1) :: snapshot(n, m, 2) :: snapshot(n, m, 3)
#else
#define SNAPSHOT_FROM(m)
#endif
#define PEER(m) WITH_PEER(m) HANDS(m) SNAPSHOT_FROM(m)

proctype Run(byte n) {
  do
  PEER(0)
  PEER(1)
#if NODES == 3
  PEER(2)
#endif
  :: sync(n)
  :: write(n)
  :: commit_next(n)
  :: commit_start(n)
  :: stand(n, 0, false)
#if LOWER
  :: stand(n, 1, false)
  :: stand(n, 0, true)
  :: stand(n, 1, true)
#if KMAX > 1
  :: stand(n, 2, false)
  :: stand(n, 2, true)
#endif
#endif
#if SETTINGS
  :: set_k(n, 0)
  :: set_k(n, 1)
#if KMAX > 1
  :: set_k(n, 2)
#endif
#endif
#if MEMBERS
  :: set_members(n, 3)
  :: set_members(n, 5)
  :: set_members(n, 6)
  :: set_members(n, 7)
#endif
#if STOPS
  :: stop_record(n)
#endif
  :: begin(n)
#if RESUME
  :: resume(n)
#endif
  :: crash(n, 0)
  :: crash(n, 1)
  :: crash(n, 2)
  :: start(n)
#if LOSES
  :: lose_log(n)
#endif
  od;
  skip
}

init {
  d_step {
    i = 0;
    do
    :: i < NODES ->
      nd[i].le[0] = EP(1, 0);
      nd[i].gr = EP(1, 0);
      nd[i].role = SECONDARY;
      i++
    :: else -> break
    od;
    nd[0].role = PRIMARY;
    nd[0].mine = 1;
    led[0] = 1
  };
  atomic {
    run Run(0);
    run Run(1);
#if NODES == 3
    run Run(2);
#endif
  }
}
