/* Grants, promotion, and the restart of a primary. */
#include "switchover.pml"

/* Smallest and largest k that node g tells: its newest committed setting, every later one in its
   log, and the k of each epoch that it granted since. */
inline tell_ks(g, c) {
#if SETTINGS || LOWER
  k = KAT(g, nd[g].shown);
  widen(c);
  i = 1;
  do
  :: i <= nd[g].end ->
    if
    :: i > nd[g].shown && IS_SET(nd[g].lk[i]) && KEEP(SMALLEST_K) -> k = KOF(nd[g].lk[i]); widen(c)
    :: else
    fi;
    i++
  :: else -> break
  od;
#if LOWER
  i = 1;
  do
  :: i <= EPOCHS ->
    if
    :: nd[g].gk[i] != 0 && i != NUM(nd[c].gr) && KEEP(K_TOLD) -> k = nd[g].gk[i] - 1; widen(c)
    :: else
    fi;
    i++
  :: else -> break
  od
#endif
#else
  skip
#endif
}
/* With k. */
inline widen(c) {
  if
  :: k < nd[c].kmin -> nd[c].kmin = k
  :: k > nd[c].kmax -> nd[c].kmax = k
  :: else
  fi
}
/* A k that was told with a grant is of no interest once a record of that epoch, or of a newer one, is
   committed here: it stands in the log, or never will. */
inline settle_told(n) {
#if LOWER
  i = 1;
  do
  :: i <= NUM(nd[n].le[nd[n].shown]) -> nd[n].gk[i] = 0; i++
  :: else -> break
  od
#else
  skip
#endif
}
/* One number, two nodes: nobody can say which log is newer, and the candidate goes no further. */
#define IS_SPLIT(a, b) (NUM(a) == NUM(b) && a != b)
inline told_end(c, e, s) {
  if
  :: NUM(e) > NUM(nd[c].beste) || (e == nd[c].beste && s > nd[c].bests) || IS_SPLIT(e, nd[c].beste) -> nd[c].beste = e; nd[c].bests = s
  :: else
  fi
}

#if LOWER
/* The k that c asks with, kept beside the grant; of several for one number the smallest matters. */
inline note_k(g, c) {
  if
  :: nd[c].newk != 0 && (nd[g].gk[NUM(nd[c].gr)] == 0 || nd[c].newk < nd[g].gk[NUM(nd[c].gr)]) -> nd[g].gk[NUM(nd[c].gr)] = nd[c].newk
  :: else
  fi
}
#endif

/* Nodes 1 and 2 are alike, until one of them stands: let that be node 1. */
#if NODES == 3 && !MEMBERS
bool one_stood;
#define IN_TURN(n) (n != 2 || one_stood)
#define TAKE_TURN(n) one_stood = one_stood || n == 1
#else
#define IN_TURN(n) true
#define TAKE_TURN(n) skip
#endif

/* The newest epoch that n granted is its own, and its log shows that it served in it; or it claimed the
   epoch by a resume that a crash interrupted; or it stood for the very next number since. */
#define NEWEST_IS_OWN(n) (nd[n].mine >= 2 || (nd[n].mine == 1 && LASTE(n) == nd[n].gr) || !KEEP(RESUME_IN_NEWEST_OWN))

/* An operator orders a promotion, or a primary restarts with k > 0. The candidate grants itself
   first, durably. lowered: 0 none, else 1 + the lowered k. again: with the number that it stood for
   already, and did not claim. */
