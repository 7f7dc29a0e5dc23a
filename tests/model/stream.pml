/* The stream. A message is a step of both ends at once; it is late or lost by that step coming late
   or never. A primary that commits late stands for acknowledgements that were under way. */

/* May f say hello to p? It grants p's epoch by that, durably. */
#define KNOWS_OLDER(f, p) (NUM(nd[f].gr) < NUM(nd[p].gr) || nd[f].gr == nd[p].gr || !KEEP(OLDER_EPOCH_REFUSED))
#define MAY_FOLLOW(f, p) (f != p && nd[f].role == SECONDARY && SERVES(p) && !FOLLOWS(f, p) && KNOWS_OLDER(f, p))
#define FOLLOWS(f, p) (nd[f].fol && nd[f].gr == nd[p].gr && SERVES(p))

inline take_epoch(n, e) {
  if
  :: nd[n].gr != e ->
    nd[n].gr = e;
    nd[n].mine = 0
  :: else
  fi;
  nd[n].fol = 0;
#if STOPS || SWITCHOVER
  barred = barred & ~(1 << n);
#endif
#if SWITCHOVER
  if
  :: NODE(e) != n && NUM(e) > nd[n].given[NODE(e)] -> nd[n].given[NODE(e)] = NUM(e)
  :: else
  fi
#endif
}

/* What is committed anyway need not be remembered. */
inline tell_durable(n, p) {
  nd[p].ack[n] = (nd[n].dur > nd[p].shown -> nd[n].dur : 0)
}

/* The answer to a hello: go on from the fork. What lies beyond it here is cut, if it is pending. */
inline follow(n, p) {
  d_step {
    MAY_FOLLOW(n, p) ->
    fork(n, p);
    if
    :: f >= nd[n].shown || !KEEP(CUT_PENDING_ONLY) ->
      take_epoch(n, nd[p].gr);
      cut_after(n, f);
      assert(nd[n].shown <= nd[n].end); /* what was shown is never cut */
      nd[n].fol = 1;
      tell_durable(n, p);
      FOLLOWS_ANEW(n);
      printf("node %d follows node %d in epoch %d from seq %d\n", n, p, NUM(nd[p].gr), f)
    :: else -> assert(DEGRADE == 1) /* only who acknowledged alone can have shown what others lack */
    fi
  }
}

/* A hand-over record is sent once it is durable on its author: see switchover.pml. */
#if SWITCHOVER
#define HANDOVER_MAY_GO(n, p) (!IS_HAND(nd[p].lk[nd[n].end + 1]) || nd[p].dur > nd[n].end || !KEEP(HANDOVER_DURABLE_FIRST))
#else
#define HANDOVER_MAY_GO(n, p) true
#endif
inline take_record(n, p) {
  d_step {
    FOLLOWS(n, p) && n != p && nd[n].end < nd[p].end && HANDOVER_MAY_GO(n, p) ->
    f = nd[n].end + 1;
    copy_from(n, p, f);
    if
    :: !KEEP(ACK_ONCE_DURABLE) -> nd[p].ack[n] = nd[n].end
    :: else
    fi;
    printf("node %d receives seq %d from node %d\n", n, nd[n].end, p);
    check_logs(n)
  }
}

/* fsync, and the acknowledgement of it. */
inline sync(n) {
  d_step {
    UP(n) && nd[n].dur < nd[n].end ->
    nd[n].dur = nd[n].end;
    if
    :: FOLLOWS(n, NODE(nd[n].gr)) -> tell_durable(n, NODE(nd[n].gr))
    :: else
    fi;
    printf("node %d is durable up to seq %d\n", n, nd[n].dur)
  }
}

/* The commit position reaches a follower; persisted, then shown. Not before the primary's
   epoch-start record is committed. */
#define NEWS(n, p) (nd[n].shown < nd[n].dur && nd[n].shown < nd[p].shown)
inline learn_commit(n, p) {
  d_step {
    FOLLOWS(n, p) && n != p && nd[p].role == PRIMARY && NEWS(n, p) ->
    if
    :: nd[p].shown < nd[n].dur -> nd[n].shown = nd[p].shown
    :: else -> nd[n].shown = nd[n].dur
    fi;
    printf("node %d shows up to seq %d\n", n, nd[n].shown);
    IS_WHOLE(n, p);
    settle_told(n);
    check_shown(n)
  }
}

#if SNAPSHOTS || DEGRADE
/* The primary's state at a committed position `at` replaces log and rows. It never goes back behind
   what was shown, and never behind what both logs have in common: that was acknowledged. A node
   that has shown what the primary lacks (degrade) takes one whose (epoch, seq) is newer. */
#define KEEPS_COMMON(n, at) (at >= f || (!KEEP(SNAPSHOT_KEEPS_COMMON) && at >= nd[n].shown))
#define NEWER_PAIR(n, p, at) (NUM(nd[p].le[at]) > NUM(nd[n].le[nd[n].shown]))
#define MAY_REPLACE(n, p, at) ((f >= nd[n].shown && KEEPS_COMMON(n, at)) || (f < nd[n].shown && (NEWER_PAIR(n, p, at) || !KEEP(SNAPSHOT_NOT_BACK))))
inline snapshot(n, p, at) {
  d_step {
    MAY_FOLLOW(n, p) && nd[p].role == PRIMARY && at <= nd[p].shown ->
    fork(n, p);
    if
    :: MAY_REPLACE(n, p, at) ->
      assert(at >= nd[n].shown || (DEGRADE == 1 && NEWER_PAIR(n, p, at))); /* shown never goes back */
      take_epoch(n, nd[p].gr);
      nd[n].shown = 0;
      cut_after(n, 0);
      copy_from(n, p, at);
      nd[n].dur = at;
      nd[n].shown = at;
      nd[n].fol = 1;
      nd[p].ack[n] = 0;
      FOLLOWS_ANEW(n);
      IS_WHOLE(n, p);
      printf("node %d takes a snapshot at seq %d from node %d\n", n, at, p);
      settle_told(n);
      check_shown(n);
      check_logs(n)
    :: else
    fi
  }
}
#endif
