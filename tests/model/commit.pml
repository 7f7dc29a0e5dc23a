/* The primary: appending, and the commit rule. */

#define LAST_IS_FINAL(n) ((IS_HAND(LASTK(n)) || LASTK(n) == K_STOP) && LASTE(n) == nd[n].gr)
#define MAY_APPEND(n) (nd[n].role == PRIMARY && nd[n].end < SEQ && (!LAST_IS_FINAL(n) || !KEEP(HANDOVER_IS_LAST)))

/* How many other members of `voters` have told seq s to be durable. */
#define ACKED(p, s, voters) ((HAS(voters, 0) && nd[p].ack[0] >= s) + (HAS(voters, 1) && nd[p].ack[1] >= s) + (HAS(voters, 2) && nd[p].ack[2] >= s))

/* Left out: a change of members that was committed just now does not count yet for the next record. */
#if MEMBERS
#define COMMITS_WITH_OLD_MEMBERS(p) (!KEEP(MEMBERS_COUNT_AFTER_RECORD) && nd[p].shown > 0 && IS_MEM(nd[p].lk[nd[p].shown]) && ACKED(p, nd[p].shown + 1, VAT(p, nd[p].shown - 1)) >= KAT(p, IN_FORCE(p)))
#else
#define COMMITS_WITH_OLD_MEMBERS(p) false
#endif
/* A setting, or a change of members, counts for what follows its record, once that record is committed under the old one. */
#define IN_FORCE(p) (KEEP(SETTING_ONCE_COMMITTED) -> nd[p].shown : nd[p].end)
#define NEXT_COMMITS(p) (ACKED(p, nd[p].shown + 1, VAT(p, nd[p].shown)) >= KAT(p, IN_FORCE(p)) || COMMITS_WITH_OLD_MEMBERS(p))

/* The epoch-start record is committed first, and everything before it with it: under the largest k
   of the committed setting and all pending ones (its own lowered k alone, if it carries one), by the
   committed members and by those of every pending change. */
#define START_K(p) (IS_SET(nd[p].lk[nd[p].ss]) -> KOF(nd[p].lk[nd[p].ss]) : nd[p].kmax)
#if MEMBERS
#define START_V_IF(p, from, i, others) ((!(i > (from) && i < nd[p].ss && IS_MEM(nd[p].lk[i])) || ACKED(p, nd[p].ss, VOTERS(nd[p].lk[i])) >= START_K(p)) && others)
#define START_IN_PENDING(p) FIND(START_V_IF, p, nd[p].shown, true)
#else
#define START_IN_PENDING(p) true
#endif
#define START_COMMITS(p) (ACKED(p, nd[p].ss, VAT(p, nd[p].shown)) >= START_K(p) && (START_IN_PENDING(p) || !KEEP(START_IN_OLD_AND_NEW)))

/* What is committed anyway need not be remembered. */
inline forget_acks(n) {
  j = 0;
  do
  :: j < NODES ->
    nd[n].ack[j] = (nd[n].ack[j] > nd[n].shown -> nd[n].ack[j] : 0);
    j++
  :: else -> break
  od
}

inline commit_next(n) {
  d_step {
    (nd[n].role == PRIMARY || (nd[n].role == STARTING && !KEEP(START_FIRST))) && nd[n].shown < nd[n].dur && (DEGRADE || NEXT_COMMITS(n)) ->
    nd[n].shown++;
    printf("node %d commits seq %d in epoch %d\n", n, nd[n].shown, NUM(nd[n].gr));
    if
    :: nd[n].role == STARTING && nd[n].shown == nd[n].ss -> nd[n].role = PRIMARY
    :: else
    fi;
    settle_told(n);
    forget_acks(n);
    check_committed(n, nd[n].shown - 1, nd[n].shown)
  }
}

inline commit_start(n) {
  d_step {
    nd[n].role == STARTING && nd[n].ss <= nd[n].dur && (DEGRADE || START_COMMITS(n)) ->
    was = nd[n].shown;
    nd[n].shown = nd[n].ss;
    nd[n].role = PRIMARY;
    nd[n].kmax = 0;
    led[n] = NUM(nd[n].gr);
    printf("node %d commits the start of epoch %d at seq %d\n", n, NUM(nd[n].gr), nd[n].ss);
    settle_told(n);
    forget_acks(n);
    check_committed(n, was, nd[n].ss)
  }
}

inline write(n) {
  d_step {
    MAY_APPEND(n) ->
    append(n, K_WRITE);
    printf("node %d appends a write at seq %d\n", n, nd[n].end)
  }
}

#if SETTINGS
inline set_k(n, to) {
  d_step {
    MAY_APPEND(n) && to <= KMAX && to != KAT(n, nd[n].end) ->
    append(n, K_SET + to);
    printf("node %d appends the setting k = %d at seq %d\n", n, to, nd[n].end)
  }
}
#endif

#if MEMBERS
/* One voting member more or less; never the primary itself; not below what k needs. */
#define ONE_DIFFERS(a, b) (COUNT(a) == COUNT(b) + 1 || COUNT(b) == COUNT(a) + 1) && (((a) & (b)) == (a) || ((a) & (b)) == (b))
inline set_members(n, voters) {
  d_step {
    MAY_APPEND(n) && HAS(voters, n) && ONE_DIFFERS(voters, VAT(n, nd[n].end)) && COUNT(voters) > KAT(n, nd[n].end) && (!MEMBERS_PENDING(n) || !KEEP(ONE_CHANGE_AT_A_TIME)) ->
    append(n, K_MEM + voters);
    printf("node %d appends the members %d (bits) at seq %d\n", n, voters, nd[n].end)
  }
}
#endif

#if SWITCHOVER
/* The last record of the epoch; the target takes over by an ordered promotion. */
inline hand_over(n, t) {
  d_step {
    MAY_APPEND(n) && t != n && t < NODES && HAS(VAT(n, nd[n].shown), t) ->
    append(n, K_HAND + t);
    printf("node %d appends the hand-over to node %d at seq %d\n", n, t, nd[n].end)
  }
}
#endif

#if STOPS
inline stop_record(n) {
  d_step {
    MAY_APPEND(n) ->
    append(n, K_STOP);
    printf("node %d appends the clean-stop record at seq %d\n", n, nd[n].end)
  }
}
#endif