#define MAY_STAND(n, again) ((nd[n].role == SECONDARY || nd[n].role == CANDIDATE) && !(WORD_BARS && BARRED(n)) && (again -> NODE(nd[n].gr) == n && (nd[n].mine == 0 || nd[n].mine == 3) : NUM(nd[n].gr) < EPOCHS) && HAS(VAT(n, nd[n].end), n) && MAY_VOTE(n) && IN_TURN(n))
inline stand(n, lowered, again) {
  d_step {
    MAY_STAND(n, again) && (lowered == 0 || lowered - 1 < KAT(n, nd[n].end)) ->
    TAKE_TURN(n);
    forget_role(n);
    if
    :: again
    :: !again && nd[n].mine != 3 && NODE(LASTE(n)) == n && NEWEST_IS_OWN(n) ->
      nd[n].gr = EP(NUM(nd[n].gr) + 1, n);
      nd[n].mine = 3
    :: !again && (nd[n].mine == 3 || NODE(LASTE(n)) != n || !NEWEST_IS_OWN(n)) ->
      nd[n].gr = EP(NUM(nd[n].gr) + 1, n);
      nd[n].mine = 0
    fi;
    nd[n].fol = 0;
    nd[n].role = CANDIDATE;
    nd[n].grants = 1 << n;
    NO_FENCES(n);
    nd[n].kmin = KAT(n, nd[n].shown);
    nd[n].kmax = KAT(n, nd[n].shown);
    tell_ks(n, n);
#if LOWER
    nd[n].newk = lowered;
    note_k(n, n);
#endif
    nd[n].beste = LASTE(n);
    nd[n].bests = nd[n].end;
    printf("node %d stands for epoch %d (lowers k: %d)\n", n, NUM(nd[n].gr), lowered)
  }
}

/* What g has granted to others than c, as of before this grant. */
inline tell_given(g, c) {
#if SWITCHOVER
  i = 0;
  do
  :: i < NODES ->
    if
    :: i != c && nd[g].given[i] > nd[c].late -> nd[c].late = nd[g].given[i]
    :: else
    fi;
    i++
  :: else -> break
  od
#else
  skip
#endif
}

/* A member grants: persisted, and links of older epochs end. A primary that is asked steps down.
   What it tells is as of before the grant. */
#define MAY_GRANT(g, c) (g != c && nd[c].role == CANDIDATE && UP(g) && !HAS(nd[c].grants, g) && (NUM(nd[g].gr) < NUM(nd[c].gr) || nd[g].gr == nd[c].gr))
inline grant(g, c) {
  d_step {
    MAY_GRANT(g, c) ->
    nd[c].grants = nd[c].grants | (1 << g);
    if
    :: !MAY_VOTE(g) -> ADD_FENCE(c, g)
    :: MAY_VOTE(g) && KEEP(SMALLEST_K) -> tell_ks(g, c)
    :: MAY_VOTE(g) && !KEEP(SMALLEST_K)
    fi;
    told_end(c, nd[g].le[nd[g].dur], nd[g].dur);
    tell_given(g, c);
    take_epoch(g, nd[c].gr);
#if LOWER
    note_k(g, c);
#endif
    if
    :: SERVES(g) || nd[g].role == CANDIDATE -> forget_role(g); nd[g].role = SECONDARY
    :: else
    fi;
    printf("node %d grants epoch %d to node %d; its log ends at epoch %d seq %d\n", g, NUM(nd[c].gr), c, NUM(nd[g].le[nd[g].dur]), nd[g].dur)
  }
}

/* The tail of whoever is ahead; never in place of anything that was shown. */
#define SAME_EPOCH_AHEAD(c) (nd[c].beste == LASTE(c) && nd[c].bests > nd[c].end)
#define IS_AHEAD(c) (NUM(nd[c].beste) > NUM(LASTE(c)) || IS_SPLIT(nd[c].beste, LASTE(c)) || (SAME_EPOCH_AHEAD(c) && NODE(LASTE(c)) != c))
inline fetch(c, g) {
  d_step {
    g != c && nd[c].role == CANDIDATE && IS_AHEAD(c) && !IS_SPLIT(nd[c].beste, LASTE(c)) && UP(g) && nd[g].dur >= nd[c].bests && nd[g].le[nd[c].bests] == nd[c].beste ->
    fork(c, g);
    cut_after(c, f);
    assert(DEGRADE == 1 || nd[c].shown <= nd[c].end);
    copy_from(c, g, nd[c].bests);
    nd[c].dur = nd[c].end;
    tell_ks(c, c);
    printf("node %d fetches up to seq %d from node %d\n", c, nd[c].end, g);
    check_logs(c)
  }
}

