/* What must hold. A run stops at the first assertion that does not. */

/* The epoch of the record that was committed (acknowledged) at each seq, by whomever. */
byte comm[SEQ + 1];
byte in_epoch[SEQ + 1]; /* the number of the epoch in which it was first committed */

/* Same epoch and seq = same record, and the same ones before it. */
inline check_logs(n) {
  j = 0;
  do
  :: j < NODES && j != n ->
    fork(n, j);
    i = 1;
    do
    :: i <= nd[n].end && i <= nd[j].end ->
      assert(nd[n].le[i] != nd[j].le[i] || (i <= f && nd[n].lk[i] == nd[j].lk[i]));
      i++
    :: else -> break
    od;
    j++
  :: j == n -> j++
  :: else -> break
  od;
  skip
}

#if DEGRADE == 1
/* Somebody acknowledged alone: what holds is that a position (epoch, seq) that was shown never goes
   back, and that one node at most commits in an epoch number. */
inline check_shown(n) { skip }
inline check_promoted(n) { skip }
#else
/* What a node shows is the committed log. */
inline check_shown(n) {
  i = 1;
  do
  :: i <= nd[n].shown -> assert(comm[i] == nd[n].le[i]); i++
  :: else -> break
  od;
  skip
}
/* Whoever becomes primary has every record that was acknowledged in an older epoch. */
inline check_promoted(n) {
  i = 1;
  do
  :: i <= SEQ -> assert(comm[i] == 0 || in_epoch[i] >= NUM(nd[n].gr) || (i < nd[n].end && comm[i] == nd[n].le[i])); i++
  :: else -> break
  od;
  skip
}
#endif

/* Node n has just committed (from, to] of its log. */
inline check_committed(n, from, to) {
  i = from + 1;
  do
  :: i <= to ->
#if DEGRADE != 1
    assert(comm[i] == 0 || comm[i] == nd[n].le[i]); /* one committed record a seq */
#endif
    if
    :: comm[i] != nd[n].le[i] -> in_epoch[i] = NUM(nd[n].gr)
    :: else
    fi;
    comm[i] = nd[n].le[i];
    j = 0;
    do
    :: j < NODES -> /* who serves in a newer epoch has it */
#if DEGRADE != 1
      assert(!SERVES(j) || NUM(nd[j].gr) <= NUM(nd[n].gr) || nd[j].le[i] == comm[i]);
#endif
      j++
    :: else -> break
    od;
    j = 1;
    do
    :: j <= SEQ -> /* one committer an epoch number */
      assert(NUM(comm[j]) != NUM(nd[n].gr) || comm[j] == nd[n].gr || nd[n].gr == 0);
      j++
    :: else -> break
    od;
    i++
  :: else -> break
  od;
  skip
}

/* What people know of a node, for their word: the newest epoch number in which it was made primary,
   also when that never came to a commit. */
byte led[NODES];
