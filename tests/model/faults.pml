/* Crash and start of a process. Of what was not synced, the last `lost` records are gone. */
inline crash(n, lost) {
  d_step {
    UP(n) && nd[n].dur + lost <= nd[n].end ->
    f = nd[n].end - lost;
    cut_after(n, f);
    nd[n].dur = nd[n].end;
    forget_role(n);
    nd[n].role = DOWN;
    nd[n].fol = 0;
    if
    :: !KEEP(GRANTS_KEPT) && nd[n].gr != LASTE(n) ->
      nd[n].gr = LASTE(n);
      nd[n].mine = 0
    :: else
    fi;
    if
    :: !KEEP(SHOWN_KEPT) ->
      assert(nd[n].shown == 0); /* a reader that comes back would see less */
      nd[n].shown = 0
    :: else
    fi;
    printf("node %d is down, its log ends at epoch %d seq %d\n", n, NUM(LASTE(n)), nd[n].end)
  }
}

#if LOSES
inline lose_log(n) {
  d_step {
    !UP(n) && !one_lost && nd[n].end > 0 ->
    one_lost = 1;
    cut_after(n, 0);
    nd[n].shown = 0;
    nd[n].lost = 1;
    printf("node %d has lost its log\n", n)
  }
}
#endif

inline start(n) {
  d_step {
    !UP(n) ->
    nd[n].role = SECONDARY;
    printf("node %d is started\n", n)
  }
}