/* The operator's word: who did not grant is stopped now, and was not made primary in an epoch newer
   than the last one in the candidate's log. Given only when it is true. */
#define DOWN_AND_OLD(c, n) (!UP(n) && (led[n] <= NUM(LASTE(c)) || !KEEP(WORD_IS_TRUE)))
#if NODES == 3
#define WORD(c) ((HAS(nd[c].grants, 0) || DOWN_AND_OLD(c, 0)) && (HAS(nd[c].grants, 1) || DOWN_AND_OLD(c, 1)) && (HAS(nd[c].grants, 2) || DOWN_AND_OLD(c, 2)))
#define ALL_DOWN(c) ((HAS(nd[c].grants, 0) || !UP(0)) && (HAS(nd[c].grants, 1) || !UP(1)) && (HAS(nd[c].grants, 2) || !UP(2)))
#else
#define WORD(c) ((HAS(nd[c].grants, 0) || DOWN_AND_OLD(c, 0)) && (HAS(nd[c].grants, 1) || DOWN_AND_OLD(c, 1)))
#define ALL_DOWN(c) ((HAS(nd[c].grants, 0) || !UP(0)) && (HAS(nd[c].grants, 1) || !UP(1)))
#endif

/* With degrade k counts as 0 for a promotion. A restart of who was primary last has all that it
   acknowledged alone; but only if nobody was primary since, as far as its own promises tell. */
#define IS_RESTART(c) (NODE(LASTE(c)) == c && (nd[c].mine == 3 || !KEEP(DEGRADED_RESTART_IN_NEWEST_OWN)))
#define ASKS_ALL(c) (DEGRADE == 2 && !IS_RESTART(c))

/* Grants of N - k members (k: the smallest told), at least one, and of k + 1 (k: the largest told)
   or the word. */
#define GRANTED(c, voters) COUNT(nd[c].grants & ((KEEP(FORGOTTEN_DO_NOT_COUNT)) -> (voters) : 7))
#define NEEDED(c, voters) (COUNT(voters) - (ASKS_ALL(c) -> 0 : nd[c].kmin) - !KEEP(QUORUM))
#define VOTED(c, voters) (GRANTED(c, voters) - COUNT(FENCES(c) & (voters)))
#define MEETS_COMMITS(c, v) (VOTED(c, v) >= NEEDED(c, v) || (!KEEP(WORD_REPLACES_NO_GRANT) && WORD(c)))
#define OUTLIVES_OLD(c, v) (GRANTED(c, v) > nd[c].kmax || WORD(c) || !KEEP(K_PLUS_ONE_OR_WORD))
#define ENOUGH(c, v) (HAS(v, c) && MEETS_COMMITS(c, v) && OUTLIVES_OLD(c, v))

/* With a change of members pending in the candidate's log: enough among the old and the new. */
#if MEMBERS
#define ENOUGH_IF(c, from, i, others) ((!(i > (from) && i <= nd[c].end && IS_MEM(nd[c].lk[i])) || ENOUGH(c, VOTERS(nd[c].lk[i]))) && others)
#define ENOUGH_IN_ALL(c) (ENOUGH(c, VAT(c, nd[c].shown)) && (FIND(ENOUGH_IF, c, nd[c].shown, true) || !KEEP(OLD_AND_NEW_MEMBERS)))
#else
#define ENOUGH_IN_ALL(c) ENOUGH(c, VOTERS0)
#endif

#define LOG_IS_COMPLETE(c) (!IS_AHEAD(c) || !KEEP(FETCH_WHO_IS_AHEAD))
/* Whoever did not grant does not know of a lowered k, and would not miss this node in its own quorum. So the end of
   a log stands for grants only where k is not lowered. */
#if LOWER
#define KEEPS_K(c) (nd[c].newk == 0 || !KEEP(LOWERED_K_NEEDS_GRANTS))
#else
#define KEEPS_K(c) true
#endif
#define MAY_BEGIN(c) (nd[c].role == CANDIDATE && nd[c].end < SEQ && LOG_IS_COMPLETE(c) && NOT_HANDED_AWAY(c) && (ENOUGH_IN_ALL(c) || (KEEPS_K(c) && (HANDED_TO_ME(c) || CLEANLY_STOPPED(c)))))

/* The epoch is claimed on disk, then its start record is appended. */
inline lead(n, how) {
  nd[n].mine = how;
  nd[n].fol = 0;
  nd[n].role = STARTING;
  if
  :: KEEP(WORD_COVERS_UNFINISHED) -> led[n] = NUM(nd[n].gr)
  :: else
  fi;
#if LOWER
  if
  :: nd[n].newk != 0 -> append(n, K_STARTK + nd[n].newk - 1); nd[n].newk = 0
  :: else -> append(n, K_START)
  fi;
#else
  append(n, K_START);
#endif
  nd[n].ss = nd[n].end
}

/* The largest k that the log itself has from the committed setting on: for the start record. */
inline own_kmax(n) {
  nd[n].kmin = KAT(n, nd[n].shown);
  nd[n].kmax = KAT(n, nd[n].shown);
  if
  :: KEEP(LARGEST_K_FOR_START) -> tell_log_ks(n)
  :: else
  fi;
  nd[n].kmin = 0
}
inline tell_log_ks(n) {
#if SETTINGS || LOWER
  i = nd[n].shown + 1;
  do
  :: i <= nd[n].end ->
    if
    :: IS_SET(nd[n].lk[i]) -> k = KOF(nd[n].lk[i]); widen(n)
    :: else
    fi;
    i++
  :: else -> break
  od
#else
  skip
#endif
}

inline begin(n) {
  d_step {
    MAY_BEGIN(n) ->
    printf("node %d becomes primary in epoch %d with grants %d (bits)\n", n, NUM(nd[n].gr), nd[n].grants);
    BAR_STOPPED(n);
    k = nd[n].newk;
    forget_role(n);
    nd[n].newk = k;
    own_kmax(n);
    lead(n, 1);
    check_promoted(n);
    check_logs(n)
  }
}

#if RESUME
/* k = 0 in all settings: a restarted primary asks whoever it reaches, perhaps nobody. It goes on if
   the newest epoch it granted is its own, looked at in the step that claims, and it is not the author
   of a hand-over. */
#define K_IS_0(i) (i < nd[n].shown || !IS_SET(nd[n].lk[i]) || KOF(nd[n].lk[i]) == 0)
#define NONZERO_IF(n, p, i, others) ((i > (p) && i <= nd[n].end && IS_SET(nd[n].lk[i]) && KOF(nd[n].lk[i]) > 0) || others)
#if SETTINGS || LOWER
#define K_IS_ZERO(n) (KAT(n, nd[n].shown) == 0 && !FIND(NONZERO_IF, n, nd[n].shown, false))
#else
#define K_IS_ZERO(n) (K0 == 0)
#endif
inline resume(n) {
  d_step {
    nd[n].role == SECONDARY && K_IS_ZERO(n) && NODE(LASTE(n)) == n && NEWEST_IS_OWN(n) && MAY_VOTE(n) && !HANDED_AWAY(n) && !BARRED(n) && NUM(nd[n].gr) < EPOCHS && nd[n].end < SEQ ->
    if
    :: KEEP(NEW_EPOCH_AT_RESTART) -> nd[n].gr = EP(NUM(nd[n].gr) + 1, n)
    :: else
    fi;
    printf("node %d resumes as primary in epoch %d\n", n, NUM(nd[n].gr));
    forget_role(n);
    own_kmax(n);
    lead(n, 2);
    check_promoted(n);
    check_logs(n)
  }
}
#endif
